// Element i of a tensor is a function of (seed, counter, i) alone: the same with any number of threads.
#include "gradus/nn/init.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/linalg.h"
#include "gradus/ops/view.h"

namespace gradus::nn::init {
namespace {

constexpr std::int64_t kGrain = 16 * 1024;

void require_floating(const Tensor& t, const char* op, Location where) {
  if (!is_floating(t.dtype())) {
    throw_error<DtypeError>(where, op, "{} must have a floating dtype", describe(t));
  }
}

void require_finite(double x, const char* what, const char* op, Location where) {
  if (!std::isfinite(x)) throw_error<ValueError>(where, op, "{} is {}; it must be a finite number", what, x);
}

// fill(stream, first, span) over a contiguous run, then x * scale + shift.
template <class T, class Fill>
void draw(T* data, std::int64_t n, RandomStream stream, double scale, double shift, Fill fill) {
  const T a = static_cast<T>(scale), b = static_cast<T>(shift);
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    const std::span<T> part(data + begin, static_cast<std::size_t>(end - begin));
    fill(stream, static_cast<std::uint64_t>(begin), part);
    for (T& x : part) x = x * a + b;
  });
}

// Halves are drawn as f32 and rounded.
DType drawn_as(DType t) { return computed_in(t); }

// Runs `write(data)` on the elements of t, in drawn_as(its dtype), in row-major order.
template <class F>
void fill_elements(Tensor& t, const char* op, Location where, F write) {
  const NoGrad guard;
  const DType dtype = drawn_as(t.dtype());
  if (t.is_contiguous() && t.dtype() == dtype) {
    write(mutate(t, op, where).data);
    return;
  }
  const Tensor values = empty(t.shape(), dtype);
  write(values.impl()->data);
  t.copy_(values, where);
}

RandomStream reserve(Generator* generator, DType dtype, std::int64_t n) {
  const auto count = static_cast<std::uint64_t>(n);
  const std::uint64_t blocks = dtype == DType::f32 ? blocks_for_f32(count) : blocks_for_f64(count);
  return generator != nullptr ? generator->reserve(blocks) : reserve_random(blocks);
}

Tensor draw_uniform(Tensor t, double low, double high, Generator* generator, const char* op, Location where) {
  require_floating(t, op, where);
  require_finite(low, "the lower bound", op, where);
  require_finite(high, "the upper bound", op, where);
  if (low > high) throw_error<ValueError>(where, op, "the lower bound {} is above the upper {}", low, high);
  fill_elements(t, op, where, [&](void* data) {
    const DType dtype = drawn_as(t.dtype());
    const RandomStream stream = reserve(generator, dtype, t.numel());
    const auto fill = [](RandomStream s, std::uint64_t first, auto out) { fill_uniform(s, first, out); };
    if (dtype == DType::f32)
      draw(static_cast<float*>(data), t.numel(), stream, high - low, low, fill);
    else
      draw(static_cast<double*>(data), t.numel(), stream, high - low, low, fill);
  });
  return t;
}

Tensor draw_normal(Tensor t, double mean, double std, Generator* generator, const char* op, Location where) {
  require_floating(t, op, where);
  require_finite(mean, "the mean", op, where);
  if (!(std >= 0.0) || std::isinf(std)) {
    throw_error<ValueError>(where, op, "the standard deviation is {}; it must be a finite number >= 0", std);
  }
  fill_elements(t, op, where, [&](void* data) {
    const DType dtype = drawn_as(t.dtype());
    const RandomStream stream = reserve(generator, dtype, t.numel());
    const auto fill = [](RandomStream s, std::uint64_t first, auto out) { fill_normal(s, first, out); };
    if (dtype == DType::f32)
      draw(static_cast<float*>(data), t.numel(), stream, std, mean, fill);
    else
      draw(static_cast<double*>(data), t.numel(), stream, std, mean, fill);
  });
  return t;
}

Fans fans_of(const Tensor& t, const char* op, Location where) {
  if (t.rank() < 2) {
    throw_error<ShapeError>(where, op, "{} has {} axes; fans need two at least: [out, in, ...]", describe(t),
                            t.rank());
  }
  std::int64_t field = 1;
  const Shape s = t.shape();
  for (int i = 2; i < s.rank(); ++i) field *= s[i];
  return {s[1] * field, s[0] * field};
}

// Without elements there is nothing to scale: 0 instead of a division by 0.
double over_root(double gain, double fan) { return fan > 0.0 ? gain / std::sqrt(fan) : 0.0; }

double xavier_std(const Tensor& t, double gain, const char* op, Location where) {
  const Fans f = fans_of(t, op, where);
  return over_root(gain * std::sqrt(2.0), static_cast<double>(f.in + f.out));
}

