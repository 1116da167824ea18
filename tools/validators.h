// What an option's value may be, for CLI::Option::check(). Beside command.h, since CLI11 is slow to compile.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace gradus::tools {

// One of these names; a whole number of at least `least`; a number in [least, below); one in
// [least, most].
CLI::Validator one_of(std::string what, std::vector<std::string> known);
CLI::Validator whole_number(std::int64_t least, std::int64_t most = INT64_MAX);
enum class Least { included, excluded };
CLI::Validator number(double least, Least kind, double below);
CLI::Validator number_within(double least, double most);

}  // namespace gradus::tools
