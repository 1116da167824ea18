// Images of Fashion-MNIST for lessons that train on it by minibatches.
#pragma once

#include <algorithm>

#include "gradus/data/fashion_mnist.h"
#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {

struct Images {
  Tensor x, y;  // [N, 784] f32 or f64, from 0 to 1; [N] i64
};

// The first `most` training images. Errors: ValueError for a data set that is missing or damaged.
inline Images load_images(const Lab& lab, std::int64_t most, DType dtype = DType::f32) {
  const auto read = data::load_fashion_mnist(data::Split::train, lab.data());
  if (!read.ok()) throw ValueError(std::string(read.status().message()));
  const std::int64_t n = std::min(most, read->labels.numel());
  if (n == 0) throw ValueError("Fashion-MNIST: the files hold no images");
  return {astype(slice(read->images, 0, 0, n), dtype), slice(read->labels, 0, 0, n)};
}

// `size` of them at random, each as likely each time.
inline Images random_batch(const Images& images, std::int64_t size) {
  const Tensor rows = randint(0, images.y.numel(), {size});
  return {index_select(images.x, 0, rows), index_select(images.y, 0, rows)};
}

}  // namespace gradus::lecture
