// Normalisations.
#include "gradus/ops/norm.h"

#include "gradus/base/format.h"
#include "gradus/data/format/onnx/call.h"
#include "gradus/data/format/onnx/operators.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/join.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus::onnx {
namespace {

// A value for each channel, axis 1 of x.
Tensor per_channel(const Call& c, int i, const Tensor& x) {
  const Tensor& t = c.in(i);
  if (x.rank() < 2 || t.rank() != 1 || t.size(0) != x.size(1)) {
    c.fail("input {} {} is no list of one value for each channel of {}", i, format_shape(t.shape()),
           format_shape(x.shape()));
  }
  Shape shape;
  shape.push_back(1);
  shape.push_back(t.size(0));
  while (shape.rank() < x.rank()) shape.push_back(1);
  return reshape(t, shape);
}

Dims all_axes_from(int first, int rank) {
  Dims dims;
  for (int i = first; i < rank; ++i) dims.push_back(i);
  return dims;
}

void run_batch_norm(Call& c) {
  const Tensor& x = c.in(0);
  const double epsilon = c.real("epsilon", 1e-5);
  const double momentum = c.real("momentum", 0.9);
  c.ignore("is_test");
  c.ignore("consumed_inputs");
  if (!c.flag("spatial", true)) c.unsupported("spatial = 0");
  const bool training = c.flag("training_mode");
  if (c.opset() < 14 && c.wants(1)) c.unsupported("training mode (opset {})", c.opset());
  Tensor mean_of = per_channel(c, 3, x);
  Tensor var_of = per_channel(c, 4, x);
  const Tensor weight = per_channel(c, 1, x), bias = per_channel(c, 2, x);
  // The fused op takes statistics as constants.
  if (!training && !mean_of.requires_grad() && !var_of.requires_grad()) {
    const BatchNormOptions o{.weight = c.in(1), .bias = c.in(2), .eps = epsilon};
    return c.set(0, batch_norm(x, c.in(3), c.in(4), o));
  }
  if (training) {
    Dims dims = all_axes_from(1, x.rank());
    dims[0] = 0;
    const Tensor batch_mean = mean(x, dims, true);
    const Tensor batch_var = var(x, dims, {.correction = 0, .keepdim = true});
    c.set(1, flatten(mean_of * momentum + batch_mean * (1 - momentum)));
    c.set(2, flatten(var_of * momentum + batch_var * (1 - momentum)));
    mean_of = batch_mean;
    var_of = batch_var;
  }
  c.set(0, (x - mean_of) * (weight * rsqrt(var_of + epsilon)) + bias);
}

void run_instance_norm(Call& c) {
  const Tensor& x = c.in(0);
  const double epsilon = c.real("epsilon", 1e-5);
  c.ignore("consumed_inputs");
  if (x.rank() < 3) c.fail("its input has {} axes, less than 3", x.rank());
  const Tensor weight = per_channel(c, 1, x), bias = per_channel(c, 2, x);
  // The fused op refuses channels of a single value, whose result is the bias.
  if (x.numel() > x.size(0) * x.size(1)) {
    return c.set(0, instance_norm(x, {.weight = c.in(1), .bias = c.in(2), .eps = epsilon}));
  }
  const Dims dims = all_axes_from(2, x.rank());
  const Tensor centred = x - mean(x, dims, true);
  c.set(0, centred * rsqrt(mean(square(centred), dims, true) + epsilon) * weight + bias);
}

void run_layer_norm(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole("axis", -1), x.rank());
  const double epsilon = c.real("epsilon", 1e-5);
  c.ignore("stash_type");  // f32 arithmetic is what gradus has
  Shape normalized;
  for (int i = static_cast<int>(axis); i < x.rank(); ++i) normalized.push_back(x.size(i));
  const bool fits = c.in(1).shape() == normalized && (!c.has(2) || c.in(2).shape() == normalized);
  if (fits && !c.wants(1) && !c.wants(2)) {
    LayerNormOptions o{.weight = c.in(1), .eps = epsilon};
    if (c.has(2)) o.bias = c.in(2);
    return c.set(0, layer_norm(x, normalized, o));
  }
  const Dims dims = all_axes_from(static_cast<int>(axis), x.rank());
  const Tensor mean_of = mean(x, dims, true);
  const Tensor centred = x - mean_of;
  const Tensor scale = rsqrt(mean(square(centred), dims, true) + epsilon);
  Tensor y = centred * scale * c.in(1);
  if (c.has(2)) y = y + c.in(2);
  c.set(0, y);
  c.set(1, mean_of);
  c.set(2, scale);
}

void run_lrn(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t size = c.whole("size");
  const double alpha = c.real("alpha", 1e-4), beta = c.real("beta", 0.75), bias = c.real("bias", 1);
  if (x.rank() < 2) c.fail("its input has {} axes, less than 2", x.rank());
  if (size < 1 || size > INT32_MAX) c.fail("size is {}", size);
  // Squares of `size` channels about each one; zeros beyond the ends.
  std::vector<std::int64_t> pads(2 * static_cast<std::size_t>(x.rank() - 2), 0);
  pads.push_back((size - 1) / 2);
  pads.push_back(size - 1 - (size - 1) / 2);
  std::vector<std::int64_t> dims{size};
  for (const std::int64_t d : x.shape()) dims.push_back(d);
  dims[2] += size - 1;
  c.made_up_shape(dims);
  // Of an even number gradus has the larger part before the channel, the format behind it.
  if (size % 2 == 1) return c.set(0, local_response_norm(x, size, {.alpha = alpha, .beta = beta, .k = bias}));
  const Tensor sums = sum(unfold(pad(square(x), pads), 1, size, 1), -1);
  c.set(0, x / pow(sums * (alpha / static_cast<double>(size)) + bias, beta));
}

void run_mean_variance(Call& c) {
  const Tensor& x = c.in(0);
  const std::vector<std::int64_t> axes = c.wholes("axes").value_or(std::vector<std::int64_t>{0, 2, 3});
  Dims dims;
  if (axes.size() > kMaxRank) c.fail("{} axes are named", axes.size());
  for (const std::int64_t d : axes) dims.push_back(c.axis(d, x.rank()));
  const Tensor centred = x - mean(x, dims, true);
  // The constant is that of the operator's definition.
  c.set(0, centred / (sqrt(mean(square(centred), dims, true)) + 1e-9));
}

void run_lp_norm(Call& c) {
  const Tensor& x = c.in(0);
  const std::int64_t axis = c.axis(c.whole("axis", -1), x.rank());
  const std::int64_t p = c.whole("p", 2);
  if (p != 1 && p != 2) c.fail("p is {}, not 1 or 2", p);
  c.set(0, x / norm(x, static_cast<double>(p), axis, true));
}

constexpr Operator kOperators[] = {
    {"BatchNormalization", run_batch_norm, 5, 5},
    {"InstanceNormalization", run_instance_norm, 3, 3},
    {"LayerNormalization", run_layer_norm, 2, 3},
    {"LRN", run_lrn, 1, 1},
    {"MeanVarianceNormalization", run_mean_variance, 1, 1},
    {"LpNormalization", run_lp_norm, 1, 1},
};

}  // namespace

std::span<const Operator> norm_operators() { return kOperators; }

}  // namespace gradus::onnx
