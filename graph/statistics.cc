#include "gradus/graph/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/dtype.h"
#include "gradus/graph/half.h"

namespace gradus {
namespace {

// f(first element of a run, elements, step between them, row-major index of the first): one run where the
// array is contiguous, else one for each row of the last axis. Stops where f says false.
template <class F>
void for_runs(const View& v, F f) {
  if (v.numel == 0) return;
  const auto* data = static_cast<const std::byte*>(v.data);
  if (v.strides == nullptr || v.rank == 0) {
    f(data, v.numel, std::int64_t{1}, std::int64_t{0});
    return;
  }
  const auto size = static_cast<std::int64_t>(size_of(v.dtype));
  const int last = v.rank - 1;
  std::int64_t at[kMaxRank] = {};
  for (std::int64_t index = 0; index < v.numel; index += v.dims[last]) {
    std::int64_t offset = 0;
    for (int i = 0; i < last; ++i) offset += at[i] * v.strides[i];
    if (!f(data + offset * size, v.dims[last], v.strides[last], index)) return;
    for (int i = last - 1; i >= 0 && ++at[i] == v.dims[i]; --i) at[i] = 0;
  }
}

// Calls f with a value of the C++ type of a floating dtype; nothing for others.
template <class F>
void with_floating(DType t, F f) {
  switch (t) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::f16:
      return f(float16{});
    case DType::bf16:
      return f(bfloat16{});
    default:
      return;
  }
}

template <class T>
struct Bits {
  using Word = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                  std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint16_t>>;
  // The exponent's bits; all are set in an infinity and in NaN.
  static constexpr Word exponent() {
    if constexpr (std::is_same_v<T, double>) return 0x7FF0000000000000;
    if constexpr (std::is_same_v<T, float>) return 0x7F800000;
    if constexpr (std::is_same_v<T, float16>) return 0x7C00;
    return 0x7F80;
  }
};

struct Sums {
  double min = HUGE_VAL, max = -HUGE_VAL, sum = 0, squares = 0;
  std::int64_t nan = 0, inf = 0;

  void add(double x) {
    if (std::isfinite(x)) [[likely]] {
      min = std::min(min, x);
      max = std::max(max, x);
      sum += x;
      squares += x * x;
    } else if (std::isnan(x)) {
      ++nan;
    } else {
      ++inf;
    }
  }
};

template <class T>
double as_double(T x) {
  if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
    return static_cast<double>(static_cast<float>(x));
  } else {
    return static_cast<double>(x);
  }
}

template <class T>
Sums sums_of(const View& v) {
  Sums s;
  for_runs(v, [&](const std::byte* data, std::int64_t n, std::int64_t step, std::int64_t) {
    const T* p = reinterpret_cast<const T*>(data);
    for (std::int64_t i = 0; i < n; ++i) s.add(as_double(p[i * step]));
    return true;
  });
  return s;
}

Sums sums_of(const View& v) {
  switch (v.dtype) {
    case DType::f32:
      return sums_of<float>(v);
    case DType::f64:
      return sums_of<double>(v);
    case DType::f16:
      return sums_of<float16>(v);
    case DType::bf16:
      return sums_of<bfloat16>(v);
    case DType::i64:
      return sums_of<std::int64_t>(v);
    case DType::i32:
      return sums_of<std::int32_t>(v);
    case DType::i16:
      return sums_of<std::int16_t>(v);
    case DType::i8:
      return sums_of<std::int8_t>(v);
    case DType::u64:
      return sums_of<std::uint64_t>(v);
    case DType::u32:
      return sums_of<std::uint32_t>(v);
    case DType::u16:
      return sums_of<std::uint16_t>(v);
    case DType::u8:
    case DType::boolean:
      return sums_of<std::uint8_t>(v);
  }
  return {};
}

}  // namespace

Statistics statistics(const View& v) {
  const Sums s = sums_of(v);
  Statistics out;
  out.elements = v.numel;
  out.nan = s.nan;
  out.inf = s.inf;
  const std::int64_t finite = v.numel - s.nan - s.inf;
  if (finite == 0) return out;
  out.min = s.min;
  out.max = s.max;
  out.mean = s.sum / static_cast<double>(finite);
  out.norm = std::sqrt(s.squares);
  return out;
}

bool all_finite(const View& v) {
  bool finite = true;
  with_floating(v.dtype, [&]<class T>(T) {
    using Word = typename Bits<T>::Word;
    constexpr Word kExponent = Bits<T>::exponent();
    for_runs(v, [&](const std::byte* data, std::int64_t n, std::int64_t step, std::int64_t) {
      const Word* p = reinterpret_cast<const Word*>(data);
      // Counted without a branch, in blocks: the compiler makes vectors of it, and a bad array ends early.
      for (std::int64_t begin = 0; begin < n && finite; begin += 4096) {
        const std::int64_t end = std::min(n, begin + 4096);
        Word bad = 0;
        for (std::int64_t i = begin; i < end; ++i) {
          bad = static_cast<Word>(bad | static_cast<Word>((p[i * step] & kExponent) == kExponent));
        }
        finite = bad == 0;
      }
      return finite;
    });
  });
  return finite;
}

std::int64_t first_not_finite(const View& v) {
  std::int64_t nan = -1;
  std::int64_t inf = -1;
  with_floating(v.dtype, [&]<class T>(T) {
    for_runs(v, [&](const std::byte* data, std::int64_t n, std::int64_t step, std::int64_t index) {
      const T* p = reinterpret_cast<const T*>(data);
      for (std::int64_t i = 0; i < n && nan < 0; ++i) {
        const double x = as_double(p[i * step]);
        if (std::isnan(x)) nan = index + i;
        if (std::isinf(x) && inf < 0) inf = index + i;
      }
      return nan < 0;
    });
  });
  return nan >= 0 ? nan : inf;
}

std::string to_string(const Statistics& s) {
  if (s.elements == 0) return "no elements";
  if (s.nan + s.inf == s.elements) return fmt::format("{} NaN, {} inf of {}", s.nan, s.inf, s.elements);
  return fmt::format("min {:.4g}, max {:.4g}, mean {:.4g}, norm {:.4g}, {} NaN, {} inf of {}", s.min, s.max,
                     s.mean, s.norm, s.nan, s.inf, s.elements);
}

}  // namespace gradus
