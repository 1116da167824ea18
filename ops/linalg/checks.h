// Checks of functions that are put together from other ops. Internal to ops/linalg/.
#pragma once

#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus::linalg {

// Errors: ShapeError for less than two axes, DtypeError unless floating.
void require_matrix_operand(const Tensor& a, const char* op, Location where);
// Errors: also ShapeError unless rows and columns are equally many.
void require_square_operand(const Tensor& a, const char* op, Location where);

// The elements, for decisions that depend on them.
std::vector<double> numbers_of(const Tensor& t);

}  // namespace gradus::linalg
