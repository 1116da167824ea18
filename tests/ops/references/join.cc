// References of concat and stack: for each element of the result the tensor and the place that it comes from.
#include "gradus/ops/join/attrs.h"
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

constexpr ReferenceEntry kEntries[] = {
    {"concat", concat},
    {"stack", stack},
};

}  // namespace

std::span<const ReferenceEntry> join_references() { return kEntries; }

}  // namespace gradus::reference