double kaiming_std(const Tensor& t, const KaimingOptions& o, const char* op, Location where) {
  const Fans f = fans_of(t, op, where);
  return over_root(calculate_gain(o.nonlinearity, o.a),
                   static_cast<double>(o.mode == Mode::fan_in ? f.in : f.out));
}

// Phi(x), the standard normal distribution function.
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

// Its inverse: S. Winitzki's approximation of erf^-1 ("A handy approximation for the error function", 2008),
// then Newton's steps.
double normal_quantile(double p) {
  if (p <= 0.0) return -INFINITY;
  if (p >= 1.0) return INFINITY;
  const double y = 2.0 * p - 1.0, a = 0.147, pi = 3.14159265358979323846;
  const double l = std::log(4.0 * p * (1.0 - p));  // log(1 - y^2)
  const double t = 2.0 / (pi * a) + 0.5 * l;
  double x = std::copysign(std::sqrt(2.0 * (std::sqrt(t * t - l / a) - t)), y);
  constexpr int kSteps = 3;  // from 2e-3 to below the rounding of f64
  for (int i = 0; i < kSteps; ++i) {
    const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * pi);
    if (density == 0.0) break;
    x -= (normal_cdf(x) - p) / density;
  }
  return x;
}

// Writes f64 numbers into a tensor of any floating dtype and any strides.
void write_all(Tensor& t, const std::vector<double>& values, Location where) {
  const NoGrad guard;
  t.copy_(tensor(values, t.shape(), where), where);
}

}  // namespace

double calculate_gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::linear:
    case Nonlinearity::sigmoid:
      return 1.0;
    case Nonlinearity::tanh:
      return 5.0 / 3.0;
    case Nonlinearity::relu:
      return std::sqrt(2.0);
    case Nonlinearity::leaky_relu:
      return std::sqrt(2.0 / (1.0 + slope * slope));
    case Nonlinearity::selu:
      return 0.75;
  }
  return 1.0;
}

Fans calculate_fans(const Tensor& t, Location where) { return fans_of(t, "calculate_fans", where); }

Tensor uniform_(Tensor t, double low, double high, Generator* generator, Location where) {
  return draw_uniform(std::move(t), low, high, generator, "uniform_", where);
}

Tensor normal_(Tensor t, double mean, double std, Generator* generator, Location where) {
  return draw_normal(std::move(t), mean, std, generator, "normal_", where);
}

Tensor constant_(Tensor t, double value, Location where) {
  require_floating(t, "constant_", where);
  const NoGrad guard;
  t.fill_(value, where);
  return t;
}

Tensor zeros_(Tensor t, Location where) { return constant_(std::move(t), 0.0, where); }
Tensor ones_(Tensor t, Location where) { return constant_(std::move(t), 1.0, where); }

Tensor xavier_uniform_(Tensor t, double gain, Generator* generator, Location where) {
  const double bound = std::sqrt(3.0) * xavier_std(t, gain, "xavier_uniform_", where);
  return draw_uniform(std::move(t), -bound, bound, generator, "xavier_uniform_", where);
}

Tensor xavier_normal_(Tensor t, double gain, Generator* generator, Location where) {
  const double std = xavier_std(t, gain, "xavier_normal_", where);
  return draw_normal(std::move(t), 0.0, std, generator, "xavier_normal_", where);
}

Tensor kaiming_uniform_(Tensor t, const KaimingOptions& o, Location where) {
  const double bound = std::sqrt(3.0) * kaiming_std(t, o, "kaiming_uniform_", where);
  return draw_uniform(std::move(t), -bound, bound, o.generator, "kaiming_uniform_", where);
}

Tensor kaiming_normal_(Tensor t, const KaimingOptions& o, Location where) {
  const double std = kaiming_std(t, o, "kaiming_normal_", where);
  return draw_normal(std::move(t), 0.0, std, o.generator, "kaiming_normal_", where);
}

Tensor trunc_normal_(Tensor t, const TruncNormalOptions& o, Location where) {
  constexpr const char* kOp = "trunc_normal_";
  require_floating(t, kOp, where);
  require_finite(o.mean, "the mean", kOp, where);
  if (!(o.std > 0.0) || std::isinf(o.std)) {
    throw_error<ValueError>(where, kOp, "the standard deviation is {}; it must be a finite number > 0",
                            o.std);
  }
  if (!(o.a <= o.b))
    throw_error<ValueError>(where, kOp, "the lower bound {} is above the upper {}", o.a, o.b);
  const double low = normal_cdf((o.a - o.mean) / o.std), high = normal_cdf((o.b - o.mean) / o.std);
  Tensor u = draw_uniform(empty(t.shape(), DType::f64, where), low, high, o.generator, kOp, where);
  const NoGrad guard;
  // Rounding to a shorter dtype must not leave the bounds either.
  const std::span<double> values = u.mutable_span<double>();
  parallel_for(u.numel(), kGrain / 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      double& x = values[static_cast<std::size_t>(i)];
      x = std::clamp(normal_quantile(x) * o.std + o.mean, o.a, o.b);
    }
  });
  t.copy_(clamp(astype(u, t.dtype()), o.a, o.b), where);
  return t;
}

