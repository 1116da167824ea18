#include "gradus/data/format/onnx/element_type.h"

#include <algorithm>

namespace gradus::onnx {
namespace {

constexpr ElementInfo kTypes[] = {
    {ElementType::undefined, "undefined", 0, std::nullopt, false},
    {ElementType::f32, "float", 4, DType::f32, true},
    {ElementType::u8, "uint8", 1, DType::u8, true},
    {ElementType::i8, "int8", 1, DType::i32, false},
    {ElementType::u16, "uint16", 2, DType::i32, false},
    {ElementType::i16, "int16", 2, DType::i32, false},
    {ElementType::i32, "int32", 4, DType::i32, true},
    {ElementType::i64, "int64", 8, DType::i64, true},
    {ElementType::string, "string", 0, std::nullopt, false},
    {ElementType::boolean, "bool", 1, DType::boolean, true},
    {ElementType::f16, "float16", 2, std::nullopt, false},
    {ElementType::f64, "double", 8, DType::f64, true},
    {ElementType::u32, "uint32", 4, DType::i64, false},
    // Numbers of 2^63 and more are refused where they come from a file.
    {ElementType::u64, "uint64", 8, DType::i64, false},
    {ElementType::c64, "complex64", 8, std::nullopt, false},
    {ElementType::c128, "complex128", 16, std::nullopt, false},
    {ElementType::bf16, "bfloat16", 2, std::nullopt, false},
};

// Each element of x cut to the bits of N.
template <class N, class T>
Tensor cut(const Tensor& x) {
  const std::vector<T> in = x.to_vector<T>();
  Tensor out = empty(x.shape(), x.dtype());
  std::transform(in.begin(), in.end(), out.mutable_span<T>().begin(),
                 [](T v) { return static_cast<T>(static_cast<N>(v)); });
  return out;
}

}  // namespace

const ElementInfo* find_element_type(int number) {
  if (number < 0 || number >= static_cast<int>(std::size(kTypes))) return nullptr;
  return &kTypes[number];
}

const ElementInfo& info(ElementType type) { return kTypes[static_cast<int>(type)]; }

ElementType element_type(DType dtype) {
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

Tensor wrapped(const Tensor& x, ElementType type) {
  switch (type) {
    case ElementType::i8:
      return cut<std::int8_t, std::int32_t>(x);
    case ElementType::u16:
      return cut<std::uint16_t, std::int32_t>(x);
    case ElementType::i16:
      return cut<std::int16_t, std::int32_t>(x);
    case ElementType::u32:
      return cut<std::uint32_t, std::int64_t>(x);
    default:
      return x;
  }
}

}  // namespace gradus::onnx
