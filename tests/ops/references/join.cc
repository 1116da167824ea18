// References of concat and stack: for each element of the result the tensor and the place that it comes from.
#include <string_view>

#include "gradus/ops/join/attrs.h"
#include "gradus/ops/join/pad.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// `shape` filled with the elements that from(place) names: it gives the index of a tensor and turns the place
// into that tensor's.
template <class F>
std::vector<Tensor> joined(Inputs in, const Shape& shape, F from) {
  std::vector<std::vector<double>> values;
  for (const Tensor& t : in) values.push_back(read(t));
  std::vector<double> out(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    Place at = place_of(i, shape);
    const std::size_t which = from(at);
    out[i] = values[which][flat_of(at, in[which].shape())];
  }
  return {make(shape, out, in[0].dtype())};
}

std::size_t axis_of(const void* attrs, int rank) {
  const std::int64_t dim = static_cast<const JoinAttrs*>(attrs)->dim;
  return static_cast<std::size_t>(dim < 0 ? dim + rank : dim);
}

std::vector<Tensor> concat(Inputs in, const void* attrs) {
  const std::size_t axis = axis_of(attrs, in[0].rank());
  Shape shape = in[0].shape();
  for (const Tensor& t : in.subspan(1)) shape[static_cast<int>(axis)] += t.size(static_cast<int>(axis));
  return joined(in, shape, [&](Place& at) {
    std::size_t which = 0;
    while (at[axis] >= in[which].size(static_cast<int>(axis))) {
      at[axis] -= in[which++].size(static_cast<int>(axis));
    }
    return which;
  });
}

std::vector<Tensor> stack(Inputs in, const void* attrs) {
  const std::size_t axis = axis_of(attrs, in[0].rank() + 1);
  const Shape shape = in[0].shape();
  Place sizes(shape.begin(), shape.end());
  const auto place = static_cast<std::ptrdiff_t>(axis);
  sizes.insert(sizes.begin() + place, static_cast<std::int64_t>(in.size()));
  return joined(in, Shape(std::span(std::as_const(sizes))), [&](Place& at) {
    const auto which = static_cast<std::size_t>(at[axis]);
    at.erase(at.begin() + place);
    return which;
  });
}

std::vector<Tensor> repeat(Inputs in, const void* attrs) {
  const Shape repeats = static_cast<const RepeatAttrs*>(attrs)->repeats, had = in[0].shape();
  const int lead = repeats.rank() - had.rank();
  Shape shape = repeats;
  for (int k = lead; k < shape.rank(); ++k) shape[k] *= had[k - lead];
  return joined(in, shape, [&](Place& at) {
    at.erase(at.begin(), at.begin() + lead);
    for (int k = 0; k < had.rank(); ++k) at[static_cast<std::size_t>(k)] %= had[k];
    return std::size_t{0};
  });
}

// Steps from place i outside to one inside 0..n-1, each as the mode says; false: it reads no element.
bool step_inside(std::string_view mode, std::int64_t n, std::int64_t& i) {
  while (i < 0 || i >= n) {
    if (mode == "constant") return false;
    if (mode == "reflect")
      i = i < 0 ? -i : n - 1 - (i - (n - 1));
    else if (mode == "replicate")
      i += i < 0 ? 1 : -1;
    else
      i += i < 0 ? n : -n;
  }
  return true;
}

std::vector<Tensor> pad(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const PadAttrs*>(attrs);
  Shape shape = in[0].shape();
  for (int k = 0; k < shape.rank(); ++k) shape[k] += a.before[k] + a.after[k];
  const std::vector<double> x = read(in[0]);
  std::vector<double> out(static_cast<std::size_t>(shape.numel()), a.value);
  for (std::size_t i = 0; i < out.size(); ++i) {
    Place at = place_of(i, shape);
    bool inside = true;
    for (int k = 0; k < shape.rank(); ++k) {
      std::int64_t& p = at[static_cast<std::size_t>(k)];
      p -= a.before[k];
      inside = step_inside(a.mode, in[0].shape()[k], p) && inside;
    }
    if (inside) out[i] = x[flat_of(at, in[0].shape())];
  }
  return {make(shape, out, in[0].dtype())};
}

std::vector<Tensor> pad_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const PadBackwardAttrs*>(attrs);
  const std::vector<double> g = read(in[0]);
  std::vector<double> out(static_cast<std::size_t>(a.shape.numel()), 0.0);
  for (std::size_t i = 0; i < g.size(); ++i) {
    Place at = place_of(i, in[0].shape());
    for (int k = 0; k < a.shape.rank(); ++k) {
      std::int64_t& p = at[static_cast<std::size_t>(k)];
      p -= a.before[k];
      step_inside(a.mode, a.shape[k], p);
    }
    out[flat_of(at, a.shape)] += g[i];
  }
  return {make(a.shape, out, in[0].dtype())};
}

constexpr ReferenceEntry kEntries[] = {
    {"repeat", repeat}, {"pad", pad}, {"pad_backward", pad_backward}, {"concat", concat}, {"stack", stack},
};

}  // namespace

std::span<const ReferenceEntry> join_references() { return kEntries; }

}  // namespace gradus::reference
