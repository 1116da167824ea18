#include "gradus/ops/kernels/copy.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/convert.h"
#include "gradus/ops/kernels/layout.h"
#include "gradus/ops/kernels/transpose.h"

namespace gradus::kernels {

namespace {

constexpr std::int64_t kGrain = 64 * 1024;

// bool is a byte of 0 or 1; a type of its own, so that conversions to it can be told from those to u8.
struct Bool {
  std::uint8_t value;
};

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<From, Bool>) {
    return convert<To>(x.value);
  } else if constexpr (std::is_same_v<To, Bool>) {
    return Bool{static_cast<std::uint8_t>(x != From{0})};
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, std::uint64_t>) {
    // What a signed number does not hold is shifted by its range; negative numbers wrap around.
    if (x >= From{0x1p63} && x < From{0x1p64}) {
      return (std::uint64_t{1} << 63) + static_cast<std::uint64_t>(x - From{0x1p63});
    }
    return x >= -From{0x1p63} && x < From{0x1p63} ? static_cast<std::uint64_t>(static_cast<std::int64_t>(x))
                                                  : 0;
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, std::uint8_t>) {
    return static_cast<std::uint8_t>(convert<std::int64_t>(x));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // What x86 gives for values out of range and NaN, where C++ leaves it undefined.
    constexpr From kLimit = static_cast<From>(std::uint64_t{1} << (sizeof(To) * 8 - 1));
    return x >= -kLimit && x < kLimit ? static_cast<To>(x) : std::numeric_limits<To>::min();
  } else {
    return static_cast<To>(x);
  }
}

// One inner run.
using CopyRun = void (*)(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride,
                         std::int64_t n);

template <class From, class To>
void copy_run(const void* from_data, std::int64_t from_stride, void* to_data, std::int64_t to_stride,
              std::int64_t n) {
  const From* from = static_cast<const From*>(from_data);
  To* to = static_cast<To*>(to_data);
  if constexpr (std::is_same_v<From, To>) {
    if (from_stride == 1 && to_stride == 1) {
      if (n > 0) std::memcpy(to, from, static_cast<std::size_t>(n) * sizeof(To));
      return;
    }
  }
  if (from_stride == 0) {
    const To value = convert<To>(*from);
    if (to_stride == 1)
      std::fill_n(to, n, value);
    else
      for (std::int64_t i = 0; i < n; ++i) to[i * to_stride] = value;
  } else if (from_stride == 1 && to_stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = convert<To>(from[i]);
  } else if (to_stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) to[i] = convert<To>(from[i * from_stride]);
  } else {
    for (std::int64_t i = 0; i < n; ++i) to[i * to_stride] = convert<To>(from[i * from_stride]);
  }
}

// Between the types that kernels compute in: a run for every pair.
constexpr int kComputed = static_cast<int>(DType::boolean) + 1;

template <class From>
constexpr CopyRun kCopyRunsFrom[kComputed] = {
    &copy_run<From, float>,        &copy_run<From, double>,       &copy_run<From, std::int32_t>,
    &copy_run<From, std::int64_t>, &copy_run<From, std::uint8_t>, &copy_run<From, Bool>,
};

constexpr const CopyRun* kCopyRuns[kComputed] = {
    kCopyRunsFrom<float>,        kCopyRunsFrom<double>,       kCopyRunsFrom<std::int32_t>,
    kCopyRunsFrom<std::int64_t>, kCopyRunsFrom<std::uint8_t>, kCopyRunsFrom<Bool>,
};

// Runs of contiguous elements between f32 and a half go through vector code.
template <class From, class To, void (*kRun)(const From*, To*, std::int64_t)>
void half_run(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride, std::int64_t n) {
  if (from_stride != 1 || to_stride != 1) return copy_run<From, To>(from, from_stride, to, to_stride, n);
  kRun(static_cast<const From*>(from), static_cast<To*>(to), n);
}

// A double as a float that rounds to a half as the double itself would.
void to_odd_run(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride,
                std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    static_cast<float*>(to)[i * to_stride] =
        half_internal::to_odd(static_cast<const double*>(from)[i * from_stride]);
  }
}

// The same for integers.
template <class From>
void integer_to_odd_run(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride,
                        std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    static_cast<float*>(to)[i * to_stride] =
        half_internal::nearly(static_cast<const From*>(from)[i * from_stride]);
  }
}

