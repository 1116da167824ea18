// A line on stderr that says how far a run is, rewritten in place; only where a person is watching.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace gradus::tools {

class Progress {
 public:
  // `label` stands in front of the bar.
  Progress(std::string label, std::int64_t steps);
  // Wipes the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // After `step` of the steps, counted from 1.
  void step(std::int64_t step, double loss);

 private:
  using Clock = std::chrono::steady_clock;

  std::string label_;
  std::int64_t steps_;
  bool shown_;
  Clock::time_point start_;
  Clock::time_point drawn_{};
};

}  // namespace gradus::tools
