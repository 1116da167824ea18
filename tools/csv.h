// Comma-separated values, as RFC 4180 has them.
#pragma once

#include <string>
#include <string_view>

namespace gradus::tools {

// Quoted where it holds a comma, a quote or the end of a line.
std::string csv_field(std::string_view text);

}  // namespace gradus::tools
