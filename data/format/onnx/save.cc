// From a trace to a model: which tensors are the same value, which calls the outputs need, then nodes by the
// writers, names, and the bytes.
#include "gradus/data/format/onnx/save.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "gradus/base/file.h"
#include "gradus/base/format.h"
#include "gradus/base/version.h"
#include "gradus/data/format/onnx/emit.h"
#include "gradus/data/format/onnx/proto.h"
#include "gradus/data/format/onnx/writers.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/all_ops.h"

namespace gradus::onnx {
namespace {

constexpr int kOpset = 17;
constexpr int kIrVersion = 8;  // of ONNX 1.12, the first with this operator set

// What a writer runs is neither traced nor recorded.
class Quiet {
 public:
  Quiet() : trace_(std::exchange(graph_internal::trace, nullptr)) {}
  ~Quiet() { graph_internal::trace = trace_; }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  Trace* trace_;
  NoGrad no_grad_;
};

bool is_library_op(const OpDef* op) {
  static const std::unordered_set<const OpDef*> ops(all_ops().begin(), all_ops().end());
  return ops.count(op) > 0;
}

std::string place(const OpCall& call) {
  return fmt::format("{} (called at {})", call.op->name, format_location(call.where));
}

// One array of the program. Several tensors are the same value where they show the same memory.
struct Value {
  enum class Kind : std::uint8_t { input, initializer, constant, result };
  Kind kind = Kind::result;
  Tensor tensor;
  std::uint32_t version = 0;  // of its storage when it was made; of constants when first read
  int call = -1;              // results: where it comes from
  int output = 0;
  bool depends = false;                     // on an input
  std::string name = "";                    // wanted in the file; may be empty
  std::vector<const OpCall*> readers = {};  // among the needed calls; nullptr: it is an output of the model
  Id id = kNone;
};

class Saver {
 public:
  Saver(const Trace& trace, const NamedTensors& outputs, const SaveOptions& options)
      : trace_(trace), outputs_(outputs), options_(options) {}

  absl::StatusOr<std::string> save() {
    const Quiet quiet;
    for (const auto step : {&Saver::add_given, &Saver::resolve, &Saver::find_outputs, &Saver::find_needed,
                            &Saver::check_reads, &Saver::write_calls, &Saver::choose_names}) {
      if (absl::Status s = (this->*step)(); !s.ok()) return s;
    }
    return bytes();
  }

 private:
  template <class... Args>
  static absl::Status bad(fmt::format_string<Args...> text, Args&&... args) {
    return absl::InvalidArgumentError(
        fmt::format("onnx::save: {}", fmt::format(text, std::forward<Args>(args)...)));
  }

  Value& at(int v) { return values_[static_cast<std::size_t>(v)]; }

  // The memory that a tensor shows, with its type and layout.
  static std::string key_of(const Tensor& t) {
    const View v = t.view();
    std::string key(reinterpret_cast<const char*>(&v.data), sizeof(v.data));
    key.push_back(static_cast<char>(v.dtype));
    key.append(reinterpret_cast<const char*>(v.dims), v.rank * sizeof(std::int64_t));
    if (v.strides != nullptr) {
      key.append(reinterpret_cast<const char*>(v.strides), v.rank * sizeof(std::int64_t));
    }
    return key;
  }

  struct Range {
    const std::byte *begin, *end;
  };
  // The memory between a tensor's first and last element.
  static Range range_of(const Tensor& t) {
    const View v = t.view();
    const auto* begin = static_cast<const std::byte*>(v.data);
    if (v.numel == 0) return {begin, begin};
    std::int64_t last = v.numel - 1, first = 0;
    if (v.strides != nullptr) {
      last = 0;
      for (int i = 0; i < v.rank; ++i) (v.strides[i] < 0 ? first : last) += (v.dims[i] - 1) * v.strides[i];
    }
    const auto bytes = static_cast<std::int64_t>(size_of(v.dtype));
    return {begin + first * bytes, begin + (last + 1) * bytes};
  }
  bool shows_open_memory(const Tensor& t) const {
    const auto it = open_memory_.find(t.impl()->storage);
    if (it == open_memory_.end()) return false;
    const Range r = range_of(t);
    return std::any_of(it->second.begin(), it->second.end(),
                       [&](const Range& o) { return r.begin < o.end && o.begin < r.end; });
  }

