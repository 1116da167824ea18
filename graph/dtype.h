// Element types of tensors and the table of facts about them. A new type is a new row here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "gradus/graph/half.h"

namespace gradus {

// From i8 on: types in which elements are kept, while arithmetic happens in a wider one (computed_in).
enum class DType : std::uint8_t { f32, f64, i32, i64, u8, boolean, i8, i16, u16, u32, u64, f16, bf16 };

inline constexpr int kDTypeCount = 13;

struct DTypeInfo {
  const char* name;
  std::uint8_t size;  // bytes an element
  bool is_floating;
  bool is_signed;
  DType computed_in;  // what kernels compute in; u64 has no wider type and is only kept and converted
};

inline constexpr DTypeInfo kDTypeInfo[kDTypeCount] = {
    {"f32", 4, true, true, DType::f32},   {"f64", 8, true, true, DType::f64},
    {"i32", 4, false, true, DType::i32},  {"i64", 8, false, true, DType::i64},
    {"u8", 1, false, false, DType::u8},   {"bool", 1, false, false, DType::boolean},
    {"i8", 1, false, true, DType::i32},   {"i16", 2, false, true, DType::i32},
    {"u16", 2, false, false, DType::i32}, {"u32", 4, false, false, DType::i64},
    {"u64", 8, false, false, DType::u64}, {"f16", 2, true, true, DType::f32},
    {"bf16", 2, true, true, DType::f32},
};

constexpr const DTypeInfo& info(DType t) { return kDTypeInfo[static_cast<int>(t)]; }
constexpr const char* name(DType t) { return info(t).name; }
constexpr std::size_t size_of(DType t) { return info(t).size; }
constexpr bool is_floating(DType t) { return info(t).is_floating; }
constexpr bool is_half(DType t) { return t >= DType::f16; }
constexpr DType computed_in(DType t) { return info(t).computed_in; }

// The dtype of a C++ type: dtype_of<float> == DType::f32.
template <class T>
constexpr DType dtype_for() {
  constexpr bool kSigned = std::is_integral_v<T> && std::is_signed_v<T>;
  if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::u8;
  else if constexpr (kSigned && sizeof(T) == 4)
    return DType::i32;
  else if constexpr (kSigned && sizeof(T) == 8)
    return DType::i64;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::i8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::i16;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return DType::u16;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return DType::u32;
  else if constexpr (std::is_integral_v<T> && !kSigned && sizeof(T) == 8)
    return DType::u64;
  else if constexpr (std::is_same_v<T, float16>)
    return DType::f16;
  else if constexpr (std::is_same_v<T, bfloat16>)
    return DType::bf16;
  else
    static_assert(sizeof(T) == 0, "gradus has no dtype for this C++ type");
}
template <class T>
inline constexpr DType dtype_of = dtype_for<T>();

// The dtype of an operation on two tensors, after the array API standard: the wider of one kind; a signed
// and an unsigned integer meet in the smallest signed type that holds both. The halves meet in f32. False
// where there is none: u64 with a signed type, a floating type with an integer one (the standard leaves it
// undefined), bool with a number. Source: array API standard 2023.12, "Type promotion rules".
constexpr bool promote(DType a, DType b, DType* out) {
  if (a == b) return *out = a, true;
  const bool fa = is_floating(a), fb = is_floating(b);
  if (fa != fb || a == DType::boolean || b == DType::boolean) return false;
  if (fa) return *out = a == DType::f64 || b == DType::f64 ? DType::f64 : DType::f32, true;
  if (info(a).is_signed == info(b).is_signed) return *out = size_of(a) > size_of(b) ? a : b, true;
  const DType s = info(a).is_signed ? a : b, u = info(a).is_signed ? b : a;
  if (size_of(s) > size_of(u)) return *out = s, true;
  if (u == DType::u64) return false;
  return *out = u == DType::u8 ? DType::i16 : u == DType::u16 ? DType::i32 : DType::i64, true;
}

}  // namespace gradus
