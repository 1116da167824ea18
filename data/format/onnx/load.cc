// From ModelProto to Graph: names become slots, nodes are put in order, and what the file claims is checked.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>

#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/proto.h"

namespace gradus::onnx {
namespace {

constexpr int kNewestOpset = 17;

bool is_standard(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

std::string qualified(std::string_view domain, std::string_view op) {
  return is_standard(domain) ? std::string(op) : fmt::format("{}.{}", domain, op);
}

Port read_port(const pb::ValueInfoProto& info) {
  Port port;
  port.name = info.name();
  const pb::TypeProto& type = info.type();
  switch (type.value_case()) {
    case pb::TypeProto::kTensorType: {
      const ElementInfo* row = find_element_type(type.tensor_type().elem_type());
      port.type = row != nullptr ? row->name : "undefined";
      port.has_shape = type.tensor_type().has_shape();
      for (const auto& d : type.tensor_type().shape().dim()) {
        port.dims.push_back(d.has_dim_value()                             ? std::to_string(d.dim_value())
                            : d.has_dim_param() && !d.dim_param().empty() ? d.dim_param()
                                                                          : "?");
      }
      break;
    }
    case pb::TypeProto::kSequenceType:
      port.type = "sequence";
      break;
    case pb::TypeProto::kMapType:
      port.type = "map";
      break;
    case pb::TypeProto::kOptionalType:
      port.type = "optional";
      break;
    case pb::TypeProto::kSparseTensorType:
      port.type = "sparse tensor";
      break;
    default:
      port.type = "undefined";
  }
  return port;
}

pb::AttributeProto::AttributeType type_of(const pb::AttributeProto& a) {
  if (a.type() != pb::AttributeProto::UNDEFINED) return a.type();
  // Files of IR version 1 lack the type.
  if (a.has_i()) return pb::AttributeProto::INT;
  if (a.has_f()) return pb::AttributeProto::FLOAT;
  if (a.has_s()) return pb::AttributeProto::STRING;
  if (a.has_t()) return pb::AttributeProto::TENSOR;
  if (a.ints_size() > 0) return pb::AttributeProto::INTS;
  if (a.floats_size() > 0) return pb::AttributeProto::FLOATS;
  if (a.strings_size() > 0) return pb::AttributeProto::STRINGS;
  return pb::AttributeProto::UNDEFINED;
}

class Loader {
 public:
  Loader(const pb::ModelProto& model, std::string_view file, const std::string& folder)
      : model_(model), file_(file), folder_(folder) {}

  absl::StatusOr<Graph> load() {
    graph_.file = std::string(file_);
    graph_.producer = model_.producer_name();
    graph_.ir_version = model_.ir_version();
    if (!model_.has_graph()) return bad("it has no graph");
    for (const auto step : {&Loader::read_opset, &Loader::read_initializers, &Loader::read_inputs,
                            &Loader::read_nodes, &Loader::read_outputs, &Loader::sort_nodes}) {
      if (absl::Status s = (this->*step)(); !s.ok()) return s;
    }
    find_last_reads();
    find_statistics();
    count_operators();
    return std::move(graph_);
  }

 private:
  absl::Status bad(std::string_view what) const { return bad_file(file_, what); }

  absl::Status read_opset() {
    for (const auto& o : model_.opset_import()) {
      if (!is_standard(o.domain())) {
        other_opsets_[o.domain()] = o.version();
        continue;
      }
      if (o.version() < 1) return bad(fmt::format("operator set {} is none", o.version()));
      if (o.version() > kNewestOpset) {
        return absl::UnimplementedError(
            fmt::format("{}: operator set {}; gradus reads 1 to {}", file_, o.version(), kNewestOpset));
      }
      graph_.opset = static_cast<int>(o.version());
    }
    // Before IR version 3 models had no field for it.
    if (graph_.opset == 0 && graph_.ir_version < 3) graph_.opset = 1;
    return absl::OkStatus();
  }

  // A new slot. The name must be free.
  absl::StatusOr<int> define(const std::string& name, std::string_view what) {
    if (name.empty()) return bad(fmt::format("{} has no name", what));
    const int slot = static_cast<int>(graph_.slot_names.size());
    if (!slots_.emplace(name, slot).second) {
      return bad(fmt::format("{} \"{}\": the name is taken", what, name));
    }
    graph_.slot_names.push_back(name);
    return slot;
  }

  absl::Status read_initializers() {
    if (model_.graph().sparse_initializer_size() > 0) {
      return absl::UnimplementedError(fmt::format("{}: sparse initializers are not read", file_));
    }
    for (const pb::TensorProto& p : model_.graph().initializer()) {
      const absl::StatusOr<int> slot = define(p.name(), "initializer");
      if (!slot.ok()) return slot.status();
      absl::StatusOr<Value> value =
          decode_tensor(p, file_, fmt::format("initializer \"{}\"", p.name()), folder_);
      if (!value.ok()) return value.status();
      value->tensor.name(p.name());
      graph_.initializers.push_back({p.name(), value->tensor});
      graph_.constants.push_back(*std::move(value));
      graph_.constant_slots.push_back(*slot);
    }
    return absl::OkStatus();
  }

  absl::Status read_inputs() {
    std::unordered_map<std::string, bool> seen;
    for (const pb::ValueInfoProto& info : model_.graph().input()) {
      if (!seen.emplace(info.name(), true).second) {
        return bad(fmt::format("input \"{}\": the name is taken", info.name()));
      }
      // Up to IR version 3 initializers are inputs too.
      if (slots_.count(info.name()) > 0) continue;
      const absl::StatusOr<int> slot = define(info.name(), "input");
      if (!slot.ok()) return slot.status();
      graph_.inputs.push_back(read_port(info));
      const bool is_tensor = info.type().value_case() == pb::TypeProto::kTensorType;
      const ElementInfo* row = is_tensor ? find_element_type(info.type().tensor_type().elem_type()) : nullptr;
      graph_.input_types.push_back(row != nullptr ? row->type : ElementType::undefined);
      graph_.input_slots.push_back(*slot);
    }
    return absl::OkStatus();
  }

  absl::Status read_attribute(const pb::AttributeProto& a, Node& node) {
    const auto wrong = [&](std::string_view what) {
      return bad(fmt::format("{}: attribute \"{}\" {}", describe(node), a.name(), what));
    };
    for (const Attribute& other : node.attributes) {
      if (other.name == a.name()) return wrong("is there twice");
    }
    if (!a.ref_attr_name().empty()) return wrong("refers to a function's attribute outside a function");
    Attribute out;
    out.name = a.name();
    switch (type_of(a)) {
      case pb::AttributeProto::INT:
        out.kind = AttributeKind::whole;
        out.whole = a.i();
        break;
      case pb::AttributeProto::FLOAT:
        out.kind = AttributeKind::real;
        out.real = static_cast<double>(a.f());
        break;
      case pb::AttributeProto::STRING:
        out.kind = AttributeKind::text;
        out.text = a.s();
        break;
      case pb::AttributeProto::INTS:
        out.kind = AttributeKind::wholes;
        out.wholes.assign(a.ints().begin(), a.ints().end());
        break;
      case pb::AttributeProto::FLOATS:
        out.kind = AttributeKind::reals;
        out.reals.assign(a.floats().begin(), a.floats().end());
        break;
      case pb::AttributeProto::STRINGS:
        out.kind = AttributeKind::texts;
        out.texts.assign(a.strings().begin(), a.strings().end());
        break;
      case pb::AttributeProto::TENSOR: {
        out.kind = AttributeKind::tensor;
        absl::StatusOr<Value> value = decode_tensor(
            a.t(), file_, fmt::format("{}: attribute \"{}\"", describe(node), a.name()), folder_);
        if (absl::IsUnimplemented(value.status())) {
          // The rest of the model may still be worth a look: `gradus onnx info` shows it.
          node.unsupported =
              fmt::format("attribute \"{}\" is a tensor of an element type that gradus lacks", a.name());
          break;
        }
        if (!value.ok()) return value.status();
        out.tensor = *std::move(value);
        break;
      }
      default:
        break;
    }
    node.attributes.push_back(std::move(out));
    return absl::OkStatus();
  }

  absl::Status read_nodes() {
    const auto& nodes = model_.graph().node();
    // Outputs first, so that an input that no node makes can be told from one that a later node makes.
    for (int i = 0; i < nodes.size(); ++i) {
      Node node;
      node.op = nodes.Get(i).op_type();
      node.domain = is_standard(nodes.Get(i).domain()) ? "" : nodes.Get(i).domain();
      node.name = nodes.Get(i).name();
      node.opset = node.domain.empty() ? graph_.opset : other_opsets_[node.domain];
      node.number = i;
      if (node.op.empty()) return bad(fmt::format("{} has no operator", describe(node)));
      for (const std::string& name : nodes.Get(i).output()) {
        if (name.empty()) {
          node.outputs.push_back(-1);
          continue;
        }
        const absl::StatusOr<int> slot = define(name, fmt::format("{}: output", describe(node)));
        if (!slot.ok()) return slot.status();
        node.outputs.push_back(*slot);
      }
      graph_.nodes.push_back(std::move(node));
    }
    for (int i = 0; i < nodes.size(); ++i) {
      Node& node = graph_.nodes[static_cast<std::size_t>(i)];
      for (const std::string& name : nodes.Get(i).input()) {
        if (name.empty()) {
          node.inputs.push_back(-1);
          continue;
        }
        const auto slot = slots_.find(name);
        if (slot == slots_.end()) {
          return bad(
              fmt::format("{}: input \"{}\" is neither an input or initializer of the graph nor an "
                          "output of a node",
                          describe(node), name));
        }
        node.inputs.push_back(slot->second);
      }
      for (const pb::AttributeProto& a : nodes.Get(i).attribute()) {
        if (absl::Status s = read_attribute(a, node); !s.ok()) return s;
      }
      if (!node.domain.empty()) continue;
      if (graph_.opset == 0) return bad("it does not say which operator set it uses");
      node.conversion = find_operator(node.op);
      if (node.conversion == nullptr) continue;
      const int given = static_cast<int>(node.inputs.size());
      if (given < node.conversion->min_inputs || given > node.conversion->max_inputs) {
        return bad(fmt::format("{} has {} inputs", describe(node), given));
      }
    }
    return absl::OkStatus();
  }

  absl::Status read_outputs() {
    for (const pb::ValueInfoProto& info : model_.graph().output()) {
      const auto slot = slots_.find(info.name());
      if (slot == slots_.end()) return bad(fmt::format("output \"{}\" is made by no node", info.name()));
      graph_.outputs.push_back(read_port(info));
      graph_.output_slots.push_back(slot->second);
    }
    return absl::OkStatus();
  }

  // Puts each node behind those whose outputs it reads, otherwise in the order of the file.
  absl::Status sort_nodes() {
    std::vector<int> maker(graph_.slot_names.size(), -1);
    for (const Node& n : graph_.nodes) {
      for (const int slot : n.outputs) {
        if (slot >= 0) maker[static_cast<std::size_t>(slot)] = n.number;
      }
    }
    std::vector<int> missing(graph_.nodes.size(), 0);
    std::vector<std::vector<int>> readers(graph_.nodes.size());
    for (const Node& n : graph_.nodes) {
      for (const int slot : n.inputs) {
        const int from = slot >= 0 ? maker[static_cast<std::size_t>(slot)] : -1;
        if (from < 0) continue;
        ++missing[static_cast<std::size_t>(n.number)];
        readers[static_cast<std::size_t>(from)].push_back(n.number);
      }
    }
    std::priority_queue<int, std::vector<int>, std::greater<>> ready;
    for (const Node& n : graph_.nodes) {
      if (missing[static_cast<std::size_t>(n.number)] == 0) ready.push(n.number);
    }
    std::vector<Node> sorted;
    sorted.reserve(graph_.nodes.size());
    while (!ready.empty()) {
      const int i = ready.top();
      ready.pop();
      for (const int r : readers[static_cast<std::size_t>(i)]) {
        if (--missing[static_cast<std::size_t>(r)] == 0) ready.push(r);
      }
      sorted.push_back(std::move(graph_.nodes[static_cast<std::size_t>(i)]));
    }
    if (sorted.size() < graph_.nodes.size()) {
      const auto on_cycle = std::find_if(missing.begin(), missing.end(), [](int m) { return m > 0; });
      return bad(fmt::format("{} reads, perhaps by way of others, its own output: the graph has a cycle",
                             describe(graph_.nodes[static_cast<std::size_t>(on_cycle - missing.begin())])));
    }
    graph_.nodes = std::move(sorted);
    return absl::OkStatus();
  }

  void find_last_reads() {
    std::vector<bool> needed(graph_.slot_names.size(), false);
    for (const int slot : graph_.output_slots) needed[static_cast<std::size_t>(slot)] = true;
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
      for (const auto* slots : {&node->inputs, &node->outputs}) {
        for (const int slot : *slots) {
          if (slot < 0 || needed[static_cast<std::size_t>(slot)]) continue;
          needed[static_cast<std::size_t>(slot)] = true;
          node->last_of.push_back(slot);
        }
      }
    }
  }

  // Running means and variances are no parameters: no gradient step is to change them.
  void find_statistics() {
    std::vector<bool> statistic(graph_.slot_names.size(), false);
    for (const Node& n : graph_.nodes) {
      if (!n.domain.empty() || n.op != "BatchNormalization") continue;
      for (std::size_t i = 3; i < n.inputs.size(); ++i) {
        if (n.inputs[i] >= 0) statistic[static_cast<std::size_t>(n.inputs[i])] = true;
      }
    }
    for (const int slot : graph_.constant_slots) {
      graph_.is_statistic.push_back(statistic[static_cast<std::size_t>(slot)]);
    }
  }

  void count_operators() {
    std::map<std::string, OperatorCount> counts;
    for (const Node& n : graph_.nodes) {
      const std::string name = qualified(n.domain, n.op);
      OperatorCount& c = counts[name];
      c.name = name;
      ++c.count;
      c.supported = n.conversion != nullptr;
    }
    for (auto& [name, c] : counts) graph_.operators.push_back(std::move(c));
  }

  const pb::ModelProto& model_;
  std::string_view file_;
  const std::string& folder_;
  Graph graph_;
  std::unordered_map<std::string, int> slots_;
  std::unordered_map<std::string, std::int64_t> other_opsets_;
};

}  // namespace

std::string describe(const Node& node) {
  const std::string name = node.name.empty() ? "" : fmt::format(" \"{}\"", node.name);
  const std::string op = node.op.empty() ? "" : fmt::format(" ({})", qualified(node.domain, node.op));
  return fmt::format("node {}{}{}", node.number, name, op);
}

absl::StatusOr<Graph> load_graph(std::string_view content, std::string_view file, const std::string& folder) {
  pb::ModelProto model;
  if (absl::Status s = parse_message(content, file, model); !s.ok()) return s;
  return Loader(model, file, folder).load();
}

}  // namespace gradus::onnx
