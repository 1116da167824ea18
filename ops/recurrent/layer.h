// What the ops of one layer and direction (rnn, lstm, gru and their backwards) have in common. All walk the
// steps of a sequence; samples are independent of each other, so threads share them out. Internal to
// ops/recurrent/ and its tests.
//
// Note [Steps behind a sample's length]. At such a step the states are carried over as they are: the op's
// outputs hold the state at every step, and the last step is the final state of every sample. The gates are 0
// there. That the user's output is 0 there is the business of run_layers().
#pragma once

#include <algorithm>
#include <cstring>

#include "gradus/base/function_ref.h"
#include "gradus/graph/apply.h"
#include "gradus/ops/recurrent.h"

namespace gradus {

struct LayerAttrs {
  bool reverse = false;
};
struct RnnLayerAttrs {
  bool reverse = false;
  const char* nonlinearity = "tanh";  // or "relu"
};
inline bool is_relu(const RnnLayerAttrs& a) { return a.nonlinearity[0] == 'r'; }
// The literal of that name. Errors: ValueError.
const char* nonlinearity_of(std::string_view name, const char* op, Location where);

// --- ops
// -------------------------------------------------------------------------------------------------------

struct LayerSizes {
  std::int64_t steps, batch, inputs, hidden;
};

// The inputs of a layer: x [T, N, I], `states` times [N, H], w_ih [gates H, I], w_hh [gates H, H], `biases`
// times [gates H], lengths [N]. Checks them all but for the values of lengths.
struct LayerInputs {
  int gates, states, biases;
  int w_ih() const { return 1 + states; }
  int w_hh() const { return 2 + states; }
  int lengths() const { return 3 + states + biases; }
};
LayerSizes infer_layer(const InferContext& c, const LayerInputs& in);

// Input i has this shape and dtype; `why`, called for the message alone, says where they come from. Errors:
// ShapeError, DtypeError.
void require_fits(const InferContext& c, int i, const Shape& shape, DType dtype,
                  FunctionRef<std::string()> why);

// What the kernel needs beside its views: `extra` bytes and copies of the inputs that are not contiguous.
void set_layer_scratch(InferContext& c, std::size_t extra);

// The lengths, or nullptr where all samples have all steps. Errors: ValueError for one outside 0..steps.
const std::int64_t* checked_lengths(const KernelContext& c, int input, const View& lengths,
                                    std::int64_t steps);

// f(first sample, end) for ranges of samples; `work` is the number of multiplications a sample.
void for_samples(std::int64_t batch, std::int64_t work, FunctionRef<void(std::int64_t, std::int64_t)> f);

// The order of the steps in time.
struct Order {
  std::int64_t steps;
  bool reverse;
  std::int64_t operator[](std::int64_t i) const { return reverse ? steps - 1 - i : i; }
};

inline std::byte* offset(void* p, std::int64_t elements, DType dtype) {
  return static_cast<std::byte*>(p) + elements * static_cast<std::int64_t>(size_of(dtype));
}
inline const std::byte* offset(const void* p, std::int64_t elements, DType dtype) {
  return static_cast<const std::byte*>(p) + elements * static_cast<std::int64_t>(size_of(dtype));
}
// Null stays null.
inline const std::byte* offset_if(const void* p, std::int64_t elements, DType dtype) {
  return p == nullptr ? nullptr : offset(p, elements, dtype);
}
inline void copy_elements(void* to, const void* from, std::int64_t n, DType dtype) {
  if (n != 0) std::memcpy(to, from, static_cast<std::size_t>(n) * size_of(dtype));
}
inline void zero_elements(void* to, std::int64_t n, DType dtype) {
  if (n != 0) std::memset(to, 0, static_cast<std::size_t>(n) * size_of(dtype));
}
// to += from; nothing where from is null.
void add_elements(void* to, const void* from, std::int64_t n, DType dtype);

// active(first, count) for the runs of samples of [begin, end) that have the step t, padded(first, count) for
// the others.
template <class Active, class Padded>
void each_run(const std::int64_t* lengths, std::int64_t begin, std::int64_t end, std::int64_t t,
              Active active, Padded padded) {
  if (lengths == nullptr) return active(begin, end - begin);
  for (std::int64_t i = begin; i < end;) {
    const bool on = t < lengths[i];
    std::int64_t k = i + 1;
    while (k < end && (t < lengths[k]) == on) ++k;
    if (on)
      active(i, k - i);
    else
      padded(i, k - i);
    i = k;
  }
}
inline bool any_active(const std::int64_t* lengths, std::int64_t begin, std::int64_t end, std::int64_t t) {
  return lengths == nullptr || std::any_of(lengths + begin, lengths + end, [t](auto n) { return t < n; });
}

// An operand that zero_view() made, or any other zero that is repeated over all elements: the kernels leave
// it out.
bool is_zero_view(const View& v);
// pack(), or no address for a zero view.
const void* packed_or_null(const View& v, std::byte** scratch);

// --- rules
// -----------------------------------------------------------------------------------------------------

// A zero repeated over all elements, for cotangents that did not arrive.
Tensor zero_view(const Shape& shape, DType dtype);
Tensor grad_or_zero_view(const RuleContext& c, int output, DType dtype);
// All steps and samples as one matrix of rows.
Tensor rows_of_steps(const Tensor& x);
// The gradient of w_hh: the sum over all steps of da[t]^T h[t - 1].
Tensor recurrent_weight_gradient(const Tensor& da, const Tensor& hidden, const Tensor& h0, bool reverse);
// bool [N, 1]: the samples that have the step t; undefined where all have it.
Tensor active_samples(const Tensor& lengths, std::int64_t t, std::int64_t steps);
// a where the sample is active, else b.
Tensor choose(const Tensor& active, const Tensor& a, const Tensor& b);
// `parts` in the order of time, stacked along a new first axis.
Tensor stack_steps(std::span<const Tensor> parts, bool reverse);

// --- the user's functions
// --------------------------------------------------------------------------------------

// One layer and direction. Undefined: c where there is no such state.
struct LayerStates {
  Tensor h, c;  // at every step, [T, N, H]
};
struct LayerCall {
  const Tensor& x;
  const RecurrentWeights& weights;
  const Tensor &h0, &c0, &lengths;
  bool reverse;
};
struct SequenceArgs {
  const char* op;
  bool has_cell;
  Tensor h0, c0, lengths;
  bool batch_first, bidirectional, training;
  double dropout;
  Generator* generator;
};
LstmResult run_layers(const Operand& input, std::span<const RecurrentWeights> weights,
                      const SequenceArgs& args, FunctionRef<LayerStates(const LayerCall&)> run);

// b, or zeros for weights without it.
Tensor bias_or_zeros(const Tensor& b, const RecurrentWeights& weights, Location where);
// b_ih + b_hh, or zeros.
Tensor sum_of_biases(const RecurrentWeights& weights, const char* op, Location where);

// The shapes of a cell's operands. Errors: ShapeError.
void check_cell(const char* op, int gates, const Operand& input, std::span<const Operand> states,
                const RecurrentWeights& weights);
// W_ih x + b_ih and W_hh h + b_hh.
Tensor cell_product(const Operand& x, const Tensor& w, const Tensor& b);

}  // namespace gradus
