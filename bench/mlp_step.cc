// Claim: a training step of a small perceptron (forward, cross entropy, zero_grad, backward, Adam) is faster
// than the peer's, the more so the smaller the batch.
#include "common.h"
#include "mlp.h"

namespace bench {

void register_mlp_step() {
  for (const std::int64_t batch : kMlpBatches) {
    benchmark::RegisterBenchmark(name("mlp_step", batch).c_str(), [=](benchmark::State& state) {
      gd::manual_seed(1);
      Mlp model;
      gd::optim::Adam optimizer(model.parameters(), {.lr = kMlpLearningRate});
      const gd::Tensor x = tensor(uniform(batch * kMlpSizes[0], 0, 1), {batch, kMlpSizes[0]});
      const gd::Tensor y = tensor(labels(batch, kMlpSizes[3]), {batch});
      train_step(model, optimizer, x, y);  // makes the optimizer's state
      for (auto _ : state) train_step(model, optimizer, x, y);
    });
  }
}

}  // namespace bench
