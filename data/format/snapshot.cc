#include "gradus/data/format/snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "gradus/base/file.h"

namespace gradus {
namespace {

using Json = nlohmann::json;
using Snap = GraphSnapshot;

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMaxNodes = std::size_t{1} << 28;

// What is wrong with the text; ends the reading.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Reader {
 public:
  Snap read(const Json& root) {
    if (!root.is_object() || !root.contains("format") || root["format"] != "gradus graph")
      throw Fault("this is no snapshot of a graph: \"format\" is not \"gradus graph\"");
    place_ = "the head";
    const std::int64_t version = integer(root, "version", -1);
    if (version != kVersion) {
      throw Fault(fmt::format("it is of version {}, this program reads version {}",
                              version < 0 ? "none" : std::to_string(version), kVersion));
    }
    graph_.title = text(root, "title");
    graph_.saved_bytes = integer(root, "saved_bytes", 0);
    const Json& nodes = member(root, "nodes", &Json::is_array, "an array");
    if (nodes.size() > kMaxNodes) throw Fault("too many nodes");
    graph_.nodes.reserve(nodes.size());
    for (const Json& n : nodes) node(n);
    return std::move(graph_);
  }

 private:
  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> what, Args&&... args) const {
    throw Fault(fmt::format("{}: {}", place_, fmt::format(what, std::forward<Args>(args)...)));
  }

