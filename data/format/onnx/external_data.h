// Tensor bytes that lie in a file of their own beside the model. Internal to data/format/onnx.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace gradus::onnx {

struct ExternalBytes {
  std::string path;
  std::uint64_t offset = 0;
};

// Where `bytes` bytes at `offset` of the file `location` below `folder` lie. Errors: DataLoss for a place
// outside the folder, also by way of a link, and for a file that is too short.
absl::StatusOr<ExternalBytes> find_external(const std::string& folder, const std::string& location,
                                            std::uint64_t offset, std::uint64_t bytes);

// Fills `out`. Errors: DataLoss.
absl::Status read_external(const ExternalBytes& from, void* out, std::uint64_t bytes);

}  // namespace gradus::onnx
