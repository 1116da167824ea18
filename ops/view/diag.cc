// diag: a list as the diagonal of a matrix (diag_embed) or the other way round (diagonal); no op of its own.
#include "gradus/graph/describe.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor diag(Operand x, std::int64_t diagonal) {
  if (x.impl == nullptr || x.impl->rank == 2) return gradus::diagonal(x, diagonal);
  if (x.impl->rank == 1) return diag_embed(x, diagonal);
  throw_error<ShapeError>(x.where, "diag",
                          "takes a list or a matrix: x {}; for stacks see diagonal() and "
                          "diag_embed()",
                          describe(*x.impl));
}

}  // namespace gradus
