// Element types of tensors and the table of facts about them. A new type is a new row here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace gradus {

enum class DType : std::uint8_t { f32, f64, i32, i64, u8, boolean };

inline constexpr int kDTypeCount = 6;

struct DTypeInfo {
  const char* name;
  std::uint8_t size;  // bytes an element
  bool is_floating;
  bool is_signed;
};

inline constexpr DTypeInfo kDTypeInfo[kDTypeCount] = {
    {"f32", 4, true, true},  {"f64", 8, true, true},  {"i32", 4, false, true},
    {"i64", 8, false, true}, {"u8", 1, false, false}, {"bool", 1, false, false},
};

constexpr const DTypeInfo& info(DType t) { return kDTypeInfo[static_cast<int>(t)]; }
constexpr const char* name(DType t) { return info(t).name; }
constexpr std::size_t size_of(DType t) { return info(t).size; }
constexpr bool is_floating(DType t) { return info(t).is_floating; }

// The dtype of a C++ type: dtype_of<float> == DType::f32.
template <class T>
constexpr DType dtype_for() {
  if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::u8;
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 4)
    return DType::i32;
  else if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 8)
    return DType::i64;
  else
    static_assert(sizeof(T) == 0, "gradus has no dtype for this C++ type");
}
template <class T>
inline constexpr DType dtype_of = dtype_for<T>();

// The dtype of an operation on two tensors, after the array API standard: the wider of one kind; a floating
// type over an integer one is refused by returning false (the standard leaves it undefined), as is bool
// with a number. Source: array API standard 2023.12, "Type promotion rules".
constexpr bool promote(DType a, DType b, DType* out) {
  if (a == b) return *out = a, true;
  const bool fa = is_floating(a), fb = is_floating(b);
  if (fa != fb || a == DType::boolean || b == DType::boolean) return false;
  if (fa) return *out = DType::f64, true;
  if (a == DType::u8) return *out = b, true;
  if (b == DType::u8) return *out = a, true;
  return *out = DType::i64, true;
}

}  // namespace gradus
