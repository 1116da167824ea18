#include "gradus/nn/activation.h"

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/nn/start.h"
#include "gradus/ops/activation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/random.h"

namespace gradus::nn {

Tensor ReLU::forward(Operand x) const { return relu(x); }
Tensor ReLU6::forward(Operand x) const { return relu6(x); }
Tensor Tanh::forward(Operand x) const { return tanh(x); }
Tensor Sigmoid::forward(Operand x) const { return sigmoid(x); }
Tensor SELU::forward(Operand x) const { return selu(x); }
Tensor SiLU::forward(Operand x) const { return silu(x); }
Tensor Mish::forward(Operand x) const { return mish(x); }
Tensor Hardswish::forward(Operand x) const { return hardswish(x); }
Tensor Hardsigmoid::forward(Operand x) const { return hardsigmoid(x); }
Tensor LogSigmoid::forward(Operand x) const { return log_sigmoid(x); }
Tensor Softsign::forward(Operand x) const { return softsign(x); }
Tensor Tanhshrink::forward(Operand x) const { return tanhshrink(x); }

Tensor Softmax::forward(Operand x) const { return softmax(x, dim); }
std::string Softmax::options_text() const { return fmt::format("dim={}", dim); }

Tensor LogSoftmax::forward(Operand x) const { return log_softmax(x, dim); }
std::string LogSoftmax::options_text() const { return fmt::format("dim={}", dim); }

Tensor Softmin::forward(Operand x) const { return softmin(x, dim); }
std::string Softmin::options_text() const { return fmt::format("dim={}", dim); }

Tensor GLU::forward(Operand x) const { return glu(x, dim); }
std::string GLU::options_text() const { return fmt::format("dim={}", dim); }

Tensor SwiGLU::forward(Operand x) const { return swiglu(x, dim); }
std::string SwiGLU::options_text() const { return fmt::format("dim={}", dim); }

Tensor LeakyReLU::forward(Operand x) const { return leaky_relu(x, negative_slope); }
std::string LeakyReLU::options_text() const { return fmt::format("negative_slope={}", negative_slope); }

Tensor Hardtanh::forward(Operand x) const { return hardtanh(x, min_val, max_val); }
std::string Hardtanh::options_text() const { return fmt::format("min_val={}, max_val={}", min_val, max_val); }

Tensor Threshold::forward(Operand x) const { return gradus::threshold(x, threshold, value); }
std::string Threshold::options_text() const {
  return fmt::format("threshold={}, value={}", threshold, value);
}

Tensor ELU::forward(Operand x) const { return elu(x, alpha); }
std::string ELU::options_text() const { return fmt::format("alpha={}", alpha); }

Tensor CELU::forward(Operand x) const { return celu(x, alpha); }
std::string CELU::options_text() const { return fmt::format("alpha={}", alpha); }

Tensor Softplus::forward(Operand x) const { return softplus(x, beta, threshold); }
std::string Softplus::options_text() const { return fmt::format("beta={}, threshold={}", beta, threshold); }

Tensor Hardshrink::forward(Operand x) const { return hardshrink(x, lambd); }
std::string Hardshrink::options_text() const { return fmt::format("lambd={}", lambd); }

Tensor Softshrink::forward(Operand x) const { return softshrink(x, lambd); }
std::string Softshrink::options_text() const { return fmt::format("lambd={}", lambd); }

Tensor Softmax2d::forward(Operand x) const {
  const Tensor t = Tensor::share(x.impl);
  if (t.rank() != 3 && t.rank() != 4) {
    throw_error<ShapeError>(x.where, "Softmax2d", "takes [N, C, H, W] or [C, H, W]: {}", describe(t));
  }
  return softmax(x, -3);
}

GELU::GELU(std::string_view approximate, Location where) : approximate(approximate) {
  if (approximate != "none" && approximate != "tanh") {
    throw_error<ValueError>(where, "GELU", "approximate is \"{}\"; it is \"none\" or \"tanh\"", approximate);
  }
}
Tensor GELU::forward(Operand x) const { return gelu(x, approximate); }
std::string GELU::options_text() const { return fmt::format("approximate='{}'", approximate); }

PReLU::PReLU(std::int64_t num_parameters, double init, DType dtype, Location where) {
  check_sizes("PReLU", {{"num_parameters", num_parameters}}, where, 1);
  weight = start_constant({num_parameters}, init, dtype, where);
}
Tensor PReLU::forward(Operand x) const { return prelu(x, weight); }
std::string PReLU::options_text() const {
  return fmt::format("num_parameters={}", weight.defined() ? weight.numel() : 0);
}

RReLU::RReLU(double lower, double upper, Location where) : lower(lower), upper(upper) {
  if (!(lower <= upper)) {
    throw_error<ValueError>(where, "RReLU", "lower is {} and upper is {}; lower must not be above upper",
                            lower, upper);
  }
}
Tensor RReLU::forward(Operand x) const {
  if (!training()) return leaky_relu(x, (lower + upper) / 2);
  const Tensor t = Tensor::share(x.impl);
  const Tensor slope = uniform(t.shape(), lower, upper, {.dtype = t.dtype()}, x.where);
  const Operand in(t, x.where);
  return where(gt(in, 0.0), in, mul(in, Operand(slope, x.where)));
}
std::string RReLU::options_text() const { return fmt::format("lower={}, upper={}", lower, upper); }

}  // namespace gradus::nn
