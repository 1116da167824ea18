// What the elements of an array are like: for profiles, for the guard against NaN, for drawings.
#pragma once

#include <cstdint>
#include <string>

#include "gradus/graph/view.h"

namespace gradus {

// Of the finite elements; `norm` is the Euclidean one. All 0 where there are none.
struct Statistics {
  double min = 0, max = 0, mean = 0, norm = 0;
  std::int64_t elements = 0, nan = 0, inf = 0;

  bool finite() const { return nan == 0 && inf == 0; }
};

// Of an array of any dtype and any strides, computed in f64.
Statistics statistics(const View& v);

// Whether no element is NaN or infinite. Faster than statistics(); true for integers.
bool all_finite(const View& v);

// Row-major index of the first NaN, or where there is none of the first infinity; -1: all are finite.
std::int64_t first_not_finite(const View& v);

// "min -1, max 2.5, mean 0.25, norm 3.1, 4 NaN, 0 inf of 12"
std::string to_string(const Statistics& s);

}  // namespace gradus
