// Strings and numbers as DOT text has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gradus/graph/snapshot.h"

namespace gradus::dot_text {

// Escaped for a label <...>. Bytes that are no UTF-8 become U+FFFD, control characters blanks.
void add_html(std::string& out, std::string_view s);
std::string html(std::string_view s);
// Escaped for "...", where Graphviz also reads backslashes.
void add_quoted(std::string& out, std::string_view s);

// "32 × 784"
void add_sizes(std::string& out, const GraphSnapshot::Value& v);
std::string sizes(const GraphSnapshot::Value& v);
// "1.5 KiB"
std::string bytes(std::int64_t n);
// "7.1 M"
std::string count(double n);
std::string milliseconds(std::int64_t ns);

}  // namespace gradus::dot_text
