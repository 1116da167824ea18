// What the examples on Fashion-MNIST share: its images, and pictures of many images.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "gradus/data/fashion_mnist.h"
#include "gradus/data/image.h"
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

// Images [N, 784] of values from 0 to 1, eight in a row: u8 [1, H, W].
inline Tensor side_by_side(const Tensor& images) {
  const NoGrad no_grad;
  const Tensor pixels = clamp(reshape(images, {-1, 1, 28, 28}) * 255.0 + 0.5, 0.0, 255.0);
  return data::image_grid(astype(pixels, DType::u8), {.columns = 8, .padding = 1});
}

}  // namespace gradus::zoo
