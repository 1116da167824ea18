// Attributes of attention and what it shares with its derivative. Internal to ops/ and its tests.
#pragma once

#include <array>
#include <cstdint>

#include "gradus/graph/apply.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/kernels/attention.h"

namespace gradus {

struct AttentionAttrs {
  double scale = 1;
  bool is_causal = false;
  double dropout_p = 0;
  std::uint64_t seed = 0, counter = 0;
};
struct AttentionBackwardAttrs {
  double scale = 1;
  bool is_causal = false;
  double dropout_p = 0;
  std::uint64_t seed = 0, counter = 0;
  bool mask_gradient = false;  // without it the gradient of the mask has no elements
};

// The gradients for query, key, value and mask, the latter in the shape of the scores. The mask is a bool
// scalar, true, where there is none.
std::array<Tensor, 4> scaled_dot_product_attention_backward(Operand g, Operand query, Operand key,
                                                            Operand value, Operand mask, Operand lse,
                                                            Operand delta,
                                                            const AttentionBackwardAttrs& attrs);

// Shapes and dtypes of query, key, value and mask, the inputs q .. q + 3; attributes. Errors: ShapeError,
// DtypeError, ValueError.
void require_attention(const InferContext& c, int q, const AttentionAttrs& a);
// [.., heads, rows, last], or without `last` where that is negative.
Shape rows_shape(const InferContext& c, int q, std::int64_t last);
// Output `out` of shape [.., rows, n] lies in memory as input `like` does, where that has rows that lie so.
void set_out_rows(InferContext& c, int out, int like, const Shape& shape);
// Bytes for a copy of input i where its rows lie in another way than the kernels need.
std::size_t rows_room(const InferContext& c, int i);
View packed_rows(const View& v, std::byte** scratch);
// The kernel's arguments from the views of query, key, value and mask. Copies go to *scratch, which moves on.
kernels::Attention attention_of(const View* in, const AttentionAttrs& a, std::byte** scratch);

}  // namespace gradus
