// Ctrl-C and termination as a question instead of an end: while an InterruptGuard lives, both signals wait,
// and the run ends where nothing is half-done. They are blocked, not handled: matrix products of outside
// libraries may use the stack pointer as one more register, and a handler would write its frame where it
// points. One guard at a time, made before the threads that inherit its mask.
#pragma once

#include <csignal>

namespace gradus::tools {

class InterruptGuard {
 public:
  InterruptGuard();
  // Takes back what waits, so that it does not end the program after all.
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  // Errors: Interrupted, if a signal has come.
  void check() const;

 private:
  sigset_t stopping_;
  sigset_t mask_before_;
};

}  // namespace gradus::tools
