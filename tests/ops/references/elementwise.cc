// References of the elementwise ops: one formula of <cmath> each, element by element.
#include <cmath>

#include "gradus/ops/elementwise/clamp.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// An op whose result has the dtype of its (last) input.
template <auto f>
std::vector<Tensor> same(Inputs in, const void*) {
  return map(in, f, in.back().dtype());
}

template <auto f>
std::vector<Tensor> predicate(Inputs in, const void*) {
  return map(in, f, DType::boolean);
}

double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double maximum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : a > b ? a : b; }
double minimum(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : a < b ? a : b; }
double half_to_even(double x) {
  const double below = std::floor(x);
  const double rest = x - below;
  if (rest < 0.5) return below;
  if (rest > 0.5) return below + 1;
  return std::isnan(x) || std::isinf(x) ? x : std::fmod(below, 2) == 0 ? below : below + 1;
}

std::vector<Tensor> clamp(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ClampAttrs*>(attrs);
  return map(
      in, [&](double x) { return std::isnan(x) ? x : minimum(maximum(x, a.min), a.max); }, in[0].dtype());
}

std::vector<Tensor> clamp_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ClampAttrs*>(attrs);
  return map(in, [&](double g, double x) { return x >= a.min && x <= a.max ? g : 0; });
}

std::vector<Tensor> astype(Inputs in, const void* attrs) {
  const DType dtype = *static_cast<const DType*>(attrs);
  std::vector<double> v = read(in[0]);
  if (is_floating(dtype)) return {make(in[0].shape(), v, DType::f64)};
  for (double& x : v) x = dtype == DType::boolean ? static_cast<double>(x != 0) : std::trunc(x);
  return {make(in[0].shape(), v, dtype)};
}

constexpr auto kWhere = [](double c, double a, double b) { return c != 0 ? a : b; };
constexpr auto kMaximumBackward = [](double g, double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return g;
  return a > b ? g : a == b ? g / 2 : 0;
};

constexpr ReferenceEntry kEntries[] = {
    {"add", same<[](double a, double b) { return a + b; }>},
    {"sub", same<[](double a, double b) { return a - b; }>},
    {"mul", same<[](double a, double b) { return a * b; }>},
    {"div", same<[](double a, double b) { return a / b; }>},
    {"pow", same<[](double a, double b) { return std::pow(a, b); }>},
    {"maximum", same<maximum>},
    {"minimum", same<minimum>},
    {"neg", same<[](double x) { return -x; }>},
    {"abs", same<[](double x) { return std::fabs(x); }>},
    {"sign", same<sign>},
    {"square", same<[](double x) { return x * x; }>},
    {"reciprocal", same<[](double x) { return 1 / x; }>},
    {"sqrt", same<[](double x) { return std::sqrt(x); }>},
    {"rsqrt", same<[](double x) { return 1 / std::sqrt(x); }>},
    {"floor", same<[](double x) { return std::floor(x); }>},
    {"ceil", same<[](double x) { return std::ceil(x); }>},
    {"round", same<half_to_even>},
    {"exp", same<[](double x) { return std::exp(x); }>},
    {"expm1", same<[](double x) { return std::expm1(x); }>},
    {"log", same<[](double x) { return std::log(x); }>},
    {"log1p", same<[](double x) { return std::log1p(x); }>},
    {"sin", same<[](double x) { return std::sin(x); }>},
    {"cos", same<[](double x) { return std::cos(x); }>},
    {"tan", same<[](double x) { return std::tan(x); }>},
    {"tanh", same<[](double x) { return std::tanh(x); }>},
    {"sigmoid", same<sigmoid>},
    {"relu", same<[](double x) { return x < 0 ? 0 : x; }>},
    {"clamp", clamp},
    {"where", same<kWhere>},
    {"astype", astype},
    {"eq", predicate<[](double a, double b) { return a == b; }>},
    {"ne", predicate<[](double a, double b) { return a != b; }>},
    {"lt", predicate<[](double a, double b) { return a < b; }>},
    {"le", predicate<[](double a, double b) { return a <= b; }>},
    {"gt", predicate<[](double a, double b) { return (a > b); }>},
    {"ge", predicate<[](double a, double b) { return a >= b; }>},
    {"logical_and", predicate<[](double a, double b) { return a != 0 && b != 0; }>},
    {"logical_or", predicate<[](double a, double b) { return a != 0 || b != 0; }>},
    {"logical_xor", predicate<[](double a, double b) { return (a != 0) != (b != 0); }>},
    {"logical_not", predicate<[](double x) { return x == 0; }>},
    {"zmul", same<[](double g, double d) { return g == 0 ? 0 : g * d; }>},
    {"zdiv", same<[](double g, double d) { return g == 0 ? 0 : g / d; }>},
    {"tanh_backward", same<[](double g, double y) { return g * (1 - y * y); }>},
    {"sigmoid_backward", same<[](double g, double y) { return g * (y * (1 - y)); }>},
    {"relu_backward", same<[](double g, double y) { return y <= 0 ? 0 : g; }>},
    {"clamp_backward", clamp_backward},
    {"maximum_backward", same<kMaximumBackward>},
};

}  // namespace

std::span<const ReferenceEntry> elementwise_references() { return kEntries; }

}  // namespace gradus::reference
