// meshgrid: coordinates of a grid from the lists along its axes. Expanded views, no op of their own.
#include "gradus/graph/describe.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus {

std::vector<Tensor> meshgrid(std::span<const Tensor> tensors, std::string_view indexing, Location where) {
  if (indexing != "ij" && indexing != "xy") {
    throw_error<ValueError>(where, "meshgrid", "the indexing is \"{}\"; it is \"ij\" or \"xy\"", indexing);
  }
  if (tensors.empty()) {
    throw_error<ValueError>(where, "meshgrid", "the list of tensors is empty; it needs at least one");
  }
  Shape shape;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    if (t.rank() > 1) {
      throw_error<ShapeError>(where, "meshgrid", "takes lists: tensors[{}] {}", i, describe(t));
    }
    if (t.dtype() != tensors[0].dtype()) {
      throw_error<DtypeError>(where, "meshgrid",
                              "dtypes differ: tensors[0] {}, tensors[{}] {}; convert one with astype()",
                              describe(tensors[0]), i, describe(t));
    }
    shape.push_back(t.numel());
  }
  const bool swapped = indexing == "xy" && tensors.size() > 1;
  std::vector<Tensor> out;
  for (int i = 0; i < shape.rank(); ++i) {
    Shape list;
    for (int k = 0; k < shape.rank(); ++k) list.push_back(k == i ? shape[i] : 1);
    const Tensor line = reshape({tensors[static_cast<std::size_t>(i)], where}, list);
    Tensor grid = expand({line, where}, shape);
    if (swapped) grid = transpose({grid, where}, 0, 1);
    out.push_back(std::move(grid));
  }
  return out;
}

}  // namespace gradus
