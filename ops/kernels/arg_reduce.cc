// argmax and argmin. Contiguous rows take two looks at each block, both in vector code: its extreme value,
// and only if that beats all blocks before, later the place of it. Everything else is walked element by
// element.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/arg_reduce.cc"
#include <algorithm>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/layout.h"
#include "gradus/ops/kernels/reduce-inl.h"
#include "gradus/ops/kernels/reduce.h"

GRADUS_SIMD_BEGIN

// The place of the first element equal to `value` (NaN equals NaN); there is one.
template <class T>
std::int64_t find_first(const T* p, std::int64_t n, T value) {
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto v = hn::Set(d, value);
  const bool nan = value != value;
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto x = hn::LoadU(d, p + i);
    const auto hit = nan ? math::IsNaN(d, x) : hn::Eq(x, v);
    const std::intptr_t at = hn::FindFirstTrue(d, hit);
    if (at >= 0) return i + at;
  }
  for (; i < n; ++i) {
    if (nan ? p[i] != p[i] : p[i] == value) return i;
  }
  return 0;
}

template <class Op, class T>
std::int64_t arg_row(const T* p, std::int64_t n) {
  T best = reduce_contiguous<Op, T>(p, std::min(n, kRowBlock));
  std::int64_t best_block = 0;
  for (std::int64_t i = kRowBlock; i < n && best == best; i += kRowBlock) {
    const T value = reduce_contiguous<Op, T>(p + i, std::min(n - i, kRowBlock));
    if (Op::merge(best, value) != best) {
      best = value;
      best_block = i;
    }
  }
  return best_block + find_first(p + best_block, std::min(n - best_block, kRowBlock), best);
}

template <class T>
std::int64_t arg_row_either(bool largest, const T* p, std::int64_t n) {
  return largest ? arg_row<MaxOp>(p, n) : arg_row<MinOp>(p, n);
}

std::int64_t arg_contiguous(DType dtype, bool largest, const void* p, std::int64_t n) {
  switch (dtype) {
    case DType::f32:
      return arg_row_either(largest, static_cast<const float*>(p), n);
    case DType::f64:
      return arg_row_either(largest, static_cast<const double*>(p), n);
    case DType::i32:
      return arg_row_either(largest, static_cast<const std::int32_t*>(p), n);
    case DType::i64:
      return arg_row_either(largest, static_cast<const std::int64_t*>(p), n);
    default:
      return arg_row_either(largest, static_cast<const std::uint8_t*>(p), n);
  }
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(arg_contiguous);

constexpr std::int64_t kGrain = 32 * 1024;

// x wins over best.
template <class T>
bool beats(T x, T best, bool largest) {
  return largest ? !(x <= best) && best == best : !(x >= best) && best == best;
}

template <class T>
std::int64_t arg_run(bool largest, const T* p, std::int64_t stride, std::int64_t n) {
  std::int64_t at = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    if (beats(p[i * stride], p[at * stride], largest)) at = i;
  }
  return at;
}

// Neighbouring outputs at once, so that memory is read in its order.
template <class T>
void arg_columns(bool largest, const T* p, std::int64_t stride, std::int64_t n, std::int64_t column_stride,
                 std::int64_t width, std::int64_t* out, std::int64_t out_stride) {
  T best[kReduceWidth];
  std::int64_t at[kReduceWidth] = {};
  for (std::int64_t j = 0; j < width; ++j) best[j] = p[j * column_stride];
  for (std::int64_t i = 1; i < n; ++i) {
    const T* row = p + i * stride;
    for (std::int64_t j = 0; j < width; ++j) {
      if (beats(row[j * column_stride], best[j], largest)) {
        best[j] = row[j * column_stride];
        at[j] = i;
      }
    }
  }
  for (std::int64_t j = 0; j < width; ++j) out[j * out_stride] = at[j];
}

template <class T>
std::int64_t arg_all(const View& in, bool largest) {
  const T* p = in.as<const T>();
  Layout l;
  l.operands = 1;
  l.rank = in.rank;
  std::copy_n(in.dims, in.rank, l.dims);
  std::copy_n(in.strides, in.rank, l.strides[0]);
  const std::int64_t stride = l.strides[0][l.rank - 1];
  T best = *p;
  std::int64_t best_at = 0, position = 0;
  for (Runs run(l, 0, in.numel); run.n > 0; run.next()) {
    const T* row = p + run.offset[0];
    const std::int64_t i = arg_run(largest, row, stride, run.n);
    if (beats(row[i * stride], best, largest)) {
      best = row[i * stride];
      best_at = position + i;
    }
    position += run.n;
  }
  return best_at;
}

template <class T>
void arg_axis(bool largest, const View& in, int axis, const View& out) {
  const std::int64_t n = in.dims[axis];
  std::int64_t stride = 0;
  std::int64_t strides[kMaxRank];
  if (in.strides != nullptr)
    std::copy_n(in.strides, in.rank, strides);
  else
    contiguous_strides(in.dims, in.rank, strides);
  stride = strides[axis];
  const bool rows = stride == 1 && n >= 16;
  const ReducePlan plan = make_reduce_plan(in, 1u << axis);
  const std::int64_t each = n * std::min(plan.columns, plan.tile_width);
  const auto tiles = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const ReduceTile tile = reduce_tile(plan, i);
      const T* p = in.as<const T>() + tile.in;
      std::int64_t* to = out.as<std::int64_t>() + tile.out;
      if (plan.by_columns) {
        arg_columns(largest, p, stride, n, plan.column_stride, tile.width, to, plan.column_out_stride);
        continue;
      }
      for (std::int64_t j = 0; j < tile.width; ++j) {
        const T* row = p + j * plan.column_stride;
        to[j * plan.column_out_stride] =
            rows ? k_arg_contiguous.get()(in.dtype, largest, row, n) : arg_run(largest, row, stride, n);
      }
    }
  };
  parallel_for(plan.tiles(), std::max<std::int64_t>(1, kGrain / each), tiles);
}

template <class T>
void arg_reduce_as(bool largest, const View& in, int axis, const View& out) {
  if (axis >= 0) return arg_axis<T>(largest, in, axis, out);
  *out.as<std::int64_t>() = is_contiguous(in) ? k_arg_contiguous.get()(in.dtype, largest, in.data, in.numel)
                                              : arg_all<T>(in, largest);
}

}  // namespace

void arg_reduce(bool largest, const View& in, int axis, const View& out) {
  if (out.numel == 0) return;
  switch (in.dtype) {
    case DType::f32:
      return arg_reduce_as<float>(largest, in, axis, out);
    case DType::f64:
      return arg_reduce_as<double>(largest, in, axis, out);
    case DType::i32:
      return arg_reduce_as<std::int32_t>(largest, in, axis, out);
    case DType::i64:
      return arg_reduce_as<std::int64_t>(largest, in, axis, out);
    default:
      return arg_reduce_as<std::uint8_t>(largest, in, axis, out);
  }
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
