// View: an array as a kernel sees it. It owns nothing and knows neither tensors nor graphs.
#pragma once

#include <cstdint>

#include "gradus/graph/dtype.h"

namespace gradus {

inline constexpr int kMaxRank = 8;

struct View {
  void* data = nullptr;                // first element (the offset is applied)
  const std::int64_t* dims = nullptr;  // `rank` sizes
  const std::int64_t* strides =
      nullptr;  // in elements, `rank` of them, 0 where broadcast; nullptr: contiguous
  std::int64_t numel = 0;
  std::uint8_t rank = 0;
  DType dtype = DType::f32;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

}  // namespace gradus
