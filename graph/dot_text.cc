#include "gradus/graph/dot_text.h"

#include "gradus/base/format.h"
#include "gradus/graph/utf8.h"

namespace gradus::dot_text {
namespace {

// `special` gives the replacement of an ASCII character, or nullptr.
template <class F>
void escape(std::string& out, std::string_view s, F special) {
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = utf8_length(s, i);
    if (n == 0) {
      out += "\xEF\xBF\xBD";  // U+FFFD for a byte that is no text
      ++i;
      continue;
    }
    const char* replacement = n == 1 ? special(s[i]) : nullptr;
    if (replacement != nullptr) {
      out += replacement;
    } else if (n == 1 && (static_cast<unsigned char>(s[i]) < 0x20 || s[i] == 0x7F)) {
      out += ' ';
    } else {
      out.append(s, i, n);
    }
    i += n;
  }
}

}  // namespace

void add_html(std::string& out, std::string_view s) {
  escape(out, s, [](char c) -> const char* {
    switch (c) {
      case '&':
        return "&amp;";
      case '<':
        return "&lt;";
      case '>':
        return "&gt;";
      case '"':
        return "&quot;";
      case '\n':
        return "<br/>";
      default:
        return nullptr;
    }
  });
}
std::string html(std::string_view s) {
  std::string out;
  add_html(out, s);
  return out;
}

void add_quoted(std::string& out, std::string_view s) {
  escape(out, s, [](char c) -> const char* {
    switch (c) {
      case '"':
        return "\\\"";
      case '\\':
        return "\\\\";
      case '\n':
        return "\\n";
      default:
        return nullptr;
    }
  });
}

void add_sizes(std::string& out, const GraphSnapshot::Value& v) {
  if (v.shape.empty()) {
    out += "scalar";
    return;
  }
  for (int i = 0; i < v.shape.size(); ++i) {
    if (i > 0) out += " \u00D7 ";
    out += fmt::format_int(v.shape[i]).c_str();
  }
}
std::string sizes(const GraphSnapshot::Value& v) {
  std::string out;
  add_sizes(out, v);
  return out;
}

std::string bytes(std::int64_t n) {
  if (n < 1024) return fmt::format("{} B", n);
  if (n < 1024 * 1024) return fmt::format("{:.1f} KiB", static_cast<double>(n) / 1024);
  if (n < std::int64_t{1} << 30) return fmt::format("{:.1f} MiB", static_cast<double>(n) / (1 << 20));
  return fmt::format("{:.2f} GiB", static_cast<double>(n) / (1 << 30));
}

std::string count(double n) {
  if (n < 1000) return fmt::format("{:.0f}", n);
  constexpr const char* kSuffix[] = {"k", "M", "G", "T", "P"};
  int i = 0;
  for (n /= 1000; n >= 999.5 && i < 4; ++i) n /= 1000;
  return fmt::format("{:.{}f} {}", n, n < 9.95 ? 1 : 0, kSuffix[i]);
}

std::string milliseconds(std::int64_t ns) { return fmt::format("{:.3g} ms", static_cast<double>(ns) / 1e6); }

}  // namespace gradus::dot_text
