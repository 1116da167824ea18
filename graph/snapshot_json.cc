// Written by hand: a graph of 100,000 nodes is a text of tens of megabytes, and a tree of JSON values of it
// takes ten times that.
#include <cmath>
#include <iterator>
#include <utility>

#include "gradus/base/format.h"
#include "gradus/graph/json_text.h"
#include "gradus/graph/snapshot.h"

namespace gradus {
namespace {

using Snap = GraphSnapshot;

class Writer {
 public:
  explicit Writer(const Snap& g) : g_(g) { out_.reserve(256 + 200 * g.nodes.size()); }

  std::string write() {
    out_ += "{\"format\": \"gradus graph\", \"version\": 1";
    if (!g_.title.empty()) text("title", g_.title);
    if (g_.saved_bytes != 0) integer("saved_bytes", g_.saved_bytes);
    out_ += ", \"nodes\": [";
    bool first = true;
    for (const Snap::Node& n : g_.nodes) {
      out_ += first ? "\n" : ",\n";
      first = false;
      node(n);
    }
    out_ += "\n]}\n";
    return std::move(out_);
  }

 private:
  void node(const Snap::Node& n) {
    static constexpr const char* kKinds[] = {"op", "view", "parameter", "input", "constant"};
    out_ += "{\"kind\": \"";
    out_ += kKinds[static_cast<int>(n.kind)];
    out_ += '"';
    if (n.pass == Snap::Pass::kBackward) out_ += ", \"pass\": \"backward\"";
    if (!n.op.empty()) text("op", n.op);
    if (!n.attributes.empty()) attributes(n);
    if (!n.inputs.empty()) inputs(n);
    outputs(n);
    if (!n.module.empty()) text("module", n.module);
    if (!n.where.empty()) text("where", n.where);
    if (n.saved_bytes != 0) integer("saved_bytes", n.saved_bytes);
    if (n.flops != 0) real("flops", n.flops);
    if (n.is_root) out_ += ", \"root\": true";
    if (n.released) out_ += ", \"released\": true";
    if (n.forward_ns) integer("forward_ns", *n.forward_ns);
    if (n.backward_ns) integer("backward_ns", *n.backward_ns);
    if (n.value) statistics("value", *n.value);
    if (n.gradient) statistics("gradient", *n.gradient);
    out_ += '}';
  }

  void attributes(const Snap::Node& n) {
    out_ += ", \"attributes\": [";
    for (std::size_t i = 0; i < n.attributes.size(); ++i) {
      const Snap::Attribute& a = n.attributes[i];
      out_ += i == 0 ? "{\"name\": " : ", {\"name\": ";
      string(a.name);
      switch (a.type) {
        case AttrType::i64:
          out_ += ", \"type\": \"i64\"";
          integer("value", a.integer);
          break;
        case AttrType::f64:
          out_ += ", \"type\": \"f64\"";
          real("value", a.real);
          break;
        case AttrType::boolean:
          out_ += ", \"type\": \"bool\", \"value\": ";
          out_ += a.integer != 0 ? "true" : "false";
          break;
        case AttrType::shape:
        case AttrType::dims:
          out_ += a.type == AttrType::shape ? ", \"type\": \"shape\"" : ", \"type\": \"dims\"";
          out_ += ", \"value\": ";
          list(a.list);
          break;
        case AttrType::dtype:
          out_ += ", \"type\": \"dtype\"";
          text("value", a.text);
          break;
        case AttrType::cstring:
          out_ += ", \"type\": \"string\"";
          text("value", a.text);
          break;
      }
      out_ += '}';
    }
    out_ += ']';
  }

  void inputs(const Snap::Node& n) {
    out_ += ", \"inputs\": [";
    for (std::size_t i = 0; i < n.inputs.size(); ++i) {
      const Snap::Input& in = n.inputs[i];
      if (i > 0) out_ += ", ";
      if (in.node < 0) {
        out_ += "null";
        continue;
      }
      out_ += '[';
      out_ += fmt::format_int(in.node).c_str();
      out_ += ", ";
      out_ += fmt::format_int(in.output).c_str();
      out_ += in.indirect ? ", true]" : "]";
    }
    out_ += ']';
  }

  void outputs(const Snap::Node& n) {
    out_ += ", \"outputs\": [";
    for (std::size_t i = 0; i < n.outputs.size(); ++i) {
      const Snap::Value& v = n.outputs[i];
      out_ += i == 0 ? "{\"shape\": " : ", {\"shape\": ";
      list(v.shape);
      out_ += ", \"dtype\": \"";
      out_ += name(v.dtype);
      out_ += '"';
      if (!v.name.empty()) text("name", v.name);
      out_ += '}';
    }
    out_ += ']';
  }

  void statistics(const char* key, const Snap::Statistics& s) {
    out_ += ", \"";
    out_ += key;
    out_ += "\": {\"nan\": ";
    out_ += fmt::format_int(s.nan).c_str();
    integer("inf", s.inf);
    real("min", s.min);
    real("max", s.max);
    real("mean", s.mean);
    real("norm", s.norm);
    out_ += '}';
  }

  template <class List>
  void list(const List& values) {
    out_ += '[';
    bool first = true;
    for (const std::int64_t v : values) {
      if (!first) out_ += ", ";
      first = false;
      out_ += fmt::format_int(v).c_str();
    }
    out_ += ']';
  }

  void key(const char* name) {
    out_ += ", \"";
    out_ += name;
    out_ += "\": ";
  }
  void text(const char* name, std::string_view value) {
    key(name);
    string(value);
  }
  void integer(const char* name, std::int64_t value) {
    key(name);
    out_ += fmt::format_int(value).c_str();
  }
  void real(const char* name, double value) {
    key(name);
    if (std::isnan(value)) {
      out_ += "\"nan\"";
    } else if (std::isinf(value)) {
      out_ += value > 0 ? "\"inf\"" : "\"-inf\"";
    } else {
      fmt::format_to(std::back_inserter(out_), "{}", value);
    }
  }

  void string(std::string_view s) { append_json_text(out_, s); }

  const Snap& g_;
  std::string out_;
};

}  // namespace

std::string to_json(const GraphSnapshot& graph) { return Writer(graph).write(); }

}  // namespace gradus
