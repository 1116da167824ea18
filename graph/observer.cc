#include "gradus/graph/observer.h"

#include <utility>

#include "gradus/graph/trace.h"

namespace gradus {

namespace graph_internal {
thread_local constinit Observer* observers = nullptr;
thread_local constinit const void* watched = nullptr;

void set_watched(bool on) {
  watched = !on ? nullptr : observers != nullptr ? static_cast<const void*>(observers) : trace;
}
}  // namespace graph_internal

using graph_internal::observers;

Observer::Observer() : next_(observers) {
  observers = this;
  graph_internal::set_watched(true);
}

Observer::~Observer() {
  Observer** at = &observers;
  while (*at != nullptr && *at != this) at = &(*at)->next_;
  if (*at == this) *at = next_;
  graph_internal::set_watched(true);
}

void Observer::before_op(const ObservedOp&) {}
void Observer::after_op(const ObservedOp&, std::span<const Tensor>) {}
void Observer::begin_walk(Location) {}
void Observer::end_walk(Location) {}
void Observer::before_rule(Node&, Location) {}
void Observer::after_rule(Node&, std::span<const Tensor>, Location) {}
void Observer::leaf_gradient(const Tensor&, const Tensor&, Location) {}

namespace {

// What an observer computes with ops is no part of what it observes.
template <class F>
void each(F f) {
  struct Restore {
    const void* before = std::exchange(graph_internal::watched, nullptr);
    ~Restore() { graph_internal::watched = before; }
  } const restore;
  for (Observer* o = observers; o != nullptr;) o = f(*o);
}

}  // namespace

void Observers::before_op(const ObservedOp& call) {
  each([&](Observer& o) {
    o.before_op(call);
    return o.next_;
  });
}
void Observers::after_op(const ObservedOp& call, std::span<const Tensor> outs) {
  each([&](Observer& o) {
    o.after_op(call, outs);
    return o.next_;
  });
}
void Observers::begin_walk(Location walk) {
  each([&](Observer& o) {
    o.begin_walk(walk);
    return o.next_;
  });
}
void Observers::end_walk(Location walk) {
  each([&](Observer& o) {
    o.end_walk(walk);
    return o.next_;
  });
}
void Observers::before_rule(Node& node, Location walk) {
  each([&](Observer& o) {
    o.before_rule(node, walk);
    return o.next_;
  });
}
void Observers::after_rule(Node& node, std::span<const Tensor> gradients, Location walk) {
  each([&](Observer& o) {
    o.after_rule(node, gradients, walk);
    return o.next_;
  });
}
void Observers::leaf_gradient(const Tensor& leaf, const Tensor& gradient, Location walk) {
  each([&](Observer& o) {
    o.leaf_gradient(leaf, gradient, walk);
    return o.next_;
  });
}

}  // namespace gradus
