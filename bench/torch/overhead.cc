// What one op costs beside its arithmetic: tensors of a few floats.
#include "common.h"

namespace bench {
namespace {

torch::Tensor small(unsigned seed, std::int64_t n = kSmall) {
  return tensor(uniform(n, 0.5, 1.5, seed), {n});
}

void add4_nograd(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor a = small(1), b = small(2);
  measure(state, [&] { return a + b; });
}

void view(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor a = small(1);
  measure(state, [&] { return a.view({2, 2}); });
}

void sum4(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor a = small(1);
  measure(state, [&] { return a.sum(); });
}

void matmul4x4(benchmark::State& state) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor a = small(1, 16).view({4, 4}), b = small(2, 16).view({4, 4});
  measure(state, [&] { return torch::mm(a, b); });  // mm skips the dispatch on ranks that matmul does
}

void recorded_mul(benchmark::State& state) {
  const torch::Tensor x = small(1), w = small(2).requires_grad_();
  measure(state, [&] { return x * w; });
}

void chain100_mul_fwd_bwd(benchmark::State& state) {
  const torch::Tensor x = small(1);
  torch::Tensor w = tensor(uniform(kSmall, 0.99, 1.01, 2), {kSmall}).requires_grad_();
  while (state.KeepRunningBatch(kChainLength)) {  // the time is that of one mul, both ways
    torch::Tensor y = x;
    for (int i = 0; i < kChainLength; ++i) y = y * w;
    y.sum().backward();
    w.mutable_grad() = torch::Tensor();
  }
}

void relu_mul_sum_bwd(benchmark::State& state) {
  const torch::Tensor x = small(1, kSmallFused);
  torch::Tensor w0 = small(2, kSmallFused).requires_grad_(), w1 = small(3, kSmallFused).requires_grad_();
  for (auto _ : state) {
    (torch::relu(x * w0) * w1).sum().backward();
    w0.mutable_grad() = torch::Tensor();
    w1.mutable_grad() = torch::Tensor();
  }
}

}  // namespace

void register_overhead() {
  benchmark::RegisterBenchmark("overhead/add4_nograd", add4_nograd);
  benchmark::RegisterBenchmark("overhead/view", view);
  benchmark::RegisterBenchmark("overhead/sum4", sum4);
  benchmark::RegisterBenchmark("overhead/matmul4x4", matmul4x4);
  benchmark::RegisterBenchmark("overhead/recorded_mul", recorded_mul);
  benchmark::RegisterBenchmark("overhead/chain100_mul_fwd_bwd", chain100_mul_fwd_bwd);
  benchmark::RegisterBenchmark("overhead/relu_mul_sum_bwd", relu_mul_sum_bwd);
}

}  // namespace bench
