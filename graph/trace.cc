#include "gradus/graph/trace.h"

#include <utility>

#include "gradus/base/format.h"
#include "gradus/graph/apply.h"
#include "gradus/graph/observer.h"

namespace gradus {

namespace graph_internal {
thread_local constinit Trace* trace = nullptr;
}  // namespace graph_internal

using graph_internal::trace;

Trace::Trace(Location where) {
  if (trace != nullptr) {
    throw_error<GraphError>(where, "Trace", "this thread has one already; stop() it first");
  }
  trace = this;
  graph_internal::set_watched(true);
}

Trace::~Trace() { stop(); }

void Trace::stop() {
  if (trace != this) return;
  trace = nullptr;
  graph_internal::set_watched(true);
}

void Trace::add_copy(const Tensor& from, const Tensor& to, Location where) {
  calls_.push_back(
      {nullptr, where, {from}, {to}, {from.impl()->storage->version}, {to.impl()->storage->version}, {}});
}

void Trace::add_read(const Tensor& t, Location where) { reads_.push_back({t, where}); }

TracedCall::TracedCall(const OpDef& op, std::span<const Operand> in, const void* attrs, Location where)
    : trace_(std::exchange(trace, nullptr)) {
  call_.op = &op;
  call_.where = where;
  call_.inputs.reserve(in.size());
  call_.input_versions.reserve(in.size());
  for (const Operand& o : in) {
    if (o.impl == nullptr) continue;  // the op refuses it
    call_.inputs.push_back(Tensor::share(o.impl));
    call_.input_versions.push_back(o.impl->storage->version);
  }
  if (!op.attrs.empty()) {
    const auto* bytes = static_cast<const std::byte*>(attrs);
    call_.attrs.assign(bytes, bytes + op.attrs[0].struct_bytes);
  }
}

TracedCall::~TracedCall() { trace = trace_; }

void TracedCall::finish(std::span<const Tensor> outs) {
  call_.outputs.assign(outs.begin(), outs.end());
  for (const Tensor& t : outs) call_.output_versions.push_back(t.impl()->storage->version);
  trace_->calls_.push_back(std::move(call_));
}

}  // namespace gradus
