// ONNX: a model from a file, run as gradus ops. Each operator of the file becomes the ops of the same meaning
// (data/format/onnx/operators/), so what a run computes is recorded, differentiated and drawn like anything
// else, and the model's parameters can be trained further. Operator sets 1 to 17 of the standard operators;
// control flow, sequences, strings, quantisation and training operators are reported as unsupported. Sources:
// "ONNX IR" and "Operators" in the documentation of ONNX 1.12 (github.com/onnx/onnx).
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/base/file.h"
#include "gradus/graph/named_tensor.h"

namespace gradus::onnx {

// An input or output of a model.
struct Port {
  std::string name;
  std::string type;               // the format's name: "float", "int64", "sequence"
  bool has_shape = false;         // false: nothing is said of it
  std::vector<std::string> dims;  // a number, a name for one that is left open, or "?"
};

struct OperatorCount {
  std::string name;  // "Conv"; with its domain where it is none of the standard: "com.example.Conv"
  int count = 0;
  bool supported = false;
};

struct Graph;

// A model in memory. Handles to its parameters are shared with the caller, everything else is fixed. run()
// may be called from several threads at once.
class Model {
 public:
  Model(Model&& other) noexcept;
  Model& operator=(Model&& other) noexcept;
  ~Model();

  const std::vector<Port>& inputs() const;
  const std::vector<Port>& outputs() const;
  // In the order of their names.
  const std::vector<OperatorCount>& operators() const;
  const std::string& producer() const;
  std::int64_t ir_version() const;
  int opset() const;

  // Every constant that the file gives a name, and those that training changes: the floating ones, without
  // the running means and variances of BatchNormalization. The tensors are those that run() reads.
  const NamedTensors& initializers() const;
  NamedTensors parameters() const;
  // Makes all parameters collect gradients (or no more).
  void requires_grad(bool on);

  // Makes every `float` of the model a double: inputs, parameters, constants, and what operators make of
  // nothing. For checks of gradients by differences. Tensors that were handed out before are not those that
  // run() reads afterwards.
  void to_f64();

  // Unimplemented with the first node or input that is not supported. What shows only when a node is given
  // its operands is found by run().
  absl::Status supported() const;

  // The outputs for inputs in the order of inputs(). Recorded where a parameter or an input requires a
  // gradient. uint64 is held by i64. Errors: InvalidArgument for another number of inputs or another dtype,
  // and where an operator refuses its operands; Unimplemented for an operator, or a use of one, that is not
  // supported, before anything is computed where that can be seen; ResourceExhausted. The message names file
  // and node.
  absl::StatusOr<std::vector<Tensor>> run(std::span<const Tensor> inputs) const;

 private:
  friend absl::StatusOr<Model> parse_model(std::string_view, std::string_view, const std::string&);
  explicit Model(std::unique_ptr<Graph> graph);

  std::unique_ptr<Graph> graph_;
};

// Reads a model. Nothing is taken on trust: names, order, sizes and the place of external data (only files
// below the model's folder) are checked before memory is taken. Errors: NotFound and what else reading gives,
// DataLoss for content that is no model, Unimplemented for an operator set or an element type that gradus
// lacks.
absl::StatusOr<Model> load_model(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);
// The same from memory; `name` stands in the messages, `folder` is where external data lies; "": nowhere.
absl::StatusOr<Model> parse_model(std::string_view content, std::string_view name,
                                  const std::string& folder = "");

// One tensor from a file of its own, as the test data of ONNX has them (TensorProto). The name may be empty.
absl::StatusOr<NamedTensor> load_tensor(const std::string& path, std::int64_t max_bytes = kMaxFileBytes);
absl::StatusOr<NamedTensor> parse_tensor(std::string_view content, std::string_view name);

}  // namespace gradus::onnx
