// What the examples on Fashion-MNIST share: its images, and pictures of many images.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "gradus/data/fashion_mnist.h"
#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {

// The first `most` images of a part of the data set, [N, 784] from 0 to 1, and their labels [N]. Errors:
// ValueError for files that are missing or damaged.
inline data::FashionMnist load_images(const Run& run, data::Split split, std::int64_t most) {
  auto all = data::load_fashion_mnist(split, run.data());
  if (!all.ok()) throw ValueError(std::string(all.status().message()));
  const std::int64_t n = std::min(most, all->labels.numel());
  if (n == 0) throw ValueError("Fashion-MNIST: the files hold no images");
  return {contiguous(slice(all->images, 0, 0, n)), contiguous(slice(all->labels, 0, 0, n))};
}

// Rows * columns images of 28 x 28 values from 0 to 1, side by side: u8 [28 rows, 28 columns].
inline Tensor image_grid(const Tensor& images, std::int64_t rows, std::int64_t columns) {
  const NoGrad no_grad;
  const Tensor places = permute(reshape(images, {rows, columns, 28, 28}), {0, 2, 1, 3});
  return astype(clamp(reshape(places, {28 * rows, 28 * columns}) * 255.0 + 0.5, 0.0, 255.0), DType::u8);
}

}  // namespace gradus::zoo