  int add(Value value) {
    const int v = static_cast<int>(values_.size());
    bind(value.tensor, v);
    values_.push_back(std::move(value));
    return v;
  }
  void bind(const Tensor& t, int v) {
    by_tensor_[t.impl()] = v;
    if (t.numel() > 0) by_memory_[key_of(t)] = v;
    held_.push_back(t);  // so that no other takes its address
  }
  // -1: not seen so far.
  int find(const Tensor& t) const {
    if (const auto it = by_tensor_.find(t.impl()); it != by_tensor_.end()) return it->second;
    if (t.numel() == 0) return -1;
    const auto it = by_memory_.find(key_of(t));
    return it != by_memory_.end() ? it->second : -1;
  }

  absl::Status add_given() {
    for (const bool inputs : {true, false}) {
      const char* what = inputs ? "input" : "initializer";
      for (const NamedTensor& n : inputs ? options_.inputs : options_.initializers) {
        if (!n.tensor.defined()) return bad("{} \"{}\" is an empty handle", what, n.name);
        const std::string name = n.name.empty() ? std::string(n.tensor.name()) : n.name;
        if (name.empty()) return bad("{} {} has no name", what, describe(n.tensor));
        if (!taken_.insert(name).second) return bad("{} \"{}\": the name is taken", what, name);
        if (find(n.tensor) >= 0) {
          if (!inputs) continue;  // tied, or an input as well
          return bad("input \"{}\" is the same tensor as input \"{}\"", name, at(find(n.tensor)).name);
        }
        const int v = add({.kind = inputs ? Value::Kind::input : Value::Kind::initializer,
                           .tensor = n.tensor,
                           .version = n.tensor.impl()->storage->version,
                           .depends = inputs,
                           .name = name});
        given_.push_back(v);
        if (inputs) open_memory_[n.tensor.impl()->storage].push_back(range_of(n.tensor));
      }
    }
    return absl::OkStatus();
  }

  // The value that an operand is. A tensor that nothing in the trace made is a constant.
  int operand(const Tensor& t, std::uint32_t version) {
    if (const int v = find(t); v >= 0) return v;
    const bool is_parameter = t.impl()->leaf_requires_grad || !t.name().empty();
    return add({.kind = is_parameter ? Value::Kind::initializer : Value::Kind::constant,
                .tensor = t,
                .version = version,
                .name = std::string(t.name())});
  }

  // A view of all of its input is its input; so is custom()'s result, whose ops are in the trace too.
  static bool is_same_array(const OpCall& c) {
    return (c.op->flags & kView) != 0 && c.outputs.size() == 1 && !c.inputs.empty() &&
           c.outputs[0].numel() > 0 && c.outputs[0].impl()->storage == c.inputs[0].impl()->storage &&
           key_of(c.outputs[0]) == key_of(c.inputs[0]);
  }

  // Goes through the trace in order: which value each operand is, and what each call makes.
  absl::Status resolve() {
    const std::span<const OpCall> calls = trace_.calls();
    operands_.resize(calls.size());
    results_.resize(calls.size());
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const OpCall& c = calls[i];
      const bool same = c.op == nullptr || is_same_array(c);
      const std::size_t used = same ? 1 : c.inputs.size();
      bool depends = false;
      for (std::size_t k = 0; k < used; ++k) {
        const int v = operand(c.inputs[k], c.input_versions[k]);
        operands_[i].push_back(v);
        depends |= at(v).depends;
        if (at(v).kind == Value::Kind::constant && shows_open_memory(c.inputs[k])) unknown_.insert(v);
      }
      for (std::size_t k = 0; k < c.outputs.size(); ++k) {
        const Tensor& t = c.outputs[k];
        // An input of the model that the trace computes is an input all the same.
        if (const auto known = by_tensor_.find(t.impl());
            known != by_tensor_.end() && at(known->second).kind == Value::Kind::input) {
          results_[i].push_back(known->second);
          continue;
        }
        if (depends) open_memory_[t.impl()->storage].push_back(range_of(t));
        results_[i].push_back(add({.tensor = t,
                                   .version = c.output_versions[k],
                                   .call = static_cast<int>(i),
                                   .output = static_cast<int>(k),
                                   .depends = depends,
                                   .name = std::string(t.name())}));
      }
    }
    return absl::OkStatus();
  }

  // What is wrong where a value has changed between its making and its use.
  std::string find_stale(int v, std::uint32_t version) {
    const Value& value = at(v);
    const Storage& s = *value.tensor.impl()->storage;
    const bool fixed = value.kind != Value::Kind::result;
    if (value.version == version && (!fixed || s.version == version)) return "";
    return fmt::format("{} was changed in place{}", describe(value.tensor),
                       s.last_writer != nullptr
                           ? fmt::format(" by {} at {}", s.last_writer,
                                         format_location({s.last_write_file, s.last_write_line}))
                           : "");
  }

