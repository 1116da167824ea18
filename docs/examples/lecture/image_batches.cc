#include "gradus/docs/examples/lecture/image_batches.h"

#include <algorithm>
#include <ctime>

#include "gradus/data/fashion_mnist.h"

namespace gradus::lecture {

Images load_images(const Lab& lab, std::int64_t n, DType dtype) {
  const auto read = data::load_fashion_mnist(data::Split::train, lab.data());
  if (!read.ok()) throw ValueError(std::string(read.status().message()));
  n = std::min(n, read->labels.numel());
  if (n == 0) throw ValueError("Fashion-MNIST: the files hold no images");
  // A copy, so that the other images do not stay in memory.
  return {astype(clone(slice(read->images, 0, 0, n)), dtype), clone(slice(read->labels, 0, 0, n))};
}

Images pick(const Images& images, const Tensor& places) {
  return {index_select(images.x, 0, places), index_select(images.y, 0, places)};
}

Images random_batch(const Images& images, std::int64_t size) {
  return pick(images, randint(0, images.y.numel(), {size}));
}

Images part(const Images& images, std::int64_t begin, std::int64_t end) {
  return {slice(images.x, 0, begin, end), slice(images.y, 0, begin, end)};
}

double mean_loss(const nn::UnaryModule& model, const Images& images) {
  const NoGrad no_grad;
  return cross_entropy(model(images.x), images.y).item<double>();
}

Tensor flat_gradient(const nn::UnaryModule& model, const Images& images) {
  std::vector<Tensor> lists;
  for (const Tensor& g : grad(cross_entropy(model(images.x), images.y), model.parameters()))
    lists.push_back(reshape(g, {g.numel()}));
  return concat(lists);
}

double core_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double squared_norm(const Tensor& v) { return inner(v, v); }
double inner(const Tensor& a, const Tensor& b) { return dot(a, b).item<double>(); }

}  // namespace gradus::lecture
