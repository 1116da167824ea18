// Data and score of an image classifier, shared by train and eval.
#pragma once

#include <array>
#include <string>

#include "gradus/tools/models.h"

namespace gradus::tools {

enum class Part { train, test };

struct Split {
  Tensor images;  // [N, 784] f32, 0..1
  Tensor labels;  // [N] i64
};
using Batch = Split;

struct Score {
  double loss = 0.0;      // mean cross entropy
  double accuracy = 0.0;  // 0..1
  std::array<double, 10> class_accuracy{};
};

// Reads a data set from `folder`, or from where its Debian package puts it if empty. Errors: UsageError.
Split load_split(const std::string& dataset, const std::string& folder, Part part);

Batch first_rows(const Split& split, std::int64_t n);

Score evaluate(const Mlp& model, const Split& split);

}  // namespace gradus::tools
