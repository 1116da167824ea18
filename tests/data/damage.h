// Damaged copies of a file: the lengths it can be cut to, and its bytes changed in a few ways. A reader may
// take such a copy or refuse it; it may not crash, throw or take much memory.
#pragma once

#include <string>

namespace gradus::data {

// Every `step`-th length and byte.
template <class Parse>
void parse_damaged(const std::string& whole, std::size_t step, Parse&& parse) {
  for (std::size_t n = 0; n < whole.size(); n += step) parse(whole.substr(0, n));
  for (std::size_t i = 0; i < whole.size(); i += step) {
    std::string copy = whole;
    for (const char flip : {'\x01', '\x80', '\xFF'}) {
      copy[i] = static_cast<char>(whole[i] ^ flip);
      parse(copy);
    }
  }
}

}  // namespace gradus::data
