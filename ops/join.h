// Several tensors from one and one from several. All dtypes; the tensors of one call have the same dtype.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus {

// The tensors one after the other along an axis; their other sizes are equal. Errors: ValueError for an empty
// list, ShapeError, DtypeError.
Tensor concat(std::span<const Tensor> tensors, std::int64_t dim = 0, Location where = Location::current());
inline Tensor concat(std::initializer_list<Tensor> tensors, std::int64_t dim = 0,
                     Location where = Location::current()) {
  return concat(std::span(tensors.begin(), tensors.size()), dim, where);
}
// Tensors of one shape along a new axis. Errors: as concat.
Tensor stack(std::span<const Tensor> tensors, std::int64_t dim = 0, Location where = Location::current());
inline Tensor stack(std::initializer_list<Tensor> tensors, std::int64_t dim = 0,
                    Location where = Location::current()) {
  return stack(std::span(tensors.begin(), tensors.size()), dim, where);
}

// Views of `size` indices each along an axis, the last one perhaps smaller. Errors: ValueError for a size
// below 1, ShapeError.
std::vector<Tensor> split(const Tensor& x, std::int64_t size, std::int64_t dim = 0,
                          Location where = Location::current());
// Views of the given sizes. Errors: ShapeError unless they add up to the axis.
std::vector<Tensor> split(const Tensor& x, std::span<const std::int64_t> sizes, std::int64_t dim = 0,
                          Location where = Location::current());
inline std::vector<Tensor> split(const Tensor& x, std::initializer_list<std::int64_t> sizes,
                                 std::int64_t dim = 0, Location where = Location::current()) {
  return split(x, std::span(sizes.begin(), sizes.size()), dim, where);
}
// At most `chunks` views of equal size, the last one perhaps smaller. Errors: as split.
std::vector<Tensor> chunk(const Tensor& x, std::int64_t chunks, std::int64_t dim = 0,
                          Location where = Location::current());

}  // namespace gradus
