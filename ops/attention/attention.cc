// What scaled_dot_product_attention and its derivative check and lay out alike.
#include <algorithm>
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/tensor_impl.h"
#include "gradus/ops/attention/params.h"
#include "gradus/ops/pack.h"

namespace gradus {

namespace {

void require_mask(const InferContext& c, int q) {
  const int mask = q + 3;
  if (c.dtype(mask) != DType::boolean && c.dtype(mask) != c.dtype(q)) {
    c.dtype_error(fmt::format("the mask is bool, or of query's dtype and added to the scores: {}, {}",
                              c.describe(q), c.describe(mask)));
  }
  const Shape scores = rows_shape(c, q, c.dim(q + 1, c.rank(q + 1) - 2));
  const int lead = scores.rank() - c.rank(mask);
  bool fits = lead >= 0;
  for (int i = 0; fits && i < c.rank(mask); ++i)
    fits = c.dim(mask, i) == 1 || c.dim(mask, i) == scores[lead + i];
  if (!fits) {
    c.shape_error(fmt::format("the mask does not broadcast to the scores {}: {}",
                              format_shape({scores.data(), static_cast<std::size_t>(scores.rank())}),
                              c.describe(mask)));
  }
}

}  // namespace

void require_attention(const InferContext& c, int q, const AttentionAttrs& a) {
  const int k = q + 1, v = q + 2;
  c.require_floating(q);
  for (int i = k; i <= v; ++i) {
    if (c.dtype(i) != c.dtype(q)) {
      c.dtype_error(
          fmt::format("dtypes differ: {}, {}; convert one with astype()", c.describe(q), c.describe(i)));
    }
  }
  const int rank = c.rank(q);
  const auto all = [&] { return fmt::format("{}, {}, {}", c.describe(q), c.describe(k), c.describe(v)); };
  if (rank < 2 || c.rank(k) != rank || c.rank(v) != rank) {
    c.shape_error(fmt::format("takes arrays [.., length, size] of one rank, 2 or more: {}", all()));
  }
  if (c.dim(q, rank - 1) != c.dim(k, rank - 1)) {
    c.shape_error(fmt::format("query and key differ in their last axis: {}, {}: {} and {}", c.describe(q),
                              c.describe(k), c.dim(q, rank - 1), c.dim(k, rank - 1)));
  }
  if (c.dim(k, rank - 2) != c.dim(v, rank - 2)) {
    c.shape_error(fmt::format("there is one value for each key: {}, {}: {} keys, {} values", c.describe(k),
                              c.describe(v), c.dim(k, rank - 2), c.dim(v, rank - 2)));
  }
  for (int i = 0; i < rank - 2; ++i) {
    const std::int64_t heads = c.dim(q, i), shared = c.dim(k, i);
    const bool fits =
        i == rank - 3 ? heads == shared || (shared > 0 && heads > 0 && heads % shared == 0) : heads == shared;
    if (c.dim(v, i) == shared && fits) continue;
    c.shape_error(
        fmt::format("axis {} does not fit: {}: {}, {} and {}; only the heads of query (axis -3) may be a "
                    "multiple of those of key and value",
                    i, all(), heads, shared, c.dim(v, i)));
  }
  require_mask(c, q);
  if (!std::isfinite(a.scale)) c.value_error(fmt::format("scale is {}; it is a finite number", a.scale));
  if (!(a.dropout_p >= 0 && a.dropout_p < 1)) {
    c.value_error(fmt::format("dropout_p is {}; it lies in [0, 1), since what is kept is divided by 1 - p",
                              a.dropout_p));
  }
}

Shape rows_shape(const InferContext& c, int q, std::int64_t last) {
  Shape shape = c.shape(q);
  if (last < 0)
    shape.pop_back();
  else
    shape[shape.rank() - 1] = last;
  return shape;
}

void set_out_rows(InferContext& c, int out, int like, const Shape& shape) {
  c.set_out(out, c.dtype(like), shape);
  const TensorImpl& t = c.impl(like);
  if (t.strides == nullptr || t.numel == 0 || shape.numel() == 0 ||
      !is_dense_layout(t.dims(), t.strides, t.rank) ||
      !kernels::attention_reads(t.dims(), t.strides, t.rank) || (t.dims()[t.rank - 1] == 1)) {
    return;
  }
  // The axes in like's order of memory, the last one innermost; those of size 1 count as outermost.
  int order[kMaxRank];
  const int rank = t.rank;
  for (int i = 0; i < rank - 1; ++i) {
    const auto weight = [&](int axis) { return t.dims()[axis] == 1 ? INT64_MAX : t.strides[axis]; };
    int at = i;
    for (; at > 0 && weight(order[at - 1]) < weight(i); --at) order[at] = order[at - 1];
    order[at] = i;
  }
  OutputMeta& o = c.out(out);
  o.has_strides = true;
  o.strides[rank - 1] = 1;
  std::int64_t step = shape[rank - 1];
  for (int i = rank - 2; i >= 0; --i) {
    o.strides[order[i]] = step;
    step *= shape[order[i]];
  }
  if (is_contiguous_layout(shape.data(), o.strides, rank)) o.has_strides = false;
}

std::size_t rows_room(const InferContext& c, int i) {
  const TensorImpl& t = c.impl(i);
  return kernels::attention_reads(t.dims(), t.strides, t.rank) ? 0 : room(t.numel, t.dtype);
}

View packed_rows(const View& v, std::byte** scratch) {
  return kernels::attention_reads(v.dims, v.strides, v.rank) ? v : pack(v, scratch);
}

kernels::Attention attention_of(const View* in, const AttentionAttrs& a, std::byte** scratch) {
  kernels::Attention r;
  r.q = packed_rows(in[0], scratch);
  r.k = packed_rows(in[1], scratch);
  r.v = packed_rows(in[2], scratch);
  const View& mask = in[3];
  const bool none = mask.rank == 0 && mask.dtype == DType::boolean && *mask.as<const std::uint8_t>() != 0;
  if (!none) r.mask = mask;
  r.scale = a.scale;
  r.causal = a.is_causal;
  r.dropout_p = a.dropout_p;
  r.stream = {a.seed, a.counter};
  return r;
}

}  // namespace gradus
