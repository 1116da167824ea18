// What the lessons that train on images share: images of Fashion-MNIST, some of them by their places, a small
// network, and its gradient as one list of numbers.
#pragma once

#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {

struct Images {
  Tensor x, y;  // [N, 784] f32 or f64, from 0 to 1; [N] i64
};

// The first n training images, or all where there are fewer. Errors: ValueError for a data set that is
// missing or damaged.
Images load_images(const Lab& lab, std::int64_t n, DType dtype = DType::f32);
// Those at the given places, as a copy.
Images pick(const Images& images, const Tensor& places);
// `size` of them at random, each as likely each time.
Images random_batch(const Images& images, std::int64_t size);
// Views of [begin, end).
Images part(const Images& images, std::int64_t begin, std::int64_t end);

// 784-hidden-10 with relu.
struct SmallNet : nn::UnaryModule {
  nn::Linear fc1, fc2;
  GRADUS_MEMBERS(fc1, fc2)

  explicit SmallNet(std::int64_t hidden, DType dtype = DType::f32)
      : fc1(784, hidden, {.dtype = dtype}), fc2(hidden, 10, {.dtype = dtype}) {}

  Tensor forward(Operand x) const override { return fc2(relu(fc1(x))); }
};

// The mean cross entropy, and its gradient by all parameters one behind the other, [parameters].
double mean_loss(const nn::UnaryModule& model, const Images& images);
Tensor flat_gradient(const nn::UnaryModule& model, const Images& images);

// Seconds that the process has computed so far, on all its threads: what others do on the machine meanwhile
// does not count.
double core_seconds();

// The sum of the squares, and of the products.
double squared_norm(const Tensor& v);
double inner(const Tensor& a, const Tensor& b);

}  // namespace gradus::lecture
