// References of sorting and choosing: std::stable_sort over lists of places.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "gradus/ops/reduction/axes.h"
#include "gradus/ops/reduction/extreme.h"
#include "gradus/ops/sort/order.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

bool less(double a, double b) { return std::isnan(b) ? !std::isnan(a) : a < b; }

// Both results, each in the shape of x but for `k` along the axis: the elements at the places
// choose(the elements of a lane, where they are in order).
template <class Choose>
std::vector<Tensor> choose_along(const Tensor& x, std::int64_t dim, std::int64_t k, bool descending,
                                 Choose choose) {
  const auto axis = static_cast<int>(dim < 0 ? dim + x.rank() : dim);
  const std::vector<double> v = read(x);
  Shape shape = x.shape();
  const std::int64_t n = shape[axis];
  shape[axis] = k;
  std::vector<double> values(static_cast<std::size_t>(shape.numel())), places(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    Place at = place_of(i, shape);
    const std::int64_t which = at[static_cast<std::size_t>(axis)];
    std::vector<double> lane;
    for (std::int64_t j = 0; j < n; ++j) {
      at[static_cast<std::size_t>(axis)] = j;
      lane.push_back(v[flat_of(at, x.shape())]);
    }
    std::vector<std::size_t> order(lane.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return descending ? less(lane[b], lane[a]) : less(lane[a], lane[b]);
    });
    const std::size_t place = choose(lane, order, static_cast<std::size_t>(which));
    values[i] = lane[place];
    places[i] = static_cast<double>(place);
  }
  return {make(shape, values, x.dtype()), make(shape, places, DType::i64)};
}

using Lane = const std::vector<double>&;
using Order = const std::vector<std::size_t>&;

std::size_t in_order(Lane, Order order, std::size_t which) { return order[which]; }

// Without the axis of size 1.
std::vector<Tensor> without(std::vector<Tensor> outs, std::int64_t dim, bool keepdim) {
  if (keepdim) return outs;
  for (Tensor& t : outs) {
    Shape shape;
    for (int k = 0; k < t.rank(); ++k) {
      if (k != dim && k != dim + t.rank()) shape.push_back(t.shape()[k]);
    }
    t = make(shape, read(t), t.dtype());
  }
  return outs;
}

std::vector<Tensor> sort(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const SortAttrs*>(attrs);
  return choose_along(in[0], a.dim, in[0].size(static_cast<int>(a.dim)), a.descending, in_order);
}

std::vector<Tensor> argsort(Inputs in, const void* attrs) { return {sort(in, attrs)[1]}; }

std::vector<Tensor> topk(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const TopkAttrs*>(attrs);
  return choose_along(in[0], a.dim, a.k, a.largest, in_order);
}

std::vector<Tensor> kthvalue(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const KthvalueAttrs*>(attrs);
  return without(
      choose_along(in[0], a.dim, 1, false,
                   [&](Lane, Order order, std::size_t) { return order[static_cast<std::size_t>(a.k - 1)]; }),
      a.dim, a.keepdim);
}

std::size_t middle(Lane lane, Order order, std::size_t) {
  for (std::size_t i = 0; i < lane.size(); ++i) {
    if (std::isnan(lane[i])) return i;
  }
  return order[(lane.size() - 1) / 2];
}

std::vector<Tensor> median(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const DimAttrs*>(attrs);
  return without(choose_along(in[0], a.dim, 1, false, middle), a.dim, a.keepdim);
}

std::vector<Tensor> median_all(Inputs in, const void*) {
  const Tensor flat = make({in[0].numel()}, read(in[0]), in[0].dtype());
  return {without(choose_along(flat, 0, 1, false, middle), 0, false)[0]};
}

constexpr ReferenceEntry kEntries[] = {
    {"sort", sort},         {"argsort", argsort}, {"topk", topk},
    {"kthvalue", kthvalue}, {"median", median},   {"median_all", median_all},
};

}  // namespace

std::span<const ReferenceEntry> sort_references() { return kEntries; }

}  // namespace gradus::reference