  absl::Status find_outputs() {
    if (outputs_.empty()) return bad("there are no outputs");
    for (const NamedTensor& n : outputs_) {
      if (!n.tensor.defined()) return bad("output \"{}\" is an empty handle", n.name);
      const int v = find(n.tensor);
      if (v < 0 || (at(v).kind != Value::Kind::result && at(v).kind != Value::Kind::input)) {
        return bad(
            "output {} was not computed under the trace; make the gd::Trace first, then compute the output, "
            "then save",
            n.name.empty() ? describe(n.tensor) : fmt::format("\"{}\" {}", n.name, describe(n.tensor)));
      }
      if (n.tensor.impl()->storage->version != at(v).version) {
        return bad("output {}", find_stale(v, n.tensor.impl()->storage->version));
      }
      at(v).readers.push_back(nullptr);
      output_values_.push_back(v);
    }
    return absl::OkStatus();
  }

  absl::Status find_needed() {
    const std::span<const OpCall> calls = trace_.calls();
    needed_.assign(calls.size(), false);
    for (const int v : output_values_) {
      if (at(v).call >= 0) needed_[static_cast<std::size_t>(at(v).call)] = true;
    }
    for (std::size_t i = calls.size(); i-- > 0;) {
      if (!needed_[i]) continue;
      for (std::size_t k = 0; k < operands_[i].size(); ++k) {
        const int v = operands_[i][k];
        const std::string where = calls[i].op != nullptr ? place(calls[i]) : "a copy";
        if (const std::string stale = find_stale(v, calls[i].input_versions[k]); !stale.empty()) {
          return bad("{}: its operand {}; compute a new tensor in place of it", where, stale);
        }
        if (unknown_.count(v) > 0) {
          return bad("{}: its operand {} shows memory of what was computed, but no op made it", where,
                     describe(at(v).tensor));
        }
        at(v).readers.push_back(&calls[i]);
        if (at(v).call >= 0) needed_[static_cast<std::size_t>(at(v).call)] = true;
      }
    }
    return absl::OkStatus();
  }

  absl::Status check_reads() {
    if (options_.ignore_reads) return absl::OkStatus();
    for (const HostRead& r : trace_.reads()) {
      const int v = find(r.tensor);
      if (v < 0 || !at(v).depends) continue;
      return bad(
          "the elements of {} were read at {}, and they depend on an input: what the program did with them "
          "is not part of the model; pass .ignore_reads = true if nothing of the model hangs on them",
          describe(r.tensor), format_location(r.where));
    }
    return absl::OkStatus();
  }

  // The number in the file of an operand.
  Id id_of(int v, const OpCall& call) {
    Value& value = at(v);
    if (value.id != kNone) return value.id;
    if (value.kind == Value::Kind::constant) {
      value.id = file_.constant(value.tensor, &call);
    } else {
      value.id = file_.new_value();
      if (value.kind == Value::Kind::initializer) initializers_.push_back(v);
    }
    return value.id;
  }