Tensor orthogonal_(Tensor t, double gain, Generator* generator, Location where) {
  constexpr const char* kOp = "orthogonal_";
  require_floating(t, kOp, where);
  require_finite(gain, "the gain", kOp, where);
  if (t.rank() < 2) {
    throw_error<ShapeError>(where, kOp, "{} has {} axes; it needs two at least", describe(t), t.rank());
  }
  if (t.numel() == 0) return t;
  const NoGrad guard;
  const std::int64_t rows = t.size(0), cols = t.numel() / rows;
  const bool wide = rows < cols;
  const Shape tall = wide ? Shape{cols, rows} : Shape{rows, cols};
  const DType dtype = drawn_as(t.dtype());
  const Tensor a = draw_normal(empty(tall, dtype, where), 0, 1, generator, kOp, where);
  const linalg::Qr f = linalg::qr(Operand(a, where));
  // With the signs of R's diagonal Q is uniform (F. Mezzadri: "How to generate random matrices from the
  // classical compact groups", 2007).
  const Tensor d = diagonal(f.r);
  Tensor q = f.q * gradus::where(d < 0.0, full_like(d, -1), full_like(d, 1));
  if (wide) q = transpose(q, 0, 1);
  t.copy_(astype(reshape(contiguous(q), t.shape()) * gain, t.dtype()), where);
  return t;
}

Tensor eye_(Tensor t, Location where) {
  require_floating(t, "eye_", where);
  if (t.rank() != 2) throw_error<ShapeError>(where, "eye_", "takes a matrix: {}", describe(t));
  const NoGrad guard;
  t.copy_(eye(t.size(0), t.size(1), {.dtype = drawn_as(t.dtype())}, where), where);
  return t;
}

Tensor dirac_(Tensor t, std::int64_t groups, Location where) {
  constexpr const char* kOp = "dirac_";
  require_floating(t, kOp, where);
  if (t.rank() < 3 || t.rank() > 5) {
    throw_error<ShapeError>(where, kOp, "takes a weight [out, in, kernel...] of 3 to 5 axes: {}",
                            describe(t));
  }
  const Shape s = t.shape();
  if (groups < 1 || s[0] % groups != 0) {
    throw_error<ValueError>(where, kOp, "{} groups do not divide the {} outputs of {}", groups, s[0],
                            describe(t));
  }
  std::int64_t field = 1, centre = 0;
  for (int i = 2; i < s.rank(); ++i) {
    field *= s[i];
    centre = centre * s[i] + s[i] / 2;
  }
  std::vector<double> values(static_cast<std::size_t>(t.numel()), 0.0);
  const std::int64_t outputs = s[0] / groups;
  if (field > 0) {
    for (std::int64_t g = 0; g < groups; ++g) {
      for (std::int64_t c = 0; c < std::min(outputs, s[1]); ++c) {
        values[static_cast<std::size_t>(((g * outputs + c) * s[1] + c) * field + centre)] = 1.0;
      }
    }
  }
  write_all(t, values, where);
  return t;
}

Tensor sparse_(Tensor t, double sparsity, double std, Generator* generator, Location where) {
  constexpr const char* kOp = "sparse_";
  require_floating(t, kOp, where);
  if (t.rank() != 2) throw_error<ShapeError>(where, kOp, "takes a matrix: {}", describe(t));
  if (!(sparsity >= 0.0 && sparsity <= 1.0)) {
    throw_error<ValueError>(where, kOp, "the sparsity is {}; it lies in [0, 1]", sparsity);
  }
  const auto rows = static_cast<std::size_t>(t.size(0)), cols = static_cast<std::size_t>(t.size(1));
  const Tensor drawn = draw_normal(empty(t.shape(), DType::f64, where), 0, std, generator, kOp, where);
  std::vector<double> values = drawn.to_vector<double>();
  const auto zeros = static_cast<std::size_t>(std::ceil(sparsity * static_cast<double>(rows)));
  const std::uint64_t blocks = blocks_for_below(values.size());
  const RandomStream stream = generator != nullptr ? generator->reserve(blocks) : reserve_random(blocks);
  std::vector<std::size_t> places(rows);
  for (std::size_t c = 0; c < cols; ++c) {
    // The first steps of a shuffle.
    std::iota(places.begin(), places.end(), std::size_t{0});
    for (std::size_t i = 0; i < zeros; ++i) {
      const auto j = i + static_cast<std::size_t>(random_below(stream, c * rows + i, rows - i));
      std::swap(places[i], places[j]);
      values[places[i] * cols + c] = 0.0;
    }
  }
  write_all(t, values, where);
  return t;
}

}  // namespace gradus::nn::init
