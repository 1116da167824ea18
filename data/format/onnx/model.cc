// Model: runs the nodes in order.
#include "gradus/data/format/onnx/model.h"

#include <fmt/format.h>

#include <filesystem>
#include <new>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/elementwise/conversion.h"

namespace gradus::onnx {
namespace {

// The place that gradus puts in front of its messages lies in a conversion; the file's node says more.
std::string_view without_place(std::string_view message) {
  const std::size_t end = message.find(": ");
  const std::string_view place = message.substr(0, end);
  const bool is_place = end != std::string_view::npos && place.find(".cc:") != std::string_view::npos &&
                        place.find(' ') == std::string_view::npos;
  return is_place ? message.substr(end + 2) : message;
}

absl::Status run_node(const Graph& graph, const Node& node, Call& call) {
  const auto message = [&](std::string_view what) {
    return fmt::format("{}: {}: {}", graph.file, describe(node), what);
  };
  try {
    node.conversion->run(call);
  } catch (const Unsupported& e) {
    return absl::UnimplementedError(message(fmt::format("unsupported: {}", e.what())));
  } catch (const BadNode& e) {
    return absl::InvalidArgumentError(message(e.what()));
  } catch (const Error& e) {
    return absl::InvalidArgumentError(message(without_place(e.what())));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(message("not enough memory"));
  }
  if (const Attribute* a = call.unread(); a != nullptr) {
    return absl::UnimplementedError(message(fmt::format(
        "unsupported: attribute \"{}\" of operator {} (opset {})", a->name, node.op, graph.opset)));
  }
  return absl::OkStatus();
}

}  // namespace

Model::Model(std::unique_ptr<Graph> graph) : graph_(std::move(graph)) {}
Model::Model(Model&& other) noexcept = default;
Model& Model::operator=(Model&& other) noexcept = default;
Model::~Model() = default;

const std::vector<Port>& Model::inputs() const { return graph_->inputs; }
const std::vector<Port>& Model::outputs() const { return graph_->outputs; }
const std::vector<OperatorCount>& Model::operators() const { return graph_->operators; }
const std::string& Model::producer() const { return graph_->producer; }
std::int64_t Model::ir_version() const { return graph_->ir_version; }
int Model::opset() const { return graph_->opset; }
const NamedTensors& Model::initializers() const { return graph_->initializers; }

NamedTensors Model::parameters() const {
  NamedTensors all;
  for (std::size_t i = 0; i < graph_->initializers.size(); ++i) {
    const NamedTensor& t = graph_->initializers[i];
    if (is_floating(t.tensor.dtype()) && !graph_->is_statistic[i]) all.push_back(t);
  }
  return all;
}

void Model::requires_grad(bool on) {
  for (NamedTensor& p : parameters()) p.tensor.requires_grad(on);
}

void Model::to_f64() {
  const auto widen = [](Value& v) {
    if (v.type != ElementType::f32) return;
    const std::string name(v.tensor.name());
    v = {astype(v.tensor.detach(), DType::f64).name(name), ElementType::f64};
  };
  graph_->is_f64 = true;
  for (std::size_t i = 0; i < graph_->constants.size(); ++i) {
    widen(graph_->constants[i]);
    graph_->initializers[i].tensor = graph_->constants[i].tensor;
  }
  for (ElementType& t : graph_->input_types) {
    if (t == ElementType::f32) t = ElementType::f64;
  }
  for (Node& n : graph_->nodes) {
    for (Attribute& a : n.attributes) widen(a.tensor);
  }
}

absl::Status Model::supported() const {
  const Graph& g = *graph_;
  for (const Node& n : g.nodes) {
    if (n.conversion != nullptr && n.unsupported.empty()) continue;
    const std::string dot = n.domain.empty() ? "" : ".";
    const std::string why = !n.unsupported.empty()
                                ? n.unsupported
                                : fmt::format("operator {}{}{} (opset {})", n.domain, dot, n.op, n.opset);
    return absl::UnimplementedError(fmt::format("{}: {}: unsupported: {}", g.file, describe(n), why));
  }
  for (std::size_t i = 0; i < g.inputs.size(); ++i) {
    if (g.input_types[i] != ElementType::undefined && info(g.input_types[i]).storage.has_value()) continue;
    return absl::UnimplementedError(fmt::format("{}: input {} \"{}\": unsupported: inputs of the type {}",
                                                g.file, i, g.inputs[i].name, g.inputs[i].type));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tensor>> Model::run(std::span<const Tensor> inputs) const {
  const Graph& g = *graph_;
  if (absl::Status s = supported(); !s.ok()) return s;
  if (inputs.size() != g.inputs.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} inputs are given, the model has {}", g.file, inputs.size(), g.inputs.size()));
  }
  std::vector<Value> values(g.slot_names.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto wrong = [&](std::string_view what) {
      return absl::InvalidArgumentError(
          fmt::format("{}: input {} \"{}\": {}", g.file, i, g.inputs[i].name, what));
    };
    const ElementType type = g.input_types[i];
    if (!inputs[i].defined()) return wrong("an empty handle");
    if (inputs[i].dtype() != *info(type).storage) {
      return wrong(fmt::format("{} {} is given, the model reads {}", format_shape(inputs[i].shape()),
                               name(inputs[i].dtype()), name(*info(type).storage)));
    }
    values[static_cast<std::size_t>(g.input_slots[i])] = {inputs[i], type};
  }
  for (std::size_t i = 0; i < g.constants.size(); ++i) {
    values[static_cast<std::size_t>(g.constant_slots[i])] = g.constants[i];
  }
  for (const Node& node : g.nodes) {
    std::vector<Value> operands;
    operands.reserve(node.inputs.size());
    for (const int slot : node.inputs) {
      operands.push_back(slot >= 0 ? values[static_cast<std::size_t>(slot)] : Value{});
    }
    Call call(g, node, std::move(operands));
    if (absl::Status s = run_node(g, node, call); !s.ok()) return s;
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      if (node.outputs[k] >= 0) values[static_cast<std::size_t>(node.outputs[k])] = call.results()[k];
    }
    for (const int slot : node.last_of) values[static_cast<std::size_t>(slot)] = {};
  }
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < g.output_slots.size(); ++i) {
    const Value& v = values[static_cast<std::size_t>(g.output_slots[i])];
    if (!v.tensor.defined()) {
      return absl::UnimplementedError(fmt::format(
          "{}: output \"{}\": unsupported: its operator does not give it", g.file, g.outputs[i].name));
    }
    outputs.push_back(v.tensor);
  }
  return outputs;
}

absl::StatusOr<Model> parse_model(std::string_view content, std::string_view name,
                                  const std::string& folder) {
  try {
    absl::StatusOr<Graph> graph = load_graph(content, name, folder);
    if (!graph.ok()) return graph.status();
    return Model(std::make_unique<Graph>(*std::move(graph)));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(fmt::format("{}: not enough memory", name));
  }
}

absl::StatusOr<Model> load_model(const std::string& path, std::int64_t max_bytes) {
  const absl::StatusOr<std::string> content = read_file(path, max_bytes);
  if (!content.ok()) return content.status();
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return parse_model(*content, path, folder.empty() ? "." : folder);
}

}  // namespace gradus::onnx