  const Json* find(const Json& in, const char* key) const {
    const auto it = in.find(key);
    return it == in.end() ? nullptr : &*it;
  }
  const Json& member(const Json& in, const char* key, bool (Json::*is)() const noexcept,
                     const char* what) const {
    const Json* j = find(in, key);
    if (j == nullptr) fail("\"{}\" is missing", key);
    if (!(j->*is)()) fail("\"{}\" is not {}", key, what);
    return *j;
  }
  std::string text(const Json& in, const char* key) const {
    const Json* j = find(in, key);
    if (j == nullptr) return "";
    if (!j->is_string()) fail("\"{}\" is not a string", key);
    return j->get<std::string>();
  }
  std::int64_t whole(const Json& j, const char* key) const {
    if (!j.is_number_integer() ||
        (j.is_number_unsigned() &&
         j.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))) {
      fail("\"{}\" holds {}, which is not a whole number of 64 bits", key, j.dump());
    }
    return j.get<std::int64_t>();
  }
  std::int64_t integer(const Json& in, const char* key, std::int64_t otherwise) const {
    const Json* j = find(in, key);
    return j == nullptr ? otherwise : whole(*j, key);
  }
  std::int64_t not_negative(const Json& in, const char* key) const {
    const std::int64_t v = integer(in, key, 0);
    if (v < 0) fail("\"{}\" is {}", key, v);
    return v;
  }
  double real(const Json& j, const char* key) const {
    if (j.is_number()) return j.get<double>();
    if (j == "nan") return std::numeric_limits<double>::quiet_NaN();
    if (j == "inf") return std::numeric_limits<double>::infinity();
    if (j == "-inf") return -std::numeric_limits<double>::infinity();
    fail("\"{}\" is not a number", key);
  }
  double real(const Json& in, const char* key, double otherwise) const {
    const Json* j = find(in, key);
    return j == nullptr ? otherwise : real(*j, key);
  }
  bool boolean(const Json& in, const char* key) const {
    const Json* j = find(in, key);
    if (j == nullptr) return false;
    if (!j->is_boolean()) fail("\"{}\" is neither true nor false", key);
    return j->get<bool>();
  }
  template <class E, std::size_t n>
  E choice(const Json& in, const char* key, const char* const (&words)[n], E otherwise) const {
    const Json* j = find(in, key);
    if (j == nullptr) return otherwise;
    for (std::size_t i = 0; i < n; ++i) {
      if (*j == words[i]) return static_cast<E>(i);
    }
    fail("\"{}\" is {}; known: {}", key, j->dump(), fmt::join(words, words + n, ", "));
  }
  DType dtype(const Json& in, const char* key) const {
    const std::string word = text(in, key);
    for (int i = 0; i < kDTypeCount; ++i) {
      if (word == kDTypeInfo[i].name) return static_cast<DType>(i);
    }
    fail("\"{}\" is \"{}\", which is no dtype", key, word);
  }
  std::vector<std::int64_t> list(const Json& in, const char* key, std::size_t most) const {
    const Json& j = member(in, key, &Json::is_array, "an array");
    if (j.size() > most) fail("\"{}\" has {} items, more than {}", key, j.size(), most);
    std::vector<std::int64_t> out;
    out.reserve(j.size());
    for (const Json& v : j) out.push_back(whole(v, key));
    return out;
  }

  void node(const Json& j) {
    const std::size_t number = graph_.nodes.size();
    place_ = fmt::format("node {}", number);
    if (!j.is_object()) fail("it is not an object");
    Snap::Node n;
    static constexpr const char* kKinds[] = {"op", "view", "parameter", "input", "constant"};
    static constexpr const char* kPasses[] = {"forward", "backward"};
    n.kind = choice(j, "kind", kKinds, Snap::Kind::kOp);
    n.pass = choice(j, "pass", kPasses, Snap::Pass::kForward);
    n.op = text(j, "op");
    if (n.is_leaf() && !n.op.empty()) fail("a leaf has an \"op\"");
    if (!n.is_leaf() && n.op.empty()) fail("\"op\" is missing");
    if (const Json* a = find(j, "attributes")) attributes(*a, n);
    if (const Json* in = find(j, "inputs")) inputs(*in, n);
    if (n.is_leaf() && !n.inputs.empty()) fail("a leaf has inputs");
    for (const Json& v : member(j, "outputs", &Json::is_array, "an array")) {
      if (!v.is_object()) fail("an output is not an object");
      const std::vector<std::int64_t> dims = list(v, "shape", kMaxRank);
      if (std::any_of(dims.begin(), dims.end(), [](std::int64_t d) { return d < 0; }))
        fail("a size is negative");
      n.outputs.push_back({Shape(std::span(dims)), dtype(v, "dtype"), text(v, "name")});
    }
    if (n.outputs.empty()) fail("it has no outputs");
    n.module = text(j, "module");
    n.where = text(j, "where");
    n.saved_bytes = not_negative(j, "saved_bytes");
    n.flops = real(j, "flops", 0);
    n.is_root = boolean(j, "root");
    n.released = boolean(j, "released");
    if (j.contains("forward_ns")) n.forward_ns = not_negative(j, "forward_ns");
    if (j.contains("backward_ns")) n.backward_ns = not_negative(j, "backward_ns");
    n.value = statistics(j, "value");
    n.gradient = statistics(j, "gradient");
    graph_.nodes.push_back(std::move(n));
  }

  void attributes(const Json& all, Snap::Node& n) {
    if (!all.is_array()) fail("\"attributes\" is not an array");
    static constexpr const char* kTypes[] = {"i64", "f64", "bool", "dtype", "shape", "dims", "string"};
    for (const Json& j : all) {
      if (!j.is_object()) fail("an attribute is not an object");
      Snap::Attribute a;
      a.name = text(j, "name");
      if (a.name.empty()) fail("an attribute has no name");
      if (!j.contains("type")) fail("attribute {} has no type", a.name);
      if (!j.contains("value")) fail("attribute {} has no value", a.name);
      a.type = choice(j, "type", kTypes, AttrType::cstring);
      switch (a.type) {
        case AttrType::i64:
          a.integer = integer(j, "value", 0);
          a.text = std::to_string(a.integer);
          break;
        case AttrType::f64:
          a.real = real(j, "value", 0);
          a.text = fmt::format("{}", a.real);
          break;
        case AttrType::boolean:
          a.integer = boolean(j, "value") ? 1 : 0;
          a.text = a.integer != 0 ? "true" : "false";
          break;
        case AttrType::shape:
        case AttrType::dims:
          a.list = list(j, "value", kMaxRank);
          a.text = fmt::format("{{{}}}", fmt::join(a.list, ", "));
          break;
        case AttrType::dtype:
          a.text = name(dtype(j, "value"));
          break;
        case AttrType::cstring:
          a.text = text(j, "value");
          break;
      }
      n.attributes.push_back(std::move(a));
    }
  }

  void inputs(const Json& all, Snap::Node& n) {
    if (!all.is_array()) fail("\"inputs\" is not an array");
    for (const Json& j : all) {
      Snap::Input& in = n.inputs.emplace_back();
      if (j.is_null()) continue;
      if (!j.is_array() || j.size() < 2 || j.size() > 3 || (j.size() == 3 && !j[2].is_boolean()))
        fail("input {} is {}, neither [node, output] nor null", n.inputs.size() - 1, j.dump());
      const std::int64_t from = whole(j[0], "inputs");
      const std::int64_t output = whole(j[1], "inputs");
      if (from < 0 || from >= static_cast<std::int64_t>(graph_.nodes.size()))
        fail("input {} is node {}, which does not lie before it", n.inputs.size() - 1, from);
      const std::size_t outputs = graph_.nodes[static_cast<std::size_t>(from)].outputs.size();
      if (output < 0 || output >= static_cast<std::int64_t>(outputs))
        fail("input {} is output {} of node {}, which has {}", n.inputs.size() - 1, output, from, outputs);
      in = {static_cast<int>(from), static_cast<int>(output), j.size() == 3 && j[2].get<bool>()};
    }
  }

  std::optional<Snap::Statistics> statistics(const Json& in, const char* key) const {
    const Json* j = find(in, key);
    if (j == nullptr) return std::nullopt;
    if (!j->is_object()) fail("\"{}\" is not an object", key);
    Snap::Statistics s;
    s.min = real(*j, "min", 0);
    s.max = real(*j, "max", 0);
    s.mean = real(*j, "mean", 0);
    s.norm = real(*j, "norm", 0);
    s.nan = not_negative(*j, "nan");
    s.inf = not_negative(*j, "inf");
    return s;
  }

  Snap graph_;
  std::string place_;
};

}  // namespace

absl::StatusOr<GraphSnapshot> parse_snapshot(std::string_view json) {
  try {
    return Reader().read(Json::parse(json));
  } catch (const Json::parse_error& e) {
    const std::size_t byte = std::min(e.byte, json.size());
    const std::string_view before = json.substr(0, byte);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t rest = json.find_first_not_of(" \t\r\n", byte);
    return absl::InvalidArgumentError(
        rest == std::string_view::npos
            ? fmt::format("line {}: the text is cut off", line)
            : fmt::format("line {}, byte {}: this is not JSON: {}", line, byte, e.what()));
  } catch (const Fault& e) {
    return absl::InvalidArgumentError(e.what());
  } catch (const Json::exception& e) {
    return absl::InvalidArgumentError(e.what());
  }
}

absl::StatusOr<GraphSnapshot> load_snapshot(const std::string& path) {
  const absl::StatusOr<std::string> content = read_file(path);
  if (!content.ok()) return content.status();
  absl::StatusOr<GraphSnapshot> graph = parse_snapshot(*content);
  if (!graph.ok())
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, std::string(graph.status().message())));
  return graph;
}

}  // namespace gradus
