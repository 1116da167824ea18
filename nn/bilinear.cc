#include "gradus/nn/bilinear.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/nn/start.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/matmul.h"

namespace gradus::nn {

Bilinear::Bilinear(std::int64_t in1_features, std::int64_t in2_features, std::int64_t out_features,
                   const LinearOptions& options, Location where) {
  check_sizes(
      "Bilinear",
      {{"in1_features", in1_features}, {"in2_features", in2_features}, {"out_features", out_features}}, where,
      1);
  weight = start_uniform({out_features, in1_features, in2_features}, in1_features, options.dtype,
                         options.generator, where);
  if (options.bias) {
    bias = start_uniform({out_features}, in1_features, options.dtype, options.generator, where);
  }
}

Tensor Bilinear::operator()(Operand x1, Operand x2) const {
  const Tensor second = Tensor::share(x2.impl);
  return with_hooks(*this, x1, [&](Operand in) {
    const Tensor first = Tensor::share(in.impl);
    const auto check = [&](const Tensor& x, const char* name, int axis) {
      if (x.rank() > 0 && x.size(-1) == weight.size(axis)) return;
      throw_error<ShapeError>(in.where, "Bilinear", "{} has {} features on its last axis: {}", name,
                              weight.size(axis), describe(x));
    };
    check(first, "x1", 1);
    check(second, "x2", 2);
    const Tensor y = einsum("...i,kij,...j->...k", {first, weight, second}, in.where);
    return bias.defined() ? add(Operand(y, in.where), Operand(bias, in.where)) : y;
  });
}

std::string Bilinear::options_text() const {
  if (!weight.defined() || weight.rank() != 3) return {};
  return fmt::format("in1_features={}, in2_features={}, out_features={}, bias={}", weight.size(1),
                     weight.size(2), weight.size(0), bias.defined() ? "True" : "False");
}

}  // namespace gradus::nn
