// safetensors: named tensors in one file: the length of a header (8 bytes, little-endian), the header in JSON
// (for each name dtype, shape and the range of its bytes), then the bytes, little-endian, row-major, without
// gaps. Source: "Format" in the README of github.com/huggingface/safetensors. Models saved here can be opened
// by its Python package and the other way round.
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

// Texts by key, of no meaning to the format.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct Safetensors {
  NamedTensors tensors;  // in the order of their bytes
  Metadata metadata;
};

// The file appears whole or not at all. Errors: InvalidArgument for two tensors of one name, an empty handle
// or the name "__metadata__"; what writing gives.
absl::Status save_safetensors(const std::string& path, const NamedTensors& tensors,
                              const Metadata& metadata = {});

// Every tensor of the file; nothing is taken on trust from its header. Errors: NotFound and what else reading
// gives, DataLoss for content that is not a safetensors file, Unimplemented for a dtype that gradus lacks.
absl::StatusOr<NamedTensors> load_safetensors(const std::string& path,
                                              std::int64_t max_bytes = kMaxFileBytes);
absl::StatusOr<Safetensors> read_safetensors(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);

// Tensors that share a mapping of the file: opening reads the header and the bytes of bool tensors only, and
// the pages of a tensor are read when they are touched. Changes in place stay in memory and never reach the
// file. A tensor whose bytes do not lie at a multiple of its element's size is a copy. The mapping ends with
// the last tensor; meanwhile the file may be replaced (as save_safetensors does it), but must not be made
// shorter or written to. Errors: as load_safetensors, and FailedPrecondition for what is no regular file.
absl::StatusOr<NamedTensors> map_safetensors(const std::string& path);

// The same from memory; `name` stands in the messages.
absl::StatusOr<Safetensors> parse_safetensors(std::string_view content, std::string_view name);

}  // namespace gradus::data
