// References of the scans: every result is worked out anew from all elements that go into it.
#include "gradus/ops/scan/scan.h"

#include <cmath>
#include <limits>

#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

int axis_of(std::int64_t dim, const Tensor& t) { return static_cast<int>(dim < 0 ? dim + t.rank() : dim); }

// f(the element's place, element k of its lane for any k) for each element.
template <class F>
std::vector<double> each(const Tensor& x, int axis, F f) {
  const std::vector<double> v = read(x);
  std::vector<double> out(v.size());
  for (std::size_t i = 0; i < v.size(); ++i) {
    const Place at = place_of(i, x.shape());
    out[i] = f(at[static_cast<std::size_t>(axis)], [&](std::int64_t k) {
      Place other = at;
      other[static_cast<std::size_t>(axis)] = k;
      return v[flat_of(other, x.shape())];
    });
  }
  return out;
}

DType widened(const Tensor& x) { return is_floating(x.dtype()) ? x.dtype() : DType::i64; }

std::vector<Tensor> cumsum(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const CumsumAttrs*>(attrs);
  const int axis = axis_of(a.dim, in[0]);
  const std::int64_t n = in[0].shape()[axis];
  return {make(in[0].shape(),
               each(in[0], axis,
                    [&](std::int64_t k, auto at) {
                      double s = 0;
                      for (std::int64_t i = 0; i < n; ++i) {
                        const bool before = a.reverse ? i > k : i < k;
                        if (before || (i == k && !a.exclusive)) s += at(i);
                      }
                      return s;
                    }),
               widened(in[0]))};
}

std::vector<Tensor> cumprod(Inputs in, const void* attrs) {
  const int axis = axis_of(static_cast<const ScanAttrs*>(attrs)->dim, in[0]);
  return {make(in[0].shape(),
               each(in[0], axis,
                    [&](std::int64_t k, auto at) {
                      double p = 1;
                      for (std::int64_t i = 0; i <= k; ++i) p *= at(i);
                      return p;
                    }),
               widened(in[0]))};
}

std::vector<Tensor> logcumsumexp(Inputs in, const void* attrs) {
  const int axis = axis_of(static_cast<const ScanAttrs*>(attrs)->dim, in[0]);
  return {make(in[0].shape(), each(in[0], axis, [&](std::int64_t k, auto at) {
                 double most = -std::numeric_limits<double>::infinity();
                 for (std::int64_t i = 0; i <= k; ++i) {
                   if (std::isnan(at(i))) return at(i);
                   most = std::fmax(most, at(i));
                 }
                 if (std::isinf(most)) return most;
                 double s = 0;
                 for (std::int64_t i = 0; i <= k; ++i) s += std::exp(at(i) - most);
                 return most + std::log(s);
               }))};
}

std::vector<Tensor> linear_scan(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const LinearScanAttrs*>(attrs);
  const int axis = axis_of(a.dim, in[0]);
  const std::int64_t n = in[0].shape()[axis];
  const std::vector<double> factors = read(in[0]);
  const Shape shape = in[0].shape();
  std::int64_t step = 1;
  for (int k = axis + 1; k < shape.rank(); ++k) step *= shape[k];
  // The sum over all elements that reach this one of the products of the factors on the way.
  std::vector<double> out(factors.size());
  const std::vector<double> b = read(in[1]);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t k = place_of(i, shape)[static_cast<std::size_t>(axis)];
    const std::int64_t first = static_cast<std::int64_t>(i) - k * step;
    const auto at = [&](const std::vector<double>& v, std::int64_t j) {
      return v[static_cast<std::size_t>(first + j * step)];
    };
    for (std::int64_t j = 0; j < n; ++j) {
      if (a.reverse ? j < k : j > k) continue;
      double p = at(b, j);
      for (std::int64_t m = std::min(j, k) + 1; m <= std::max(j, k); ++m) p *= at(factors, m);
      out[i] += p;
    }
  }
  return {make(shape, out)};
}

template <bool largest>
std::vector<Tensor> extreme(Inputs in, const void* attrs) {
  const int axis = axis_of(static_cast<const ScanAttrs*>(attrs)->dim, in[0]);
  const auto place = [](std::int64_t k, auto at) {
    std::int64_t best = 0;
    for (std::int64_t i = 1; i <= k; ++i) {
      if (std::isnan(at(i)) || (!std::isnan(at(best)) && (largest ? at(i) >= at(best) : at(i) <= at(best)))) {
        best = i;
      }
    }
    return best;
  };
  const auto value = [&](std::int64_t k, auto at) { return at(place(k, at)); };
  const auto index = [&](std::int64_t k, auto at) { return static_cast<double>(place(k, at)); };
  return {make(in[0].shape(), each(in[0], axis, value), in[0].dtype()),
          make(in[0].shape(), each(in[0], axis, index), DType::i64)};
}

constexpr ReferenceEntry kEntries[] = {
    {"cumsum", cumsum},           {"cumprod", cumprod},      {"logcumsumexp", logcumsumexp},
    {"linear_scan", linear_scan}, {"cummax", extreme<true>}, {"cummin", extreme<false>},
};

}  // namespace

std::span<const ReferenceEntry> scan_references() { return kEntries; }

}  // namespace gradus::reference
