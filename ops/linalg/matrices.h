// What the ops of linear algebra share: checks of their operands, the matrices of a batch one by one, and the
// steps that several derivatives have in common. Internal to ops/linalg/.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "gradus/base/parallel.h"
#include "gradus/graph/op_def.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/lapack.h"
#include "gradus/ops/pack.h"

namespace gradus {

// Errors: ShapeError for less than two axes or sizes beyond LAPACK's; DtypeError unless floating.
void require_matrices(const InferContext& c, int i);
// Errors: also ShapeError unless rows and columns are equally many.
void require_square(const InferContext& c, int i);
// Errors: ShapeError for matrices whose decomposition LAPACK's 32-bit workspace does not hold.
void require_svd_fits(const InferContext& c, int i);
void require_eigh_fits(const InferContext& c, int i);
// Output 0 becomes matrices [rows, cols] in the dtype of input a, under the axes of inputs a and b in front
// of their last two, which broadcast. Errors: ShapeError.
void set_out_matrices(InferContext& c, int a, int b, std::int64_t rows, std::int64_t cols);

// The matrices in the last two axes of an array, at their places in memory.
class Matrices {
 public:
  explicit Matrices(const View& v) : Matrices(v, v) {}
  // Batch axes as those of `result`, to which v's broadcast.
  Matrices(const View& v, const View& result);

  std::int64_t rows() const { return rows_; }
  std::int64_t cols() const { return cols_; }
  std::int64_t count() const { return count_; }
  std::int64_t size() const { return rows_ * cols_; }
  // Number i as row-major elements, or its transpose.
  void load(std::int64_t i, void* to, bool transposed = false) const;
  // Where number i begins.
  const void* at(std::int64_t i) const;
  // True where a matrix lies row-major and without gaps.
  bool dense() const { return (cols_ <= 1 || col_step_ == 1) && (rows_ <= 1 || row_step_ == cols_); }

 private:
  View v_;
  std::int64_t rows_, cols_, row_step_, col_step_, count_ = 1;
  int batch_axes_;
  std::int64_t dims_[kMaxRank], steps_[kMaxRank];
};

// "a [3, 3] f64", or "matrix [1, 0] of a [2, 4, 3, 3] f64".
std::string matrix_name(const KernelContext& c, int input, std::int64_t i, const View& batch);
inline std::string matrix_name(const KernelContext& c, int input, std::int64_t i) {
  return matrix_name(c, input, i, c.in[input]);
}

// Parts of a batch that may run at once, each with scratch memory of its own.
inline std::int64_t slots_of(std::int64_t count) { return std::min<std::int64_t>(count, 16); }

// f(i, slot) for all i < count, where about `work` multiplications are spent on each. Threads share out the
// batch; where there are few large matrices, each is shared out by OpenBLAS.
template <class F>
void for_each_matrix(std::int64_t count, std::int64_t work, F f) {
  // Below the first, another thread costs more than it saves; below the second, OpenBLAS's threads do, which
  // meet at every column of a factorisation.
  constexpr std::int64_t kSmall = 64 * 64 * 64, kLarge = 256 * 256 * 256;
  if (count == 0) return;
  kernels::require_lapack();
  const std::int64_t slots = slots_of(count);
  work = std::max<std::int64_t>(work, 1);
  const auto range = [&](std::int64_t first, std::int64_t last) {
    std::optional<LibraryTeam> team;
    std::optional<kernels::OneThread> alone;
    if (work > kLarge)
      team.emplace();
    else
      alone.emplace();
    for (std::int64_t s = first; s < last; ++s) {
      const std::int64_t end = count / slots * (s + 1) + std::min(count % slots, s + 1);
      for (std::int64_t i = count / slots * s + std::min(count % slots, s); i < end; ++i) f(i, s);
    }
  };
  if (count >= 2 * threads() || work <= kLarge)
    parallel_for(slots, std::max<std::int64_t>(1, kSmall / work / (count / slots)), range);
  else
    range(0, slots);
}

// f(T{}) for float or double.
template <class F>
void with_floating(DType dtype, F f) {
  if (dtype == DType::f32)
    f(float{});
  else
    f(double{});
}

// The start of slot number `slot` of scratch memory made of `bytes` for each, on a cache line.
inline std::size_t slot_bytes(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
inline std::byte* slot_at(const KernelContext& c, std::size_t bytes, std::int64_t slot) {
  return static_cast<std::byte*>(c.scratch) + slot_bytes(bytes) * static_cast<std::size_t>(slot);
}

// --- symmetric operands
// ----------------------------------------------------------------------------------------

enum class SymmetricHalf : std::uint8_t { both, lower, upper };
// Number i as a symmetric matrix: the mean of both halves, or one half and its mirror image. Errors:
// ValueError where the halves are to be equal but are not: apart by more than 1e-3 of the largest element,
// which rounding does not explain.
template <class T>
void load_symmetric(const KernelContext& c, const Matrices& a, std::int64_t i, SymmetricHalf half, T* to);
// Errors: ValueError naming the first element of number i that is infinite or NaN.
template <class T>
void require_finite_matrix(const KernelContext& c, std::int64_t i, const T* a, std::int64_t rows,
                           std::int64_t cols);

// --- differentiable steps
// --------------------------------------------------------------------------------------

// The matrices transposed, a view.
Tensor matrix_transpose(const Tensor& x);
// The lower half of m and its mirror image as the upper one.
Tensor mirrored_lower(const Tensor& m);
// g x for a scalar g of each matrix.
Tensor scale_matrices(const Tensor& x, const Tensor& g);

// --- samples
// ---------------------------------------------------------------------------------------------------

// Random matrices with a large diagonal: pivots, diagonals of factors and singular values are far apart from
// each other and from 0, so that differences meet derivatives.
Tensor sample_separated(SampleSink& s, const Shape& shape);
Tensor sample_positive_definite(SampleSink& s, const Shape& shape);
Tensor sample_symmetric(SampleSink& s, const Shape& shape);
// Errors that ops on square matrices have alike.
template <class A>
void sample_square_errors(SampleSink& s, const char* op, const A& attrs) {
  const std::string name = op;
  s.add_error({s.values({3})}, attrs, name + ": takes matrices, at least two axes: a [3] f64");
  s.add_error({s.values({2, 3})}, attrs, name + ": takes square matrices: a [2, 3] f64");
  s.add_error({SampleSink::i64({1, 1}, {1})}, attrs,
              name + ": takes floating-point numbers: a [1, 1] i64; convert it with astype(x, DType::f32)");
}

}  // namespace gradus
