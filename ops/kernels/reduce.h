// Reductions over any set of axes of an array of any strides. `axes` has bit i set where axis i is reduced;
// `out` is contiguous and holds one element for each index of the axes that stay, in their order (so keepdim
// does not matter here). The order of additions is fixed by the shape and strides alone: the same numbers
// with any number of threads. f32 and f64 sums are blocked and cascaded, their error grows with log n.
#pragma once

#include <cstdint>

#include "gradus/graph/view.h"

namespace gradus::kernels {

enum class Reduction : std::uint8_t { sum, mean, prod, max, min };

inline unsigned all_axes(int rank) { return (1u << rank) - 1; }

// sum, prod: out has the dtype of a floating `in`, else i64. mean: floating. max, min: the dtype of `in`, a
// NaN wins; the caller refuses empty ones (sum of nothing is 0, prod 1, mean NaN).
void reduce(Reduction what, const View& in, unsigned axes, const View& out);

// The index (i64) of the largest or smallest element along `axis`, or in the whole array in row-major order
// where axis is -1. The first one where several are equal; the first NaN where there is one.
void arg_reduce(bool largest, const View& in, int axis, const View& out);

// sum((x - mean(x))^2) / (n - correction), in two passes. Floating; n - correction <= 0 gives NaN or inf as
// PyTorch has it.
void variance(const View& in, unsigned axes, double correction, const View& out);

// (sum |x|^p)^(1/p); p = 0 counts what is not 0, p = inf and -inf give the largest and smallest |x|.
// Floating; the caller refuses an infinite or negative p for nothing.
void norm(const View& in, unsigned axes, double p, const View& out);

// log(sum(exp(x))) without overflow; -inf for nothing or only -inf. Floating.
void logsumexp(const View& in, unsigned axes, const View& out);

}  // namespace gradus::kernels