  absl::Status write_calls() {
    for (const int v : given_) {
      if (at(v).kind == Value::Kind::input) at(v).id = file_.new_value();
    }
    for (std::size_t i = 0; i < needed_.size(); ++i) {
      if (!needed_[i]) continue;
      const OpCall& call = trace_.calls()[i];
      if (call.op == nullptr || is_same_array(call)) {
        const Value& from = at(operands_[i][0]);
        if (from.tensor.dtype() != call.outputs[0].dtype()) {
          return absl::UnimplementedError(
              fmt::format("onnx::save: copy_() at {} from {} into {}: only copies of the same dtype are "
                          "written; convert with astype()",
                          format_location(call.where), describe(from.tensor), describe(call.outputs[0])));
        }
        at(results_[i][0]).id = id_of(operands_[i][0], call);
        continue;
      }
      if (absl::Status s = write_call(i); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status write_call(std::size_t i) {
    const OpCall& call = trace_.calls()[i];
    const auto refused = [&](std::string_view why) {
      return absl::UnimplementedError(fmt::format("onnx::save: {}: {}", place(call), why));
    };
    if (!is_library_op(call.op))
      return refused("it is an op of the program's own; compose it of gradus's ops");
    const OpWriter* writer = find_writer(call.op->name);
    if (writer == nullptr) return refused(why_not_written(call.op->name));
    std::vector<Id> in;
    std::vector<bool> open, wanted;
    for (const int v : operands_[i]) {
      in.push_back(id_of(v, call));
      open.push_back(at(v).kind == Value::Kind::result || at(v).kind == Value::Kind::input);
    }
    std::vector<std::vector<const OpCall*>> readers;
    for (const int v : results_[i]) {
      readers.push_back(at(v).readers);
      wanted.push_back(!at(v).readers.empty());
    }
    try {
      Emit emit(file_, call, std::move(in), writer->moves);
      emit.set_open(std::move(open));
      emit.set_wanted(std::move(wanted));
      emit.set_readers(std::move(readers));
      writer->write(emit);
      for (std::size_t k = 0; k < results_[i].size(); ++k) {
        Value& v = at(results_[i][k]);
        if (v.kind == Value::Kind::input || v.readers.empty()) continue;
        v.id = emit.results()[k];
        if (v.id == kNone) return refused(fmt::format("its output {} has no counterpart", k));
      }
    } catch (const Refused& e) {
      return refused(e.what());
    }
    return absl::OkStatus();
  }

  // A free name like `wanted`.
  std::string unique(std::string wanted) {
    if (taken_.insert(wanted).second) return wanted;
    for (int n = 1;; ++n) {
      std::string other = fmt::format("{}_{}", wanted, n);
      if (taken_.insert(other).second) return other;
    }
  }

  absl::Status choose_names() {
    names_.resize(static_cast<std::size_t>(file_.values));
    const auto name_of = [&](Id id) -> std::string& { return names_[static_cast<std::size_t>(id)]; };
    for (const int v : given_) {
      if (at(v).id != kNone) name_of(at(v).id) = at(v).name;
    }
    // Outputs come before other names, for theirs are the caller's.
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const Value& v = at(output_values_[i]);
      std::string name = outputs_[i].name;
      if (name.empty()) name = std::string(outputs_[i].tensor.name());
      const bool is_given = !name.empty();
      if (!is_given) name = fmt::format("output_{}", i);
      if (is_given ? !taken_.insert(name).second : false) {
        return bad("output \"{}\": the name is taken", name);
      }
      if (!is_given) name = unique(name);
      // A value with a name already: an input, or an output twice. Constants' names are given below.
      const bool is_plain = v.kind == Value::Kind::result && name_of(v.id).empty() && !is_leaf(v.id);
      output_ids_.push_back(is_plain ? v.id : file_.add("Identity", {v.id}, {}, 1, nullptr)[0]);
      names_.resize(static_cast<std::size_t>(file_.values));
      name_of(output_ids_.back()) = name;
    }
    for (const int v : initializers_) {
      if (!name_of(at(v).id).empty()) continue;
      name_of(at(v).id) = unique(at(v).name.empty() ? "parameter" : at(v).name);
    }
    for (const Value& v : values_) {
      if (v.kind == Value::Kind::result && v.id != kNone && !v.name.empty() && name_of(v.id).empty()) {
        name_of(v.id) = unique(v.name);
      }
    }
    for (const FileNode& n : file_.nodes) {
      for (const Id id : n.outputs) {
        if (!name_of(id).empty()) continue;
        name_of(id) = unique(
            n.op == "Constant"
                ? "constant"
                : fmt::format("{}_{}", n.call != nullptr && n.call->op != nullptr ? n.call->op->name : n.op,
                              id));
      }
    }
    return absl::OkStatus();
  }

  // True for the value of an initializer, constant or input.
  bool is_leaf(Id id) {
    for (const int v : initializers_) {
      if (at(v).id == id) return true;
    }
    for (const FileNode& n : file_.nodes) {
      if (n.op == "Constant" && n.outputs[0] == id) return true;
    }
    return false;
  }

  static void set_type(pb::ValueInfoProto& info, const Tensor& t) {
    auto* type = info.mutable_type()->mutable_tensor_type();
    type->set_elem_type(static_cast<int>(element_type(t.dtype())));
    auto* shape = type->mutable_shape();
    for (const std::int64_t d : t.shape()) shape->add_dim()->set_dim_value(d);
  }

  static void set_attribute(pb::AttributeProto& p, const Attribute& a) {
    p.set_name(a.name);
    switch (a.kind) {
      case AttributeKind::whole:
        p.set_type(pb::AttributeProto::INT);
        p.set_i(a.whole);
        break;
      case AttributeKind::real:
        p.set_type(pb::AttributeProto::FLOAT);
        p.set_f(static_cast<float>(a.real));
        break;
      case AttributeKind::text:
        p.set_type(pb::AttributeProto::STRING);
        p.set_s(a.text);
        break;
      case AttributeKind::wholes:
        p.set_type(pb::AttributeProto::INTS);
        for (const std::int64_t v : a.wholes) p.add_ints(v);
        break;
      case AttributeKind::texts:
        p.set_type(pb::AttributeProto::STRINGS);
        for (const std::string& v : a.texts) p.add_strings(v);
        break;
      case AttributeKind::tensor:
        p.set_type(pb::AttributeProto::TENSOR);
        encode_tensor(a.tensor.tensor, *p.mutable_t());
        break;
      case AttributeKind::reals:
      case AttributeKind::other:
        break;
    }
  }

  absl::StatusOr<std::string> bytes() {
    pb::ModelProto model;
    model.set_ir_version(kIrVersion);
    model.set_producer_name("gradus");
    model.set_producer_version(fmt::format("{}.{}", kVersionMajor, kVersionMinor));
    auto* opset = model.add_opset_import();
    opset->set_domain("");
    opset->set_version(kOpset);
    pb::GraphProto& graph = *model.mutable_graph();
    graph.set_name(options_.name.empty() ? "gradus" : options_.name);
    std::unordered_map<std::string, int> counts;
    for (const FileNode& n : file_.nodes) {
      pb::NodeProto& p = *graph.add_node();
      p.set_op_type(n.op);
      p.set_name(fmt::format("{}_{}", n.op, counts[n.op]++));
      if (n.call != nullptr && n.op != "Constant") p.set_doc_string(node_doc(*n.call));
      for (const Id id : n.inputs) p.add_input(id == kNone ? "" : name(id));
      for (const Id id : n.outputs) p.add_output(name(id));
      for (const Attribute& a : n.attributes) set_attribute(*p.add_attribute(), a);
    }
    for (const int v : given_) {
      if (at(v).kind != Value::Kind::input) continue;
      auto* info = graph.add_input();
      info->set_name(at(v).name);
      set_type(*info, at(v).tensor);
    }
    for (std::size_t i = 0; i < output_ids_.size(); ++i) {
      auto* info = graph.add_output();
      info->set_name(name(output_ids_[i]));
      set_type(*info, at(output_values_[i]).tensor);
    }
    for (const int v : initializers_) {
      pb::TensorProto& p = *graph.add_initializer();
      encode_tensor(at(v).tensor, p);
      p.set_name(name(at(v).id));
    }
    if (model.ByteSizeLong() > INT32_MAX) {
      return absl::ResourceExhaustedError(fmt::format(
          "onnx::save: the model has {} bytes; protobuf writes less than 2 GiB", model.ByteSizeLong()));
    }
    return to_bytes(model);
  }

  static std::string node_doc(const OpCall& call) {
    if (call.op == nullptr) return "";
    return fmt::format("{} {}", call.op->name, format_location(call.where));
  }

  const std::string& name(Id id) const { return names_[static_cast<std::size_t>(id)]; }

  const Trace& trace_;
  const NamedTensors& outputs_;
  const SaveOptions& options_;

  std::vector<Value> values_;
  std::unordered_map<const TensorImpl*, int> by_tensor_;
  std::unordered_map<std::string, int> by_memory_;
  std::vector<Tensor> held_;
  std::unordered_map<const Storage*, std::vector<Range>> open_memory_;  // of what depends on inputs
  std::unordered_set<int> unknown_;                                     // constants that show such memory
  std::vector<int> given_;
  std::vector<std::vector<int>> operands_, results_;  // by call
  std::vector<bool> needed_;
  std::vector<int> output_values_;
  std::vector<int> initializers_;
  FileGraph file_;
  std::unordered_set<std::string> taken_;
  std::vector<std::string> names_;  // by Id
  std::vector<Id> output_ids_;
};

}  // namespace

absl::StatusOr<std::string> serialize(const Trace& trace, const NamedTensors& outputs,
                                      const SaveOptions& options) {
  return Saver(trace, outputs, options).save();
}

absl::Status save(const std::string& path, const Trace& trace, const NamedTensors& outputs,
                  const SaveOptions& options) {
  const absl::StatusOr<std::string> content = serialize(trace, outputs, options);
  if (!content.ok()) return content.status();
  return write_file(path, *content);
}

absl::Status save_tensor(const std::string& path, const NamedTensor& tensor) {
  if (!tensor.tensor.defined()) return absl::InvalidArgumentError(fmt::format("{}: an empty handle", path));
  pb::TensorProto p;
  encode_tensor(tensor.tensor, p);
  p.set_name(tensor.name);
  if (p.ByteSizeLong() > INT32_MAX) {
    return absl::ResourceExhaustedError(
        fmt::format("{}: the tensor has {} bytes; protobuf writes less than 2 GiB", path, p.ByteSizeLong()));
  }
  return write_file(path, to_bytes(p));
}

}  // namespace gradus::onnx
