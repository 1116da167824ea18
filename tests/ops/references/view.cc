// References of the views and copies: for each element of the result the place that it comes from, and for
// the gradients of slice and select the place that each element goes to.
#include <algorithm>

#include "gradus/ops/view/attrs.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

std::size_t axis_of(std::int64_t dim, int rank) {
  return static_cast<std::size_t>(dim < 0 ? dim + rank : dim);
}

// `place` with one more index in front of axis `axis`.
Place inserted(Place place, std::size_t axis, std::int64_t index) {
  place.insert(place.begin() + static_cast<std::ptrdiff_t>(axis), index);
  return place;
}

// `shape` filled with x's elements at from(place).
template <class F>
std::vector<Tensor> picked(const Tensor& x, const Shape& shape, F from) {
  const std::vector<double> v = read(x);
  std::vector<double> out(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = v[flat_of(from(place_of(i, shape)), x.shape())];
  return {make(shape, out, x.dtype())};
}

// Zeros of `shape`, with g's elements at to(place).
template <class F>
std::vector<Tensor> put(const Tensor& g, const Shape& shape, F to) {
  const std::vector<double> v = read(g);
  std::vector<double> out(static_cast<std::size_t>(shape.numel()), 0.0);
  for (std::size_t i = 0; i < v.size(); ++i) out[flat_of(to(place_of(i, g.shape())), shape)] = v[i];
  return {make(shape, out, g.dtype())};
}

std::vector<Tensor> copy(Inputs in, const void*) { return {make(in[0].shape(), read(in[0]), in[0].dtype())}; }

std::vector<Tensor> reshape(Inputs in, const void* attrs) {
  Shape shape = static_cast<const ReshapeAttrs*>(attrs)->shape;
  for (int k = 0; k < shape.rank(); ++k) {
    if (shape[k] == -1) shape[k] = -in[0].numel() / shape.numel();
  }
  return {make(shape, read(in[0]), in[0].dtype())};
}

std::vector<Tensor> squeeze(Inputs in, const void* attrs) {
  const Dims& dims = static_cast<const SqueezeAttrs*>(attrs)->dims;
  Shape shape;
  for (int k = 0; k < in[0].rank(); ++k) {
    const bool gone = std::any_of(dims.begin(), dims.end(), [&](std::int64_t d) {
      return axis_of(d, in[0].rank()) == static_cast<std::size_t>(k);
    });
    if (!gone) shape.push_back(in[0].shape()[k]);
  }
  return {make(shape, read(in[0]), in[0].dtype())};
}

std::vector<Tensor> unsqueeze(Inputs in, const void* attrs) {
  const Shape shape = in[0].shape();
  const std::size_t axis = axis_of(static_cast<const UnsqueezeAttrs*>(attrs)->dim, in[0].rank() + 1);
  const Place sizes = inserted(Place(shape.begin(), shape.end()), axis, 1);
  return {make(Shape(std::span(sizes)), read(in[0]), in[0].dtype())};
}

std::vector<Tensor> permute(Inputs in, const void* attrs) {
  const Dims& dims = static_cast<const PermuteAttrs*>(attrs)->dims;
  Shape shape;
  for (std::int64_t d : dims) shape.push_back(in[0].size(static_cast<int>(d)));
  return picked(in[0], shape, [&](const Place& at) {
    Place from(at.size());
    for (std::size_t k = 0; k < at.size(); ++k) from[axis_of(dims[static_cast<int>(k)], dims.size())] = at[k];
    return from;
  });
}

std::vector<Tensor> transpose(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const TransposeAttrs*>(attrs);
  const std::size_t i = axis_of(a.dim0, in[0].rank()), j = axis_of(a.dim1, in[0].rank());
  Shape shape = in[0].shape();
  std::swap(shape[static_cast<int>(i)], shape[static_cast<int>(j)]);
  return picked(in[0], shape, [&](Place at) {
    std::swap(at[i], at[j]);
    return at;
  });
}

std::vector<Tensor> expand(Inputs in, const void* attrs) {
  Shape shape = static_cast<const ExpandAttrs*>(attrs)->shape;
  const Shape had = in[0].shape();
  const int added = shape.rank() - had.rank();
  for (int k = added; k < shape.rank(); ++k) {
    if (shape[k] == -1) shape[k] = had[k - added];
  }
  return picked(in[0], shape, [&](const Place& at) {
    Place from(at.begin() + added, at.end());
    for (int k = 0; k < had.rank(); ++k) {
      if (had[k] == 1) from[static_cast<std::size_t>(k)] = 0;
    }
    return from;
  });
}

std::vector<Tensor> slice(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const SliceAttrs*>(attrs);
  const std::size_t axis = axis_of(a.dim, in[0].rank());
  Shape shape = in[0].shape();
  std::int64_t& size = shape[static_cast<int>(axis)];
  const std::int64_t start = std::max<std::int64_t>(a.start < 0 ? a.start + size : a.start, 0);
  const std::int64_t end = a.end < 0 ? a.end + size : a.end;
  Place kept;
  for (std::int64_t i = start; i < std::min(end, size); ++i) {
    if ((i - start) % a.step == 0) kept.push_back(i);
  }
  size = static_cast<std::int64_t>(kept.size());
  return picked(in[0], shape, [&](Place at) {
    at[axis] = kept[static_cast<std::size_t>(at[axis])];
    return at;
  });
}

std::vector<Tensor> slice_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const SliceBackwardAttrs*>(attrs);
  const std::size_t axis = axis_of(a.dim, in[0].rank());
  Shape shape = in[0].shape();
  shape[static_cast<int>(axis)] = a.size;
  return put(in[0], shape, [&](Place at) {
    at[axis] = a.start + at[axis] * a.step;
    return at;
  });
}

