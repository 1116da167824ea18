// The pointwise part of one step of recurrent networks, forward and backward, for `rows` samples of `hidden`
// units. f32 and f64, contiguous rows. One thread. What may be null is said so; an output may be the input
// that is named beside it.
#pragma once

#include <cstdint>

#include "gradus/graph/dtype.h"

namespace gradus::kernels {

// i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of pre + bias; c = f c_prev + i g; h = o tanh(c).
struct LstmStep {
  std::int64_t rows, hidden;
  const void* pre;   // 4 hidden a row: i f g o
  const void* bias;  // 4 hidden, or null
  const void* c_prev;
  void* gates;  // 4 hidden a row; may be pre
  void* c;
  void* h;
};

// The cotangent of h is gh + dh, that of c is gc + dc. da, the gradient of pre, and dc_prev, that of c_prev.
struct LstmStepBackward {
  std::int64_t rows, hidden;
  const void *gates, *c_prev, *c;
  const void *gh, *dh, *gc, *dc;  // each may be null
  const void* g_gates;            // cotangent of gates, or null
  void* da;
  void* dc_prev;  // may be dc
};

// r = sigmoid(gi_r + gh_r), z = sigmoid(gi_z + gh_z), m = gh_n, n = tanh(gi_n + r m), h = n + z (h_prev - n),
// where gi = pre_i + bias_i and gh = pre_h + bias_h.
struct GruStep {
  std::int64_t rows, hidden;
  const void* pre_i;   // 3 hidden a row: r z n
  std::int64_t ld_i;   // distance between its rows
  const void* bias_i;  // 3 hidden, or null
  const void* pre_h;   // 3 hidden a row
  const void* bias_h;  // 3 hidden, or null
  const void* h_prev;
  void* gates;  // 4 hidden a row: r z n m; may be pre_i where ld_i is 4 hidden
  void* h;
};

// The cotangent of h is gh + dh. da_i, da_h: the gradients of pre_i and pre_h; dh_prev: that of h_prev
// without what comes through pre_h.
struct GruStepBackward {
  std::int64_t rows, hidden;
  const void *gates, *h_prev;
  const void *gh, *dh;  // each may be null
  const void* g_gates;  // cotangent of gates, or null
  void *da_i, *da_h;    // 3 hidden a row
  void* dh_prev;        // may be dh
};

// h = tanh or relu of pre + bias.
struct RnnStep {
  std::int64_t rows, hidden;
  bool relu;
  const void* bias;  // hidden, or null
  void* h;           // pre on the way in
};

// da = (gh + dh) (1 - h^2), for relu (gh + dh) where h > 0.
struct RnnStepBackward {
  std::int64_t rows, hidden;
  bool relu;
  const void* h;
  const void *gh, *dh;  // each may be null
  void* da;
};

void lstm_step(DType dtype, const LstmStep& s);
void lstm_step_backward(DType dtype, const LstmStepBackward& s);
void gru_step(DType dtype, const GruStep& s);
void gru_step_backward(DType dtype, const GruStepBackward& s);
void rnn_step(DType dtype, const RnnStep& s);
void rnn_step_backward(DType dtype, const RnnStepBackward& s);

}  // namespace gradus::kernels
