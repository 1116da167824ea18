// Strings in JSON texts. Internal.
#pragma once

#include <string>
#include <string_view>

namespace gradus {

// In quotes. A byte that is no UTF-8 becomes U+FFFD. '<' and the line separators are escaped too, so that the
// text may stand in a script of an HTML page.
std::string json_text(std::string_view s);
void append_json_text(std::string& out, std::string_view s);

}  // namespace gradus
