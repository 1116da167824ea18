// The only place that puts messages together. Internal: not included by public headers, since it brings fmt.
#pragma once

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>

#include "gradus/base/error.h"
#include "gradus/base/location.h"

namespace gradus {

// "train.cc:41" with the folders cut off; "" for an unknown place.
std::string format_location(Location where);

// "[32, 784]"
std::string format_shape(std::span<const std::int64_t> dims);

// "train.cc:41: matmul: what"
std::string format_message(Location where, std::string_view op, std::string_view what);

// throw_error<ShapeError>(where, "matmul", "inner sizes differ: {} and {}", 3, 4)
template <class E, class... Args>
[[noreturn]] void throw_error(Location where, std::string_view op, fmt::format_string<Args...> text,
                              Args&&... args) {
  throw E(format_message(where, op, fmt::format(text, std::forward<Args>(args)...)));
}

}  // namespace gradus
