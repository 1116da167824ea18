#include "gradus/graph/module_path.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/node.h"
#include "gradus/graph/snapshot.h"

namespace gradus {
namespace {

thread_local constinit const char* innermost = nullptr;  // the path of the thread's scope

// Nodes keep a pointer, so paths live as long as the program. There are as many as there are modules.
const char* intern(std::string path) {
  static std::mutex mutex;
  static auto* paths = new std::unordered_set<std::string>;  // never destroyed: nodes may outlive statics
  const std::lock_guard lock(mutex);
  return paths->insert(std::move(path)).first->c_str();
}

using Path = std::string_view;

Path parent(Path p) {
  const std::size_t dot = p.rfind('.');
  return dot == Path::npos ? Path() : p.substr(0, dot);
}

std::size_t depth(Path p) {
  return p.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(p.begin(), p.end(), '.'));
}

// The longest path that both begin with.
Path common(Path a, Path b) {
  std::size_t end = 0;
  for (std::size_t i = 0;; ++i) {
    const bool a_ends = i == a.size() || a[i] == '.';
    const bool b_ends = i == b.size() || b[i] == '.';
    if (a_ends && b_ends) end = i;
    if (i == a.size() || i == b.size() || a[i] != b[i]) return a.substr(0, end);
  }
}

bool lies_in(Path p, Path module) {
  return module.empty() || (p.starts_with(module) && (p.size() == module.size() || p[module.size()] == '.'));
}

bool is_numbered(Path p) { return !p.empty() && p.back() >= '0' && p.back() <= '9'; }

// An op of one element from each operand's element at its place: it stays with what computed its operand. The
// snapshot has no flags, and what else computes has another rank or size.
bool keeps_shape(const GraphSnapshot& g, const GraphSnapshot::Node& n) {
  return std::all_of(n.inputs.begin(), n.inputs.end(), [&](const GraphSnapshot::Input& i) {
    return i.node < 0 || g.nodes[static_cast<std::size_t>(i.node)].is_leaf() ||
           g.value(i).shape == n.outputs[0].shape;
  });
}

class Inference {
 public:
  explicit Inference(GraphSnapshot& g) : g_(g), own_(g.nodes.size()), next_(g.nodes.size(), kNone) {}

  void run() {
    for (std::size_t i = 0; i < size(); ++i) {
      if (!node(i).is_leaf()) own_[i] = find_own(node(i));
      if (own_[i].has_value()) {
        for (Path p = parent(*own_[i]); !p.empty(); p = parent(p)) inner_.insert(std::string(p));
      }
    }
    if (std::none_of(own_.begin(), own_.end(), [](const auto& o) { return o.has_value() && !o->empty(); }))
      return;
    find_next();
    for (std::size_t i = 0; i < size(); ++i) {
      if (node(i).is_leaf()) continue;
      std::string path = own_[i].has_value() ? *own_[i] : std::string(around(i));
      // Parameters may know it closer than the scope does.
      if (lies_in(path, node(i).module)) node(i).module = std::move(path);
    }
  }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::size_t size() const { return g_.nodes.size(); }
  GraphSnapshot::Node& node(std::size_t i) { return g_.nodes[i]; }

  // The module that owns the parameters (or else the buffers) that it reads.
  std::optional<std::string> find_own(const GraphSnapshot::Node& n) const {
    for (const auto kind : {GraphSnapshot::Kind::kParameter, GraphSnapshot::Kind::kInput}) {
      std::optional<Path> path;
      for (const GraphSnapshot::Input& i : n.inputs) {
        if (i.node < 0 || g_.nodes[static_cast<std::size_t>(i.node)].kind != kind) continue;
        const std::string& name = g_.value(i).name;
        const bool owned =
            kind == GraphSnapshot::Kind::kParameter ? !name.empty() : name.find('.') != std::string::npos;
        if (!owned) continue;
        path = path.has_value() ? common(*path, parent(name)) : parent(name);
      }
      if (path.has_value()) return std::string(*path);
    }
    return std::nullopt;
  }

