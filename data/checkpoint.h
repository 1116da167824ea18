// A training run in one file: parts by name (the model, the optimizer, the schedule, the loader, the random
// numbers), each what its owner's state() gave, so that a run that was stopped goes on as if it had not been:
//   save_checkpoint(path, {{"model", model.state_dict()}, {"optimizer", opt.state()},
//                          {"loader", loader.state()}, {"random", random_state()}});
// It is a safetensors file with names such as "model/fc1.weight".
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/base/file.h"
#include "gradus/graph/named_tensor.h"

namespace gradus::data {

using CheckpointParts = std::vector<std::pair<std::string, NamedTensors>>;

class Checkpoint {
 public:
  explicit Checkpoint(CheckpointParts parts = {}) : parts_(std::move(parts)) {}
  const CheckpointParts& parts() const { return parts_; }
  bool has(std::string_view part) const;
  // Errors: ValueError for a part that is not there.
  const NamedTensors& part(std::string_view name, Location where = Location::current()) const;

 private:
  CheckpointParts parts_;
};

// The file appears whole or not at all: a run that dies while it writes leaves the one before. Errors:
// InvalidArgument for a part whose name is empty, there twice or has a '/', and what save_safetensors gives.
absl::Status save_checkpoint(const std::string& path, const CheckpointParts& parts);

// Errors: as load_safetensors, and DataLoss for a file that is no checkpoint.
absl::StatusOr<Checkpoint> load_checkpoint(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);

// The default generator of random numbers: `seed` and `counter`.
NamedTensors random_state();
// Errors, with nothing changed: ValueError, ShapeError, DtypeError.
void load_random_state(const NamedTensors& state, Location where = Location::current());

}  // namespace gradus::data
