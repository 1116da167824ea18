#include "gradus/tools/zoo_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "gradus/tools/validators.h"

namespace gradus::tools {
namespace {

// What a value may be, for the help: "1 to 64", "at least 1".
std::string range(const zoo::Option& o) {
  constexpr double kOpen = 1e9;  // as good as no limit
  return o.most >= kOpen ? fmt::format("at least {}", o.least) : fmt::format("{} to {}", o.least, o.most);
}

CLI::Validator validator(const zoo::Option& o) {
  constexpr double kWhole = 9e18;  // above, i64 ends
  if (!o.whole) return number_within(o.least, o.most);
  return whole_number(static_cast<std::int64_t>(o.least),
                      o.most < kWhole ? static_cast<std::int64_t>(o.most) : INT64_MAX);
}

}  // namespace

void add_zoo_options(CLI::App& cmd, std::span<const zoo::Option> options,
                     const std::function<void(const std::string& name, double value)>& set) {
  for (const zoo::Option& o : options) {
    const std::string name = o.name;
    cmd.add_option_function<double>(
           "--" + name, [set, name](double value) { set(name, value); },
           fmt::format("{}; {}", o.doc, range(o)))
        ->check(validator(o))
        ->default_str(fmt::format("{:.6g}", o.value))
        ->type_name(o.whole ? "N" : "X");
  }
}

std::shared_ptr<zoo::Values> add_zoo_options(CLI::App& cmd, const zoo::Example& example) {
  auto values = std::make_shared<zoo::Values>(example.options);
  add_zoo_options(cmd, example.options,
                  [values](const std::string& name, double value) { values->set(name, value); });
  return values;
}

}  // namespace gradus::tools
