#include "gradus/nn/linear.h"

#include <fmt/format.h>

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/nn/init.h"
#include "gradus/ops/matmul.h"

namespace gradus::nn {

Linear::Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options,
               Location where) {
  if (in_features < 0 || out_features < 0) {
    throw_error<ValueError>(where, "Linear",
                            "in_features is {} and out_features is {}; sizes are not negative", in_features,
                            out_features);
  }
  const double bound = in_features > 0 ? 1.0 / std::sqrt(static_cast<double>(in_features)) : 0.0;
  weight = init::uniform_(empty({out_features, in_features}, options.dtype, where), -bound, bound,
                          options.generator, where);
  if (options.bias) {
    bias =
        init::uniform_(empty({out_features}, options.dtype, where), -bound, bound, options.generator, where);
  }
}

Tensor Linear::operator()(Operand x) const {
  return bias.defined() ? linear(x, weight, bias) : linear(x, weight);
}

std::string Linear::options_text() const {
  if (!weight.defined() || weight.rank() != 2) return {};
  return fmt::format("in_features={}, out_features={}, bias={}", weight.size(1), weight.size(0),
                     bias.defined() ? "True" : "False");
}

}  // namespace gradus::nn
