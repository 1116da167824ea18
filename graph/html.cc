#include "gradus/graph/html.h"

#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/json_text.h"

namespace gradus {

namespace html_internal {
extern const char kPage[];  // generated from graph/html/
}  // namespace html_internal

namespace {

// Each text once, known by its place.
class Strings {
 public:
  Strings() { place(""); }
  std::size_t place(const std::string& s) {
    const auto [it, is_new] = places_.try_emplace(s, texts_.size());
    if (is_new) texts_.push_back(s);
    return it->second;
  }
  void append_to(std::string& out) const {
    out += '[';
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if (i > 0) out += ',';
      append_json_text(out, texts_[i]);
    }
    out += ']';
  }

 private:
  std::unordered_map<std::string, std::size_t> places_;
  std::vector<std::string> texts_;
};

std::string sizes(const Shape& shape) {
  if (shape.empty()) return "scalar";
  return fmt::format("{}", fmt::join(shape.begin(), shape.end(), " \u00D7 "));
}

void append_number(std::string& out, double x) {
  if (std::isfinite(x)) {
    fmt::format_to(std::back_inserter(out), "{}", x);
  } else {
    out += "null";
  }
}

void append(std::string& out, const std::optional<GraphSnapshot::Statistics>& s) {
  if (!s.has_value()) {
    out += ",0";
    return;
  }
  out += ",[";
  for (const double x : {s->min, s->max, s->mean, s->norm}) {
    append_number(out, x);
    out += ',';
  }
  fmt::format_to(std::back_inserter(out), "{},{}]", s->nan, s->inf);
}

// A parameter without a module of its own belongs where its name says.
std::string module_of(const GraphSnapshot::Node& n) {
  if (!n.module.empty() || n.kind != GraphSnapshot::Kind::kParameter) return n.module;
  const std::size_t dot = n.name().rfind('.');
  return dot == std::string::npos ? "" : n.name().substr(0, dot);
}

// A row that graph/html/page.js takes apart.
void append(std::string& out, const GraphSnapshot::Node& n, Strings& strings) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "[{},{},{},{},{},{},{},", static_cast<int>(n.kind), static_cast<int>(n.pass),
                 strings.place(n.op), strings.place(n.name()), strings.place(module_of(n)),
                 strings.place(n.where), n.saved_bytes);
  append_number(out, n.flops);
  fmt::format_to(to, ",{},{},{},{},[", n.forward_ns.value_or(-1), n.backward_ns.value_or(-1),
                 (n.is_root ? 1 : 0) + (n.released ? 2 : 0), strings.place(attributes_text(n)));
  for (std::size_t i = 0; i < n.inputs.size(); ++i) {
    fmt::format_to(to, "{}{},{}", i == 0 ? "" : ",", n.inputs[i].node, n.inputs[i].output);
  }
  out += "],[";
  for (std::size_t i = 0; i < n.outputs.size(); ++i) {
    const GraphSnapshot::Value& v = n.outputs[i];
    fmt::format_to(to, "{}{},{},{}", i == 0 ? "" : ",", strings.place(sizes(v.shape)),
                   strings.place(name(v.dtype)), strings.place(v.name));
  }
  out += ']';
  append(out, n.value);
  append(out, n.gradient);
  out += ']';
}

std::string escaped(std::string_view s) {
  std::string out;
  for (const char c : s) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string to_html(const GraphSnapshot& graph) {
  Strings strings;
  std::string rows;
  for (const GraphSnapshot::Node& n : graph.nodes) {
    if (!rows.empty()) rows += ",\n";
    append(rows, n, strings);
  }
  const std::string_view page = html_internal::kPage;
  const std::size_t title_at = page.find("@TITLE@");
  const std::size_t data_at = page.find("@DATA@");
  const std::string title = graph.title.empty() ? "graph" : graph.title;
  std::string out;
  out.reserve(page.size() + rows.size() + 4096);
  out += page.substr(0, title_at);
  out += escaped(title);
  out += page.substr(title_at + 7, data_at - title_at - 7);
  out += "{\"title\":";
  append_json_text(out, title);
  out += ",\"strings\":";
  strings.append_to(out);
  out += ",\"nodes\":[" + rows + "]}";
  out += page.substr(data_at + 6);
  return out;
}

}  // namespace gradus
