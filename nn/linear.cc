#include "gradus/nn/linear.h"

#include <fmt/format.h>

#include "gradus/base/format.h"
#include "gradus/nn/start.h"
#include "gradus/ops/matmul.h"

namespace gradus::nn {

Linear::Linear(std::int64_t in_features, std::int64_t out_features, const LinearOptions& options,
               Location where) {
  if (in_features < 0 || out_features < 0) {
    throw_error<ValueError>(where, "Linear",
                            "in_features is {} and out_features is {}; sizes are not negative", in_features,
                            out_features);
  }
  weight = start_uniform({out_features, in_features}, in_features, options.dtype, options.generator, where);
  if (options.bias) {
    bias = start_uniform({out_features}, in_features, options.dtype, options.generator, where);
  }
}

Tensor Linear::forward(Operand x) const { return with_weight(x, weight); }

Tensor Linear::with_weight(Operand x, const Tensor& w) const {
  return bias.defined() ? linear(x, w, bias) : linear(x, w);
}

std::string Linear::options_text() const {
  if (!weight.defined() || weight.rank() != 2) return {};
  return fmt::format("in_features={}, out_features={}, bias={}", weight.size(1), weight.size(0),
                     bias.defined() ? "True" : "False");
}

}  // namespace gradus::nn
