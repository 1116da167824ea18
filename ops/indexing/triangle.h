// What tril and triu share. Internal to ops/ and its tests.
#pragma once

#include "gradus/graph/op_def.h"
#include "gradus/graph/samples.h"

namespace gradus {

struct TriangleAttrs {
  std::int64_t diagonal;
};

enum class Triangle : std::uint8_t { lower, upper };

// Errors: ShapeError for fewer than two axes.
void infer_triangle(InferContext& c);
// out, contiguous, becomes x on the side of the diagonal and on it, and zeros elsewhere.
void triangle(const View& x, const View& out, std::int64_t diagonal, Triangle side);
void sample_triangle(SampleSink& s, const char* op);

}  // namespace gradus
