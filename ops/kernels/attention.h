// Attention in tiles: scores of a block of rows against a block of columns are computed, used and forgotten,
// so that memory grows with the length of a sequence and not with its square. T. Dao et al.:
// "FlashAttention", 2022; the running maximum and sum: M. Milakov, N. Gimelshein: "Online normalizer
// calculation for softmax", 2018. f32 and f64.
#pragma once

#include <cstdint>

#include "gradus/base/random.h"
#include "gradus/graph/view.h"

namespace gradus::kernels {

// q [.., heads, rows, E], k [.., kv_heads, columns, E], v [.., kv_heads, columns, Ev]; head h reads the kv
// head h / (heads / kv_heads). Rows may lie anywhere, but the elements of a row are neighbours and rows do
// not overlap.
struct Attention {
  View q, k, v;
  // bool, or of q's dtype; broadcasts to [.., heads, rows, columns]. False hides a column, numbers are added
  // to the scores. No data: none.
  View mask;
  double scale;
  bool causal;  // row i sees the columns 0..i
  double dropout_p;
  RandomStream stream;  // of which the element at [head, row, column] has the word of its row-major place
};

// True where rows lie as the kernels need them.
bool attention_reads(const std::int64_t* dims, const std::int64_t* strides, int rank);

// out [.., heads, rows, Ev], with rows as above, and lse [.., heads, rows] contiguous: the logarithms of the
// sums of exponentials; +inf for a row that sees nothing, whose result is 0.
void attention(const Attention& a, const View& out, const View& lse);

// The gradients of q, k and v from the cotangent g of out, lse, and delta = sum(g out) (both contiguous).
// dscores, unless it has no data, gets the gradient of the scores: [.., heads, rows, columns], contiguous.
void attention_backward(const Attention& a, const View& g, const View& lse, const View& delta, const View& dq,
                        const View& dk, const View& dv, const View& dscores);

}  // namespace gradus::kernels
