// take_along_dim: gather() over operands that broadcast away from dim; no op of its own.
#include <algorithm>

#include "gradus/graph/describe.h"
#include "gradus/ops/indexing.h"
#include "gradus/ops/view.h"

namespace gradus {

Tensor take_along_dim(Operand input, Operand index, std::optional<std::int64_t> dim) {
  if (input.impl == nullptr) input.fail_undefined();
  if (index.impl == nullptr) index.fail_undefined();
  constexpr const char* kName = "take_along_dim";
  Tensor x = Tensor::share(input.impl), places = Tensor::share(index.impl);
  if (!dim) {
    x = flatten(input);
    places = flatten({places, input.where});
    return gather({x, input.where}, 0, places);
  }
  const int rank = x.rank();
  if (*dim < -rank || *dim >= rank) {
    throw_error<ShapeError>(input.where, kName, "axis {} is out of range: input {} has {} axes", *dim,
                            describe(x), rank);
  }
  if (places.rank() != rank) {
    throw_error<ShapeError>(input.where, kName,
                            "ranks differ: input {}, index {}; both need the same number of axes",
                            describe(x), describe(places));
  }
  const auto axis = static_cast<int>(*dim < 0 ? *dim + rank : *dim);
  Shape to = x.shape(), index_to = places.shape();
  for (int k = 0; k < rank; ++k) {
    if (k == axis) continue;
    if (to[k] != index_to[k] && to[k] != 1 && index_to[k] != 1) {
      throw_error<ShapeError>(input.where, kName,
                              "axis {} is {} in input {} and {} in index {}; sizes must be equal or 1", k,
                              to[k], describe(x), index_to[k], describe(places));
    }
    const std::int64_t size = to[k] == 1 ? index_to[k] : to[k];
    to[k] = index_to[k] = size;
  }
  x = expand(input, to);
  places = expand({places, input.where}, index_to);
  return gather({x, input.where}, axis, places);
}

}  // namespace gradus
