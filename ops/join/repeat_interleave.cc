// repeat_interleave: each element along an axis several times in a row. With one number for all it is an
// expanded axis, with a list of numbers a look-up (index_select); no op of its own, so neither is its
// derivative.
#include "gradus/graph/describe.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

constexpr const char* kName = "repeat_interleave";

// The axis; a missing one is that of the flattened x.
int checked_axis(const Operand& x, std::optional<std::int64_t> dim) {
  if (x.impl == nullptr) x.fail_undefined();
  if (!dim) return 0;
  const int rank = x.impl->rank;
  if (*dim < -rank || *dim >= rank) {
    throw_error<ShapeError>(x.where, kName, "axis {} is out of range: x {} has {} axes", *dim,
                            describe(*x.impl), rank);
  }
  return static_cast<int>(*dim < 0 ? *dim + rank : *dim);
}

[[noreturn]] void fail_negative(Location where, std::int64_t n, const TensorImpl& x) {
  throw_error<ValueError>(where, kName, "the number of repeats is {}; it is not negative (x {})", n,
                          describe(x));
}

}  // namespace

Tensor repeat_interleave(Operand x, std::int64_t repeats, std::optional<std::int64_t> dim) {
  const int axis = checked_axis(x, dim);
  if (repeats < 0) fail_negative(x.where, repeats, *x.impl);
  const Tensor t = dim ? Tensor::share(x.impl) : flatten(x);
  Shape shape = t.shape();
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < shape.rank(); ++i) (i <= axis ? outer : inner) *= shape[i];
  std::int64_t& size = shape[axis];
  if (__builtin_mul_overflow(size, repeats, &size)) {
    throw_error<ShapeError>(x.where, kName, "x {} repeated {} times has too many elements", describe(*x.impl),
                            repeats);
  }
  const Tensor rows = reshape({t, x.where}, {outer, 1, inner});
  const Tensor copies = expand({rows, x.where}, {outer, repeats, inner});
  return reshape({copies, x.where}, shape);
}

Tensor repeat_interleave(Operand x, Operand repeats, std::optional<std::int64_t> dim) {
  const int axis = checked_axis(x, dim);
  if (repeats.impl == nullptr) repeats.fail_undefined();
  const Tensor numbers = Tensor::share(repeats.impl);
  const Tensor t = dim ? Tensor::share(x.impl) : flatten(x);
  if (numbers.dtype() != DType::i64) {
    throw_error<DtypeError>(x.where, kName,
                            "repeats are i64 numbers: repeats {}; convert them with "
                            "astype(x, DType::i64)",
                            describe(numbers));
  }
  if (numbers.rank() != 1 || numbers.numel() != t.size(axis)) {
    throw_error<ShapeError>(x.where, kName,
                            "takes a list with one number for each of the {} elements of "
                            "axis {} of x {}: repeats {}",
                            t.size(axis), axis, describe(t), describe(numbers));
  }
  const std::vector<std::int64_t> counts = numbers.to_vector<std::int64_t>();
  std::int64_t total = 0;
  for (std::int64_t n : counts) {
    if (n < 0) fail_negative(x.where, n, *x.impl);
    if (__builtin_add_overflow(total, n, &total)) {
      throw_error<ShapeError>(x.where, kName, "the numbers of repeats are too large: repeats {}",
                              describe(numbers));
    }
  }
  Tensor index = empty({total}, DType::i64, x.where);
  std::int64_t* to = index.mutable_span<std::int64_t>().data();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (std::int64_t k = 0; k < counts[i]; ++k) *to++ = static_cast<std::int64_t>(i);
  }
  return index_select({t, x.where}, axis, index);
}

}  // namespace gradus
