// The element types of the format and what holds them in memory. gradus has fewer dtypes: a type that it
// lacks is either held by a wider dtype, with every result brought back into its range (the narrow and the
// unsigned integers), or not read at all. A new dtype is a changed row of the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gradus/graph/tensor.h"

namespace gradus::onnx {

// The numbers are those of TensorProto.DataType. Source: onnx.proto of ONNX 1.12.
enum class ElementType : std::uint8_t {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  c64 = 14,
  c128 = 15,
  bf16 = 16,
};

struct ElementInfo {
  ElementType type;
  const char* name;              // as the format's documentation writes it: "float", "uint16"
  std::uint8_t bytes;            // an element in the file
  std::optional<DType> storage;  // what holds it in memory; none: not read
  bool native;                   // storage is the type itself
};

// nullptr for a number that is none of the format's.
const ElementInfo* find_element_type(int number);
const ElementInfo& info(ElementType type);
// The type that a dtype is by itself.
ElementType element_type(DType dtype);
// The name of a type in the old spelling of the attribute `to` of Cast: "FLOAT".
ElementType element_type_of_name(std::string_view upper);

}  // namespace gradus::onnx
