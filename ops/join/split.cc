// split and chunk: views along one axis. They are slices, no ops of their own.
#include <algorithm>

#include "gradus/graph/describe.h"
#include "gradus/ops/join.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

std::int64_t axis_size(const Tensor& x, std::int64_t dim, const char* op, Location where) {
  const int rank = x.rank();
  if (dim < -rank || dim >= rank) {
    throw_error<ShapeError>(where, op, "axis {} is out of range: x {} has {} axes", dim, describe(x), rank);
  }
  return x.impl()->dims()[dim < 0 ? dim + rank : dim];
}

std::vector<Tensor> pieces(const Tensor& x, std::int64_t size, std::int64_t dim, std::int64_t total,
                           Location where) {
  std::vector<Tensor> out;
  std::int64_t start = 0;
  do {  // an empty axis gives one empty piece
    out.push_back(slice({x, where}, dim, start, std::min(total, start + size)));
    start += size;
  } while (start < total);
  return out;
}

}  // namespace

std::vector<Tensor> split(const Tensor& x, std::int64_t size, std::int64_t dim, Location where) {
  const std::int64_t total = axis_size(x, dim, "split", where);
  if (size < 1) {
    throw_error<ValueError>(where, "split", "the size of a piece is {}; it must be at least 1 (x {})", size,
                            describe(x));
  }
  return pieces(x, std::min(size, std::max<std::int64_t>(total, 1)), dim, total, where);
}

std::vector<Tensor> split(const Tensor& x, std::span<const std::int64_t> sizes, std::int64_t dim,
                          Location where) {
  const std::int64_t total = axis_size(x, dim, "split", where);
  std::int64_t rest = total;
  for (std::int64_t size : sizes) {
    if (size < 0 || size > rest) {
      rest = -1;
      break;
    }
    rest -= size;
  }
  if (rest != 0) {
    throw_error<ShapeError>(where, "split", "the sizes {} do not add up to {}, the size of axis {} of x {}",
                            format_shape(sizes), total, dim, describe(x));
  }
  std::vector<Tensor> out;
  std::int64_t start = 0;
  for (std::int64_t size : sizes) {
    out.push_back(slice({x, where}, dim, start, start + size));
    start += size;
  }
  return out;
}

std::vector<Tensor> chunk(const Tensor& x, std::int64_t chunks, std::int64_t dim, Location where) {
  const std::int64_t total = axis_size(x, dim, "chunk", where);
  if (chunks < 1) {
    throw_error<ValueError>(where, "chunk", "the number of chunks is {}; it must be at least 1 (x {})",
                            chunks, describe(x));
  }
  const std::int64_t size = total / chunks + static_cast<std::int64_t>(total % chunks != 0);
  return pieces(x, std::max<std::int64_t>(size, 1), dim, total, where);
}

}  // namespace gradus
