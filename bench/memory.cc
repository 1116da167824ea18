// Claim: training needs a fraction of the peer's memory. Trains the perceptron on random batches and prints
// the peak of the process's resident memory in KiB.
#include <cstdio>

#include "mlp.h"
#include "peak_memory.h"

int main() {
  using namespace bench;
  gd::set_threads(1);
  gd::manual_seed(1);
  Mlp model;
  gd::optim::Adam optimizer(model.parameters(), {.lr = kMlpLearningRate});
  for (int step = 0; step < kMemorySteps; ++step) {
    const gd::Tensor x = gd::uniform({kMemoryBatch, kMlpSizes[0]}, 0.0, 1.0);
    const gd::Tensor y = gd::randint(0, kMlpSizes[3], {kMemoryBatch});
    train_step(model, optimizer, x, y);
  }
  std::printf("%ld\n", peak_memory_kib());
}
