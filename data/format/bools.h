// The bytes of bools in a file. Internal to data/format.
#pragma once

#include <algorithm>
#include <string_view>

namespace gradus::data {

// Another byte than 0 and 1 is no bool, and code that computes with it goes wrong.
inline bool are_bools(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0 || c == 1; });
}

}  // namespace gradus::data
