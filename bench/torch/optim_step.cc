// A step of Adam over many tensors: the fused kernel that Python's torch.optim.Adam(fused=True) calls, and
// the C++ frontend's own optimizer.
#include <ATen/ops/_fused_adam.h>
#include <sched.h>

#include "common.h"

namespace bench {
namespace {

std::vector<torch::Tensor> many(unsigned seed) {
  std::vector<torch::Tensor> out;
  for (std::int64_t i = 0; i < kStepTensors; ++i)
    out.push_back(tensor(uniform(kStepSize, -1, 1, seed), {kStepSize}));
  return out;
}

void fused(benchmark::State& state) {
  std::vector<torch::Tensor> params = many(1), gradients = many(2), first, second, most, steps;
  for (const torch::Tensor& p : params) {
    first.push_back(torch::zeros_like(p));
    second.push_back(torch::zeros_like(p));
    steps.push_back(torch::ones({}));
  }
  const auto step = [&] {
    for (torch::Tensor& s : steps) s.add_(1);  // as Python's optimizer does
    at::_fused_adam_(params, gradients, first, second, most, steps, kMlpLearningRate, 0.9, 0.999, 0.0, 1e-8,
                     false, false);
  };
  step();
  for (auto _ : state) step();
}

void frontend(benchmark::State& state) {
  std::vector<torch::Tensor> params = many(1);
  const std::vector<torch::Tensor> gradients = many(2);
  for (std::size_t i = 0; i < params.size(); ++i) {
    params[i].requires_grad_(true);
    params[i].mutable_grad() = gradients[i];
  }
  torch::optim::Adam optimizer(params, torch::optim::AdamOptions(kMlpLearningRate));
  optimizer.step();
  for (auto _ : state) optimizer.step();
}

}  // namespace

void register_optim_step() {
  benchmark::RegisterBenchmark("optim/adam/100x100000", fused);
  benchmark::RegisterBenchmark("optim/adam_frontend/100x100000", frontend);
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) < 2) return;
  benchmark::RegisterBenchmark("optim/adam/threads:2", [](benchmark::State& state) {
    at::set_num_threads(2);
    fused(state);
    at::set_num_threads(1);
  })->UseRealTime();
}

}  // namespace bench