// The next step on the way from one dtype to another; `at` becomes its destination. The types in which
// elements are only kept are reached through those that kernels compute in, so that not every pair needs code
// of its own; no step rounds a second time.
CopyRun next_step(DType& at, DType to) {
  const DType from = at;
  const auto go = [&](DType next, CopyRun run) {
    at = next;
    return run;
  };
  if (from == to) {
    switch (size_of(to)) {
      case 1:
        return go(to, &copy_run<std::uint8_t, std::uint8_t>);
      case 2:
        return go(to, &copy_run<std::uint16_t, std::uint16_t>);
      case 4:
        return go(to, &copy_run<std::uint32_t, std::uint32_t>);
      default:
        return go(to, &copy_run<std::uint64_t, std::uint64_t>);
    }
  }
  switch (from) {
    case DType::f16:
      return go(DType::f32, &half_run<float16, float, &f16_to_f32>);
    case DType::bf16:
      return go(DType::f32, &half_run<bfloat16, float, &bf16_to_f32>);
    case DType::i8:
      return go(DType::i64, &copy_run<std::int8_t, std::int64_t>);
    case DType::i16:
      return go(DType::i64, &copy_run<std::int16_t, std::int64_t>);
    case DType::u16:
      return go(DType::i64, &copy_run<std::uint16_t, std::int64_t>);
    case DType::u32:
      return go(DType::i64, &copy_run<std::uint32_t, std::int64_t>);
    case DType::u64:
      if (to == DType::f64) return go(to, &copy_run<std::uint64_t, double>);
      if (to == DType::f32) return go(to, &copy_run<std::uint64_t, float>);
      if (is_half(to)) return go(DType::f32, &integer_to_odd_run<std::uint64_t>);
      return go(DType::i64, &copy_run<std::uint64_t, std::int64_t>);
    default:
      break;
  }
  switch (to) {
    case DType::f16:
      if (from == DType::f32) return go(to, &half_run<float, float16, &f32_to_f16>);
      break;
    case DType::bf16:
      if (from == DType::f32) return go(to, &half_run<float, bfloat16, &f32_to_bf16>);
      break;
    case DType::i8:
      if (from == DType::i64) return go(to, &copy_run<std::int64_t, std::int8_t>);
      break;
    case DType::i16:
      if (from == DType::i64) return go(to, &copy_run<std::int64_t, std::int16_t>);
      break;
    case DType::u16:
      if (from == DType::i64) return go(to, &copy_run<std::int64_t, std::uint16_t>);
      break;
    case DType::u32:
      if (from == DType::i64) return go(to, &copy_run<std::int64_t, std::uint32_t>);
      break;
    case DType::u64:
      if (from == DType::f64) return go(to, &copy_run<double, std::uint64_t>);
      if (from == DType::f32) return go(to, &copy_run<float, std::uint64_t>);
      if (from == DType::i64) return go(to, &copy_run<std::int64_t, std::uint64_t>);
      break;
    default:
      return go(to, kCopyRuns[static_cast<int>(from)][static_cast<int>(to)]);
  }
  if (is_half(to)) {
    if (from == DType::f64) return go(DType::f32, &to_odd_run);
    if (from == DType::i64) return go(DType::f32, &integer_to_odd_run<std::int64_t>);
  }
  return go(DType::i64, kCopyRuns[static_cast<int>(from)][static_cast<int>(DType::i64)]);
}

// The way from one dtype to another.
struct Steps {
  static constexpr int kMost = 3;
  CopyRun run[kMost];
  int count = 0;

  Steps(DType from, DType to) {
    if (from <= DType::boolean && to <= DType::boolean) {  // the usual ones at once
      run[count++] = kCopyRuns[static_cast<int>(from)][static_cast<int>(to)];
      return;
    }
    DType at = from;
    do run[count++] = next_step(at, to);
    while (at != to);
  }

  // From tile to tile. The steps of both arrays are in bytes and in elements.
  void through_tiles(const void* from, std::int64_t from_step, std::int64_t from_stride, void* to,
                     std::int64_t to_step, std::int64_t to_stride, std::int64_t n) const {
    constexpr std::int64_t kTile = 512;
    alignas(64) std::uint64_t tiles[kMost - 1][kTile];
    for (std::int64_t i = 0; i < n; i += kTile) {
      const std::int64_t part = std::min(kTile, n - i);
      run[0](static_cast<const char*>(from) + i * from_step, from_stride, tiles[0], 1, part);
      for (int k = 1; k < count - 1; ++k) run[k](tiles[k - 1], 1, tiles[k], 1, part);
      run[count - 1](tiles[count - 2], 1, static_cast<char*>(to) + i * to_step, to_stride, part);
    }
  }
};

