// The derivatives of one op against finite differences.
#pragma once

#include <string>

#include "gradus/graph/op_def.h"

namespace gradus::tools {

struct DerivativeCheck {
  int samples = 0;         // that differences can check
  double max_error = 0.0;  // as GradcheckResult::max_error, over all of them and both orders
  std::string fault;       // order, sample and place of the first wrong derivative; empty if there is none
};

// First and second order at each of the op's samples that has f64 inputs and no kink.
DerivativeCheck check_op(const OpDef& op);

}  // namespace gradus::tools
