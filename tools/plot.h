// Pictures of numbers by gnuplot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus::tools {

struct Epoch {
  int epoch;
  double train_loss;
  double test_loss;
  double test_accuracy;  // 0..1
  double seconds;
};

// Draws the losses and, beside them, the test accuracy over the epochs as SVG. The file appears whole or not
// at all. Returns an empty string, or why there is no picture.
std::string plot_history(const std::vector<Epoch>& history, const std::string& title,
                         const std::string& path);

// Figures of a run, a row at each epoch or each so many steps.
struct History {
  struct Row {
    std::int64_t x;
    std::vector<double> values;  // one for each name
    double seconds;              // since the start
  };
  std::string unit;  // of x
  std::vector<std::string> names;
  std::vector<Row> rows;
};

std::string to_csv(const History& history);

// One panel for each figure. As above.
std::string plot(const History& history, const std::string& title, const std::string& path);

}  // namespace gradus::tools
