#include "gradus/graph/json_text.h"

namespace gradus {
namespace {

// The length of the UTF-8 sequence at s[i], 0 where it is none (Unicode 15, table 3-7).
std::size_t utf8_length(std::string_view s, std::size_t i) {
  const auto at = [&](std::size_t k) { return static_cast<unsigned char>(s[k]); };
  const unsigned char c = at(i);
  if (c < 0x80) return 1;
  const std::size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
  if (c < 0xC2 || c > 0xF4 || i + n > s.size()) return 0;
  for (std::size_t k = 1; k < n; ++k) {
    if ((at(i + k) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = at(i + 1);
  const bool overlong = (c == 0xE0 && second < 0xA0) || (c == 0xF0 && second < 0x90);
  const bool outside = (c == 0xED && second > 0x9F) || (c == 0xF4 && second > 0x8F);
  return overlong || outside ? 0 : n;
}

}  // namespace

void append_json_text(std::string& out, std::string_view s) {
  constexpr const char* kHex = "0123456789abcdef";
  out += '"';
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = utf8_length(s, i);
    const auto c = static_cast<unsigned char>(s[i]);
    if (n == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    if (n > 1) {
      const std::string_view text = s.substr(i, n);
      out += text == "\xE2\x80\xA8" ? "\\u2028" : text == "\xE2\x80\xA9" ? "\\u2029" : text;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += s[i];
    } else if (c == '\n') {
      out += "\\n";
    } else if (c < 0x20 || c == 0x7F || c == '<') {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += s[i];
    }
    i += n;
  }
  out += '"';
}

std::string json_text(std::string_view s) {
  std::string out;
  append_json_text(out, s);
  return out;
}

}  // namespace gradus
