// The options of an example of the model zoo as options of a command.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "gradus/docs/examples/zoo/zoo.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it
class App;
}

namespace gradus::tools {

// Adds one --NAME for each of them; `set` is called with those that the command line gives.
void add_zoo_options(CLI::App& cmd, std::span<const zoo::Option> options,
                     const std::function<void(const std::string& name, double value)>& set);
// The values are those of the command line once that is parsed.
std::shared_ptr<zoo::Values> add_zoo_options(CLI::App& cmd, const zoo::Example& example);

}  // namespace gradus::tools
