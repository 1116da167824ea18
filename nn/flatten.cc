#include "gradus/nn/flatten.h"

#include <fmt/format.h>

#include "gradus/ops/view.h"

namespace gradus::nn {

Tensor Flatten::operator()(Operand x) const { return flatten(x, start_dim, end_dim); }

std::string Flatten::options_text() const {
  return fmt::format("start_dim={}, end_dim={}", start_dim, end_dim);
}

}  // namespace gradus::nn
