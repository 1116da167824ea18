// Pictures of numbers by gnuplot.
#pragma once

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

}  // namespace gradus::tools
