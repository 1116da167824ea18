#include "gradus/ops/kernels/order.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>
#include <utility>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/lanes.h"

namespace gradus::kernels {

namespace {

struct Pair {
  std::uint64_t key;
  std::int64_t place;

  friend bool operator<(const Pair& a, const Pair& b) {
    return a.key != b.key ? a.key < b.key : a.place < b.place;
  }
};

// Lanes are shared out in at most this many parts, each with scratch of its own.
constexpr std::int64_t kParts = 16;
// Below this, comparisons beat the passes over digits.
constexpr std::int64_t kRadixFrom = 256;

template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint8_t>>;

template <class T>
Bits<T> key_of(T x) {
  using U = Bits<T>;
  constexpr U kSign = static_cast<U>(U{1} << (8 * sizeof(T) - 1));
  if constexpr (std::is_floating_point_v<T>) {
    if (x != x) return std::numeric_limits<U>::max();
    const U u = std::bit_cast<U>(x + T{0});  // -0 + 0 = 0
    return (u & kSign) != 0 ? static_cast<U>(~u) : static_cast<U>(u | kSign);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<U>(std::bit_cast<U>(x) ^ kSign);
  } else {
    return x;
  }
}

// The pairs of one lane.
template <class T>
void read_lane(const T* x, std::int64_t stride, std::int64_t n, bool descending, Pair* to) {
  for (std::int64_t i = 0; i < n; ++i) {
    const Bits<T> key = key_of(x[i * stride]);
    to[i] = {descending ? static_cast<Bits<T>>(~key) : key, i};
  }
}

// Sorts `a` by `bytes` bytes of the keys, the lowest first; equal keys keep their order. Returns the sorted
// array, which is a or b.
Pair* radix_sort(Pair* a, Pair* b, std::int64_t n, int bytes) {
  std::int64_t counts[8][256] = {};
  for (std::int64_t i = 0; i < n; ++i) {
    for (int d = 0; d < bytes; ++d) ++counts[d][a[i].key >> (8 * d) & 255];
  }
  for (int d = 0; d < bytes; ++d) {
    std::int64_t* count = counts[d];
    if (count[a[0].key >> (8 * d) & 255] == n) continue;  // all have the same digit
    std::int64_t start = 0;
    for (int v = 0; v < 256; ++v) start += std::exchange(count[v], start);
    for (std::int64_t i = 0; i < n; ++i) b[count[a[i].key >> (8 * d) & 255]++] = a[i];
    std::swap(a, b);
  }
  return a;
}

// f(lane, its pairs' room of 2 n) for all lanes, in parallel.
template <class F>
void for_lanes(const Lanes& lanes, void* scratch, F f) {
  const std::int64_t parts = std::min(lanes.count, kParts), n = lanes.n;
  if (parts == 0) return;
  const std::int64_t each = (lanes.count + parts - 1) / parts;
  const std::int64_t grain = std::max<std::int64_t>(1, 4096 / (std::max<std::int64_t>(1, n) * each));
  parallel_for(parts, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      Pair* room = static_cast<Pair*>(scratch) + p * 2 * n;
      for (std::int64_t i = p * each; i < std::min((p + 1) * each, lanes.count); ++i) f(i, room);
    }
  });
}

template <class F>
void with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::i64:
      return f(std::int64_t{});
    default:
      return f(std::uint8_t{});
  }
}

}  // namespace

std::size_t order_scratch(const std::int64_t* dims, int rank, int axis) {
  std::int64_t lanes = 1;
  for (int k = 0; k < rank; ++k) lanes *= k == axis ? 1 : dims[k];
  return static_cast<std::size_t>(std::min(lanes, kParts) * 2 * dims[axis]) * sizeof(Pair);
}

void sort(const View& x, int axis, bool descending, const View* values, const View& places, void* scratch) {
  if (places.numel == 0) return;
  const Lanes from = lanes_of(x, axis), to = lanes_of(places, axis);
  const std::int64_t n = from.n, k = to.n;
  with_type(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    for_lanes(from, scratch, [&](std::int64_t lane, Pair* pairs) {
      const T* row = x.as<const T>() + from.offset(lane);
      read_lane(row, from.stride, n, descending, pairs);
      if (k < n) {
        std::nth_element(pairs, pairs + k - 1, pairs + n);
        std::sort(pairs, pairs + k);
      } else if (n < kRadixFrom) {
        std::sort(pairs, pairs + n);
      } else {
        pairs = radix_sort(pairs, pairs + n, n, sizeof(T));
      }
      const std::int64_t first = to.offset(lane);
      std::int64_t* place = places.as<std::int64_t>() + first;
      for (std::int64_t i = 0; i < k; ++i) place[i * to.stride] = pairs[i].place;
      if (values == nullptr) return;
      T* value = values->as<T>() + first;
      for (std::int64_t i = 0; i < k; ++i) value[i * to.stride] = row[pairs[i].place * from.stride];
    });
  });
}

void select_ranked(const View& x, int axis, std::int64_t rank, bool nan_first, const View& values,
                   const View* places, void* scratch) {
  if (values.numel == 0) return;
  const Lanes from = lanes_of(x, axis);
  const std::int64_t n = from.n;
  with_type(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    for_lanes(from, scratch, [&](std::int64_t lane, Pair* pairs) {
      const T* row = x.as<const T>() + from.offset(lane);
      std::int64_t place = n;
      if (nan_first && std::is_floating_point_v<T>) {
        for (place = 0; place < n && row[place * from.stride] == row[place * from.stride];) ++place;
      }
      if (place == n) {
        read_lane(row, from.stride, n, false, pairs);
        std::nth_element(pairs, pairs + rank, pairs + n);
        place = pairs[rank].place;
      }
      values.as<T>()[lane] = row[place * from.stride];
      if (places != nullptr) places->as<std::int64_t>()[lane] = place;
    });
  });
}

}  // namespace gradus::kernels
