// Ops by name, for the commands that take one.
#pragma once

#include <string>

#include "gradus/graph/op_def.h"

namespace gradus::tools {

// Errors: UsageError, with the names that are near.
const OpDef& find_op(const std::string& name);

}  // namespace gradus::tools
