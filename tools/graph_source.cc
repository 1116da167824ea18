#include "gradus/tools/graph_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "gradus/data/format/onnx/element_type.h"
#include "gradus/data/format/onnx/model.h"
#include "gradus/data/format/snapshot.h"
#include "gradus/docs/examples/zoo/zoo.h"
#include "gradus/graph/part.h"
#include "gradus/tools/command.h"
#include "gradus/tools/model_step.h"

namespace gradus::tools {
namespace {

GraphSnapshot of_pass(GraphSnapshot graph, GraphPass pass) {
  if (pass == GraphPass::both) return graph;
  const auto wanted =
      pass == GraphPass::forward ? GraphSnapshot::Pass::kForward : GraphSnapshot::Pass::kBackward;
  NodeMask keep(graph.nodes.size(), false);
  bool all = true;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphSnapshot::Node& n = graph.nodes[i];
    if (n.is_leaf()) continue;
    keep[i] = n.pass == wanted;
    all &= keep[i];
  }
  if (all) return graph;
  // What these ops read, also where the other pass computed it.
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].is_leaf() || graph.nodes[i].pass != wanted) continue;
    for (const GraphSnapshot::Input& in : graph.nodes[i].inputs) {
      if (in.node >= 0) keep[static_cast<std::size_t>(in.node)] = true;
    }
  }
  return part(graph, keep);
}

GraphSnapshot recorded(const Tensor& loss, GraphPass pass) {
  SnapshotOptions options;
  if (pass != GraphPass::forward) {
    const std::vector<Tensor> parameters = recorded_parameters(loss);
    const std::vector<Tensor> gradients = grad(loss, parameters, {.create_graph = true});
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      Tensor g = gradients[i];
      if (!g.defined()) continue;
      if (g.name().empty() && !parameters[i].name().empty())
        g.name("gradient of " + std::string(parameters[i].name()));
      options.gradients.push_back(g);
    }
  }
  return of_pass(snapshot(loss, options, Location{}), pass);
}

GraphSnapshot from_model(const GraphSource& s) {
  manual_seed(0);
  return recorded(model_step(s.name, s.batch, s.options).loss, s.pass);
}

DType dtype_of_port(const onnx::Port& port) {
  for (int i = 0; i < 32; ++i) {
    const onnx::ElementInfo* e = onnx::find_element_type(i);
    if (e != nullptr && port.type == e->name && e->storage.has_value()) return *e->storage;
  }
  throw UsageError(fmt::format("input {} has the type {}, which cannot be made up", port.name, port.type));
}

GraphSnapshot from_onnx(const GraphSource& s) {
  absl::StatusOr<onnx::Model> model = onnx::load_model(s.name);
  if (!model.ok()) throw UsageError(std::string(model.status().message()));
  const auto name_all = [](const NamedTensors& all) {
    for (const NamedTensor& t : all) Tensor(t.tensor).name(t.name);
  };
  name_all(model->initializers());
  model->requires_grad(true);
  std::vector<Tensor> inputs;
  for (const onnx::Port& port : model->inputs()) {
    Shape shape;
    for (std::size_t i = 0; i < port.dims.size(); ++i) {
      std::int64_t size = 0;
      const std::string& text = port.dims[i];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
      const bool is_open = error != std::errc() || end != text.data() + text.size();
      shape.push_back(is_open ? (i == 0 ? s.batch : 1) : size);
    }
    Tensor t = zeros(shape, dtype_of_port(port)).name(port.name);
    if (model->parameters().empty() && is_floating(t.dtype())) t.requires_grad(true);
    inputs.push_back(std::move(t));
  }
  absl::StatusOr<std::vector<Tensor>> outputs = model->run(inputs);
  if (!outputs.ok()) throw UsageError(std::string(outputs.status().message()));
  for (std::size_t i = 0; i < outputs->size(); ++i) (*outputs)[i].name(model->outputs()[i].name);
  return snapshot(*outputs, {}, Location{});
}

}  // namespace

std::vector<std::string> graph_model_names() {
  std::vector<std::string> names = model_names();
  for (const zoo::Entry& e : zoo::examples()) {
    if (e.example->step != nullptr && std::find(names.begin(), names.end(), e.name) == names.end())
      names.emplace_back(e.name);
  }
  return names;
}

std::vector<std::string> graph_model_options() {
  std::vector<std::string> names;
  for (const zoo::Entry& e : zoo::examples()) {
    if (e.example->step == nullptr) continue;
    for (const zoo::Option& o : e.example->options) {
      if (std::find(names.begin(), names.end(), o.name) == names.end()) names.emplace_back(o.name);
    }
  }
  return names;
}

GraphSnapshot take_graph(const GraphSource& source) {
  const std::vector<std::string> names = graph_model_names();
  const bool is_model = std::find(names.begin(), names.end(), source.name) != names.end();
  const std::string extension = std::filesystem::path(source.name).extension().string();
  GraphSnapshot graph;
  if (is_model) {
    graph = from_model(source);
  } else if (extension == ".json") {
    absl::StatusOr<GraphSnapshot> loaded = load_snapshot(source.name);
    if (!loaded.ok()) throw UsageError(std::string(loaded.status().message()));
    graph = of_pass(*std::move(loaded), source.pass);
  } else if (extension == ".onnx") {
    graph = from_onnx(source);
  } else {
    throw UsageError(unknown_name("model", source.name, names) + "; a file ends in .json or .onnx");
  }
  if (graph.title.empty()) graph.title = std::filesystem::path(source.name).filename().string();
  return graph;
}

}  // namespace gradus::tools
