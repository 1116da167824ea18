// The options of an example of the model zoo as options of a command.
#pragma once

#include <memory>

#include "gradus/docs/examples/zoo/zoo.h"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it
class App;
}

namespace gradus::tools {

// Adds one --NAME for each of them. The values are those of the command line once that is parsed.
std::shared_ptr<zoo::Values> add_zoo_options(CLI::App& cmd, const zoo::Example& example);

}  // namespace gradus::tools
