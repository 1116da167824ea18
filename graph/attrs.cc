// Everything that works on attributes goes through the table: one switch over the types, here.
#include "gradus/graph/attrs.h"

#include <bit>
#include <cstring>

#include "gradus/base/format.h"

namespace gradus {
namespace {

template <class T>
const T& field(const AttrDef& def, const void* attrs) {
  return *reinterpret_cast<const T*>(static_cast<const std::byte*>(attrs) + def.offset);
}

std::string format_list(const SmallList& v) {
  return fmt::format("{{{}}}", fmt::join(v.begin(), v.end(), ", "));
}

}  // namespace

std::string format_attr(const AttrDef& def, const void* attrs) {
  switch (def.type) {
    case AttrType::i64:
      return fmt::format("{}", field<std::int64_t>(def, attrs));
    case AttrType::f64:
      return fmt::format("{}", field<double>(def, attrs));
    case AttrType::boolean:
      return field<bool>(def, attrs) ? "true" : "false";
    case AttrType::dtype:
      return name(field<DType>(def, attrs));
    case AttrType::shape:
      return format_list(field<Shape>(def, attrs));
    case AttrType::dims:
      return format_list(field<Dims>(def, attrs));
    case AttrType::cstring:
      return field<const char*>(def, attrs);
  }
  return "";
}

std::string format_attrs(std::span<const AttrDef> defs, const void* attrs) {
  std::string out;
  for (const AttrDef& def : defs) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{}={}", def.name, format_attr(def, attrs));
  }
  return out;
}

bool equal_attrs(std::span<const AttrDef> defs, const void* a, const void* b) {
  for (const AttrDef& def : defs) {
    bool same = false;
    switch (def.type) {
      case AttrType::i64:
        same = field<std::int64_t>(def, a) == field<std::int64_t>(def, b);
        break;
      case AttrType::f64:
        same = std::bit_cast<std::uint64_t>(field<double>(def, a)) ==
               std::bit_cast<std::uint64_t>(field<double>(def, b));
        break;
      case AttrType::boolean:
        same = field<bool>(def, a) == field<bool>(def, b);
        break;
      case AttrType::dtype:
        same = field<DType>(def, a) == field<DType>(def, b);
        break;
      case AttrType::shape:
      case AttrType::dims:
        same = field<SmallList>(def, a) == field<SmallList>(def, b);
        break;
      case AttrType::cstring:
        same = std::strcmp(field<const char*>(def, a), field<const char*>(def, b)) == 0;
        break;
    }
    if (!same) return false;
  }
  return true;
}

std::size_t hash_attrs(std::span<const AttrDef> defs, const void* attrs) {
  return std::hash<std::string>{}(format_attrs(defs, attrs));
}

}  // namespace gradus
