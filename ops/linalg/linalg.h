// Attributes of the ops of linear algebra, and the ones that only derivatives use. Internal to ops/linalg/
// and tests.
#pragma once

#include "gradus/graph/op_def.h"

namespace gradus {

struct CholeskyAttrs {
  bool upper = false;
};
// `upper` is the half of a that is read, also where a is taken transposed.
struct SolveTriangularAttrs {
  bool upper = false;
  bool left = true;
  bool unitriangular = false;
  bool transpose = false;
};
struct LuSolveAttrs {
  bool adjoint = false;
};
struct QrAttrs {
  const char* mode = "reduced";
};
struct SvdAttrs {
  bool full_matrices = true;
};
struct EighAttrs {
  const char* uplo = "";
};
struct PinvAttrs {
  double atol = 0;
  double rtol = -1;  // negative: max(m, n) times epsilon
};

// Used before they are defined.
extern const OpDef op_linalg_lu_solve;
extern const OpDef op_linalg_solve;

// x of a x = b (or x a = b), a triangular, transposed where so said.
Tensor apply_solve_triangular(const Tensor& a, const Tensor& b, SolveTriangularAttrs attrs);

// The cofactors of a: what the determinant's gradient is made of, det(a) a^-T where that exists.
Tensor linalg_cofactor(const Tensor& a);

// The gradient of a for that of its factors P L U, packed in lu; see lu_factor.cc.
Tensor lu_gradient(const Tensor& lu, const Tensor& pivots, const Tensor& grad);

}  // namespace gradus
