// Element i of a tensor is a function of (seed, counter, i) alone: the same with any number of threads.
#include "gradus/nn/init.h"

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"

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

}  // namespace gradus::nn::init
