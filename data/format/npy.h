// NumPy's files: .npy, one array (a text header that says dtype, order and shape, then the bytes), and .npz,
// a zip archive of named ones. Source: numpy.lib.format, "NPY format", versions 1.0 to 3.0.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "gradus/base/file.h"
#include "gradus/graph/named_tensor.h"

namespace gradus::data {

// Arrays of any order and byte order come out row-major in this machine's bytes. Errors: NotFound and what
// else reading gives; DataLoss for what is no array or is cut off; Unimplemented for a dtype that gradus
// lacks (texts, structures, Python objects, complex numbers).
absl::StatusOr<Tensor> load_npy(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);
absl::StatusOr<NamedTensors> load_npz(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);

// The file appears whole or not at all. Errors: InvalidArgument for bf16, which NumPy lacks (convert it with
// astype first), an empty handle, two tensors of one name; what writing gives.
absl::Status save_npy(const std::string& path, const Tensor& tensor);
absl::Status save_npz(const std::string& path, const NamedTensors& tensors);

// The same from memory; `name` stands in the messages.
absl::StatusOr<Tensor> parse_npy(std::string_view content, std::string_view name);
absl::StatusOr<NamedTensors> parse_npz(std::string_view content, std::string_view name,
                                       std::int64_t max_bytes = kMaxFileBytes);

}  // namespace gradus::data
