// Recording guards. Whether ops record is a property of the thread, on by default; a guard changes it for its
// own lifetime and puts it back.
#pragma once

#include <cstdint>

#include "gradus/base/location.h"

namespace gradus {

namespace graph_internal {

struct ThreadState {
  bool recording = true;
  bool in_rule = false;
  Location rule_where;  // call site of the node whose rule runs: what the rule records is said to be there
  std::uint64_t sequence = 0;  // Lamport clock of the nodes recorded by this thread
};
extern thread_local constinit ThreadState thread_state;

class RecordingGuard {
 public:
  explicit RecordingGuard(bool on) : before_(thread_state.recording) { thread_state.recording = on; }
  ~RecordingGuard() { thread_state.recording = before_; }
  RecordingGuard(const RecordingGuard&) = delete;
  RecordingGuard& operator=(const RecordingGuard&) = delete;

 private:
  bool before_;
};

}  // namespace graph_internal

inline bool is_recording() { return graph_internal::thread_state.recording; }

// { gd::NoGrad guard; ... }  nothing inside is recorded, parameters may be changed in place.
class [[nodiscard]] NoGrad : graph_internal::RecordingGuard {
 public:
  NoGrad() : RecordingGuard(false) {}
};

// Turns recording on inside a NoGrad.
class [[nodiscard]] EnableGrad : graph_internal::RecordingGuard {
 public:
  EnableGrad() : RecordingGuard(true) {}
};

}  // namespace gradus
