// One training step of a small perceptron: forward, cross entropy, zero_grad, backward, Adam.
#include "common.h"
#include "mlp.h"

namespace bench {

void register_mlp_step() {
  for (const std::int64_t batch : kMlpBatches) {
    benchmark::RegisterBenchmark(name("mlp_step", batch).c_str(), [=](benchmark::State& state) {
      torch::manual_seed(1);
      Mlp model;
      torch::optim::Adam optimizer(model.parameters(), torch::optim::AdamOptions(kMlpLearningRate));
      const torch::Tensor x = tensor(uniform(batch * kMlpSizes[0], 0, 1), {batch, kMlpSizes[0]});
      const torch::Tensor y = torch::tensor(labels(batch, kMlpSizes[3]), torch::kInt64);
      train_step(model, optimizer, x, y);  // makes the optimizer's state
      for (auto _ : state) train_step(model, optimizer, x, y);
    });
  }
}

}  // namespace bench
