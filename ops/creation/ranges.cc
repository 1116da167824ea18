// arange, linspace, eye. Element i is computed from i alone, so rounding does not add up.
#include <cmath>
#include <cstring>

#include "gradus/ops/creation.h"
#include "gradus/ops/creation/values.h"

namespace gradus {
namespace {

// The number of elements start, start + step, ... before end.
std::int64_t count(Scalar start, Scalar end, Scalar step, Location where) {
  const bool integers = start.is_integer && end.is_integer && step.is_integer;
  if (!std::isfinite(start.value) || !std::isfinite(end.value) || !std::isfinite(step.value) ||
      step.value == 0) {
    throw_error<ValueError>(where, "arange",
                            "bounds are finite and the step is not 0: start {}, end {}, step {}", start.value,
                            end.value, step.value);
  }
  if (start.value != end.value && (end.value > start.value) != (step.value > 0)) {
    throw_error<ValueError>(where, "arange", "the step {} leads away from the end: start {}, end {}",
                            step.value, start.value, end.value);
  }
  if (integers) {
    // In 128 bits: the distance of two int64 may not fit one.
    __extension__ using Wide = __int128;
    const Wide distance = Wide{end.integer} - start.integer;
    const Wide n = distance / step.integer + (distance % step.integer != 0 ? 1 : 0);
    if (n <= INT64_MAX) return static_cast<std::int64_t>(n);
  } else {
    const double n = std::ceil((end.value - start.value) / step.value);
    if (n < 0x1p62) return static_cast<std::int64_t>(n);
  }
  throw_error<ValueError>(where, "arange", "too many elements: start {}, end {}, step {}", start.value,
                          end.value, step.value);
}

bool all_integers(Scalar a, Scalar b, Scalar c) { return a.is_integer && b.is_integer && c.is_integer; }

}  // namespace

Tensor arange(Scalar start, Scalar end, Scalar step, DType dtype, Location where) {
  const std::int64_t n = count(start, end, step, where);
  Tensor t = empty({n}, dtype, where);
  const bool integers = all_integers(start, end, step);
  with_type(dtype, [&]<class T>(T) {
    T* out = t.view().as<T>();
    for (std::int64_t i = 0; i < n; ++i) {
      const Scalar v = integers ? Scalar(start.integer + i * step.integer)
                                : Scalar(start.value + static_cast<double>(i) * step.value);
      out[i] = converted<T>(v, dtype, "arange", where);
    }
  });
  return t;
}

Tensor arange(Scalar start, Scalar end, Scalar step, Location where) {
  return arange(start, end, step, all_integers(start, end, step) ? DType::i64 : DType::f32, where);
}

Tensor arange(Scalar end, Location where) {
  return end.is_integer ? arange(0, end, 1, DType::i64, where) : arange(0, end, 1, DType::f32, where);
}

Tensor linspace(double start, double end, std::int64_t steps, TensorOptions options, Location where) {
  if (steps < 0)
    throw_error<ValueError>(where, "linspace", "the number of steps is {}; it is not negative", steps);
  if (!is_floating(options.dtype)) {
    throw_error<DtypeError>(where, "linspace",
                            "makes floating-point numbers, not {}; round and astype() them",
                            name(options.dtype));
  }
  Tensor t = empty({steps}, options.dtype, where);
  const double step = steps > 1 ? (end - start) / static_cast<double>(steps - 1) : 0;
  with_type(options.dtype, [&]<class T>(T) {
    T* out = t.view().as<T>();
    // From both ends, so that both are met exactly and the numbers are symmetric.
    for (std::int64_t i = 0; i < steps; ++i) {
      out[i] = static_cast<T>(2 * i < steps ? start + static_cast<double>(i) * step
                                            : end - static_cast<double>(steps - 1 - i) * step);
    }
  });
  return finished(std::move(t), options.requires_grad, where);
}

Tensor eye(std::int64_t rows, std::int64_t cols, TensorOptions options, Location where) {
  Tensor t = zeros({rows, cols}, TensorOptions{.dtype = options.dtype}, where);
  with_type(options.dtype, [&]<class T>(T) {
    T* out = t.view().as<T>();
    for (std::int64_t i = 0; i < rows && i < cols; ++i) out[i * cols + i] = T{1};
  });
  return finished(std::move(t), options.requires_grad, where);
}

Tensor eye(std::int64_t n, TensorOptions options, Location where) { return eye(n, n, options, where); }

}  // namespace gradus
