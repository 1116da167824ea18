// A place in the caller's source, captured by a default argument. std::source_location would do, but
// clang 14 lacks the builtin behind it; __builtin_FILE and __builtin_LINE exist everywhere we build.
#pragma once

#include <cstdint>

namespace gradus {

// `file` points to a string literal of the program and is never freed; nullptr means unknown.
struct Location {
  const char* file = nullptr;
  std::uint32_t line = 0;

  static constexpr Location current(const char* file = __builtin_FILE(),
                                    std::uint32_t line = __builtin_LINE()) {
    return {file, line};
  }
};

}  // namespace gradus
