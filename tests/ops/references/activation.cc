// References of the activations: softmax and log_softmax slice after slice, the others by their formulas in
// <cmath>, element by element, in f64.
#include <cmath>
#include <limits>
#include <string_view>

#include "gradus/ops/activation/params.h"
#include "gradus/ops/activation/softmax.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;
using Row = std::vector<double>;

// f(slices of the inputs along dim) -> slice of the result.
template <class F>
std::vector<Tensor> by_slice(Inputs in, const void* attrs, F f) {
  const Shape shape = in[0].shape();
  const int axis = axis_of(*static_cast<const SoftmaxAttrs*>(attrs), shape.rank());
  std::vector<Row> v;
  for (const Tensor& t : in) v.push_back(read(t));
  Row out(v[0].size());
  const auto n = static_cast<std::size_t>(shape[axis]);
  std::size_t step = 1;
  for (int k = axis + 1; k < shape.rank(); ++k) step *= static_cast<std::size_t>(shape[k]);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i / step % n != 0) continue;  // not the first of a slice
    std::vector<Row> rows(v.size(), Row(n));
    for (std::size_t k = 0; k < v.size(); ++k) {
      for (std::size_t j = 0; j < n; ++j) rows[k][j] = v[k][i + j * step];
    }
    const Row result = f(rows);
    for (std::size_t j = 0; j < n; ++j) out[i + j * step] = result[j];
  }
  return {make(shape, out)};
}

Row log_softmax_of(const Row& x) {
  double most = -std::numeric_limits<double>::infinity();
  for (double v : x) most = v > most ? v : most;
  double s = 0;
  for (double v : x) s += std::exp(v - most);
  Row y;
  for (double v : x) y.push_back(v - most - std::log(s));
  return y;
}

std::vector<Tensor> softmax(Inputs in, const void* attrs) {
  return by_slice(in, attrs, [](const std::vector<Row>& rows) {
    Row y = log_softmax_of(rows[0]);
    for (double& v : y) v = std::exp(v);
    return y;
  });
}
std::vector<Tensor> log_softmax(Inputs in, const void* attrs) {
  return by_slice(in, attrs, [](const std::vector<Row>& rows) { return log_softmax_of(rows[0]); });
}
std::vector<Tensor> softmax_backward(Inputs in, const void* attrs) {
  return by_slice(in, attrs, [](const std::vector<Row>& rows) {
    const Row &g = rows[0], &y = rows[1];
    double s = 0;
    for (std::size_t j = 0; j < y.size(); ++j) s += g[j] * y[j];
    Row dx;
    for (std::size_t j = 0; j < y.size(); ++j) dx.push_back(y[j] * (g[j] - s));
    return dx;
  });
}
std::vector<Tensor> log_softmax_backward(Inputs in, const void* attrs) {
  return by_slice(in, attrs, [](const std::vector<Row>& rows) {
    const Row &g = rows[0], &y = rows[1];
    double s = 0;
    for (double v : g) s += v;
    Row dx;
    for (std::size_t j = 0; j < y.size(); ++j) dx.push_back(g[j] - std::exp(y[j]) * s);
    return dx;
  });
}

// f(attributes, element...) -> element.
template <class A, auto f>
std::vector<Tensor> unary(Inputs in, const void* attrs) {
  const A& a = *static_cast<const A*>(attrs);
  return map(in, [&](double x) { return f(a, x); });
}
template <class A, auto f>
std::vector<Tensor> binary(Inputs in, const void* attrs) {
  const A& a = *static_cast<const A*>(attrs);
  return map(in, [&](double g, double x) { return f(a, g, x); });
}
template <auto f>
std::vector<Tensor> plain(Inputs in, const void*) {
  return map(in, f);
}

double times(double g, double slope) { return g == 0 ? 0 : g * slope; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double held(double x, double low, double high) {
  return std::isnan(x) ? x : std::fmin(std::fmax(x, low), high);
}
double phi(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0)); }
double normal(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }
double gelu_tanh(double x) {
  return std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * std::pow(x, 3)));
}
bool is_tanh(const GeluAttrs& a) { return a.approximate == std::string_view("tanh"); }