  // The first op with a module of its own that is met on the way to the results.
  void find_next() {
    for (std::size_t c = size(); c-- > 0;) {
      const std::size_t candidate = own_[c].has_value() ? c : next_[c];
      if (candidate == kNone) continue;
      for (const GraphSnapshot::Input& i : node(c).inputs) {
        if (i.node < 0) continue;
        std::size_t& n = next_[static_cast<std::size_t>(i.node)];
        n = std::min(n, candidate);
      }
    }
  }

  // A module without modules in it holds its own op and no more: what follows belongs to the one around it.
  Path lifted(std::size_t i) {
    const Path p = node(i).module;
    return own_[i].has_value() && !inner_.contains(std::string(p)) ? parent(p) : p;
  }

  Path around(std::size_t i) {
    std::vector<std::size_t> from;
    for (const GraphSnapshot::Input& in : node(i).inputs) {
      if (in.node < 0 || node(static_cast<std::size_t>(in.node)).is_leaf()) continue;
      const auto f = static_cast<std::size_t>(in.node);
      if (std::find(from.begin(), from.end(), f) == from.end()) from.push_back(f);
      if (from.size() == kManyOperands) break;
    }
    if (from.empty()) return {};
    const bool goes_along = node(i).kind == GraphSnapshot::Kind::kView || keeps_shape(g_, node(i));
    if (from.size() == 1 && goes_along) return lifted(from[0]);

    const Path next = next_[i] == kNone ? Path() : Path(*own_[next_[i]]);
    Path best;
    const auto consider = [&best](Path p) {
      if (depth(p) > depth(best)) best = p;
    };
    for (std::size_t a = 0; a < from.size(); ++a) {
      consider(common(node(from[a]).module, next));
      for (std::size_t b = a + 1; b < from.size(); ++b)
        consider(common(node(from[a]).module, node(from[b]).module));
    }
    if (from.size() == 2 && goes_along) consider(residual(from[0], from[1], depth(best)));
    return best;
  }

  // x + f(x) at the end of a block f of a list of blocks: it is part of the block that x enters. Without this
  // it would lie between two blocks.
  Path residual(std::size_t a, std::size_t b, std::size_t deeper_than) {
    for (const auto& [inside, entering] : {std::pair(a, b), std::pair(b, a)}) {
      for (Path p = lifted(inside); depth(p) > deeper_than; p = parent(p)) {
        if (!is_numbered(p) || lies_in(lifted(entering), p)) continue;
        const std::size_t first = next_[entering];
        if (first != kNone && lies_in(*own_[first], p)) return p;
      }
    }
    return {};
  }

  static constexpr std::size_t kManyOperands = 16;

  GraphSnapshot& g_;
  std::vector<std::optional<std::string>> own_;
  std::vector<std::size_t> next_;
  std::unordered_set<std::string> inner_;
};

}  // namespace

ModuleScope::ModuleScope(std::string_view name, Location where) : before_(innermost) {
  if (name.empty()) throw_error<ValueError>(where, "ModuleScope", "the name is empty");
  path_ = intern(before_ == nullptr ? std::string(name) : fmt::format("{}.{}", before_, name));
  innermost = path_;
}

ModuleScope::~ModuleScope() { innermost = before_; }

void ModuleScope::after_op(const ObservedOp& call, std::span<const Tensor> outs) {
  // Those around see it too. What a rule records belongs to the op whose derivative it is.
  if (path_ != innermost || call.in_rule) return;
  for (const Tensor& t : outs) {
    Node* node = t.impl()->node;
    if (node == nullptr) continue;
    if (node->extras == nullptr) node->extras = new NodeExtras;
    node->extras->module = path_;
  }
}

void infer_modules(GraphSnapshot& graph) { Inference(graph).run(); }

}  // namespace gradus
