// Profile: how long each op and each derivative took, what it read and wrote, how much it computed; on
// request also what the values and gradients were like. It collects while it lives and costs a few hundred
// nanoseconds an op. See docs/profiling.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/graph/observer.h"
#include "gradus/graph/statistics.h"

namespace gradus {

struct ProfileOptions {
  // Also look at the elements of every result and every gradient.
  bool statistics = false;
};

struct ProfiledTensor {
  Shape shape;
  DType dtype = DType::f32;
  std::string name;  // "" where it has none
};

// One call of an op, one derivative, or one backward.
struct ProfiledCall {
  enum class Kind : std::uint8_t {
    forward,  // the program applied the op
    rule,     // a walk ran the derivative of the op; the calls inside follow it
    in_rule,  // a derivative applied it
    walk,     // a whole backward; `op` is null, what it ran follows
  };
  const OpDef* op = nullptr;
  Kind kind = Kind::forward;
  Location where;
  // The node that the op recorded, or whose derivative it belongs to; 0: nothing was recorded.
  std::uint64_t sequence = 0;
  std::uint64_t thread = 0;
  std::int64_t start_ns = 0;  // from the profile's begin
  std::int64_t duration_ns = 0;
  std::int64_t bytes = 0;  // read and written; views: none; of a rule: of the calls inside
  double flops = 0;        // estimated from the shapes (graph/flops.h); of a rule: of the calls inside
  std::vector<ProfiledTensor> inputs, outputs;  // a rule has none
  // With ProfileOptions::statistics: of the first output; of a rule: of the cotangent of the first output.
  Statistics statistics = {};
};

// A leaf that requires a gradient. The statistics are of the last time.
struct ProfiledLeaf {
  std::string name;
  Statistics value, gradient;
};

// { gd::Profile profile; loss = model(x); loss.backward(); ... }  belongs to the thread that made it.
class [[nodiscard]] Profile : Observer {
 public:
  explicit Profile(ProfileOptions options = {});

  // In the order in which they began.
  const std::vector<ProfiledCall>& calls() const { return calls_; }
  // With ProfileOptions::statistics: the leaves with a name.
  const std::vector<ProfiledLeaf>& leaves() const { return leaves_; }
  std::int64_t now_ns() const;
  // Forgets what it has collected; times go on from the same begin.
  void clear();

 private:
  struct Walk {
    std::size_t call;   // its place in calls_
    std::size_t rules;  // how many rules ran around it
  };
  void before_op(const ObservedOp& call) override;
  void after_op(const ObservedOp& call, std::span<const Tensor> outs) override;
  void begin_walk(Location walk) override;
  void end_walk(Location walk) override;
  void before_rule(Node& node, Location walk) override;
  void after_rule(Node& node, std::span<const Tensor> gradients, Location walk) override;
  void leaf_gradient(const Tensor& leaf, const Tensor& gradient, Location walk) override;
  ProfiledCall& begin_call(ProfiledCall::Kind kind, const OpDef* op, Location where);
  ProfiledLeaf& leaf(std::string_view name);

  ProfileOptions options_;
  std::int64_t begin_;
  bool in_op_ = false;  // an op has begun and not ended: it runs, or it threw
  std::int64_t op_begin_ = 0;
  std::uint64_t thread_;
  std::vector<ProfiledCall> calls_;
  std::vector<ProfiledLeaf> leaves_;
  std::vector<std::size_t> rules_;  // places in calls_ of those that run
  std::vector<Walk> walks_;
};

struct GraphSnapshot;

// Writes times and statistics of the profile into the nodes that it saw being recorded, and into leaves by
// their names. A node that several walks went through has the sum of their times.
void add_measurements(GraphSnapshot& graph, const Profile& profile);

// Calls that are alike, summed: of one op, of one module.
struct ProfileRow {
  std::string name;
  std::int64_t calls = 0;  // of the op, in the program
  std::int64_t forward_ns = 0, backward_ns = 0;
  double forward_flops = 0, backward_flops = 0;
  std::int64_t forward_bytes = 0, backward_bytes = 0;
};

// One row a name, longest time first. `name_of` tells a call's row; calls inside of derivatives count through
// their rule. name_of(const ProfiledCall&) gives something that a std::string is made from.
std::vector<ProfileRow> sorted_by_time(std::vector<ProfileRow> rows);
template <class NameOf>
std::vector<ProfileRow> sum_calls(std::span<const ProfiledCall> calls, NameOf name_of) {
  std::vector<ProfileRow> rows;
  for (const ProfiledCall& c : calls) {
    if (c.kind != ProfiledCall::Kind::forward && c.kind != ProfiledCall::Kind::rule) continue;
    const std::string name(name_of(c));
    ProfileRow* row = nullptr;
    for (ProfileRow& r : rows) {
      if (r.name == name) row = &r;
    }
    if (row == nullptr) {
      row = &rows.emplace_back();
      row->name = name;
    }
    const bool forward = c.kind == ProfiledCall::Kind::forward;
    row->calls += forward ? 1 : 0;
    (forward ? row->forward_ns : row->backward_ns) += c.duration_ns;
    (forward ? row->forward_flops : row->backward_flops) += c.flops;
    (forward ? row->forward_bytes : row->backward_bytes) += c.bytes;
  }
  return sorted_by_time(std::move(rows));
}

}  // namespace gradus