std::vector<Tensor> select(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const SelectAttrs*>(attrs);
  const std::size_t axis = axis_of(a.dim, in[0].rank());
  const std::int64_t size = in[0].size(static_cast<int>(axis));
  Shape shape;
  for (int k = 0; k < in[0].rank(); ++k) {
    if (static_cast<std::size_t>(k) != axis) shape.push_back(in[0].shape()[k]);
  }
  return picked(in[0], shape,
                [&](const Place& at) { return inserted(at, axis, a.index < 0 ? a.index + size : a.index); });
}

std::vector<Tensor> select_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const SelectBackwardAttrs*>(attrs);
  const auto axis = static_cast<std::size_t>(a.dim);
  const Shape shape = in[0].shape();
  const Place sizes = inserted(Place(shape.begin(), shape.end()), axis, a.size);
  return put(in[0], Shape(std::span(sizes)), [&](const Place& at) { return inserted(at, axis, a.index); });
}

std::vector<Tensor> flip(Inputs in, const void* attrs) {
  const Shape shape = in[0].shape();
  return picked(in[0], shape, [&](Place at) {
    for (std::int64_t d : static_cast<const FlipAttrs*>(attrs)->dims) {
      const std::size_t axis = axis_of(d, shape.rank());
      at[axis] = shape[static_cast<int>(axis)] - 1 - at[axis];
    }
    return at;
  });
}

std::vector<Tensor> roll(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const RollAttrs*>(attrs);
  const Shape shape = in[0].shape();
  return picked(in[0], shape, [&](Place at) {
    for (int i = 0; i < a.dims.size(); ++i) {
      const std::size_t axis = axis_of(a.dims[i], shape.rank());
      const std::int64_t size = shape[static_cast<int>(axis)];
      at[axis] = ((at[axis] - a.shifts[i]) % size + size) % size;
    }
    return at;
  });
}

// The place in a matrix's array of the place `at` of its diagonal: row and column put in at their axes.
Place on_diagonal(const Place& at, std::size_t rows, std::size_t cols, std::int64_t offset) {
  const std::int64_t i = at.back();
  Place place(at.size() + 1);
  std::size_t next = 0;
  for (std::size_t k = 0; k < place.size(); ++k) {
    if (k == rows)
      place[k] = i + (offset < 0 ? -offset : 0);
    else if (k == cols)
      place[k] = i + (offset > 0 ? offset : 0);
    else
      place[k] = at[next++];
  }
  return place;
}

