// libtorch's umbrella and what its bench files share.
#pragma once

#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include "../cases.h"

namespace bench {

inline torch::Tensor tensor(const std::vector<float>& values, at::IntArrayRef shape) {
  return torch::tensor(values).reshape(shape).clone();
}

// Runs `op` on every iteration; the result is destroyed inside the measured time, as in a user's loop. The
// first run does not count: libraries check and compile their kernels in it.
template <class Op>
void measure(benchmark::State& state, const Op& op) {
  op();
  for (auto _ : state) {
    auto result = op();
    benchmark::DoNotOptimize(result);
  }
}

void register_overhead();
void register_elementwise();
void register_rows();
void register_fwd_bwd();
void register_pool();
void register_matmul();
void register_conv();
void register_mlp_step();
void register_optim_step();
void register_recurrent();

}  // namespace bench
