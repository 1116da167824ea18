// References of softmax, log_softmax and their derivatives: one slice after the other, in f64.
#include <cmath>
#include <limits>

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

constexpr ReferenceEntry kEntries[] = {
    {"softmax", softmax},
    {"log_softmax", log_softmax},
    {"softmax_backward", softmax_backward},
    {"log_softmax_backward", log_softmax_backward},
};

}  // namespace

std::span<const ReferenceEntry> activation_references() { return kEntries; }

}  // namespace gradus::reference
