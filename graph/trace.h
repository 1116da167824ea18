// Trace: every op that a thread applies while it lives, in order, with all operands: also what a recorded
// graph leaves out because no gradient needs it (constants, integers, ops without derivative). For writers of
// models. It works with recording on or off and keeps all these tensors alive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus {

struct OpDef;
struct Operand;

struct OpCall {
  const OpDef* op;  // nullptr: the elements of inputs[0] were copied, outside of any op
  Location where;
  std::vector<Tensor> inputs, outputs;
  // Of their storages: of inputs when they were read, of outputs when they were made.
  std::vector<std::uint32_t> input_versions, output_versions;
  std::vector<std::byte> attrs;  // the attribute struct
};

// Elements that the program looked at: item(), span() or to_vector().
struct HostRead {
  Tensor tensor;
  Location where;
};

// { gd::Trace trace; y = model(x); ... }  belongs to the thread that made it. One at a time: a second one is
// a GraphError.
class [[nodiscard]] Trace {
 public:
  explicit Trace(Location where = Location::current());
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  // Ends it before its life does; what it holds stays.
  void stop();

  std::span<const OpCall> calls() const { return calls_; }
  std::span<const HostRead> reads() const { return reads_; }

  // The thread's trace under way, or nullptr.
  static Trace* current();

  // What graph/ notes in it.
  void add_copy(const Tensor& from, const Tensor& to, Location where);
  void add_read(const Tensor& t, Location where);

 private:
  friend class TracedCall;
  std::vector<OpCall> calls_;
  std::vector<HostRead> reads_;
};

namespace graph_internal {
extern thread_local constinit Trace* trace;
}  // namespace graph_internal

inline Trace* Trace::current() { return graph_internal::trace; }

// One op under a trace. It holds the operands before the op runs, so that none lends its buffer, and nothing
// that the op does inside is noted.
class TracedCall {
 public:
  TracedCall(const OpDef& op, std::span<const Operand> in, const void* attrs, Location where);
  ~TracedCall();
  TracedCall(const TracedCall&) = delete;
  TracedCall& operator=(const TracedCall&) = delete;
  // The op has run.
  void finish(std::span<const Tensor> outs);

 private:
  Trace* trace_;
  OpCall call_;
};

}  // namespace gradus
