// Writing at places.
#include <unordered_map>

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/data/format/onnx/operators/integers.h"
#include "gradus/data/format/onnx/operators/rows.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

// data, a list, times each update at its place. Several updates of one place are applied one after the other,
// so that each is a product of different places.
Tensor multiply_at(const Tensor& data, const Tensor& places, const Tensor& updates) {
  std::unordered_map<std::int64_t, std::size_t> seen;
  std::vector<std::vector<std::int64_t>> rounds;  // numbers of updates
  const std::vector<std::int64_t> all = whole_numbers(places);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t round = seen[all[i]]++;
    if (round == rounds.size()) rounds.emplace_back();
    rounds[round].push_back(static_cast<std::int64_t>(i));
  }
  Tensor out = data;
  for (const std::vector<std::int64_t>& round : rounds) {
    const Tensor which = index_tensor(round);
    const Tensor where = index_select(places, 0, which);
    const Tensor factor = index_select(updates, 0, which);
    out = scatter(out, 0, where, mul(index_select(out, 0, where), factor));
  }
  return out;
}

// data, a list, with the updates put, added or multiplied in.
Tensor update(const Call& c, const Tensor& data, const Tensor& places, const Tensor& updates) {
  const std::string reduction = c.text("reduction", "none");
  if (updates.dtype() != data.dtype()) {
    c.fail("data are {}, updates {}", name(data.dtype()), name(updates.dtype()));
  }
  if (reduction == "none") return scatter(data, 0, places, updates);
  if (reduction == "add") return scatter_add(data, 0, places, updates);
  if (reduction == "mul") return multiply_at(data, places, updates);
  c.unsupported("the reduction \"{}\"", reduction);
}

void run_scatter_elements(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole("axis", 0), x.rank());
  const Tensor indices = wrapped_indices(c, c.in(1), x.size(static_cast<int>(axis)));
  const Shape shape = indices.shape();
  bool fits = shape.rank() == x.rank() && c.in(2).shape() == shape;
  for (int i = 0; fits && i < shape.rank(); ++i) fits = i == axis || shape[i] <= x.size(i);
  if (!fits) {
    c.fail("indices {} and updates {} do not fit data {}", format_shape(shape), format_shape(c.in(2).shape()),
           format_shape(x.shape()));
  }
  // Each index as the number of an element of the whole.
  std::vector<std::int64_t> places = whole_numbers(indices);
  std::vector<std::int64_t> at(static_cast<std::size_t>(shape.rank()), 0);
  for (std::int64_t& p : places) {
    std::int64_t number = 0;
    for (int i = 0; i < shape.rank(); ++i)
      number = number * x.size(i) + (i == axis ? p : at[static_cast<std::size_t>(i)]);
    p = number;
    for (int i = shape.rank() - 1; i >= 0 && ++at[static_cast<std::size_t>(i)] == shape[i]; --i) {
      at[static_cast<std::size_t>(i)] = 0;
    }
  }
  const Tensor y = update(c, flatten(x), index_tensor(places), flatten(c.in(2)));
  c.set(0, reshape(y, x.shape()), c.type(0));
}

void run_scatter_nd(Call& c) {
  const Tensor& x = c.in(0);
  const Tensor& indices = c.in(1);
  const Tensor rows = row_numbers(c, indices, x.shape(), 0);
  const auto named = static_cast<int>(indices.size(-1));
  const std::int64_t width = as_rows(x, named).size(1);
  if (c.in(2).numel() != rows.numel() * width) {
    c.fail("updates {} do not fit indices {} into data {}", format_shape(c.in(2).shape()),
           format_shape(indices.shape()), format_shape(x.shape()));
  }
  std::vector<std::int64_t> places;
  for (const std::int64_t r : whole_numbers(rows)) {
    for (std::int64_t k = 0; k < width; ++k) places.push_back(r * width + k);
  }
  const Tensor y = update(c, flatten(x), index_tensor(places), flatten(c.in(2)));
  c.set(0, reshape(y, x.shape()), c.type(0));
}

constexpr Operator kOperators[] = {
    {"Scatter", run_scatter_elements, 3, 3},
    {"ScatterElements", run_scatter_elements, 3, 3},
    {"ScatterND", run_scatter_nd, 3, 3},
};

}  // namespace

std::span<const Operator> scatter_operators() { return kOperators; }

}  // namespace gradus::onnx
