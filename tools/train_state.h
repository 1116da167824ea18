// What a training run has come to besides its model, and the checkpoint that holds all of it, so that a run
// that was stopped or killed goes on as if it had not been.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gradus/data/data_loader.h"
#include "gradus/data/tensor_dataset.h"
#include "gradus/nn/module.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/scheduler.h"
#include "gradus/tools/plot.h"

namespace gradus::tools {

using TrainLoader = data::DataLoader<data::TensorDataset<2>>;

struct TrainState {
  std::vector<Epoch> history;  // of whole epochs
  // Of the epoch under way.
  double loss_sum = 0.0;  // over the images seen
  std::int64_t seen = 0;
  double seconds = 0.0;
};

// `options` is a text of what must be the same when the run goes on. Errors: UsageError.
void save_train_state(const std::string& path, const std::string& options, const nn::Module& model,
                      const optim::Optimizer& optimizer, const optim::Scheduler& schedule,
                      const TrainLoader& loader, const TrainState& state);

// Into objects made with the same options. Errors: UsageError, and gradus::Error for parts that do not fit;
// the objects may be changed in part.
TrainState load_train_state(const std::string& path, const std::string& options, nn::Module& model,
                            optim::Optimizer& optimizer, optim::Scheduler& schedule, TrainLoader& loader);

}  // namespace gradus::tools