double leaky_relu(const LeakyReluAttrs& a, double x) { return x > 0 ? x : a.negative_slope * x; }
double leaky_relu_backward(const LeakyReluAttrs& a, double g, double x) {
  return x > 0 ? g : a.negative_slope * g;
}
double prelu(double x, double w) { return x > 0 ? x : w * x; }
double elu(const EluAttrs& a, double x) { return x > 0 ? x : a.alpha * std::expm1(x); }
double celu(const EluAttrs& a, double x) { return x > 0 ? x : a.alpha * std::expm1(x / a.alpha); }
double selu(double x) { return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * std::expm1(x)); }
double elu_backward(const EluBackwardAttrs& a, double g, double x) {
  return times(g, x > 0 ? a.scale : a.scale * a.alpha * a.input_scale * std::exp(a.input_scale * x));
}
double gelu(const GeluAttrs& a, double x) {
  return is_tanh(a) ? x * ((1 + gelu_tanh(x)) / 2) : x * normal(x);
}
double gelu_backward(const GeluAttrs& a, double g, double x) {
  if (!is_tanh(a)) return times(g, normal(x) + x * phi(x));
  const double t = gelu_tanh(x), inner = std::sqrt(2 / std::acos(-1.0)) * (1 + 3 * 0.044715 * x * x);
  return times(g, (1 + t) / 2 + x * (1 - t * t) * inner / 2);
}
double silu_backward(double g, double x) {
  const double s = sigmoid(x);
  return times(g, s * (1 + x * (1 - s)));
}
double mish(double x) { return x * std::tanh(std::log1p(std::exp(x))); }
double mish_backward(double g, double x) {
  const double t = std::tanh(std::log1p(std::exp(x)));
  return times(g, t + x * sigmoid(x) * (1 - t * t));
}
double softplus(const SoftplusAttrs& a, double x) {
  return a.beta * x > a.threshold ? x : std::log1p(std::exp(a.beta * x)) / a.beta;
}
double log_sigmoid(double x) { return x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }
double hardtanh(const HardtanhAttrs& a, double x) { return held(x, a.min_val, a.max_val); }
double hardtanh_backward(const HardtanhAttrs& a, double g, double x) {
  return x > a.min_val && x < a.max_val ? g : 0;
}
double hardswish_backward(double g, double x) { return x <= -3 ? 0 : x >= 3 ? g : times(g, x / 3 + 0.5); }
double threshold(const ThresholdAttrs& a, double x) { return x <= a.threshold ? a.value : x; }
double threshold_backward(const ThresholdBackwardAttrs& a, double g, double x) {
  return x <= a.threshold ? 0 : g;
}
double hardshrink(const ShrinkAttrs& a, double x) { return x >= -a.lambd && x <= a.lambd ? 0 : x; }
double softshrink(const ShrinkAttrs& a, double x) {
  return x > a.lambd ? x - a.lambd : x < -a.lambd ? x + a.lambd : std::isnan(x) ? x : 0;
}
double shrink_backward(const ShrinkAttrs& a, double g, double x) {
  return x >= -a.lambd && x <= a.lambd ? 0 : g;
}

constexpr ReferenceEntry kEntries[] = {
    {"softmax", softmax},
    {"log_softmax", log_softmax},
    {"softmax_backward", softmax_backward},
    {"log_softmax_backward", log_softmax_backward},
    {"leaky_relu", unary<LeakyReluAttrs, leaky_relu>},
    {"leaky_relu_backward", binary<LeakyReluAttrs, leaky_relu_backward>},
    {"elu", unary<EluAttrs, elu>},
    {"celu", unary<EluAttrs, celu>},
    {"selu", plain<selu>},
    {"elu_backward", binary<EluBackwardAttrs, elu_backward>},
    {"gelu", unary<GeluAttrs, gelu>},
    {"gelu_backward", binary<GeluAttrs, gelu_backward>},
    {"silu", plain<[](double x) { return x * sigmoid(x); }>},
    {"silu_backward", plain<silu_backward>},
    {"mish", plain<mish>},
    {"mish_backward", plain<mish_backward>},
    {"softplus", unary<SoftplusAttrs, softplus>},
    {"log_sigmoid", plain<log_sigmoid>},
    {"hardtanh", unary<HardtanhAttrs, hardtanh>},
    {"hardtanh_backward", binary<HardtanhAttrs, hardtanh_backward>},
    {"hardsigmoid", plain<[](double x) { return held(x + 3, 0, 6) / 6; }>},
    {"hardswish", plain<[](double x) { return x * held(x + 3, 0, 6) / 6; }>},
    {"hardswish_backward", plain<hardswish_backward>},
    {"threshold", unary<ThresholdAttrs, threshold>},
    {"threshold_backward", binary<ThresholdBackwardAttrs, threshold_backward>},
    {"hardshrink", unary<ShrinkAttrs, hardshrink>},
    {"softshrink", unary<ShrinkAttrs, softshrink>},
    {"shrink_backward", binary<ShrinkAttrs, shrink_backward>},
    {"prelu", plain<prelu>},
};

}  // namespace

std::span<const ReferenceEntry> activation_references() { return kEntries; }

}  // namespace gradus::reference
