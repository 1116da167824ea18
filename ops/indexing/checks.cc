// What indexing ops check alike: dtypes and shapes before the kernel, the values of indices within it.
#include <string>

#include "gradus/base/format.h"
#include "gradus/ops/indexing/gather.h"
#include "gradus/ops/kernels/index.h"

namespace gradus {

void require_index(const InferContext& c, int i) {
  if (c.dtype(i) != DType::i64) {
    c.dtype_error(
        fmt::format("indices are i64 numbers: {}; convert them with astype(x, DType::i64)", c.describe(i)));
  }
}

void require_index_fits(const InferContext& c, int i, int j, int axis) {
  if (c.rank(i) != c.rank(j)) {
    c.shape_error(
        fmt::format("ranks differ: {}, {}; both need the same number of axes", c.describe(i), c.describe(j)));
  }
  for (int k = 0; k < c.rank(i); ++k) {
    if (k != axis && c.dim(i, k) > c.dim(j, k)) {
      c.shape_error(
          fmt::format("{} is larger than {} at axis {}: {} and {}; it may be larger at axis {} only",
                      c.describe(i), c.describe(j), k, c.dim(i, k), c.dim(j, k), axis));
    }
  }
}

void require_index_an_element(const InferContext& c, int i, int j) {
  if (c.shape(i) != c.shape(j)) {
    c.shape_error(
        fmt::format("shapes differ: {}, {}; there is one index an element", c.describe(i), c.describe(j)));
  }
}

void require_index_list(const InferContext& c, int i) {
  if (c.rank(i) != 1) {
    c.shape_error(
        fmt::format("takes a list of indices, one axis: {}; see gather() for others", c.describe(i)));
  }
}

std::string format_place(const View& v, std::int64_t position) {
  std::int64_t place[kMaxRank];
  for (int k = v.rank - 1; k >= 0; --k) {
    place[k] = position % v.dims[k];
    position /= v.dims[k];
  }
  return format_shape({place, v.rank});
}

std::int64_t offset_of(const View& v, std::int64_t position) {
  if (v.strides == nullptr) return position;
  std::int64_t offset = 0;
  for (int k = v.rank - 1; k >= 0; --k) {
    offset += position % v.dims[k] * v.strides[k];
    position /= v.dims[k];
  }
  return offset;
}

void check_range(const KernelContext& c, int i, std::int64_t size, const char* axis_of) {
  const View& index = c.in[i];
  const std::int64_t at = kernels::find_out_of_range(index, size);
  if (at < 0) [[likely]]
    return;
  const std::int64_t value = index.as<const std::int64_t>()[offset_of(index, at)];
  const std::string place =
      fmt::format("{} of {}", format_place(index, at), c.op->inputs[static_cast<std::size_t>(i)]);
  if (size == 0) c.fail_value(fmt::format("index {} at {}: {} has no elements", value, place, axis_of));
  c.fail_value(fmt::format("index {} at {} is out of range: {} has the places 0..{}", value, place, axis_of,
                           size - 1));
}

}  // namespace gradus
