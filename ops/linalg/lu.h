// What the ops that work on LU factors share. Internal to ops/linalg/.
#pragma once

#include "gradus/ops/linalg/matrices.h"

namespace gradus {

// L with its ones, from the packed factors. Differentiable, as are all but the pivots here.
Tensor unit_lower(const Tensor& lu);
// Row i of P^T x is row order[i] of x; `inverse` of P x. i64, in the shape of the pivots.
Tensor row_order(const Tensor& pivots, bool inverse);
// Row i of the result is row order[i] of x, in each matrix.
Tensor reorder_rows(const Tensor& x, const Tensor& order);

// Factors number i of a into lu (row-major). Errors: ValueError for a pivot that is 0.
template <class T>
void lu_of(const KernelContext& c, const Matrices& a, std::int64_t i, T* lu, std::int32_t* pivots);
// Outputs `first` and first + 1 are the factors and pivots of input 0.
void set_lu_outputs(InferContext& c, int first);

// For det and slogdet: outputs with one element a matrix; the factorisation of number i in the slot's scratch
// memory, whose diagonal holds the pivots, and whether an odd number of rows was swapped.
void infer_determinant(InferContext& c, int outputs);
template <class T>
const T* determinant_pivots(const KernelContext& c, const Matrices& a, std::int64_t i, std::int64_t slot,
                            bool* odd);

}  // namespace gradus
