#include "gradus/data/format/onnx/element_type.h"

#include <algorithm>

namespace gradus::onnx {
namespace {

constexpr ElementInfo kTypes[] = {
    {ElementType::undefined, "undefined", 0, std::nullopt, false},
    {ElementType::f32, "float", 4, DType::f32, true},
    {ElementType::u8, "uint8", 1, DType::u8, true},
    {ElementType::i8, "int8", 1, DType::i8, true},
    {ElementType::u16, "uint16", 2, DType::u16, true},
    {ElementType::i16, "int16", 2, DType::i16, true},
    {ElementType::i32, "int32", 4, DType::i32, true},
    {ElementType::i64, "int64", 8, DType::i64, true},
    {ElementType::string, "string", 0, std::nullopt, false},
    {ElementType::boolean, "bool", 1, DType::boolean, true},
    {ElementType::f16, "float16", 2, DType::f16, true},
    {ElementType::f64, "double", 8, DType::f64, true},
    {ElementType::u32, "uint32", 4, DType::u32, true},
    // gradus computes in nothing wider than i64. Numbers of 2^63 and more are refused where they come from.
    {ElementType::u64, "uint64", 8, DType::i64, false},
    {ElementType::c64, "complex64", 8, std::nullopt, false},
    {ElementType::c128, "complex128", 16, std::nullopt, false},
    {ElementType::bf16, "bfloat16", 2, DType::bf16, true},
};

}  // namespace

const ElementInfo* find_element_type(int number) {
  if (number < 0 || number >= static_cast<int>(std::size(kTypes))) return nullptr;
  return &kTypes[number];
}

const ElementInfo& info(ElementType type) { return kTypes[static_cast<int>(type)]; }

ElementType element_type(DType dtype) {
  if (dtype == DType::u64) return ElementType::u64;  // it is written, and read as i64
  const auto* row = std::find_if(std::begin(kTypes), std::end(kTypes),
                                 [&](const ElementInfo& i) { return i.native && i.storage == dtype; });
  return row != std::end(kTypes) ? row->type : ElementType::undefined;
}

ElementType element_type_of_name(std::string_view upper) {
  for (const ElementInfo& i : kTypes) {
    const std::string_view name = i.name;
    const bool same = name.size() == upper.size() &&
                      std::equal(name.begin(), name.end(), upper.begin(), [](char a, char b) {
                        return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
                      });
    if (same) return i.type;
  }
  return ElementType::undefined;
}

}  // namespace gradus::onnx
