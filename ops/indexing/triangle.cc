#include "gradus/ops/indexing/triangle.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/ops/view/attrs.h"

namespace gradus {

void infer_triangle(InferContext& c) {
  if (c.rank(0) < 2) c.shape_error(fmt::format("takes matrices, at least two axes: {}", c.describe(0)));
  c.set_out_like(0, 0);
}

void triangle(const View& x, const View& out, std::int64_t diagonal, Triangle side) {
  if (out.numel == 0) return;
  const int last = out.rank - 1;
  const std::int64_t rows = out.dims[last - 1], cols = out.dims[last];
  // Beyond the corners nothing changes; within them sums do not overflow.
  diagonal = std::clamp(diagonal, -rows, cols);
  std::int64_t strides[kMaxRank];
  strides_of(x, strides);
  const auto bytes = static_cast<std::int64_t>(size_of(x.dtype));
  const auto run = [&](auto tag) {
    using T = decltype(tag);
    parallel_for(out.numel / cols, std::max<std::int64_t>(1, 32 * 1024 / cols),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) {
                     const T* from = x.as<const T>();
                     std::int64_t rest = r;
                     for (int i = last - 1; i >= 0; --i) {
                       from += rest % out.dims[i] * strides[i];
                       rest /= out.dims[i];
                     }
                     T* to = out.as<T>() + r * cols;
                     const std::int64_t first = side == Triangle::lower ? 0 : r % rows + diagonal;
                     const std::int64_t behind = side == Triangle::lower ? r % rows + diagonal + 1 : cols;
                     const std::int64_t a = std::clamp<std::int64_t>(first, 0, cols);
                     const std::int64_t b = std::clamp<std::int64_t>(behind, a, cols);
                     std::fill(to, to + a, T{0});
                     if (strides[last] == 1)
                       std::copy(from + a, from + b, to + a);
                     else
                       for (std::int64_t j = a; j < b; ++j) to[j] = from[j * strides[last]];
                     std::fill(to + b, to + cols, T{0});
                   }
                 });
  };
  // Only moves: an unsigned type of the size will do.
  if (bytes == 8)
    run(std::uint64_t{});
  else if (bytes == 4)
    run(std::uint32_t{});
  else if (bytes == 2)
    run(std::uint16_t{});
  else
    run(std::uint8_t{});
}

void sample_triangle(SampleSink& s, const char* op) {
  s.add({s.values({3, 4})}, TriangleAttrs{0});
  s.add({s.values({4, 3})}, TriangleAttrs{1});
  s.add({s.values({2, 3, 3})}, TriangleAttrs{-1}, {.note = "a stack of matrices"});
  s.add({s.values({2, 3})}, TriangleAttrs{9}, {.note = "beyond the corner"});
  s.add({s.values({2, 3})}, TriangleAttrs{INT64_MIN}, {.note = "beyond the other corner"});
  s.add({s.values({1, 1})}, TriangleAttrs{0}, {.note = "size 1"});
  s.add({s.values({3, 0})}, TriangleAttrs{0}, {.note = "empty"});
  s.add({SampleSink::f64({2, 2}, {NAN, HUGE_VAL, -HUGE_VAL, NAN})}, TriangleAttrs{0},
        {.gradcheck = false, .note = "infinities, NaN"});
  s.add({SampleSink::i64({2, 2}, {1, 2, 3, 4})}, TriangleAttrs{0}, {.note = "integers"});
  s.add_error({s.values({3})}, TriangleAttrs{0},
              fmt::format("{}: takes matrices, at least two axes: input [3] f64", op));
}

}  // namespace gradus
