#include "gradus/ops/pack.h"

#include "gradus/ops/kernels/copy.h"

namespace gradus {

View pack(const View& v, std::byte** scratch) {
  if (v.strides == nullptr) return v;
  View packed = v;
  packed.data = *scratch;
  packed.strides = nullptr;
  kernels::copy(v, packed);
  *scratch += room(v.numel, v.dtype);
  return packed;
}

}  // namespace gradus
