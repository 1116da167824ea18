#include "gradus/tools/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace gradus::tools {
namespace {

constexpr std::chrono::milliseconds kBetweenDrawings{100};
constexpr int kCells = 24;

}  // namespace

Progress::Progress(std::string label, std::int64_t steps)
    : label_(std::move(label)), steps_(steps), shown_(isatty(STDERR_FILENO) != 0), start_(Clock::now()) {}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "\r\033[K");
}

void Progress::step(std::int64_t step, double loss) {
  if (!shown_) return;
  const Clock::time_point now = Clock::now();
  if (now - drawn_ < kBetweenDrawings) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double left = seconds / static_cast<double>(step) * static_cast<double>(steps_ - step);
  const auto full = static_cast<int>(step * kCells / steps_);
  fmt::print(stderr, "\r\033[K{}[{:#>{}}{:.>{}}]  step {}/{}  loss {:.4f}  {:.0f} s left", label_, "", full,
             "", kCells - full, step, steps_, loss, left);
  std::fflush(stderr);
}

}  // namespace gradus::tools
