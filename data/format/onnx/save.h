// Writing ONNX: what a trace recorded, as a model of operator set 17 that ONNX's checker and ONNX Runtime
// take. Named inputs stay open; every other tensor that was not computed in the trace is part of the file:
// parameters and tensors with a name as initializers, others as constants.
//   gd::Trace trace;
//   const gd::Tensor y = model(x);
//   absl::Status s = gd::onnx::save("model.onnx", trace, {{"logits", y}}, {.inputs = {{"x", x}}});
// Shapes are those of the trace; what of gradus has no operator is listed in docs/onnx.md.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>

#include "gradus/graph/named_tensor.h"
#include "gradus/graph/trace.h"

namespace gradus::onnx {

struct SaveOptions {
  // What a run of the model is given, in this order. An empty name stands for the tensor's own.
  NamedTensors inputs = {};
  // Names for further tensors, such as Module::named_parameters() and named_buffers(): they become
  // initializers under these names.
  NamedTensors initializers = {};
  std::string name = "gradus";  // of the graph
  // Elements of tensors that depend on inputs were looked at (item(), span(), to_vector()) and nothing in
  // the model hangs on them. Without it save() refuses, since the file would hold what they were once.
  bool ignore_reads = false;
};

// The bytes of a model that computes `outputs` (an empty name stands for the tensor's own). Errors, which
// name the op and the place of its call: Unimplemented for an op that has no counterpart; InvalidArgument for
// an output that the trace does not hold, names that are taken or empty, a tensor that was changed in place
// between its use and now, elements that were read; ResourceExhausted for 2 GiB and more, which protobuf
// cannot write.
absl::StatusOr<std::string> serialize(const Trace& trace, const NamedTensors& outputs,
                                      const SaveOptions& options = {});

// The same into a file, which appears whole or not at all. Errors: also those of writing.
absl::Status save(const std::string& path, const Trace& trace, const NamedTensors& outputs,
                  const SaveOptions& options = {});

// One tensor as TensorProto, as the test data of ONNX has them: what load_tensor() reads.
absl::Status save_tensor(const std::string& path, const NamedTensor& tensor);

}  // namespace gradus::onnx
