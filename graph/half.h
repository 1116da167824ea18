// float16 (IEEE 754 binary16) and bfloat16 (the upper half of a float) as element types. They hold numbers;
// arithmetic happens in float, to which they convert by themselves. The way back is explicit and rounds once,
// to the nearest, ties to even: beyond the largest number to infinity, NaN stays NaN.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

namespace gradus {
namespace half_internal {

constexpr std::uint16_t float_to_f16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000;
  const std::uint32_t magnitude = bits & 0x7FFFFFFF;
  std::uint32_t out = 0;
  if (magnitude > 0x7F800000) {
    out = 0x7E00 | (magnitude >> 13 & 0x3FF);  // quiet, with the upper bits of what it carries
  } else if (magnitude >= 0x47800000) {        // 2^16
    out = 0x7C00;
  } else if (magnitude < 0x38800000) {  // 2^-14: a subnormal
    // Added to 1/2, whose last place is 2^-24, the number is rounded to a multiple of that.
    out = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3F000000;
  } else {
    // The exponent's bias goes from 127 to 15; what is cut off is rounded, carrying into the exponent.
    out = (magnitude - ((127U - 15U) << 23) + 0xFFF + (magnitude >> 13 & 1)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | out);
}

constexpr float f16_to_float(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t{h} << 16 & 0x80000000;
  const std::uint32_t shifted = (h & std::uint32_t{0x7FFF}) << 13;
  std::uint32_t out = shifted + ((127U - 15U) << 23);
  if (shifted >= 0x0F800000) {  // infinity or NaN
    out += (128U - 16U) << 23;
    if ((shifted & 0x7FFFFF) != 0) out |= 0x400000;  // NaN becomes quiet
  } else if (shifted < 0x00800000) {                 // zero or subnormal
    out += 1U << 23;
    out = std::bit_cast<std::uint32_t>(std::bit_cast<float>(out) - 0x1p-14F);
  }
  return std::bit_cast<float>(sign | out);
}

constexpr std::uint16_t float_to_bf16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

constexpr float bf16_to_float(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

// A float from which one more rounding gives what rounding x itself would: what does not fit goes to the
// neighbour with an odd last bit, which is no tie of a shorter format (Boldo and Melquiond: "Emulation of a
// FMA and correctly rounded sums", 2008).
constexpr float to_odd(double x) {
  // Beyond the floats the conversion of C++ is undefined.
  if (x > 0x1p128) x = 0x1p128;
  if (x < -0x1p128) x = -0x1p128;
  const float nearest = x >= 0x1.ffffffp127    ? std::bit_cast<float>(0x7F800000U)
                        : x <= -0x1.ffffffp127 ? std::bit_cast<float>(0xFF800000U)
                                               : static_cast<float>(x);
  const double back = nearest;
  if (back == x || x != x) return nearest;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(nearest);
  if (x > 0 ? back > x : back < x) --bits;  // towards 0
  return std::bit_cast<float>(bits | 1);
}

// An integer as a double from which to_odd goes on: bits far below the last place of a float are gathered.
template <std::integral I>
constexpr double integer_to_odd(I n) {
  if constexpr (sizeof(I) == 8) {
    constexpr I kLow = 0xFFFF;
    const bool large = n >= I{1} << 52 || (std::is_signed_v<I> && n <= -(I{1} << 52));
    if (large && (n & kLow) != 0) n = static_cast<I>((n & ~kLow) | (kLow + 1));
  }
  return static_cast<double>(n);
}

template <class T>
constexpr float nearly(T x) {
  if constexpr (std::is_same_v<T, float>)
    return x;
  else if constexpr (std::is_integral_v<T>)
    return to_odd(integer_to_odd(x));
  else
    return to_odd(static_cast<double>(x));
}

}  // namespace half_internal

// 5 bits of exponent, 11 of precision: up to 65504, about 3 digits.
struct float16 {
  std::uint16_t bits = 0;

  constexpr float16() = default;
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit float16(T x) : bits(half_internal::float_to_f16(half_internal::nearly(x))) {}
  static constexpr float16 from_bits(std::uint16_t bits) {
    float16 h;
    h.bits = bits;
    return h;
  }
  constexpr operator float() const {  // NOLINT(google-explicit-constructor): no digit is lost
    return half_internal::f16_to_float(bits);
  }
};

// 8 bits of exponent as float has, 8 of precision: about 2 digits.
struct bfloat16 {
  std::uint16_t bits = 0;

  constexpr bfloat16() = default;
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit bfloat16(T x) : bits(half_internal::float_to_bf16(half_internal::nearly(x))) {}
  static constexpr bfloat16 from_bits(std::uint16_t bits) {
    bfloat16 h;
    h.bits = bits;
    return h;
  }
  constexpr operator float() const {  // NOLINT(google-explicit-constructor): no digit is lost
    return half_internal::bf16_to_float(bits);
  }
};

template <class T>
inline constexpr bool is_half_type = std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>;

}  // namespace gradus
