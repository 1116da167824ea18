// Claim: matrix products run at the rate of the best library beneath. The counter `flops` is 2 n^3 a product
// over the time.
#include "common.h"

namespace bench {
namespace {

template <class T>
void add_case(const char* stem, std::int64_t n) {
  benchmark::RegisterBenchmark(name(stem, n).c_str(), [=](benchmark::State& state) {
    const gd::NoGrad no_grad;
    const gd::Tensor a = tensor(uniform<T>(n * n, -1, 1, 1), {n, n});
    const gd::Tensor b = tensor(uniform<T>(n * n, -1, 1, 2), {n, n});
    measure(state, [&] { return matmul(a, b); });
    state.counters["flops"] = benchmark::Counter(2.0 * static_cast<double>(n * n * n),
                                                 benchmark::Counter::kIsIterationInvariantRate);
  });
}

}  // namespace

void register_matmul() {
  for (const std::int64_t n : kSgemmSizes) add_case<float>("sgemm", n);
  for (const std::int64_t n : kDgemmSizes) add_case<double>("dgemm", n);
}

}  // namespace bench
