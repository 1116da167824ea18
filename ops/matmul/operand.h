// How the product kernels read a matrix: in place where its strides are those of a matrix or of a transposed
// one, through a packed copy (ops/pack.h) otherwise. Internal to ops/matmul/.
#pragma once

#include <algorithm>
#include <cstdint>

namespace gradus {

struct MatrixLayout {
  bool trans;  // as gemm is to read it
  bool pack;   // no leading dimension gives it: copy first
  std::int64_t ld;
};

// Of the last two axes, or of a vector: a row, or where `trans` a column.
inline MatrixLayout matrix_layout(const std::int64_t* dims, const std::int64_t* strides, int rank,
                                  bool trans) {
  const std::int64_t cols = dims[rank - 1];
  if (strides == nullptr) return {trans, false, std::max<std::int64_t>(cols, 1)};
  const std::int64_t rows = rank == 1 ? 1 : dims[rank - 2];
  const std::int64_t row_step = rank == 1 ? cols : strides[rank - 2];
  const std::int64_t col_step = strides[rank - 1];
  if ((cols == 1 || col_step == 1) && (rows == 1 || row_step >= cols)) {
    return {trans, false, std::max<std::int64_t>(rows == 1 ? cols : row_step, 1)};
  }
  if ((rows == 1 || row_step == 1) && (cols == 1 || col_step >= rows)) {
    return {!trans, false, std::max<std::int64_t>(cols == 1 ? rows : col_step, 1)};
  }
  return {trans, true, std::max<std::int64_t>(cols, 1)};
}

}  // namespace gradus
