#include "gradus/nn/dropout.h"

#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/ops/random.h"

namespace gradus::nn {

Dropout::Dropout(double p, Location where) : p(p) {
  if (!(p >= 0.0 && p < 1.0)) {
    throw_error<ValueError>(where, "Dropout", "p is {}; it must be >= 0 and < 1", p);
  }
}

Tensor Dropout::operator()(Operand x) const {
  return training() ? dropout(x, p, /*training=*/true) : Tensor::share(x.impl);
}

std::string Dropout::options_text() const { return fmt::format("p={}", p); }

}  // namespace gradus::nn
