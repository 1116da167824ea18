// Square matrix products; the counter `flops` is 2 n^3 a product over the time.
#include "common.h"

namespace bench {
namespace {

template <class T>
void add_case(const char* stem, std::int64_t n) {
  benchmark::RegisterBenchmark(name(stem, n).c_str(), [=](benchmark::State& state) {
    const torch::NoGradGuard no_grad;
    const auto options = torch::TensorOptions(torch::CppTypeToScalarType<T>::value);
    const torch::Tensor a = torch::tensor(uniform<T>(n * n, -1, 1, 1), options).view({n, n});
    const torch::Tensor b = torch::tensor(uniform<T>(n * n, -1, 1, 2), options).view({n, n});
    measure(state, [&] { return torch::mm(a, b); });
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
