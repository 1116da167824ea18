// Trains the perceptron on random batches and prints the peak of the process's resident memory in KiB.
#include <cstdio>

#include "../peak_memory.h"
#include "mlp.h"

int main() {
  using namespace bench;
  at::set_num_threads(1);
  at::set_num_interop_threads(1);
  torch::manual_seed(1);
  Mlp model;
  torch::optim::Adam optimizer(model.parameters(), torch::optim::AdamOptions(kMlpLearningRate));
  for (int step = 0; step < kMemorySteps; ++step) {
    const torch::Tensor x = torch::rand({kMemoryBatch, kMlpSizes[0]});
    const torch::Tensor y = torch::randint(kMlpSizes[3], {kMemoryBatch}, torch::kInt64);
    train_step(model, optimizer, x, y);
  }
  std::printf("%ld\n", peak_memory_kib());
}
