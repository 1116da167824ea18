// Observer: sees each op that its thread applies and each rule that its walks run, while it lives. The base
// of profiles (graph/profile.h) and of the guard against NaN (graph/anomaly.h). Without one nothing is called
// and no instruction is spent: apply() tests one flag for observers and traces, a walk chooses its loop at
// its start.
#pragma once

#include <cstdint>
#include <span>

#include "gradus/graph/tensor.h"

namespace gradus {

struct OpDef;
struct Operand;

// One call of apply().
struct ObservedOp {
  const OpDef* op;
  std::span<const Operand> in;
  const void* attrs;
  Location where;
  bool in_rule;  // a rule of a backward walk applies it
};

// Belongs to the thread that made it. Several may live at once; each sees everything. What an op applies
// inside of itself is not seen.
class Observer {
 public:
  Observer();
  virtual ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  // Around an op. An exception of the op's own skips after_op().
  virtual void before_op(const ObservedOp& call);
  virtual void after_op(const ObservedOp& call, std::span<const Tensor> outs);

  // Around a backward walk that was started at `walk`; end_walk() also comes where it failed.
  virtual void begin_walk(Location walk);
  virtual void end_walk(Location walk);

  // Around the rule of a node, in a walk: before it the cotangents of the outputs are
  // complete, in node.output_slots(). After it gradients[i] is what has arrived so far for input i, undefined
  // where nothing has.
  virtual void before_rule(Node& node, Location walk);
  virtual void after_rule(Node& node, std::span<const Tensor> gradients, Location walk);

  // A walk is at its end: the whole gradient of a leaf, before it is added to grad().
  virtual void leaf_gradient(const Tensor& leaf, const Tensor& gradient, Location walk);

 private:
  friend struct Observers;
  Observer* next_;
};

namespace graph_internal {
extern thread_local constinit Observer* observers;
// Not null while the thread has an observer or a trace and none of their ops runs. A pointer, because the
// compiler compares one in memory, and keeps a bool in a register that apply() is short of.
extern thread_local constinit const void* watched;
// Sets it to what there is, or to null.
void set_watched(bool on);
}  // namespace graph_internal

// What apply() and the engine call: each observer of the thread, the newest first.
struct Observers {
  static void before_op(const ObservedOp& call);
  static void after_op(const ObservedOp& call, std::span<const Tensor> outs);
  static void begin_walk(Location walk);
  static void end_walk(Location walk);
  static void before_rule(Node& node, Location walk);
  static void after_rule(Node& node, std::span<const Tensor> gradients, Location walk);
  static void leaf_gradient(const Tensor& leaf, const Tensor& gradient, Location walk);
};

}  // namespace gradus
