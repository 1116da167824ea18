// tensor(): from nested braces, spans and vectors. The shape is that of the first items on the way down;
// every other list must agree with it.
#include <cstring>

#include "gradus/ops/creation.h"
#include "gradus/ops/creation/values.h"

namespace gradus {
namespace {

struct Reader {
  Shape shape;
  Location where;

  void measure(const NestedList& list) {
    const NestedList* at = &list;
    while (at->is_list()) {
      if (shape.rank() == kMaxRank) {
        throw_error<ShapeError>(where, "tensor", "the lists are nested deeper than {} levels", kMaxRank);
      }
      shape.push_back(static_cast<std::int64_t>(at->items().size()));
      if (at->items().empty()) return;
      at = &at->items()[0];
    }
  }

  template <class T>
  T* read(const NestedList& list, int level, DType dtype, T* out) const {
    const bool list_expected = level < shape.rank();
    const auto size = static_cast<std::int64_t>(list.items().size());
    if (list.is_list() != list_expected) {
      throw_error<ShapeError>(where, "tensor",
                              "the lists are not nested evenly: at level {} there is {} beside {}", level,
                              list.is_list() ? "a list" : "a number", list_expected ? "lists" : "numbers");
    }
    if (!list_expected) {
      *out = converted<T>(list.scalar(), dtype, "tensor", where);
      return out + 1;
    }
    if (size != shape[level]) {
      throw_error<ShapeError>(where, "tensor",
                              "the lists are ragged: at level {} there is one of {} items beside one of {}",
                              level, size, shape[level]);
    }
    for (const NestedList& item : list.items()) out = read(item, level + 1, dtype, out);
    return out;
  }
};

}  // namespace

Tensor tensor(const NestedList& values, TensorOptions options, Location where) {
  Reader reader{{}, where};
  reader.measure(values);
  Tensor t = empty(reader.shape, options.dtype, where);
  with_type(options.dtype, [&]<class T>(T) { reader.read(values, 0, options.dtype, t.view().as<T>()); });
  return finished(std::move(t), options.requires_grad, where);
}

namespace creation_internal {

Tensor copy_of(const void* data, std::size_t count, DType dtype, const Shape* shape, Location where) {
  const auto n = static_cast<std::int64_t>(count);
  Tensor t = empty(shape != nullptr ? *shape : Shape{n}, dtype, where);
  if (t.numel() != n) {
    throw_error<ShapeError>(where, "tensor", "{} numbers do not fill the shape {}", n,
                            describe(*shape, dtype));
  }
  if (n > 0) std::memcpy(t.view().data, data, count * size_of(dtype));
  return t;
}

}  // namespace creation_internal

}  // namespace gradus
