// What the files of the convolution ops share.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/conv/attrs.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// More than any machine has room for, and small enough to be added up.
constexpr std::int64_t kMostNumber = std::numeric_limits<std::int32_t>::max();

std::string text(const SmallList& v) { return format_shape({v.data(), static_cast<std::size_t>(v.size())}); }

}  // namespace

void check_numbers(const InferContext& c, const char* name, const SmallList& numbers, int axes,
                   std::int64_t least) {
  if (numbers.size() != axes) {
    c.shape_error(fmt::format("{} {} has not one number for each of the {} spatial axes: {}, {}", name,
                              text(numbers), axes, c.describe(0), c.describe(1)));
  }
  for (std::int64_t n : numbers) {
    if (n >= least && n <= kMostNumber) continue;
    c.value_error(fmt::format("{} {} is outside {}..{}: {}, {}", name, text(numbers), least, kMostNumber,
                              c.describe(0), c.describe(1)));
  }
}

int check_conv(const InferContext& c, const ConvAttrs& a) {
  c.require_floating(0);
  c.require_same_dtype();
  const int axes = a.stride.size();
  if (axes < 1 || axes > kernels::kSpatial) {
    c.value_error(fmt::format("stride {} is for {} spatial axes; there are 1 to 3", text(a.stride), axes));
  }
  if (c.rank(0) != axes + 2 || c.rank(1) != axes + 2) {
    c.shape_error(
        fmt::format("input and weight have two axes of channels or batches and {} spatial ones: {}, {}", axes,
                    c.describe(0), c.describe(1)));
  }
  check_numbers(c, "stride", a.stride, axes, 1);
  check_numbers(c, "padding", a.padding, axes, -kMostNumber);
  check_numbers(c, "padding_end", a.padding_end, axes, -kMostNumber);
  check_numbers(c, "dilation", a.dilation, axes, 1);
  for (int operand = 0; operand < 2; ++operand) {
    for (int i = 0; i < axes; ++i) {
      if (c.dim(operand, i + 2) > 0) continue;
      c.shape_error(fmt::format("{} has no elements along axis {}", c.describe(operand), i + 2));
    }
  }
  if (a.groups < 1) {
    c.value_error(
        fmt::format("groups is {}; there is at least one: {}, {}", a.groups, c.describe(0), c.describe(1)));
  }
  if (c.dim(0, 1) % a.groups != 0) {
    c.shape_error(
        fmt::format("{} groups do not divide the {} channels of {}", a.groups, c.dim(0, 1), c.describe(0)));
  }
  return axes;
}

void check_bias(const InferContext& c, std::int64_t channels) {
  if (c.size() < 3 || (c.rank(2) == 1 && c.dim(2, 0) == channels)) return;
  c.shape_error(fmt::format("the bias does not fit the weight: {}, {}; it would be [{}]", c.describe(2),
                            c.describe(1), channels));
}

kernels::ConvShape conv_shape(const Dims& stride, const Dims& padding, const Dims& dilation,
                              std::int64_t groups, const std::int64_t* x, const std::int64_t* w,
                              const std::int64_t* y) {
  kernels::ConvShape s{};
  s.n = x[0];
  s.c = x[1];
  s.o = y[1];
  s.groups = groups;
  const int lead = kernels::kSpatial - stride.size();
  for (int i = 0; i < kernels::kSpatial; ++i) {
    const int k = i - lead;
    s.in[i] = k < 0 ? 1 : x[k + 2];
    s.out[i] = k < 0 ? 1 : y[k + 2];
    s.kernel[i] = k < 0 ? 1 : w[k + 2];
    s.stride[i] = k < 0 ? 1 : stride[k];
    s.dilation[i] = k < 0 ? 1 : dilation[k];
    s.before[i] = k < 0 ? 0 : padding[k];
  }
  return s;
}

ConvAttrs attrs_between(const Dims& stride, const Dims& padding, const Dims& dilation, std::int64_t groups,
                        const Shape& x, const Shape& kernel, const Shape& y) {
  ConvAttrs a{stride, padding, {}, dilation, groups};
  for (int i = 0; i < stride.size(); ++i) {
    a.padding_end.push_back((y[i + 2] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - x[i + 2] -
                            padding[i]);
  }
  return a;
}

Shape spatial(const Shape& shape) {
  return Shape(std::span(shape.data() + 2, static_cast<std::size_t>(shape.rank() - 2)));
}

void set_channels_last(OutputMeta& out) {
  std::int64_t contiguous = 1;
  kernels::channels_last_strides(out.dims, out.rank, 1, out.strides);
  // Where both layouts are the same memory the output is contiguous.
  for (int i = out.rank - 1; i >= 0; --i) {
    if (out.dims[i] == 0) out.has_strides = false;
    if (out.dims[i] == 0) return;
    if (out.dims[i] != 1 && out.strides[i] != contiguous) out.has_strides = true;
    contiguous = kernels::wrapping_product(contiguous, out.dims[i]);
  }
}

Tensor channels_last(const Tensor& g) {
  Dims to_last{0}, back{0};
  for (int i = 2; i < g.rank(); ++i) to_last.push_back(i);
  to_last.push_back(1);
  back.push_back(g.rank() - 1);
  for (int i = 1; i < g.rank() - 1; ++i) back.push_back(i);
  return permute(contiguous(permute(g, to_last)), back);
}

Tensor bias_gradient(const Tensor& g) {
  Dims axes{0};
  for (int i = 2; i < g.rank(); ++i) axes.push_back(i);
  return sum(g, axes, false);
}

Dims ConvCall::each(const char* option, const Dims& numbers) const {
  if (numbers.size() == axes) return numbers;
  if (numbers.size() != 1) {
    throw_error<ValueError>(where, name, "{} {} has {} numbers; it takes one, or one for each of the {} axes",
                            option, text(numbers), numbers.size(), axes);
  }
  Dims all;
  for (int i = 0; i < axes; ++i) all.push_back(numbers[0]);
  return all;
}

Dims ConvCall::padding(const char* option, const Dims& numbers) const {
  for (std::int64_t n : numbers) {
    if (n >= 0) continue;
    throw_error<ValueError>(where, name, "{} {} is negative; pad() and slice() take elements away", option,
                            text(numbers));
  }
  return each(option, numbers);
}

Tensor ConvCall::apply(const OpDef& op, const Operand& input, const Operand& weight, const Operand* bias,
                       const ConvAttrs& attrs) const {
  const At at{where};
  Tensor x = held(input);
  const bool single = x.rank() == axes + 1;
  if (!single && x.rank() != axes + 2) {
    throw_error<ShapeError>(where, name, "takes {} spatial axes behind [N, C] or [C]: input {}", axes,
                            describe(x));
  }
  if (single) x = unsqueeze(at(x), 0);
  Tensor y = bias == nullptr ? gradus::apply(op, {at(x), weight}, attrs)
                             : gradus::apply(op, {at(x), weight, *bias}, attrs);
  return single ? squeeze(at(std::move(y)), 0) : y;
}

}  // namespace gradus
