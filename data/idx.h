// IDX, the format of the MNIST family: two zero bytes, a byte for the type, a byte for the number of axes,
// the sizes as big-endian 32-bit numbers, the elements, big-endian, row-major. Source: "THE IDX FILE FORMAT"
// on the page of the MNIST database (LeCun, Cortes, Burges). Errors are a Status that names the file and the
// byte.
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

#include "gradus/base/file.h"
#include "gradus/graph/tensor.h"

namespace gradus::data {

// unsigned byte -> u8; signed byte and short -> i32; int -> i32; float -> f32; double -> f64. Plain or gzip.
// No memory beyond the file's own (decompressed) size is taken, whatever its header says, and no more than
// max_bytes. Errors: NotFound and what else reading gives, DataLoss for content that is not IDX.
absl::StatusOr<Tensor> read_idx(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);

// The same from memory; `name` stands in the messages.
absl::StatusOr<Tensor> parse_idx(std::string_view content, std::string_view name);

}  // namespace gradus::data
