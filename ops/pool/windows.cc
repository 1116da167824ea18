// What the pooling ops share: attributes as windows, their checks, layouts.
#include "gradus/ops/pool/windows.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/pool.h"

namespace gradus {

extern const OpDef op_max_pool_indices;

namespace {

using kernels::PoolAxis;
using kernels::PoolShape;

Dims ones_for(const Dims& like) {
  Dims d = like;
  for (int i = 0; i < d.size(); ++i) d[i] = 1;
  return d;
}

std::string text_of(const SmallList& d) {
  return format_shape({d.data(), static_cast<std::size_t>(d.size())});
}

// Numbers of windows and places up to this cannot overflow what is computed from two of them.
constexpr std::int64_t kMost = std::int64_t{1} << 31;

// One axis as the attributes say, without checks.
PoolAxis axis_of(const Windows& w, int i, std::int64_t n) {
  PoolAxis a;
  a.in = n;
  if (!w.output_size.empty()) {
    a.adaptive = true;
    a.out = w.output_size[i];
    // The largest window: a part that divides n has n / out places; else one that starts at the largest
    // fraction of a place, a multiple of the common divisor, reaches over one place or two.
    const std::int64_t rest = n % a.out;
    a.kernel = n / a.out + (rest == 0 ? 0 : rest > std::gcd(rest, a.out) ? 2 : 1);
    return a;
  }
  a.kernel = w.kernel[i];
  a.stride = w.stride[i];
  a.dilation = w.dilation[i];
  a.before = w.before[i];
  a.after = w.after[i];
  const std::int64_t room = n + a.before + a.after - ((a.kernel - 1) * a.dilation + 1);
  a.out = (room + (w.ceil_mode ? a.stride - 1 : 0)) / a.stride + 1;
  // A last window that would start in the padding behind is none.
  if (w.ceil_mode && (a.out - 1) * a.stride >= n + a.before) --a.out;
  return a;
}

}  // namespace

Windows windows_of(const MaxPoolAttrs& a) {
  return {a.kernel, a.stride, a.dilation, a.before, a.after, a.ceil_mode, Dims{}};
}
Windows windows_of(const AvgPoolAttrs& a) {
  return {a.kernel, a.stride, ones_for(a.kernel), a.before, a.after, a.ceil_mode, Dims{}};
}
Windows windows_of(const AdaptivePoolAttrs& a) {
  return {Dims{}, Dims{}, Dims{}, Dims{}, Dims{}, false, a.output_size};
}
Windows windows_of(const MaxPoolBackwardAttrs& a) {
  return {a.kernel, a.stride, a.dilation, a.before, a.after, a.ceil_mode, a.output_size};
}
Windows windows_of(const AvgPoolBackwardAttrs& a) {
  return {a.kernel, a.stride, ones_for(a.kernel), a.before, a.after, a.ceil_mode, a.output_size};
}

PoolShape checked_windows(const InferContext& c, const Windows& w, const Shape& shape,
                          const std::string& what) {
  const bool adaptive = !w.output_size.empty();
  const int spatial = w.spatial();
  const int rank = shape.rank();
  if (spatial < 1 || spatial > 3 ||
      (!adaptive && (w.stride.size() != spatial || w.dilation.size() != spatial ||
                     w.before.size() != spatial || w.after.size() != spatial))) {
    c.value_error(
        fmt::format("pools one to three axes, with one number for each: kernel {}, stride {}, dilation {}, "
                    "padding {} and {}",
                    text_of(adaptive ? w.output_size : w.kernel), text_of(w.stride), text_of(w.dilation),
                    text_of(w.before), text_of(w.after)));
  }
  if (rank != spatial + 1 && rank != spatial + 2) {
    c.shape_error(fmt::format("takes {} spatial axes behind C, or behind N and C: {} has {} axes", spatial,
                              what, rank));
  }
  PoolShape s;
  std::int64_t volume = 1;
  for (int i = 0; i < spatial; ++i) {
    const int axis = rank - spatial + i;
    const std::int64_t n = shape[axis];
    if (n == 0) c.shape_error(fmt::format("axis {} of {} has no elements to pool", axis, what));
    if (adaptive) {
      if (w.output_size[i] < 1 || w.output_size[i] > kMost || n > kMost) {
        c.value_error(
            fmt::format("output size {} of axis {} is not in 1..2^31: {}", w.output_size[i], axis, what));
      }
    } else {
      const std::int64_t kernel = w.kernel[i], stride = w.stride[i], dilation = w.dilation[i],
                         before = w.before[i], after = w.after[i];
      if (kernel < 1 || stride < 1 || dilation < 1 || kernel > kMost || stride > kMost || dilation > kMost) {
        c.value_error(
            fmt::format("kernel size {}, stride {} and dilation {} of axis {} are not in 1..2^31: {}", kernel,
                        stride, dilation, axis, what));
      }
      std::int64_t size = 0;
      if (__builtin_mul_overflow(kernel - 1, dilation, &size) || size >= std::int64_t{1} << 62) {
        c.value_error(fmt::format("a window of {} places, {} apart, has no size along axis {}: {}", kernel,
                                  dilation, axis, what));
      }
      ++size;
      if (before < 0 || after < 0 || before >= size || after >= size) {
        c.value_error(
            fmt::format("padding {} and {} of axis {} is negative or leaves windows of {} places without an "
                        "element: {}",
                        before, after, axis, size, what));
      }
      if (before > 0 && dilation > n) {
        c.value_error(fmt::format(
            "dilation {} is larger than axis {}, whose windows may then lie in its padding of {}: "
            "{}",
            dilation, axis, before, what));
      }
      if (n > (std::int64_t{1} << 62) - 1 || size > n + before + after) {
        c.shape_error(
            fmt::format("the window is larger than the padded axis {}: {} places ({}, {} apart), "
                        "the axis has {} + {} + {}: {}",
                        axis, size, kernel, dilation, before, n, after, what));
      }
    }
    PoolAxis& a = s.axis[3 - spatial + i];
    a = axis_of(w, i, n);
    if (__builtin_mul_overflow(volume, a.kernel, &volume) || volume >= kMost) {
      c.value_error(
          fmt::format("a window has more than 2^31 places: kernel {}, {}", text_of(w.kernel), what));
    }
  }
  return s;
}

PoolShape pool_shape(const Windows& w, const std::int64_t* dims, int rank, ChannelLayout layout) {
  const int spatial = w.spatial();
  PoolShape s;
  for (int i = 0; i < spatial; ++i) s.axis[3 - spatial + i] = axis_of(w, i, dims[rank - spatial + i]);
  for (int i = 0; i < rank - spatial - 1; ++i) s.outer *= dims[i];
  (layout == ChannelLayout::channels_last ? s.inner : s.outer) *= dims[rank - spatial - 1];
  return s;
}

Shape pooled_shape(const PoolShape& s, const Shape& shape, const Windows& w) {
  const int spatial = w.spatial();
  Shape out = shape;
  for (int i = 0; i < spatial; ++i) out[shape.rank() - spatial + i] = s.axis[3 - spatial + i].out;
  return out;
}

PoolShape require_pooled(const InferContext& c, int i, const Windows& w, const Shape& shape) {
  const PoolShape s = checked_windows(c, w, shape, "the pooled array " + text_of(shape));
  const Shape pooled = pooled_shape(s, shape, w);
  if (c.shape(i) != pooled) {
    c.shape_error(
        fmt::format("{} is not what {} pools to, {}", c.describe(i), text_of(shape), text_of(pooled)));
  }
  return s;
}

void require_places(const InferContext& c, int i, int j, const PoolShape& s) {
  const DType dtype = kernels::pool_place_type(s.volume());
  if (c.dtype(i) == dtype && c.shape(i) == c.shape(j)) return;
  const std::string what = fmt::format("there is one {} place an element: {}{}{}", name(dtype),
                                       i == j ? "" : c.describe(j), i == j ? "" : ", ", c.describe(i));
  if (c.dtype(i) != dtype) c.dtype_error(what);
  c.shape_error(what);
}

void require_places_inside(const KernelContext& c, int i, const PoolShape& s, const View& places) {
  if (kernels::places_inside(s, places)) [[likely]]
    return;
  const View& given = c.in[i];
  for (std::int64_t k = 0; k < given.numel; ++k) {
    const std::int64_t at = offset_of(given, k);
    const std::int64_t place =
        given.dtype == DType::u8 ? given.as<const std::uint8_t>()[at] : given.as<const std::int32_t>()[at];
    if (place >= 0 && place < s.volume()) continue;
    c.fail_value(
        fmt::format("place {} at {} of places is outside its window", place, format_place(given, k)));
  }
}

Tensor sample_places(const Shape& shape, std::initializer_list<int> v) {
  Tensor t = empty(shape, DType::u8);
  std::copy(v.begin(), v.end(), static_cast<std::uint8_t*>(t.view().data));
  return t;
}

Dims spread(const Dims& given, int spatial, const char* name, const char* op, Location where) {
  if (given.size() != 1 && given.size() != spatial) {
    throw_error<ValueError>(where, op, "{} has {} numbers: takes one for each of {} axes, or one for all: {}",
                            name, given.size(), spatial, text_of(given));
  }
  Dims d;
  for (int i = 0; i < spatial; ++i) d.push_back(given[given.size() == 1 ? 0 : i]);
  return d;
}

void require_half_padding(const Dims& padding, const Dims& kernel, const Dims& dilation, const Operand& input,
                          const char* op) {
  for (int i = 0; i < padding.size(); ++i) {
    std::int64_t size = 0;
    // What is below 1 or overflows is the op's to refuse.
    if (kernel[i] < 1 || dilation[i] < 1 || __builtin_mul_overflow(kernel[i] - 1, dilation[i], &size)) return;
    if (padding[i] < 0 || padding[i] <= (size + 1) / 2) continue;
    throw_error<ValueError>(input.where, op,
                            "padding {} is more than half of a window of {} places: padding {}, kernel size "
                            "{}, dilation {}, input {}",
                            padding[i], size + 1, text_of(padding), text_of(kernel), text_of(dilation),
                            describe(*input.impl));
  }
}

void require_spatial(const Operand& input, int spatial, const char* op) {
  if (input.impl == nullptr) input.fail_undefined();
  const int rank = input.impl->rank;
  if (rank == spatial + 1 || rank == spatial + 2) return;
  throw_error<ShapeError>(input.where, op,
                          "takes {} spatial axes behind C, or behind N and C: input {} has {} axes", spatial,
                          describe(*input.impl), rank);
}

void infer_max_pool(InferContext& c, const Windows& w) {
  if (c.dtype(0) == DType::boolean) c.dtype_error(fmt::format("takes numbers: {}", c.describe(0)));
  const Shape shape = c.shape(0);
  const PoolShape s = checked_windows(c, w, shape, c.describe(0));
  const Shape pooled = pooled_shape(s, shape, w);
  const ChannelLayout layout = layout_of(c.impl(0), w.spatial());
  set_out_laid_out(c, 0, c.dtype(0), pooled, layout, w.spatial());
  set_out_laid_out(c, 1, kernels::pool_place_type(s.volume()), pooled, layout, w.spatial());
  c.set_scratch(laid_out_room(c.impl(0), layout, w.spatial()));
}

void run_max_pool(KernelContext& c, const Windows& w) {
  if (c.out[0].numel == 0) return;
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const ChannelLayout layout = layout_of(c.in[0], w.spatial());
  const View x = laid_out(c.in[0], layout, w.spatial(), &scratch);
  kernels::max_pool(pool_shape(w, x.dims, x.rank, layout), x, c.out[0], c.out[1]);
}

void differentiate_max_pool(RuleContext& c, const Windows& w) {
  c.set(0, max_pool_backward(c.grad(), c.output(1).detach(),
                             {w.kernel, w.stride, w.dilation, w.before, w.after, w.ceil_mode, w.output_size,
                              c.input_shape(0)}));
}

void infer_avg_pool(InferContext& c, const Windows& w) {
  c.require_floating(0);
  const Shape shape = c.shape(0);
  const PoolShape s = checked_windows(c, w, shape, c.describe(0));
  const ChannelLayout layout = layout_of(c.impl(0), w.spatial());
  set_out_laid_out(c, 0, c.dtype(0), pooled_shape(s, shape, w), layout, w.spatial());
  c.set_scratch(laid_out_room(c.impl(0), layout, w.spatial()));
}

void run_avg_pool(KernelContext& c, const Windows& w, kernels::PoolDivisor divisor) {
  if (c.out[0].numel == 0) return;
  auto* scratch = static_cast<std::byte*>(c.scratch);
  const ChannelLayout layout = layout_of(c.in[0], w.spatial());
  const View x = laid_out(c.in[0], layout, w.spatial(), &scratch);
  kernels::avg_pool(pool_shape(w, x.dims, x.rank, layout), divisor, x, c.out[0]);
}

ValuesIndices apply_max_pool(const OpDef& op, const Operand& input, const void* attrs, const Windows& w,
                             bool with_indices) {
  std::array<Tensor, 2> outs;
  apply(op, {&input, 1}, attrs, outs);
  if (!with_indices) return {std::move(outs[0]), Tensor()};
  const TensorImpl& x = *input.impl;
  const MaxPoolBackwardAttrs a{
      w.kernel, w.stride,    w.dilation,    w.before,
      w.after,  w.ceil_mode, w.output_size, Shape(std::span<const std::int64_t>(x.dims(), x.rank))};
  Tensor indices = apply(op_max_pool_indices, {Operand(outs[1], input.where)}, a);
  return {std::move(outs[0]), std::move(indices)};
}

}  // namespace gradus
