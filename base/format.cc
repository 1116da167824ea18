#include "gradus/base/format.h"

#include <cstring>

namespace gradus {

std::string format_location(Location where) {
  if (where.file == nullptr) return "";
  const char* slash = std::strrchr(where.file, '/');
  return fmt::format("{}:{}", slash != nullptr ? slash + 1 : where.file, where.line);
}

std::string format_shape(std::span<const std::int64_t> dims) {
  return fmt::format("[{}]", fmt::join(dims, ", "));
}

std::string format_message(Location where, std::string_view op, std::string_view what) {
  const std::string place = format_location(where);
  return place.empty() ? fmt::format("{}: {}", op, what) : fmt::format("{}: {}: {}", place, op, what);
}

}  // namespace gradus
