// Positional encodings: what tells a transformer where in its sequence a token is. `offset` is the position
// of the first one, for decoding token by token. Errors of calls: ShapeError for another width, ValueError
// for positions below 0 or from max_len on.
#pragma once

#include "gradus/base/random.h"
#include "gradus/nn/unary_module.h"

namespace gradus::nn {

struct PositionsOptions {
  std::int64_t max_len = 5000;
  bool batch_first = false;  // inputs are [N, T, E], not [T, N, E]; both may be [T, E]
  DType dtype = DType::f32;
  double std = 0.02;               // of the initial values of learned ones, which are normal with mean 0
  Generator* generator = nullptr;  // of these
};

// x plus sin(t / 10000^(2 i / d_model)) in column 2 i and the cosine in 2 i + 1. A. Vaswani et al.:
// "Attention is all you need", 2017, 3.5. The table is not saved. Errors: ValueError for sizes below 1.
struct SinusoidalPositions : Module {
  GRADUS_MEMBERS()
  explicit SinusoidalPositions(std::int64_t d_model, const PositionsOptions& options = {},
                               Location where = Location::current());
  Tensor operator()(Operand x, std::int64_t offset = 0) const;
  std::string options_text() const override;

  Tensor table;  // [max_len, d_model]
  bool batch_first;
};

// x plus a trained row for each position.
struct LearnedPositions : Module {
  Parameter weight;  // [max_len, d_model]
  GRADUS_MEMBERS(weight)
  explicit LearnedPositions(std::int64_t d_model, const PositionsOptions& options = {},
                            Location where = Location::current());
  Tensor operator()(Operand x, std::int64_t offset = 0) const;
  std::string options_text() const override;

  bool batch_first;
};

struct RotaryOptions {
  double base = 10000;
  std::int64_t max_len = 4096;
  // Pairs of the paper are columns 2 i and 2 i + 1; false: i and i + dim / 2, as in the weights of many
  // published models.
  bool interleaved = true;
  DType dtype = DType::f32;
};

// Turns pair i of the columns of x [.., T, dim] at position t by the angle t / base^(2 i / dim), so that the
// product of a query and a key depends on their distance. It goes onto queries and keys of each head: pass it
// to MultiheadAttention as {.rotary = &rotary}. J. Su et al.: "RoFormer", 2021, 3.2. Errors: ValueError
// unless dim is even and above 0.
struct RotaryEmbedding : Module {
  GRADUS_MEMBERS()
  explicit RotaryEmbedding(std::int64_t dim, const RotaryOptions& options = {},
                           Location where = Location::current());
  Tensor operator()(Operand x, std::int64_t offset = 0) const;
  std::string options_text() const override;

  Tensor cosines, sines;  // [max_len, dim / 2]
  bool interleaved;
};

}  // namespace gradus::nn
