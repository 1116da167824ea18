// Random tensors, and dropout. Numbers come from a stream of base/random.h: the same seed gives the same
// numbers with any number of threads. Without a generator they come from the default one, see manual_seed().
#pragma once

#include <cstdint>

#include "gradus/base/random.h"
#include "gradus/graph/apply.h"

namespace gradus {

struct RandomOptions {
  DType dtype = DType::f32;
  bool requires_grad = false;
  Generator* generator = nullptr;  // nullptr: the default one
};
struct RandintOptions {
  DType dtype = DType::i64;
  Generator* generator = nullptr;
};

// Uniform in [low, high). Floating. Errors: ValueError unless low <= high and both are finite, DtypeError.
Tensor uniform(const Shape& shape, double low = 0, double high = 1, RandomOptions options = {},
               Location where = Location::current());
// Normal with a mean and a standard deviation. Floating. Errors: ValueError for a negative deviation,
// DtypeError.
Tensor normal(const Shape& shape, double mean = 0, double std = 1, RandomOptions options = {},
              Location where = Location::current());
// Integers in [low, high), each as likely. All dtypes but bool. Errors: ValueError for an empty range or one
// that the dtype does not hold, DtypeError.
Tensor randint(std::int64_t low, std::int64_t high, const Shape& shape, RandintOptions options = {},
               Location where = Location::current());
// 0, ..., n-1 in random order, i64. Errors: ValueError for a negative n.
Tensor permutation(std::int64_t n, Generator* generator = nullptr, Location where = Location::current());
// 1 with probability p, otherwise 0. All dtypes. Errors: ValueError unless 0 <= p <= 1.
Tensor bernoulli(const Shape& shape, double p, RandomOptions options = {},
                 Location where = Location::current());
// The same with a probability for each element, in the shape and dtype of p (floating). It has no derivative.
Tensor bernoulli(Operand p, Generator* generator = nullptr);

// Each element is zero with probability p and x / (1 - p) otherwise; x itself where p is 0 or not `training`.
// The mask is computed again in the backward, not kept. Floating. Errors: ValueError unless 0 <= p < 1.
// Source: Srivastava et al.: "Dropout: a simple way to prevent neural networks from overfitting", 2014.
Tensor dropout(Operand x, double p = 0.5, bool training = true, Generator* generator = nullptr);

}  // namespace gradus
