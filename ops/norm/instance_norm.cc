// instance_norm: group_norm with one group a channel; with running statistics in place of the input's it is
// batch_norm outside of training.
#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/norm.h"
#include "gradus/ops/norm/params.h"
#include "gradus/ops/reduction.h"

namespace gradus {

namespace {

constexpr const char* kOp = "instance_norm";

void check_running(const Tensor& t, const char* name, const Tensor& x, Location where) {
  if (!t.defined() || (t.rank() == 1 && t.size(0) == x.size(1) && t.dtype() == x.dtype())) return;
  throw_error<ShapeError>(
      where, kOp, "there is one running statistic of input's dtype a channel (axis 1): {} {}, input {}", name,
      describe(t), describe(x));
}

}  // namespace

Tensor instance_norm(Operand input, const InstanceNormOptions& options) {
  const Location where = input.where;
  const At at{where};
  const Tensor x = held(input);
  if (!options.use_input_stats) {
    if (!options.running_mean.defined() || !options.running_var.defined()) {
      throw_error<ValueError>(
          where, kOp, "without use_input_stats running_mean and running_var are the statistics; pass both");
    }
    return batch_norm(at(x), options.running_mean, options.running_var,
                      {.weight = options.weight, .bias = options.bias, .eps = options.eps});
  }
  if (x.rank() < 3) {
    throw_error<ShapeError>(where, kOp,
                            "takes [samples, channels, places...], the places on one axis or more: input {}",
                            describe(x));
  }
  check_running(options.running_mean, "running_mean", x, where);
  check_running(options.running_var, "running_var", x, where);
  const std::int64_t channels = x.size(1), places = x.numel() == 0 ? 0 : x.numel() / (x.size(0) * channels);
  if (places == 1) {
    throw_error<ValueError>(where, kOp, "takes more than one value a channel: input {} has 1", describe(x));
  }
  const Tensor weight = weight_or_ones(options.weight, x, {channels}, where);
  const Tensor bias = bias_or_zeros(options.bias, x, {channels}, where);
  const auto outs = group_norm_with_statistics(at(x), at(weight), at(bias), {channels, options.eps});
  if (options.running_mean.defined() || options.running_var.defined()) {
    const NoGrad guard;
    const Tensor var = sub(reciprocal(at(square(at(outs[2].detach())))), options.eps);
    follow_statistics(options.running_mean, options.running_var, mean(at(outs[1].detach()), 0),
                      mean(at(maximum(at(var), 0.0)), 0), static_cast<double>(places), options.momentum,
                      where);
  }
  return outs[0];
}

}  // namespace gradus
