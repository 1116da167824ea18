// The norm is summed in f64 over blocks of fixed size, so that it does not depend on the number of threads.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/optim/clip.cc"
#include "gradus/optim/clip.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gradus/base/parallel.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/kernels/simd-inl.h"
#include "gradus/optim/scale_gradients.h"

GRADUS_SIMD_BEGIN

// Sum of x * x in f64, in the same order on every machine with the same vectors.
double square_sum_f32(const float* x, std::int64_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> narrow;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::PromoteTo(d, hn::LoadU(narrow, x + i));
    sum = hn::MulAdd(v, v, sum);
  }
  double total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

double square_sum_f64(const double* x, std::int64_t n) {
  const hn::ScalableTag<double> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto sum = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    sum = hn::MulAdd(v, v, sum);
  }
  double total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += x[i] * x[i];
  return total;
}

template <class T>
void scale_run(T* x, T factor, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto f = hn::Set(d, factor);
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(hn::LoadU(d, x + i), f), d, x + i);
  for (; i < n; ++i) x[i] *= factor;
}

// NaN stays NaN.
template <class T>
void clamp_run(T* x, T limit, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto high = hn::Set(d, limit), low = hn::Neg(high);
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    hn::StoreU(hn::IfThenElse(hn::IsNaN(v), v, hn::Min(hn::Max(v, low), high)), d, x + i);
  }
  for (; i < n; ++i) x[i] = x[i] < -limit ? -limit : x[i] > limit ? limit : x[i];
}

void clamp_f32(float* x, double limit, std::int64_t n) { clamp_run(x, static_cast<float>(limit), n); }
void clamp_f64(double* x, double limit, std::int64_t n) { clamp_run(x, limit, n); }
void scale_f32(float* x, double factor, std::int64_t n) { scale_run(x, static_cast<float>(factor), n); }
void scale_f64(double* x, double factor, std::int64_t n) { scale_run(x, factor, n); }

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {
namespace {
GRADUS_EXPORT(square_sum_f32);
GRADUS_EXPORT(square_sum_f64);
GRADUS_EXPORT(clamp_f32);
GRADUS_EXPORT(clamp_f64);
GRADUS_EXPORT(scale_f32);
GRADUS_EXPORT(scale_f64);

double square_sum(const float* x, std::int64_t n) { return k_square_sum_f32.get()(x, n); }
double square_sum(const double* x, std::int64_t n) { return k_square_sum_f64.get()(x, n); }
void clamp(float* x, double f, std::int64_t n) { k_clamp_f32.get()(x, f, n); }
void clamp(double* x, double f, std::int64_t n) { k_clamp_f64.get()(x, f, n); }
void scale(float* x, double f, std::int64_t n) { k_scale_f32.get()(x, f, n); }
void scale(double* x, double f, std::int64_t n) { k_scale_f64.get()(x, f, n); }
}  // namespace
}  // namespace gradus::kernels

namespace gradus::optim {
namespace {

constexpr std::int64_t kBlock = 16 * 1024;
constexpr double kTiny = 1e-6;  // torch.nn.utils.clip_grad_norm_ adds it to the norm

// sum |x|^p, or max |x| for p = infinity.
template <class T>
double block_power(const T* x, std::int64_t n, double p) {
  if (p == 2.0) return kernels::square_sum(x, n);
  double total = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double a = std::abs(static_cast<double>(x[i]));
    if (std::isinf(p))
      total = a > total || std::isnan(a) ? a : total;
    else
      total += p == 1.0 ? a : std::pow(a, p);
    if (std::isnan(total)) return total;
  }
  return total;
}

double combine(double a, double b, double p) {
  if (!std::isinf(p)) return a + b;
  return std::isnan(a) || a > b ? a : b;
}

template <class T>
double power(const Tensor& g, double p) {
  const T* x = static_cast<const T*>(g.impl()->data);
  const std::int64_t n = g.numel();
  std::vector<double> parts(static_cast<std::size_t>((n + kBlock - 1) / kBlock));
  // Ranges begin at multiples of the block.
  parallel_for(n, kBlock, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; b += kBlock) {
      parts[static_cast<std::size_t>(b / kBlock)] = block_power(x + b, std::min(kBlock, end - b), p);
    }
  });
  double total = 0.0;
  for (const double part : parts) total = combine(total, part, p);
  return total;
}

