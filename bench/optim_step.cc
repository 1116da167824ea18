// Claim: a step of Adam takes the time of its memory traffic (optim/triad moves as many bytes), whatever the
// number of tensors, on one thread and on two. Cases with threads:2 need two cores, which bench/compare.sh
// does not give: taskset -c 0,1 build/release/bench/gradus_bench --benchmark_filter=optim
#include <sched.h>

#include "common.h"
#include "gradus/base/parallel.h"

namespace bench {
namespace {

// A STREAM triad in floats: a = b + s c.
void triad(benchmark::State& state) {
  const std::int64_t n = kTriadBytes / 3 / 4;
  const std::vector<float> b(static_cast<std::size_t>(n), 1.0F), c(static_cast<std::size_t>(n), 2.0F);
  std::vector<float> a(static_cast<std::size_t>(n));
  for (auto _ : state) {
    gd::parallel_for(n, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
      float* __restrict to = a.data();
      const float *x = b.data(), *y = c.data();
      for (std::int64_t i = begin; i < end; ++i) to[i] = x[i] + 3.0F * y[i];
    });
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * kTriadBytes);
}

void adam(benchmark::State& state) {
  std::vector<gd::Tensor> params;
  for (std::int64_t i = 0; i < kStepTensors; ++i) {
    gd::Tensor w = tensor(uniform(kStepSize, -1, 1), {kStepSize}).requires_grad(true);
    w.set_grad(tensor(uniform(kStepSize, -1, 1, 2), {kStepSize}));
    params.push_back(w);
  }
  gd::optim::Adam optimizer(params, {.lr = kMlpLearningRate});
  optimizer.step();  // makes the state
  for (auto _ : state) optimizer.step();
  state.SetBytesProcessed(state.iterations() * kTriadBytes);
}

bool has_two_cores() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) >= 2;
}

template <class F>
void on_two_threads(const char* name, F f) {
  benchmark::RegisterBenchmark(name, [f](benchmark::State& state) {
    gd::set_threads(2);
    f(state);
    gd::set_threads(1);
  })->UseRealTime();
}

}  // namespace

void register_optim_step() {
  benchmark::RegisterBenchmark("optim/triad", triad);
  benchmark::RegisterBenchmark("optim/adam/100x100000", adam);
  benchmark::RegisterBenchmark("optim/adam_frontend/100x100000", adam);
  if (!has_two_cores()) return;
  on_two_threads("optim/triad/threads:2", triad);
  on_two_threads("optim/adam/threads:2", adam);
}

}  // namespace bench
