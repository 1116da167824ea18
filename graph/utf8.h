// UTF-8 in names of the user's. Internal to the writers of graphs.
#pragma once

#include <cstddef>
#include <string_view>

namespace gradus {

// The length of the UTF-8 sequence at s[i], 0 where it is none (also overlong ones, surrogates and what lies
// beyond U+10FFFF: readers of XML and JSON refuse those).
inline std::size_t utf8_length(std::string_view s, std::size_t i) {
  const auto c = static_cast<unsigned char>(s[i]);
  const std::size_t n = c < 0x80 ? 1 : (c >> 5) == 6 ? 2 : (c >> 4) == 14 ? 3 : (c >> 3) == 30 ? 4 : 0;
  if (n == 0 || i + n > s.size() || c == 0xC0 || c == 0xC1 || c > 0xF4) return 0;
  for (std::size_t k = 1; k < n; ++k) {
    if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return 0;
  }
  if (n < 3) return n;
  const auto second = static_cast<unsigned char>(s[i + 1]);
  const bool wrong = (c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) ||
                     (c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F);
  return wrong ? 0 : n;
}

}  // namespace gradus
