// embedding_bag: embedding() reduced over bags of indices. Put together from ops: the rows of a list are
// added to their bags; for the maximum, and for a matrix of indices, bags are rows of one array, the shorter
// ones filled up.
#include <algorithm>
#include <limits>
#include <vector>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/ops/compose.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/comparison.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/elementwise/logical.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

constexpr const char* kOp = "embedding_bag";

// The first index of each bag and, behind them, the number of indices.
std::vector<std::int64_t> bounds_of(const Tensor& offsets, std::int64_t count, Location where) {
  if (offsets.dtype() != DType::i64 || offsets.rank() != 1) {
    throw_error<ShapeError>(where, kOp, "offsets are a list of i64 numbers: {}", describe(offsets));
  }
  std::vector<std::int64_t> bounds = offsets.to_vector<std::int64_t>();
  bounds.push_back(count);
  if (bounds[0] != 0) {
    throw_error<ValueError>(where, kOp, "the first bag begins at 0, not at {}", bounds[0]);
  }
  for (std::size_t i = 1; i < bounds.size(); ++i) {
    if (bounds[i] >= bounds[i - 1] && bounds[i] <= count) continue;
    throw_error<ValueError>(where, kOp, "offsets rise and lie in 0..{}: {} at [{}] is followed by {}", count,
                            bounds[i - 1], i - 1, bounds[i]);
  }
  return bounds;
}

// A matrix of places in a list, one bag a row, with a mask of those that are in the bag.
struct Padded {
  Tensor places, used;
};
Padded padded(const std::vector<std::int64_t>& bounds) {
  const auto bags = static_cast<std::int64_t>(bounds.size()) - 1;
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < bounds.size(); ++i) longest = std::max(longest, bounds[i] - bounds[i - 1]);
  Padded r{zeros({bags, longest}, DType::i64), zeros({bags, longest}, DType::boolean)};
  for (std::int64_t b = 0; b < bags; ++b) {
    const std::int64_t from = bounds[static_cast<std::size_t>(b)];
    const std::int64_t n = bounds[static_cast<std::size_t>(b) + 1] - from;
    for (std::int64_t k = 0; k < n; ++k) {
      static_cast<std::int64_t*>(r.places.view().data)[b * longest + k] = from + k;
      static_cast<std::uint8_t*>(r.used.view().data)[b * longest + k] = 1;
    }
  }
  return r;
}

// The largest along axis 1 of rows [bags, n, width] where used [bags, n]; 0 where nothing is.
Tensor largest(const Tensor& rows, const Tensor& used, At at) {
  const Tensor none = logical_not(at(any(at(used), 1, true)));
  if (rows.size(1) == 0) return zeros({rows.size(0), rows.size(2)}, rows.dtype(), at.where);
  const Tensor seen = masked_fill(at(rows), at(logical_not(at(unsqueeze(at(used), -1)))),
                                  -std::numeric_limits<double>::infinity());
  return masked_fill(at(max(at(seen), 1).values), at(none), 0.0);
}

}  // namespace

Tensor embedding_bag(Operand input, Operand weight, const EmbeddingBagOptions& o) {
  const At at{input.where};
  const Tensor x = held(input), w = held(weight);
  const bool matrix = x.rank() == 2;
  if (x.dtype() != DType::i64 || (x.rank() != 1 && !matrix) || matrix == o.offsets.defined()) {
    throw_error<ShapeError>(
        at.where, kOp,
        "takes a matrix of i64 indices, a bag a row, or a list and offsets: input {}, offsets {}",
        describe(x), o.offsets.defined() ? describe(o.offsets) : "not given");
  }
  const Tensor& factors = o.per_sample_weights;
  if (factors.defined()) {
    if (o.mode != BagMode::sum) {
      throw_error<ValueError>(at.where, kOp, "per_sample_weights {} belong to BagMode::sum",
                              describe(factors));
    }
    if (factors.shape() != x.shape() || factors.dtype() != w.dtype()) {
      throw_error<ShapeError>(at.where, kOp,
                              "there is a factor of weight's dtype for each index: input {}, weight {}, "
                              "per_sample_weights {}",
                              describe(x), describe(w), describe(factors));
    }
  }
  const Tensor rows = embedding(at(x), at(w), {.padding_idx = o.padding_idx});
  Tensor used = ones(x.shape(), DType::boolean, at.where);
  if (o.padding_idx) {
    const std::int64_t padding = *o.padding_idx;
    used = ne(at(x), padding < 0 ? padding + w.size(0) : padding);
  }
  if (o.mode == BagMode::max) {
    if (matrix) return largest(rows, used, at);
    const Padded p = padded(bounds_of(o.offsets, x.numel(), at.where));
    if (x.numel() == 0) return zeros({p.places.size(0), w.size(1)}, w.dtype(), at.where);
    const Tensor list = reshape(p.places, {-1});
    const Tensor bags =
        reshape(at(index_select(at(rows), 0, list)), {p.places.size(0), p.places.size(1), w.size(1)});
    const Tensor in_bag = reshape(index_select(used, 0, list), p.places.shape());
    return largest(bags, logical_and(in_bag, p.used), at);
  }
  const Tensor counted = astype(at(used), w.dtype());
  Tensor kept = rows;
  if (o.padding_idx) kept = masked_fill(at(rows), at(unsqueeze(at(logical_not(at(used))), -1)), 0.0);
  const Tensor scaled = factors.defined() ? mul(at(kept), at(unsqueeze(at(factors), -1))) : kept;
  Tensor total, count;
  if (matrix) {
    total = sum(at(scaled), 1);
    count = sum(at(counted), 1, true);
  } else {
    const std::vector<std::int64_t> bounds = bounds_of(o.offsets, x.numel(), at.where);
    const auto bags = static_cast<std::int64_t>(bounds.size()) - 1;
    Tensor bag = empty(x.shape(), DType::i64);
    for (std::int64_t b = 0; b < bags; ++b) {
      std::fill(static_cast<std::int64_t*>(bag.view().data) + bounds[static_cast<std::size_t>(b)],
                static_cast<std::int64_t*>(bag.view().data) + bounds[static_cast<std::size_t>(b) + 1], b);
    }
    total = index_add(at(zeros({bags, w.size(1)}, w.dtype())), 0, bag, at(scaled));
    count = unsqueeze(index_add(zeros({bags}, w.dtype()), 0, bag, counted), -1);
  }
  return o.mode == BagMode::sum ? total : div(at(total), at(maximum(at(count), 1.0)));
}

}  // namespace gradus
