// Tensors as text, as NumPy and PyTorch write them. Iostreams only by name: nothing heavy comes with it.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "gradus/graph/tensor.h"

namespace gradus {

struct PrintOptions {
  int precision = 4;              // decimals
  std::int64_t threshold = 1000;  // above this many elements, the middle of long axes is left out
  std::int64_t edge_items = 3;    // what is kept at both ends of such an axis
  int line_width = 80;
};

// tensor([[1.0000, 2.5000],
//         [3.0000, 4.0000]], [2, 2] f32, requires_grad)
// Whole numbers are written without decimals, numbers of very different sizes in scientific notation; all of
// one tensor alike.
std::string to_string(const Tensor& t, PrintOptions options = {});

std::ostream& operator<<(std::ostream& os, const Tensor& t);

}  // namespace gradus
