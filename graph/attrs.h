// Attributes of ops: a plain struct of fixed-size fields with a table that names them, so that printing,
// comparing, hashing and exporting need no code for each op.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "gradus/graph/dtype.h"
#include "gradus/graph/shape.h"

namespace gradus {

enum class AttrType : std::uint8_t { i64, f64, boolean, dtype, shape, dims, cstring };

template <class T>
constexpr AttrType attr_type() {
  if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::uint64_t>)
    return AttrType::i64;
  else if constexpr (std::is_same_v<T, double>)
    return AttrType::f64;
  else if constexpr (std::is_same_v<T, bool>)
    return AttrType::boolean;
  else if constexpr (std::is_same_v<T, DType>)
    return AttrType::dtype;
  else if constexpr (std::is_same_v<T, Shape>)
    return AttrType::shape;
  else if constexpr (std::is_same_v<T, Dims>)
    return AttrType::dims;
  else if constexpr (std::is_same_v<T, const char*>)
    return AttrType::cstring;
  else
    static_assert(sizeof(T) == 0,
                  "an attribute is an int64, uint64, double, bool, DType, Shape, Dims or const char*");
}

struct AttrDef {
  const char* name;
  AttrType type;
  std::uint16_t offset;
  std::uint16_t struct_bytes;  // of the whole attribute struct
  const char* default_text;    // as it is written in C++; nullptr: required
};

// One row of an op's table: GRADUS_ATTR(SumAttrs, keepdim, "false").
#define GRADUS_ATTR(Struct, field, default_text)                                                       \
  ::gradus::AttrDef {                                                                                  \
#field, ::gradus::attr_type < decltype(Struct::field)>(), offsetof(Struct, field), sizeof(Struct), \
        default_text                                                                                   \
  }

// "dim=-1, keepdim=true"
std::string format_attrs(std::span<const AttrDef> defs, const void* attrs);
// One attribute's value as text.
std::string format_attr(const AttrDef& def, const void* attrs);
bool equal_attrs(std::span<const AttrDef> defs, const void* a, const void* b);
std::size_t hash_attrs(std::span<const AttrDef> defs, const void* attrs);

}  // namespace gradus