struct Job {
  Job(DType from_dtype, DType to_dtype) : steps(from_dtype, to_dtype) {}

  Layout layout;  // operand 0 is `to`
  const char* from;
  char* to;
  std::int64_t from_size, to_size;
  Steps steps;

  void run(const void* from, std::int64_t from_stride, void* to, std::int64_t to_stride,
           std::int64_t n) const {
    if (steps.count == 1) return steps.run[0](from, from_stride, to, to_stride, n);
    steps.through_tiles(from, from_stride * from_size, from_stride, to, to_stride * to_size, to_stride, n);
  }
};

void copy_range(const Job& job, std::int64_t begin, std::int64_t end) {
  const Layout& l = job.layout;
  for (Runs run(l, begin, end); run.n > 0; run.next()) {
    job.run(job.from + run.offset[1] * job.from_size, l.strides[1][l.rank - 1],
            job.to + run.offset[0] * job.to_size, l.strides[0][l.rank - 1], run.n);
  }
}

// A layout whose inner dimension is contiguous in `to` while another one is so in `from` is a stack of
// transposes; brings that dimension to the last but one place. Copying it row by row would touch a cache line
// per element.
bool is_transpose(Layout& l) {
  const int last = l.rank - 1;
  if (l.rank < 2 || l.strides[0][last] != 1 || l.strides[1][last] <= 1) return false;
  int d = last - 1;
  while (d >= 0 && l.strides[1][d] != 1) --d;
  if (d < 0 || l.dims[d] < 8 || l.dims[last] < 8) return false;
  for (; d < last - 1; ++d) {
    std::swap(l.dims[d], l.dims[d + 1]);
    for (int k = 0; k < 2; ++k) std::swap(l.strides[k][d], l.strides[k][d + 1]);
  }
  return true;
}

// The two inner dimensions are `rows` and `cols` of `to`. Shared out in bands of rows, so that each thread
// writes whole lines.
void copy_transposed(const Job& job) {
  const Layout& l = job.layout;
  const int c = l.rank - 1, r = l.rank - 2;
  constexpr std::int64_t kBand = 64;
  const std::int64_t bands = (l.dims[r] + kBand - 1) / kBand;
  const std::int64_t matrices = l.numel / (l.dims[r] * l.dims[c]);
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / (kBand * l.dims[c]));
  parallel_for(matrices * bands, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i % bands * kBand;
      std::int64_t matrix = i / bands, from = row, to = row * l.strides[0][r];
      for (int d = r - 1; d >= 0; --d) {
        to += matrix % l.dims[d] * l.strides[0][d];
        from += matrix % l.dims[d] * l.strides[1][d];
        matrix /= l.dims[d];
      }
      transpose(job.from + from * job.from_size, l.strides[1][c], job.to + to * job.to_size, l.strides[0][r],
                std::min(kBand, l.dims[r] - row), l.dims[c], static_cast<int>(job.to_size));
    }
  });
}

}  // namespace

void copy(const View& from, const View& to) {
  if (to.numel == 0) return;
  Job job(from.dtype, to.dtype);
  job.from = static_cast<const char*>(from.data);
  job.to = static_cast<char*>(to.data);
  job.from_size = static_cast<std::int64_t>(size_of(from.dtype));
  job.to_size = static_cast<std::int64_t>(size_of(to.dtype));
  Layout& l = job.layout;
  if (from.strides == nullptr && to.strides == nullptr && from.numel == to.numel) {
    l.rank = 1;
    l.operands = 2;
    l.numel = l.dims[0] = to.numel;
    l.strides[0][0] = l.strides[1][0] = 1;
    if (to.numel < 2 * kGrain) return job.run(job.from, 1, job.to, 1, to.numel);
  } else {
    const View* views[2] = {&to, &from};
    l = make_layout(views, 2);
    if (l.rank == 0) return job.run(job.from, 1, job.to, 1, 1);
    if (from.dtype == to.dtype && is_transpose(l)) return copy_transposed(job);
  }
  parallel_for(l.numel, kGrain, [&](std::int64_t begin, std::int64_t end) { copy_range(job, begin, end); });
}

void fill(const View& to, const void* value) {
  const std::int64_t one = 1;
  copy(View{const_cast<void*>(value), &one, nullptr, 1, 1, to.dtype}, to);
}

}  // namespace gradus::kernels
