// Ctrl-C and termination as a question instead of an end: while an InterruptGuard lives, the signal is noted,
// and the run ends where nothing is half-done. One guard at a time.
#pragma once

#include <csignal>

namespace gradus::tools {

class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  // Errors: Interrupted, if a signal has come.
  void check() const;

 private:
  struct sigaction interrupt_before_ {};
  struct sigaction terminate_before_ {};
};

}  // namespace gradus::tools
