// A line on stderr that says how far an epoch is, rewritten in place; only where a person is watching.
#pragma once

#include <chrono>
#include <cstdint>

namespace gradus::tools {

class Progress {
 public:
  Progress(std::int64_t epoch, std::int64_t epochs, std::int64_t steps);
  // Wipes the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // After `step` of the steps, counted from 1.
  void step(std::int64_t step, double loss);

 private:
  using Clock = std::chrono::steady_clock;

  std::int64_t epoch_;
  std::int64_t epochs_;
  std::int64_t steps_;
  bool shown_;
  Clock::time_point start_;
  Clock::time_point drawn_{};
};

}  // namespace gradus::tools
