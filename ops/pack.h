// Row-major copies of strided operands in a kernel's scratch memory, for kernels that want rows as they lie
// in memory. Internal to op files: infer asks for the room, the kernel packs.
#pragma once

#include <cstddef>

#include "gradus/graph/op_def.h"

namespace gradus {

// Bytes for an array, rounded up so that several follow each other aligned.
inline std::size_t room(std::int64_t elements, DType dtype) {
  return (static_cast<std::size_t>(elements) * size_of(dtype) + 63) / 64 * 64;
}
// What pack() needs for an operand: nothing where it is contiguous.
inline std::size_t pack_room(const TensorImpl& t) {
  return t.strides == nullptr ? 0 : room(t.numel, t.dtype);
}

// v itself where it is contiguous, else a copy in *scratch, which moves on.
View pack(const View& v, std::byte** scratch);

}  // namespace gradus
