// Data and score of an image classifier, shared by train and eval.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/gradus.h"

namespace gradus::tools {

// Where train leaves its results and eval looks for them, unless told otherwise.
inline constexpr std::string_view kDefaultFolder = "out/fashion-mnist";

enum class Part { train, test };

struct Split {
  Tensor images;  // [N, 784] f32, 0..1
  Tensor labels;  // [N] i64
};

struct Score {
  double loss = 0.0;      // mean cross entropy
  double accuracy = 0.0;  // 0..1
  std::array<double, 10> class_accuracy{};
};

std::vector<std::string> dataset_names();
std::vector<std::string> classifier_names();
// A new one. Errors: UsageError for an unknown name.
std::unique_ptr<nn::UnaryModule> make_classifier(const std::string& name);
// The one that has most of the names of these tensors; mlp where they are no classifier's.
std::string classifier_of(const NamedTensors& state);
// With the weights of a safetensors file; where `name` is empty, the one that these are of. Errors:
// UsageError.
std::unique_ptr<nn::UnaryModule> load_classifier(const std::string& name, const std::string& path);

// Reads a data set from `folder`, or from where its Debian package puts it if empty. Errors: UsageError.
Split load_split(const std::string& dataset, const std::string& folder, Part part);

// At most n rows.
Split first_rows(const Split& split, std::int64_t n);

// In eval mode.
Score evaluate(nn::UnaryModule& model, const Split& split);

}  // namespace gradus::tools
