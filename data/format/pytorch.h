// PyTorch's files (.pt, .pth), as torch.save writes them since version 1.6: a zip archive of one pickle,
// which says what is there, and the bytes of each storage. The pickle is read by a machine of its own
// (pickle.h) that knows lists, dicts, numbers, texts and the rebuilding of tensors; nothing in it is
// executed. Source: torch/serialization.py and torch/_utils.py (_rebuild_tensor_v2).
#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/base/file.h"
#include "gradus/graph/named_tensor.h"

namespace gradus::data {

struct PytorchFile {
  // What lies in dicts and lists is named by the path to it: "model.fc.weight", "optimizer.state.0.exp_avg".
  // A tensor that was saved by itself has the empty name. Numbers and bools of Python are scalars of f64, i64
  // and bool. Tensors that share memory are copied apart.
  NamedTensors tensors;
  // The texts, and "None" for None, by the same names.
  std::vector<std::pair<std::string, std::string>> texts;
};

// Errors: NotFound and what else reading gives; DataLoss (no archive, cut off, a pickle or a tensor that does
// not fit its bytes); ResourceExhausted (more than max_bytes of tensors, or much more than the file has);
// Unimplemented (files of before 1.6, whole modules and other classes, TorchScript, dtypes that gradus
// lacks).
absl::StatusOr<PytorchFile> load_pytorch(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);

// The same from memory; `name` stands in the messages.
absl::StatusOr<PytorchFile> parse_pytorch(std::string_view content, std::string_view name,
                                          std::int64_t max_bytes = kMaxFileBytes);

}  // namespace gradus::data
