// References of the normalisations: sums over the elements of each statistic, in f64, by the formulas of the
// derivative as they are written in the op files.
#include <cmath>

#include "gradus/ops/norm/params.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;
using Row = std::vector<double>;

// Which statistic and which parameter belong to an element.
struct Map {
  Shape shape;
  std::vector<std::size_t> statistic, parameter;
  std::size_t statistics, parameters;
};

Map by_rows(const Tensor& x, const Tensor& weight) {
  Map m{x.shape(), {}, {}, 1, static_cast<std::size_t>(weight.numel())};
  for (int i = 0; i < x.rank() - weight.rank(); ++i) m.statistics *= static_cast<std::size_t>(x.size(i));
  for (std::size_t i = 0; i < static_cast<std::size_t>(x.numel()); ++i) {
    m.statistic.push_back(i / m.parameters);
    m.parameter.push_back(i % m.parameters);
  }
  return m;
}

// groups = 0: by channels.
Map by_channels(const Tensor& x, std::int64_t groups) {
  const auto channels = static_cast<std::size_t>(x.size(1)), per_sample = static_cast<std::size_t>(groups);
  Map m{
      x.shape(), {}, {}, groups == 0 ? channels : static_cast<std::size_t>(x.size(0)) * per_sample, channels};
  for (std::size_t i = 0; i < static_cast<std::size_t>(x.numel()); ++i) {
    const Place at = place_of(i, x.shape());
    const auto n = static_cast<std::size_t>(at[0]), c = static_cast<std::size_t>(at[1]);
    m.statistic.push_back(groups == 0 ? c : n * per_sample + c / (channels / per_sample));
    m.parameter.push_back(c);
  }
  return m;
}

// The mean of v over the elements of each statistic.
Row means(const Map& m, const Row& v) {
  Row sum(m.statistics, 0.0), count(m.statistics, 0.0);
  for (std::size_t i = 0; i < v.size(); ++i) {
    sum[m.statistic[i]] += v[i];
    ++count[m.statistic[i]];
  }
  for (std::size_t k = 0; k < sum.size(); ++k) sum[k] /= count[k];
  return sum;
}

struct Statistics {
  Row mean, var;
};

Statistics statistics(const Map& m, const Row& x, bool centered) {
  Statistics s{Row(m.statistics, 0.0), {}};
  if (centered) s.mean = means(m, x);
  Row squares;
  for (std::size_t i = 0; i < x.size(); ++i) squares.push_back(std::pow(x[i] - s.mean[m.statistic[i]], 2));
  s.var = means(m, squares);
  return s;
}

Row rstd_of(const Row& var, double eps) {
  Row r;
  for (double v : var) r.push_back(1 / std::sqrt(v + eps));
  return r;
}

Tensor normalised(const Map& m, const Row& x, const Row& mean, const Row& rstd, const Row& weight,
                  const Row& bias) {
  Row y;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t s = m.statistic[i], p = m.parameter[i];
    y.push_back((x[i] - mean[s]) * rstd[s] * weight[p] + (bias.empty() ? 0 : bias[p]));
  }
  return make(m.shape, y);
}

// dx, dweight, dbias.
std::vector<Row> gradients(const Map& m, const Row& g, const Row& x, const Row& weight, const Row& mean,
                           const Row& rstd, bool centered) {
  Row xhat, h, hx;
  std::vector<Row> r{{}, Row(m.parameters, 0.0), Row(m.parameters, 0.0)};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t s = m.statistic[i], p = m.parameter[i];
    xhat.push_back((x[i] - mean[s]) * rstd[s]);
    h.push_back(g[i] * weight[p]);
    hx.push_back(h[i] * xhat[i]);
    r[1][p] += g[i] * xhat[i];
    r[2][p] += g[i];
  }
  const Row h_mean = centered ? means(m, h) : Row(m.statistics, 0.0), hx_mean = means(m, hx);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t s = m.statistic[i];
    r[0].push_back(rstd[s] * (h[i] - h_mean[s] - xhat[i] * hx_mean[s]));
  }
  return r;
}

Shape statistics_shape(const Tensor& x, const Tensor& weight) {
  Shape shape = x.shape();
  for (int i = x.rank() - weight.rank(); i < x.rank(); ++i) shape[i] = 1;
  return shape;
}

std::vector<Tensor> layer_norm(Inputs in, const void* attrs) {
  const double eps = static_cast<const NormEpsAttrs*>(attrs)->eps;
  const Map m = by_rows(in[0], in[1]);
  const Statistics s = statistics(m, read(in[0]), true);
  const Shape shape = statistics_shape(in[0], in[1]);
  const Row rstd = rstd_of(s.var, eps);
  return {normalised(m, read(in[0]), s.mean, rstd, read(in[1]), read(in[2])), make(shape, s.mean),
          make(shape, rstd)};
}

