// A new op from two lambdas: softplus(x) = log(1 + e^x), whose derivative is sigmoid(x).
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

namespace gd = gradus;

gd::Tensor softplus(const gd::Tensor& x) {
  return gd::custom(
      "softplus", {x},
      [](const gd::CustomInputs& in) { return maximum(in[0], 0.0) + log1p(exp(-abs(in[0]))); },
      [](const gd::CustomInputs& in, const gd::Tensor& grad, gd::CustomGrads& out) {
        out[0] = grad * sigmoid(in[0]);
      });
}

int main() {
  gd::Tensor x = gd::linspace(-3.0, 3.0, 7, {.dtype = gd::DType::f64, .requires_grad = true});
  const auto result = gd::gradcheck([](const gd::Tensor& x) { return softplus(x); }, {x});
  std::printf("gradcheck of softplus: %s\n", result.ok ? "ok" : result.message.c_str());
  sum(softplus(x)).backward();
  for (int i = 0; i < 7; ++i) {
    std::printf("x %5.1f  derivative %.6f\n", x.span<double>()[i], x.grad().span<double>()[i]);
  }
  return result.ok ? 0 : 1;
}
