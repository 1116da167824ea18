#include "gradus/tools/validators.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

template <class T>
bool parse_whole(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

// A validator without a description of its own in --help.
CLI::Validator validator(std::function<std::string(std::string&)> check) {
  return CLI::Validator(std::move(check), "");
}

}  // namespace

CLI::Validator one_of(std::string what, std::vector<std::string> known) {
  return validator([what = std::move(what), known = std::move(known)](std::string& text) {
    const bool found = std::find(known.begin(), known.end(), text) != known.end();
    return found ? std::string() : unknown_name(what, text, known);
  });
}

CLI::Validator whole_number(std::int64_t least, std::int64_t most) {
  return validator([least, most](std::string& text) {
    std::int64_t value = 0;
    if (parse_whole(text, value) && value >= least && value <= most) return std::string();
    return most == INT64_MAX ? fmt::format("'{}' is not a whole number of at least {}", text, least)
                             : fmt::format("'{}' is not a whole number from {} to {}", text, least, most);
  });
}

CLI::Validator number(double least, Least kind, double below) {
  return validator([=](std::string& text) {
    double value = 0;
    // NaN fails every comparison.
    if (parse_whole(text, value) && (kind == Least::included ? value >= least : value > least) &&
        value < below)
      return std::string();
    const std::string from = fmt::format("{} {}", kind == Least::included ? "of at least" : "above", least);
    return std::isinf(below) ? fmt::format("'{}' is not a finite number {}", text, from)
                             : fmt::format("'{}' is not a number {} and below {}", text, from, below);
  });
}

CLI::Validator number_within(double least, double most) {
  return validator([=](std::string& text) {
    double value = 0;
    if (parse_whole(text, value) && value >= least && value <= most) return std::string();
    return fmt::format("'{}' is not a number from {} to {}", text, least, most);
  });
}

}  // namespace gradus::tools