std::vector<Tensor> layer_norm_backward(Inputs in, const void* attrs) {
  const Map m = by_rows(in[1], in[2]);
  const auto r = gradients(m, read(in[0]), read(in[1]), read(in[2]), read(in[3]), read(in[4]), true);
  const bool all = static_cast<const RowNormBackwardAttrs*>(attrs)->parameters;
  const Shape shape = all ? in[2].shape() : Shape{0};
  return {make(m.shape, r[0]), make(shape, all ? r[1] : Row()), make(shape, all ? r[2] : Row())};
}

std::vector<Tensor> rms_norm(Inputs in, const void* attrs) {
  const double eps = static_cast<const NormEpsAttrs*>(attrs)->eps;
  const Map m = by_rows(in[0], in[1]);
  const Statistics s = statistics(m, read(in[0]), false);
  const Row rstd = rstd_of(s.var, eps);
  return {normalised(m, read(in[0]), s.mean, rstd, read(in[1]), {}),
          make(statistics_shape(in[0], in[1]), rstd)};
}

std::vector<Tensor> rms_norm_backward(Inputs in, const void* attrs) {
  const Map m = by_rows(in[1], in[2]);
  const auto r =
      gradients(m, read(in[0]), read(in[1]), read(in[2]), Row(m.statistics, 0.0), read(in[3]), false);
  const bool all = static_cast<const RowNormBackwardAttrs*>(attrs)->parameters;
  return {make(m.shape, r[0]), make(all ? in[2].shape() : Shape{0}, all ? r[1] : Row())};
}

std::vector<Tensor> batch_norm(Inputs in, const void* attrs) {
  const double eps = static_cast<const NormEpsAttrs*>(attrs)->eps;
  const Map m = by_channels(in[0], 0);
  const Statistics s = statistics(m, read(in[0]), true);
  const Shape shape = in[1].shape();
  return {normalised(m, read(in[0]), s.mean, rstd_of(s.var, eps), read(in[1]), read(in[2])),
          make(shape, s.mean), make(shape, s.var)};
}

std::vector<Tensor> batch_norm_eval(Inputs in, const void* attrs) {
  const double eps = static_cast<const NormEpsAttrs*>(attrs)->eps;
  return {normalised(by_channels(in[0], 0), read(in[0]), read(in[3]), rstd_of(read(in[4]), eps), read(in[1]),
                     read(in[2]))};
}

std::vector<Tensor> batch_norm_backward(Inputs in, const void* attrs) {
  const double eps = static_cast<const NormEpsAttrs*>(attrs)->eps;
  const Map m = by_channels(in[1], 0);
  const auto r =
      gradients(m, read(in[0]), read(in[1]), read(in[2]), read(in[3]), rstd_of(read(in[4]), eps), true);
  return {make(m.shape, r[0]), make(in[2].shape(), r[1]), make(in[2].shape(), r[2])};
}

std::vector<Tensor> group_norm(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const GroupNormAttrs*>(attrs);
  const Map m = by_channels(in[0], a.num_groups);
  const Statistics s = statistics(m, read(in[0]), true);
  const Row rstd = rstd_of(s.var, a.eps);
  const Shape shape{in[0].size(0), a.num_groups};
  return {normalised(m, read(in[0]), s.mean, rstd, read(in[1]), read(in[2])), make(shape, s.mean),
          make(shape, rstd)};
}

std::vector<Tensor> group_norm_backward(Inputs in, const void* attrs) {
  const Map m = by_channels(in[1], static_cast<const GroupNormAttrs*>(attrs)->num_groups);
  const auto r = gradients(m, read(in[0]), read(in[1]), read(in[2]), read(in[3]), read(in[4]), true);
  return {make(m.shape, r[0]), make(in[2].shape(), r[1]), make(in[2].shape(), r[2])};
}

constexpr ReferenceEntry kEntries[] = {
    {"batch_norm", batch_norm},
    {"batch_norm_backward", batch_norm_backward},
    {"batch_norm_eval", batch_norm_eval},
    {"group_norm", group_norm},
    {"group_norm_backward", group_norm_backward},
    {"layer_norm", layer_norm},
    {"layer_norm_backward", layer_norm_backward},
    {"rms_norm", rms_norm},
    {"rms_norm_backward", rms_norm_backward},
};

}  // namespace

std::span<const ReferenceEntry> norm_references() { return kEntries; }

}  // namespace gradus::reference
