// References of the indexing ops: one element after the other, its place taken apart into indices.
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/indexing/one_hot.h"
#include "gradus/ops/indexing/triangle.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// Calls f(place in `shape`, place in `inner`) for the elements of `inner`, where the place along `axis` is
// replaced by the one that index tells: index has inner's shape, or is a list along the axis.
template <class F>
void each(const Shape& inner, const Shape& shape, std::int64_t dim, const Tensor& index, F f) {
  const auto axis = static_cast<std::size_t>(positive_axis(dim, shape.rank()));
  const std::vector<double> indices = read(index);
  const bool list = index.shape() != inner || index.rank() != shape.rank();
  for (std::size_t i = 0; i < static_cast<std::size_t>(inner.numel()); ++i) {
    std::vector<std::int64_t> at = place_of(i, inner);
    const std::size_t k = list ? static_cast<std::size_t>(at[axis]) : i;
    at[axis] = static_cast<std::int64_t>(indices[k]);
    f(flat_of(at, shape), i);
  }
}

std::vector<Tensor> read_at(Inputs in, const void* attrs, bool list) {
  const std::int64_t dim = static_cast<const IndexAttrs*>(attrs)->dim;
  const Shape shape = in[0].shape();
  Shape inner = in[1].shape();
  if (list) {
    inner = shape;
    inner[positive_axis(dim, shape.rank())] = in[1].numel();
  }
  const std::vector<double> x = read(in[0]);
  std::vector<double> out(static_cast<std::size_t>(inner.numel()));
  each(inner, shape, dim, in[1], [&](std::size_t from, std::size_t to) { out[to] = x[from]; });
  return {make(inner, out, in[0].dtype())};
}
std::vector<Tensor> gather(Inputs in, const void* attrs) { return read_at(in, attrs, false); }
std::vector<Tensor> index_select(Inputs in, const void* attrs) { return read_at(in, attrs, true); }

std::vector<Tensor> add_at(Inputs in, const void* attrs) {
  const std::int64_t dim = static_cast<const IndexAttrs*>(attrs)->dim;
  std::vector<double> out = read(in[0]);
  const std::vector<double> source = read(in[2]);
  each(in[2].shape(), in[0].shape(), dim, in[1],
       [&](std::size_t to, std::size_t from) { out[to] += source[from]; });
  return {make(in[0].shape(), out, in[0].dtype())};
}

std::vector<Tensor> add_to_zeros(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const IndexBackwardAttrs*>(attrs);
  Shape shape = in[0].shape();
  shape[positive_axis(a.dim, shape.rank())] = a.size;
  std::vector<double> out(static_cast<std::size_t>(shape.numel()), 0.0);
  const std::vector<double> source = read(in[0]);
  each(in[0].shape(), shape, a.dim, in[1],
       [&](std::size_t to, std::size_t from) { out[to] += source[from]; });
  return {make(shape, out, in[0].dtype())};
}

std::vector<Tensor> one_hot(Inputs in, const void* attrs) {
  const std::int64_t classes = static_cast<const OneHotAttrs*>(attrs)->classes;
  Shape shape = in[0].shape();
  shape.push_back(classes);
  std::vector<double> out;
  for (double label : read(in[0])) {
    for (std::int64_t j = 0; j < classes; ++j) out.push_back(static_cast<double>(j) == label);
  }
  return {make(shape, out, DType::i64)};
}

std::vector<Tensor> scatter(Inputs in, const void* attrs) {
  const std::int64_t dim = static_cast<const IndexAttrs*>(attrs)->dim;
  std::vector<double> out = read(in[0]);
  const std::vector<double> source = read(in[2]);
  each(in[2].shape(), in[0].shape(), dim, in[1],
       [&](std::size_t to, std::size_t from) { out[to] = source[from]; });
  return {make(in[0].shape(), out, in[0].dtype())};
}

std::vector<Tensor> masked_select(Inputs in, const void*) {
  const Shape all = broadcast_shape(in);
  const std::vector<double> x = read(in[0]), mask = read(in[1]);
  std::vector<double> out;
  for (std::int64_t i = 0; i < all.numel(); ++i) {
    if (mask[static_cast<std::size_t>(broadcast_index(i, all, in[1].shape()))] != 0)
      out.push_back(x[static_cast<std::size_t>(broadcast_index(i, all, in[0].shape()))]);
  }
  return {make({static_cast<std::int64_t>(out.size())}, out, in[0].dtype())};
}

std::vector<Tensor> nonzero(Inputs in, const void*) {
  const std::vector<double> x = read(in[0]);
  std::vector<double> out;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == 0) continue;
    ++count;
    for (std::int64_t p : place_of(i, in[0].shape())) out.push_back(static_cast<double>(p));
  }
  return {make({count, in[0].rank()}, out, DType::i64)};
}

template <bool lower>
std::vector<Tensor> triangle(Inputs in, const void* attrs) {
  const auto diagonal = static_cast<double>(static_cast<const TriangleAttrs*>(attrs)->diagonal);
  std::vector<double> out = read(in[0]);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Place at = place_of(i, in[0].shape());
    const auto above = static_cast<double>(at[at.size() - 1] - at[at.size() - 2]);
    if (lower ? above > diagonal : above < diagonal) out[i] = 0;
  }
  return {make(in[0].shape(), out, in[0].dtype())};
}

constexpr ReferenceEntry kEntries[] = {
    {"scatter", scatter},
    {"masked_select", masked_select},
    {"nonzero", nonzero},
    {"tril", triangle<true>},
    {"triu", triangle<false>},
    {"gather", gather},
    {"gather_backward", add_to_zeros},
    {"scatter_add", add_at},
    {"index_select", index_select},
    {"index_select_backward", add_to_zeros},
    {"index_add", add_at},
    {"one_hot", one_hot},
};

}  // namespace

std::span<const ReferenceEntry> indexing_references() { return kEntries; }

}  // namespace gradus::reference
