#include "gradus/data/collate.h"

#include <algorithm>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus::data {

Padded pad_sequences(std::span<const Tensor> sequences, double value, Location where) {
  if (sequences.empty()) throw_error<ValueError>(where, "pad_sequences", "there is no sequence");
  const Tensor& first = sequences[0];
  std::int64_t longest = 0;
  for (const Tensor& s : sequences) {
    if (s.rank() == 0)
      throw_error<ShapeError>(where, "pad_sequences", "{} is a scalar; it has no length", describe(s));
    if (s.dtype() != first.dtype()) {
      throw_error<DtypeError>(where, "pad_sequences", "dtypes differ: {} and {}", describe(first),
                              describe(s));
    }
    const Shape a = first.shape(), b = s.shape();
    if (a.rank() != b.rank() || !std::equal(a.begin() + 1, a.end(), b.begin() + 1)) {
      throw_error<ShapeError>(where, "pad_sequences", "shapes differ behind the first axis: {} and {}",
                              describe(first), describe(s));
    }
    longest = std::max(longest, s.size(0));
  }
  const NoGrad no_grad;
  const auto n = static_cast<std::int64_t>(sequences.size());
  Shape shape{n, longest};
  const Shape sample = first.shape();
  for (int i = 1; i < sample.rank(); ++i) shape.push_back(sample[i]);
  Padded out{full(shape, value, first.dtype(), where), empty({n}, DType::i64)};
  for (std::int64_t i = 0; i < n; ++i) {
    const Tensor& s = sequences[static_cast<std::size_t>(i)];
    out.lengths.mutable_span<std::int64_t>()[static_cast<std::size_t>(i)] = s.size(0);
    slice(select(out.values, 0, i), 0, 0, s.size(0)).copy_(s.detach(), where);
  }
  return out;
}

namespace collate_internal {

Tensor only_row(const Tensor& t) {
  if (t.rank() == 0 || t.size(0) != 1) {
    throw_error<ShapeError>({}, "sample_of", "{} is no batch of one sample", describe(t));
  }
  const NoGrad no_grad;
  return select(t, 0, 0);
}

void check_one(std::size_t count) {
  if (count != 1) throw_error<ValueError>({}, "sample_of", "a batch of {} samples is none of one", count);
}

Tensor stack_rows(std::span<const Tensor> rows) {
  if (rows.empty()) throw_error<ValueError>({}, "collate", "there is no sample, so no shape of a batch");
  const NoGrad no_grad;
  return stack(rows);
}

}  // namespace collate_internal
}  // namespace gradus::data
