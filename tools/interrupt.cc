#include "gradus/tools/interrupt.h"

#include <ctime>

#include "gradus/tools/command.h"

namespace gradus::tools {

InterruptGuard::InterruptGuard() {
  sigemptyset(&stopping_);
  sigaddset(&stopping_, SIGINT);
  sigaddset(&stopping_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stopping_, &mask_before_);
}

InterruptGuard::~InterruptGuard() {
  const std::timespec now{};
  while (sigtimedwait(&stopping_, nullptr, &now) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void InterruptGuard::check() const {
  sigset_t waiting;
  sigpending(&waiting);
  if (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1) throw Interrupted();
}

}  // namespace gradus::tools
