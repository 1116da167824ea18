// Several tensors from one, one from several, and larger ones from copies of their own elements. All dtypes;
// the tensors of one call have the same dtype.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gradus/graph/apply.h"
#include "gradus/ops/scalar.h"

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
// The parts at each index of an axis, without that axis, as views. Errors: ShapeError.
std::vector<Tensor> unbind(const Tensor& x, std::int64_t dim = 0, Location where = Location::current());

// For lists x, y, .. of lengths n, m, .. one tensor each of shape [n, m, ..] that repeats its list along the
// other axes, as views; with indexing "xy" the first two axes are swapped. PyTorch's default is about to
// change from one to the other, so here it is always said. Errors: ValueError for an empty list or another
// indexing, ShapeError for what is neither a list nor a scalar, DtypeError.
std::vector<Tensor> meshgrid(std::span<const Tensor> tensors, std::string_view indexing,
                             Location where = Location::current());
inline std::vector<Tensor> meshgrid(std::initializer_list<Tensor> tensors, std::string_view indexing,
                                    Location where = Location::current()) {
  return meshgrid(std::span(tensors.begin(), tensors.size()), indexing, where);
}

// x side by side repeats[i] times along axis i; more repeats than axes make new axes in front. Errors:
// ShapeError for fewer repeats than axes, ValueError for a negative one.
Tensor repeat(Operand x, const Shape& repeats);
// The same; with fewer repeats than axes they belong to the last ones.
Tensor tile(Operand x, const Shape& repeats);
// Each element along an axis `repeats` times in a row; without an axis those of the flattened x. Errors:
// ShapeError, ValueError for a negative number.
Tensor repeat_interleave(Operand x, std::int64_t repeats, std::optional<std::int64_t> dim = std::nullopt);
// The same with a number for each element, a list of i64 as long as the axis. Errors: also DtypeError.
Tensor repeat_interleave(Operand x, Operand repeats, std::optional<std::int64_t> dim = std::nullopt);

// What stands outside: a value, the elements mirrored at the edge element, the edge element, the other end.
enum class PadMode : std::uint8_t { constant, reflect, replicate, circular };

struct PadOptions {
  PadMode mode = PadMode::constant;
  Scalar value = 0;  // only for constant
};

// x with more elements at the ends of axes: pads[0] before and pads[1] behind the last axis, the next two for
// the one before it, and so on; negative numbers take elements away. Reflect adds at most size - 1, circular
// at most size. Errors: ShapeError, ValueError for an odd number of pads or a value beside another mode,
// DtypeError for a value that the dtype cannot hold.
Tensor pad(Operand x, std::span<const std::int64_t> pads, const PadOptions& options = {});
inline Tensor pad(Operand x, std::initializer_list<std::int64_t> pads, const PadOptions& options = {}) {
  return pad(x, std::span(pads.begin(), pads.size()), options);
}

}  // namespace gradus
