// References of the reductions: every element is visited once, in row-major order, and handed to its output.
#include <cmath>
#include <limits>

#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/reduction/extreme.h"
#include "gradus/ops/reduction/sum_to.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// The elements of each output in row-major order, with their places: along the only reduced axis, or in the
// whole tensor.
struct Groups {
  Shape shape;
  std::vector<std::vector<double>> values;
};

Groups group(const Tensor& x, const Dims& dims, bool keepdim) {
  const Shape in = x.shape();
  std::vector<bool> reduced(static_cast<std::size_t>(in.rank()), dims.empty());
  for (std::int64_t d : dims) reduced[static_cast<std::size_t>(d < 0 ? d + in.rank() : d)] = true;
  Groups g;
  std::size_t outputs = 1;
  for (int k = 0; k < in.rank(); ++k) {
    const bool gone = reduced[static_cast<std::size_t>(k)];
    if (!gone) outputs *= static_cast<std::size_t>(in[k]);
    if (!gone || keepdim) g.shape.push_back(gone ? 1 : in[k]);
  }
  g.values.resize(outputs);
  const std::vector<double> v = read(x);
  for (std::size_t i = 0; i < v.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), place = 0, step = 1;
    for (int k = in.rank() - 1; k >= 0; --k) {
      if (!reduced[static_cast<std::size_t>(k)]) {
        place += rest % in[k] * step;
        step *= in[k];
      }
      rest /= in[k];
    }
    g.values[static_cast<std::size_t>(place)].push_back(v[i]);
  }
  return g;
}

template <class F>
Tensor fold(const Groups& g, F f, DType dtype) {
  std::vector<double> out;
  for (const auto& v : g.values) out.push_back(static_cast<double>(f(v)));
  return make(g.shape, out, dtype);
}

using Values = const std::vector<double>&;

double sum_of(Values v) {
  double s = 0;
  for (double x : v) s += x;
  return s;
}
double mean_of(Values v) { return sum_of(v) / static_cast<double>(v.size()); }
double prod_of(Values v) {
  double p = 1;
  for (double x : v) p *= x;
  return p;
}
std::size_t place_of_max(Values v) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (std::isnan(v[i])) return i;
    if (v[i] > v[at]) at = i;
  }
  return at;
}
std::size_t place_of_min(Values v) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (std::isnan(v[i])) return i;
    if (v[i] < v[at]) at = i;
  }
  return at;
}
double max_of(Values v) { return v[place_of_max(v)]; }
double min_of(Values v) { return v[place_of_min(v)]; }
bool any_of(Values v) { return sum_of(v) > 0; }
bool all_of(Values v) { return sum_of(v) == static_cast<double>(v.size()); }
double logsumexp_of(Values v) {
  double most = -std::numeric_limits<double>::infinity();
  for (double x : v) most = x > most ? x : most;
  if (std::isinf(most)) return most;
  double s = 0;
  for (double x : v) s += std::exp(x - most);
  return most + std::log(s);
}

// The result has x's dtype; that of integers is i64 where `widens`.
template <auto f, bool widens>
std::vector<Tensor> reduction(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ReduceAttrs*>(attrs);
  const DType dtype = widens && !is_floating(in[0].dtype()) ? DType::i64 : in[0].dtype();
  return {fold(group(in[0], a.dims, a.keepdim), f, dtype)};
}

template <auto value, auto place>
std::vector<Tensor> along(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const DimAttrs*>(attrs);
  const Groups g = group(in[0], a.dim, a.keepdim);
  return {fold(g, value, in[0].dtype()), fold(g, place, DType::i64)};
}

template <auto place>
std::vector<Tensor> arg(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const ArgReduceAttrs*>(attrs);
  return {fold(group(in[0], a.dims, a.keepdim), place, DType::i64)};
}

template <bool root>
std::vector<Tensor> variance(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const VarAttrs*>(attrs);
  const auto var_of = [&](Values v) {
    const double mean = mean_of(v);
    double s = 0;
    for (double x : v) s += (x - mean) * (x - mean);
    const double var = s / std::fmax(0, static_cast<double>(v.size()) - a.correction);
    return root ? std::sqrt(var) : var;
  };
  return {fold(group(in[0], a.dims, a.keepdim), var_of, DType::f64)};
}

std::vector<Tensor> norm(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const NormAttrs*>(attrs);
  const auto norm_of = [&](Values v) {
    if (std::isinf(a.p)) {
      double best = a.p > 0 ? 0 : HUGE_VAL;
      for (double x : v) {
        if (std::isnan(x)) return x;
        best = a.p > 0 ? std::fmax(best, std::fabs(x)) : std::fmin(best, std::fabs(x));
      }
      return best;
    }
    double s = 0;
    for (double x : v) s += a.p == 0 ? x != 0 : std::pow(std::fabs(x), a.p);
    return a.p == 0 ? s : std::pow(s, 1 / a.p);
  };
  return {fold(group(in[0], a.dims, a.keepdim), norm_of, DType::f64)};
}

std::vector<Tensor> sum_to(Inputs in, const void* attrs) {
  const Shape& shape = static_cast<const SumToAttrs*>(attrs)->shape;
  std::vector<double> out(static_cast<std::size_t>(shape.numel()), 0.0);
  const std::vector<double> v = read(in[0]);
  for (std::size_t i = 0; i < v.size(); ++i) {
    out[static_cast<std::size_t>(broadcast_index(static_cast<std::int64_t>(i), in[0].shape(), shape))] +=
        v[i];
  }
  return {make(shape, out, is_floating(in[0].dtype()) ? in[0].dtype() : DType::i64)};
}

constexpr ReferenceEntry kEntries[] = {
    {"sum", reduction<sum_of, true>},
    {"mean", reduction<mean_of, false>},
    {"prod", reduction<prod_of, true>},
    {"amax", reduction<max_of, false>},
    {"amin", reduction<min_of, false>},
    {"any", reduction<any_of, false>},
    {"all", reduction<all_of, false>},
    {"logsumexp", reduction<logsumexp_of, false>},
    {"max", along<max_of, place_of_max>},
    {"min", along<min_of, place_of_min>},
    {"argmax", arg<place_of_max>},
    {"argmin", arg<place_of_min>},
    {"var", variance<false>},
    {"std", variance<true>},
    {"norm", norm},
    {"sum_to", sum_to},
};

}  // namespace

std::span<const ReferenceEntry> reduction_references() { return kEntries; }

}  // namespace gradus::reference
