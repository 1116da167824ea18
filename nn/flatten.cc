#include "gradus/nn/flatten.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/view.h"

namespace gradus::nn {

Tensor Flatten::forward(Operand x) const { return flatten(x, start_dim, end_dim); }

std::string Flatten::options_text() const {
  return fmt::format("start_dim={}, end_dim={}", start_dim, end_dim);
}

Tensor Unflatten::forward(Operand x) const {
  const Tensor t = Tensor::share(x.impl);
  const std::int64_t axis = dim < 0 ? dim + t.rank() : dim;
  if (axis < 0 || axis >= t.rank()) {
    throw_error<ShapeError>(x.where, "Unflatten", "dim {} is not an axis of {}", dim, describe(t));
  }
  std::int64_t known = 1, open = 0;
  for (const std::int64_t n : unflattened_size) {
    if (n == -1)
      ++open;
    else
      known *= n;
  }
  const std::int64_t size = t.size(static_cast<int>(axis));
  if (open > 1 || known < 0 || (open == 1 ? known == 0 || size % known != 0 : known != size)) {
    throw_error<ShapeError>(
        x.where, "Unflatten", "axis {} of {} has {} elements, which {} does not give", dim, describe(t), size,
        format_shape({unflattened_size.data(), static_cast<std::size_t>(unflattened_size.size())}));
  }
  Shape shape;
  for (int i = 0; i < t.rank(); ++i) {
    if (i != axis) {
      shape.push_back(t.size(i));
      continue;
    }
    for (const std::int64_t n : unflattened_size) shape.push_back(n == -1 ? size / known : n);
  }
  return reshape(x, shape);
}

std::string Unflatten::options_text() const {
  return fmt::format(
      "dim={}, unflattened_size={}", dim,
      format_shape({unflattened_size.data(), static_cast<std::size_t>(unflattened_size.size())}));
}

}  // namespace gradus::nn
