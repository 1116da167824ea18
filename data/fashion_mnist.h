// Fashion-MNIST: 70,000 grey images of clothes, 28 x 28, in ten classes (Xiao, Rasul, Vollgraf, 2017), from
// the four files of the data set, gzip or plain.
#pragma once

#include <absl/status/statusor.h>

#include <string>

#include "gradus/graph/tensor.h"

namespace gradus::data {

// Where Debian's package dataset-fashion-mnist puts the files.
inline constexpr const char* kFashionMnistFolder = "/usr/share/datasets/fashion-mnist";

enum class Split { train, test };

struct FashionMnist {
  Tensor images;  // [N, 784] f32, 0 to 1
  Tensor labels;  // [N] i64, 0 to 9
};

inline constexpr const char* kFashionMnistClasses[] = {
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"};

// From `folder`, or from kFashionMnistFolder where that is empty. Errors: NotFound, which names the package
// to install; DataLoss for files that are damaged or do not fit each other.
absl::StatusOr<FashionMnist> load_fashion_mnist(Split split, const std::string& folder = "");

}  // namespace gradus::data
