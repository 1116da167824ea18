#include "gradus/tools/interrupt.h"

#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

volatile std::sig_atomic_t noted = 0;

}  // namespace

InterruptGuard::InterruptGuard() {
  noted = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { noted = 1; };
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &interrupt_before_);
  sigaction(SIGTERM, &action, &terminate_before_);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &interrupt_before_, nullptr);
  sigaction(SIGTERM, &terminate_before_, nullptr);
}

void InterruptGuard::check() const {
  if (noted != 0) throw Interrupted();
}

}  // namespace gradus::tools
