// What eigh and eigvalsh share. Internal to ops/linalg/.
#pragma once

#include <string_view>

#include "gradus/ops/linalg/matrices.h"

namespace gradus {

// "", "L" or "U" as a literal. Errors: ValueError for another text.
const char* uplo_of(std::string_view uplo, const char* op, Location where);
SymmetricHalf half_of(const char* uplo);
// The gradient of what is read, from that of a symmetric matrix.
Tensor gradient_of_half(const Tensor& g, const char* uplo);
void sample_eigh(SampleSink& s, const char* op);

}  // namespace gradus
