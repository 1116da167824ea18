// What the creation functions share: one number in the bytes of a dtype, and a new leaf. Internal.
#pragma once

#include <cstring>
#include <string_view>

#include "gradus/graph/describe.h"
#include "gradus/ops/creation.h"

namespace gradus {

// Calls f with a zero of the C++ type that stands for the dtype (bool: uint8).
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::i64:
      return f(std::int64_t{});
    case DType::i8:
      return f(std::int8_t{});
    case DType::i16:
      return f(std::int16_t{});
    case DType::u16:
      return f(std::uint16_t{});
    case DType::u32:
      return f(std::uint32_t{});
    case DType::u64:
      return f(std::uint64_t{});
    case DType::f16:
      return f(float16{});
    case DType::bf16:
      return f(bfloat16{});
    default:
      return f(std::uint8_t{});
  }
}

// Errors: ValueError where the dtype cannot hold the number: a fraction, or too large, in an integer.
template <class T>
T converted(Scalar s, DType dtype, std::string_view op, Location where) {
  if (dtype == DType::boolean) return static_cast<T>(s.value != 0);
  if constexpr (std::is_floating_point_v<T> || is_half_type<T>) {
    return static_cast<T>(s.value);
  } else {
    const bool fits = s.value >= -0x1p63 && s.value < 0x1p63;  // false for NaN
    const std::int64_t n = s.is_integer ? s.integer : fits ? static_cast<std::int64_t>(s.value) : 0;
    const T v = static_cast<T>(n);
    const bool exact = static_cast<std::int64_t>(v) == n && (std::is_signed_v<T> || n >= 0) &&
                       (s.is_integer || static_cast<double>(n) == s.value);
    if (!exact) {
      throw_error<ValueError>(where, op, "{} has no place in {}; give another dtype, or round it", s.value,
                              name(dtype));
    }
    return v;
  }
}

// Errors: DtypeError.
inline Tensor finished(Tensor t, bool requires_grad, Location where) {
  if (requires_grad) t.requires_grad(true, where);
  return t;
}

}  // namespace gradus
