// References of the losses: the target as a distribution over the classes, row by row, in f64.
#include "gradus/ops/loss/loss.h"

#include <cmath>
#include <limits>

#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

struct Rows {
  Shape shape;                      // of the losses
  std::vector<double> x, q, log_p;  // [rows, classes]
  std::size_t rows, classes;
  double counting = 0;  // rows that are not ignored

  Rows(const Tensor& input, const Tensor& target, const CrossEntropyAttrs& a) : shape(input.shape()) {
    classes = static_cast<std::size_t>(input.size(-1));
    shape.pop_back();
    rows = static_cast<std::size_t>(shape.numel());
    x = read(input);
    const std::vector<double> t = read(target);
    const bool labels = !is_floating(target.dtype());
    for (std::size_t i = 0; i < rows; ++i) {
      const bool ignored = labels && a.ignores && t[i] == static_cast<double>(a.ignore_index);
      counting += !ignored;
      double most = -std::numeric_limits<double>::infinity(), s = 0;
      for (std::size_t j = 0; j < classes; ++j) most = std::fmax(most, x[i * classes + j]);
      for (std::size_t j = 0; j < classes; ++j) s += std::exp(x[i * classes + j] - most);
      for (std::size_t j = 0; j < classes; ++j) {
        const double p = labels ? static_cast<double>(t[i]) == static_cast<double>(j) : t[i * classes + j];
        const double smooth = (1 - a.label_smoothing) * p + a.label_smoothing / static_cast<double>(classes);
        q.push_back(ignored ? 0 : smooth);
        log_p.push_back(x[i * classes + j] - most - std::log(s));
      }
    }
  }
};

std::vector<Tensor> reduced(const std::vector<double>& losses, const Shape& shape, const char* reduction,
                            double count) {
  if (reduction == std::string("none")) return {make(shape, losses)};
  double s = 0;
  for (double v : losses) s += v;
  if (reduction == std::string("mean")) s /= count;
  return {make({}, std::vector<double>{s})};
}

std::vector<Tensor> cross_entropy(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const CrossEntropyAttrs*>(attrs);
  const Rows r(in[0], in[1], a);
  std::vector<double> losses;
  for (std::size_t i = 0; i < r.rows; ++i) {
    double loss = 0;
    for (std::size_t j = 0; j < r.classes; ++j) loss -= r.q[i * r.classes + j] * r.log_p[i * r.classes + j];
    losses.push_back(loss);
  }
  return reduced(losses, r.shape, a.reduction, r.counting);
}

std::vector<Tensor> cross_entropy_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const CrossEntropyAttrs*>(attrs);
  const Rows r(in[1], in[2], a);
  const std::vector<double> g = read(in[0]);
  std::vector<double> dx;
  for (std::size_t i = 0; i < r.rows; ++i) {
    const double scale = a.reduction == std::string("none")   ? g[i]
                         : a.reduction == std::string("mean") ? g[0] / r.counting
                                                              : g[0];
    double total = 0;
    for (std::size_t j = 0; j < r.classes; ++j) total += r.q[i * r.classes + j];
    for (std::size_t j = i * r.classes; j < (i + 1) * r.classes; ++j) {
      dx.push_back(scale * (total * std::exp(r.log_p[j]) - r.q[j]));
    }
  }
  return {make(in[1].shape(), dx)};
}

std::vector<Tensor> mse_loss(Inputs in, const void* attrs) {
  const std::vector<double> x = read(in[0]), t = read(in[1]);
  std::vector<double> losses;
  for (std::size_t i = 0; i < x.size(); ++i) losses.push_back((x[i] - t[i]) * (x[i] - t[i]));
  return reduced(losses, in[0].shape(), static_cast<const LossAttrs*>(attrs)->reduction,
                 static_cast<double>(x.size()));
}

double at_least(double x, double low) { return std::isnan(x) || x > low ? x : low; }

std::vector<Tensor> binary_cross_entropy(Inputs in, const void*) {
  return map(in, [](double x, double t) {
    return -(t * at_least(std::log(x), -100) + (1 - t) * at_least(std::log1p(-x), -100));
  });
}

std::vector<Tensor> binary_cross_entropy_with_logits(Inputs in, const void*) {
  return map(in, [](double x, double t) {
    const double common = std::log1p(std::exp(-std::fabs(x)));
    return (1 - t) * (x > 0 ? x : 0) + t * (x < 0 ? -x : 0) + common;
  });
}

constexpr ReferenceEntry kEntries[] = {
    {"cross_entropy", cross_entropy},
    {"cross_entropy_backward", cross_entropy_backward},
    {"soft_cross_entropy", cross_entropy},
    {"soft_cross_entropy_backward", cross_entropy_backward},
    {"mse_loss", mse_loss},
    {"binary_cross_entropy", binary_cross_entropy},
    {"binary_cross_entropy_with_logits", binary_cross_entropy_with_logits},
};

}  // namespace

std::span<const ReferenceEntry> loss_references() { return kEntries; }

}  // namespace gradus::reference
