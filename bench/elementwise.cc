// Claim: elementwise functions and the full sum run at the speed of memory, or faster than the peer's.
#include "common.h"

namespace bench {
namespace {

template <class Op>
void add_case(const char* stem, double low, double high, Op op) {
  for (const std::int64_t n : kElementwiseSizes) {
    benchmark::RegisterBenchmark(name(stem, n).c_str(), [=](benchmark::State& state) {
      const gd::NoGrad no_grad;
      const gd::Tensor a = tensor(uniform(n, low, high, 1), {n}), b = tensor(uniform(n, low, high, 2), {n});
      measure(state, [&] { return op(a, b); });
      state.SetItemsProcessed(state.iterations() * n);
    });
  }
}

}  // namespace

void register_elementwise() {
  using T = gd::Tensor;
  add_case("elementwise/add", -1, 1, [](const T& a, const T& b) { return a + b; });
  add_case("elementwise/mul_scalar", -1, 1, [](const T& a, const T&) { return a * 1.5f; });
  add_case("elementwise/exp", -4, 4, [](const T& a, const T&) { return exp(a); });
  add_case("elementwise/log", 0.01, 10, [](const T& a, const T&) { return log(a); });
  add_case("elementwise/tanh", -4, 4, [](const T& a, const T&) { return tanh(a); });
  add_case("elementwise/sigmoid", -4, 4, [](const T& a, const T&) { return sigmoid(a); });
  add_case("elementwise/sum", -1, 1, [](const T& a, const T&) { return sum(a); });
}

}  // namespace bench