Tensor in_f32(const Tensor& half) {
  Tensor t = empty(half.shape(), DType::f32);
  t.copy_(half);
  return t;
}

ClipReport measure(std::span<const Tensor> params, double p, const char* op, Location where) {
  if (!(p >= 1.0)) throw_error<ValueError>(where, op, "norm_type is {}; it must be >= 1, or infinity", p);
  ClipReport report;
  double total = 0.0;
  for (const Tensor& param : params) {
    if (!param.defined()) throw_error<ValueError>(where, op, "a parameter is an empty handle");
    const Tensor& grad = param.grad();
    if (!grad.defined()) continue;
    const Tensor g = is_half(grad.dtype())  ? in_f32(grad)
                     : grad.is_contiguous() ? grad
                                            : grad.clone_detached();
    const double part = g.dtype() == DType::f32 ? power<float>(g, p) : power<double>(g, p);
    if (!std::isfinite(part) && report.finite) {
      report.finite = false;
      report.culprit = describe(param);
    }
    total = combine(total, part, p);
  }
  report.total_norm = p == 2.0                    ? std::sqrt(total)
                      : std::isinf(p) || p == 1.0 ? total
                                                  : std::pow(total, 1.0 / p);
  if (report.finite && !std::isfinite(report.total_norm)) {
    report.finite = false;  // every part is finite, their sum is not
  }
  return report;
}

// Runs f over the elements of a parameter's gradient, f32 or f64; halves go there and back. A gradient that
// somebody else holds too is replaced, not changed.
template <class F>
void change_gradient(const Tensor& param, const char* writer, Location where, const F& f) {
  Tensor g = param.grad();
  // One reference is this handle's, one the parameter's.
  const bool sole =
      g.impl()->refs.count() == 2 && g.impl()->storage->refs.unique() && g.is_leaf() && g.is_contiguous();
  if (!sole) g = g.clone_detached();
  const Tensor wide = is_half(g.dtype()) ? in_f32(g) : g;
  const View v = mutate(wide, writer, where);
  parallel_for(v.numel, kBlock, [&](std::int64_t begin, std::int64_t end) {
    if (v.dtype == DType::f32)
      f(v.as<float>() + begin, end - begin);
    else
      f(v.as<double>() + begin, end - begin);
  });
  if (!wide.is(g)) g.copy_(wide, where);
  if (!sole) Tensor(param).set_grad(std::move(g), where);
}

}  // namespace

ClipReport grad_norm(std::span<const Tensor> params, double norm_type, Location where) {
  return measure(params, norm_type, "grad_norm", where);
}

ClipReport clip_grad_norm_(std::span<const Tensor> params, double max_norm, double norm_type,
                           Location where) {
  if (!(max_norm >= 0.0)) {
    throw_error<ValueError>(where, "clip_grad_norm_", "max_norm is {}; it must be >= 0", max_norm);
  }
  ClipReport report = measure(params, norm_type, "clip_grad_norm_", where);
  if (!report.finite) return report;
  const double factor = max_norm / (report.total_norm + kTiny);
  if (factor >= 1.0) return report;
  report.scale = factor;
  scale_gradients(params, factor, "clip_grad_norm_", where);
  return report;
}

void scale_gradients(std::span<const Tensor> params, double factor, const char* writer, Location where) {
  const NoGrad guard;
  for (const Tensor& param : params) {
    if (!param.grad().defined()) continue;
    change_gradient(param, writer, where, [=](auto* x, std::int64_t n) { kernels::scale(x, factor, n); });
  }
}

void clip_grad_value_(std::span<const Tensor> params, double clip_value, Location where) {
  constexpr const char* kOp = "clip_grad_value_";
  if (!(clip_value >= 0.0)) {
    throw_error<ValueError>(where, kOp, "clip_value is {}; it must be >= 0", clip_value);
  }
  for (const Tensor& param : params) {
    if (!param.defined()) throw_error<ValueError>(where, kOp, "a parameter is an empty handle");
  }
  const NoGrad guard;
  for (const Tensor& param : params) {
    if (!param.grad().defined()) continue;
    change_gradient(param, kOp, where, [=](auto* x, std::int64_t n) { kernels::clamp(x, clip_value, n); });
  }
}

}  // namespace gradus::optim

#endif  // HWY_ONCE