std::vector<Tensor> diagonal(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const DiagonalAttrs*>(attrs);
  const Shape had = in[0].shape();
  const std::size_t rows = axis_of(a.dim1, had.rank()), cols = axis_of(a.dim2, had.rank());
  Shape shape;
  for (int k = 0; k < had.rank(); ++k) {
    if (static_cast<std::size_t>(k) != rows && static_cast<std::size_t>(k) != cols) shape.push_back(had[k]);
  }
  std::int64_t n = 0;
  for (std::int64_t i = 0; i < had[static_cast<int>(rows)]; ++i) {
    const std::int64_t j = i + a.offset;
    if (j >= 0 && j < had[static_cast<int>(cols)]) ++n;
  }
  shape.push_back(n);
  return picked(in[0], shape, [&](const Place& at) { return on_diagonal(at, rows, cols, a.offset); });
}

std::vector<Tensor> put_diagonal(const Tensor& g, std::size_t rows, std::size_t cols, std::int64_t offset,
                                 std::int64_t n_rows, std::int64_t n_cols) {
  Shape shape;
  for (int k = 0, next = 0; k <= g.rank(); ++k) {
    const auto axis = static_cast<std::size_t>(k);
    shape.push_back(axis == rows ? n_rows : axis == cols ? n_cols : g.shape()[next++]);
  }
  return put(g, shape, [&](const Place& at) { return on_diagonal(at, rows, cols, offset); });
}

std::vector<Tensor> diagonal_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const DiagonalBackwardAttrs*>(attrs);
  return put_diagonal(in[0], static_cast<std::size_t>(a.dim1), static_cast<std::size_t>(a.dim2), a.offset,
                      a.rows, a.cols);
}

std::vector<Tensor> diag_embed(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const DiagonalAttrs*>(attrs);
  const int rank = in[0].rank() + 1;
  const std::int64_t n = in[0].size(-1) + (a.offset < 0 ? -a.offset : a.offset);
  return put_diagonal(in[0], axis_of(a.dim1, rank), axis_of(a.dim2, rank), a.offset, n, n);
}

std::vector<Tensor> unfold(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const UnfoldAttrs*>(attrs);
  const std::size_t axis = axis_of(a.dim, in[0].rank());
  Shape shape = in[0].shape();
  std::int64_t windows = 0;
  for (std::int64_t first = 0; first + a.size <= shape[static_cast<int>(axis)]; ++first) {
    if (first % a.step == 0) ++windows;
  }
  shape[static_cast<int>(axis)] = windows;
  shape.push_back(a.size);
  return picked(in[0], shape, [&](Place at) {
    const std::int64_t k = at.back();
    at.pop_back();
    at[axis] = at[axis] * a.step + k;
    return at;
  });
}

std::vector<Tensor> unfold_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const UnfoldBackwardAttrs*>(attrs);
  const auto axis = static_cast<std::size_t>(a.dim);
  Shape shape = in[0].shape();
  shape.pop_back();
  shape[static_cast<int>(axis)] = a.length;
  const std::vector<double> g = read(in[0]);
  std::vector<double> out(static_cast<std::size_t>(shape.numel()), 0.0);
  for (std::size_t i = 0; i < g.size(); ++i) {
    Place at = place_of(i, in[0].shape());
    const std::int64_t k = at.back();
    at.pop_back();
    at[axis] = at[axis] * a.step + k;
    out[flat_of(at, shape)] += g[i];
  }
  return {make(shape, out, in[0].dtype())};
}

constexpr ReferenceEntry kEntries[] = {
    {"flip", flip},
    {"roll", roll},
    {"diagonal", diagonal},
    {"diagonal_backward", diagonal_backward},
    {"diag_embed", diag_embed},
    {"unfold", unfold},
    {"unfold_backward", unfold_backward},
    {"clone", copy},
    {"contiguous", copy},
    {"reshape", reshape},
    {"squeeze", squeeze},
    {"unsqueeze", unsqueeze},
    {"permute", permute},
    {"transpose", transpose},
    {"expand", expand},
    {"slice", slice},
    {"slice_backward", slice_backward},
    {"select", select},
    {"select_backward", select_backward},
};

}  // namespace

std::span<const ReferenceEntry> view_references() { return kEntries; }

}  // namespace gradus::reference
