#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/reduce.cc"
#include "gradus/ops/kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/math-inl.h"
#include "gradus/ops/kernels/reduce-inl.h"

namespace gradus::kernels {

#ifndef GRADUS_REDUCE_LOOPS
#define GRADUS_REDUCE_LOOPS

// The loops of one operation on one input dtype.
struct ReduceLoops {
  void (*part)(const ReducePlan&, const void* in, std::int64_t width, const void* param, std::int64_t begin,
               std::int64_t end, void* values);
  void (*merge)(void* a, const void* b, std::int64_t width);
  void (*all)(const void* in, std::int64_t n, void* value);
};

enum ReduceKind {
  kSum,
  kProd,
  kMax,
  kMin,
  kSquaredDeviation,
  kSumExp,
  kCount,
  kSumAbs,
  kSumSquares,
  kSumPowers,
  kMaxAbs,
  kMinAbs,
  kReduceKinds
};

struct ReduceTable {
  ReduceLoops loops[kReduceKinds][kDTypeCount];
};

#endif

}  // namespace gradus::kernels

GRADUS_SIMD_BEGIN

// sum(exp(x - param))
struct SumExpOp : SumOp {
  template <class D, class V>
  static HWY_INLINE V add(D d, V acc, V x, V most) {
    return hn::Add(acc, math::Exp(d, hn::Sub(x, most)));
  }
};

// How many are not 0.
struct CountOp : SumOp {
  template <class D, class V>
  static HWY_INLINE V add(D d, V acc, V x, V) {
    return hn::Add(acc, hn::IfThenElseZero(math::Ne(d, x, hn::Zero(d)), math::Const(d, 1)));
  }
};

struct SumAbsOp : SumOp {
  template <class D, class V>
  static HWY_INLINE V add(D, V acc, V x, V) {
    return hn::Add(acc, hn::Abs(x));
  }
};

struct SumSquaresOp : SumOp {
  template <class D, class V>
  static HWY_INLINE V add(D, V acc, V x, V) {
    return hn::MulAdd(x, x, acc);
  }
};

// A function of its own: there are six calls in each loop, and pow is long.
template <class D, class V>
HWY_NOINLINE V power_of_magnitude(D d, V x, V p) {
  return math::Pow(d, hn::Abs(x), p);
}

// sum(|x|^param)
struct SumPowersOp : SumOp {
  template <class D, class V>
  static HWY_INLINE V add(D d, V acc, V x, V p) {
    return hn::Add(acc, power_of_magnitude(d, x, p));
  }
};

struct MaxAbsOp : MaxOp {
  template <class D, class V>
  static HWY_INLINE V add(D d, V acc, V x, V) {
    return math::Max(d, acc, hn::Abs(x));
  }
};

struct MinAbsOp : MinOp {
  template <class D, class V>
  static HWY_INLINE V add(D d, V acc, V x, V) {
    return math::Min(d, acc, hn::Abs(x));
  }
};

template <class Op, class In, class T>
constexpr ReduceLoops make_loops() {
  return {&reduce_part<Op, In, T>, &reduce_merge<Op, T>, &reduce_all<Op, In, T>};
}

const ReduceTable* reduce_table() {
  using I = std::int64_t;
  static constexpr ReduceTable kTable{{
      {make_loops<SumOp, float, float>(), make_loops<SumOp, double, double>(),
       make_loops<SumOp, std::int32_t, I>(), make_loops<SumOp, I, I>(), make_loops<SumOp, std::uint8_t, I>(),
       make_loops<SumOp, std::uint8_t, I>()},
      {make_loops<ProdOp, float, float>(), make_loops<ProdOp, double, double>(),
       make_loops<ProdOp, std::int32_t, I>(), make_loops<ProdOp, I, I>(),
       make_loops<ProdOp, std::uint8_t, I>(), make_loops<ProdOp, std::uint8_t, I>()},
      {make_loops<MaxOp, float, float>(), make_loops<MaxOp, double, double>(),
       make_loops<MaxOp, std::int32_t, std::int32_t>(), make_loops<MaxOp, I, I>(),
       make_loops<MaxOp, std::uint8_t, std::uint8_t>(), make_loops<MaxOp, std::uint8_t, std::uint8_t>()},
      {make_loops<MinOp, float, float>(), make_loops<MinOp, double, double>(),
       make_loops<MinOp, std::int32_t, std::int32_t>(), make_loops<MinOp, I, I>(),
       make_loops<MinOp, std::uint8_t, std::uint8_t>(), make_loops<MinOp, std::uint8_t, std::uint8_t>()},
      {make_loops<SquaredDeviationOp, float, float>(), make_loops<SquaredDeviationOp, double, double>()},
      {make_loops<SumExpOp, float, float>(), make_loops<SumExpOp, double, double>()},
      {make_loops<CountOp, float, float>(), make_loops<CountOp, double, double>()},
      {make_loops<SumAbsOp, float, float>(), make_loops<SumAbsOp, double, double>()},
      {make_loops<SumSquaresOp, float, float>(), make_loops<SumSquaresOp, double, double>()},
      {make_loops<SumPowersOp, float, float>(), make_loops<SumPowersOp, double, double>()},
      {make_loops<MaxAbsOp, float, float>(), make_loops<MaxAbsOp, double, double>()},
      {make_loops<MinAbsOp, float, float>(), make_loops<MinAbsOp, double, double>()},
  }};
  return &kTable;
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(reduce_table);

const ReduceLoops& loops(ReduceKind kind, DType dtype) {
  return k_reduce_table.get()()->loops[kind][static_cast<int>(dtype)];
}

// Up to here a whole array is one block: no plan is made.
constexpr std::int64_t kSmall = 2048;
// A thread gets at least this many elements.
constexpr std::int64_t kGrain = 64 * 1024;
// Where there are fewer tiles than this, the elements of each tile are shared out.
constexpr std::int64_t kFewTiles = 16;
constexpr std::int64_t kMaxParts = 32;
// Room for a tile of values of any type, with a whole vector behind it.
constexpr std::int64_t kValueRoom = kReduceWidth + 64;

// The reduced values of one tile. Large tiles are cut into parts whose number depends on the size alone; that
// keeps the result independent of the number of threads.
void reduce_tile_values(const ReduceLoops& f, const ReducePlan& plan, const char* in, const ReduceTile& tile,
                        std::int64_t in_size, std::int64_t value_size, const void* param, void* values) {
  const void* at = in + tile.in * in_size;
  const std::int64_t n = plan.layout.numel;
  const std::int64_t parts = plan.tiles() < kFewTiles ? std::min(kMaxParts, n * tile.width / kGrain) : 1;
  if (parts <= 1) return f.part(plan, at, tile.width, param, 0, n, values);
  alignas(64) char storage[kMaxParts][kReduceWidth * 8];
  const std::int64_t length = (n + parts - 1) / parts;
  parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      f.part(plan, at, tile.width, param, std::min(n, i * length), std::min(n, (i + 1) * length), storage[i]);
    }
  });
  for (std::int64_t i = 1; i < parts; ++i) f.merge(storage[0], storage[i], tile.width);
  std::copy_n(storage[0], tile.width * value_size, static_cast<char*>(values));
}

// program(tile, values) for every tile; tiles are shared out where they are many.
template <class T, class Program>
void for_each_tile(const ReducePlan& plan, const View& out, Program program) {
  const std::int64_t tiles = plan.tiles();
  const auto range = [&](std::int64_t begin, std::int64_t end) {
    alignas(64) T values[kValueRoom];
    for (std::int64_t i = begin; i < end; ++i) {
      const ReduceTile tile = reduce_tile(plan, i);
      program(tile, values);
      T* to = out.as<T>() + tile.out;
      for (std::int64_t j = 0; j < tile.width; ++j) to[j * plan.column_out_stride] = values[j];
    }
  };
  if (tiles < kFewTiles) return range(0, tiles);
  const std::int64_t each = plan.layout.numel * std::min(plan.columns, plan.tile_width);
  parallel_for(tiles, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, each)), range);
}

ReduceKind kind_of(Reduction what) {
  switch (what) {
    case Reduction::prod:
      return kProd;
    case Reduction::max:
      return kMax;
    case Reduction::min:
      return kMin;
    default:
      return kSum;
  }
}

template <class T>
void reduce_as(Reduction what, const View& in, const ReducePlan& plan, const View& out) {
  const ReduceLoops& f = loops(kind_of(what), in.dtype);
  const std::int64_t in_size = static_cast<std::int64_t>(size_of(in.dtype));
  const T count = static_cast<T>(plan.layout.numel);
  for_each_tile<T>(plan, out, [&](const ReduceTile& tile, T* values) {
    reduce_tile_values(f, plan, in.as<const char>(), tile, in_size, sizeof(T), nullptr, values);
    if (what == Reduction::mean) {
      for (std::int64_t j = 0; j < tile.width; ++j) values[j] = values[j] / count;
    }
  });
}

template <class T>
void variance_as(const View& in, const ReducePlan& plan, double correction, const View& out) {
  const ReduceLoops& sum = loops(kSum, in.dtype);
  const ReduceLoops& deviation = loops(kSquaredDeviation, in.dtype);
  const T n = static_cast<T>(plan.layout.numel);
  const T divisor = static_cast<T>(std::max(0.0, static_cast<double>(plan.layout.numel) - correction));
  for_each_tile<T>(plan, out, [&](const ReduceTile& tile, T* values) {
    alignas(64) T mean[kValueRoom];
    reduce_tile_values(sum, plan, in.as<const char>(), tile, sizeof(T), sizeof(T), nullptr, mean);
    for (std::int64_t j = 0; j < tile.width; ++j) mean[j] /= n;
    reduce_tile_values(deviation, plan, in.as<const char>(), tile, sizeof(T), sizeof(T), mean, values);
    for (std::int64_t j = 0; j < tile.width; ++j) values[j] /= divisor;
  });
}

ReduceKind kind_of_norm(double p) {
  if (p == 0) return kCount;
  if (p == 1) return kSumAbs;
  if (p == 2) return kSumSquares;
  if (std::isinf(p)) return p > 0 ? kMaxAbs : kMinAbs;
  return kSumPowers;
}

template <class T>
void norm_as(const View& in, const ReducePlan& plan, double p, const View& out) {
  const ReduceKind kind = kind_of_norm(p);
  const ReduceLoops& f = loops(kind, in.dtype);
  for_each_tile<T>(plan, out, [&](const ReduceTile& tile, T* values) {
    alignas(64) T power[kValueRoom];
    std::fill_n(power, kValueRoom, static_cast<T>(p));
    reduce_tile_values(f, plan, in.as<const char>(), tile, sizeof(T), sizeof(T), power, values);
    for (std::int64_t j = 0; j < tile.width; ++j) {
      if (kind == kSumSquares)
        values[j] = std::sqrt(values[j]);
      else if (kind == kSumPowers)
        values[j] = static_cast<T>(std::pow(static_cast<double>(values[j]), 1 / p));
    }
  });
}

template <class T>
void logsumexp_as(const View& in, const ReducePlan& plan, const View& out) {
  const ReduceLoops& max = loops(kMax, in.dtype);
  const ReduceLoops& sum = loops(kSumExp, in.dtype);
  for_each_tile<T>(plan, out, [&](const ReduceTile& tile, T* values) {
    alignas(64) T most[kValueRoom];
    reduce_tile_values(max, plan, in.as<const char>(), tile, sizeof(T), sizeof(T), nullptr, most);
    // exp(inf - inf) would be NaN where log(exp(inf)) is inf and log(0) is -inf.
    for (std::int64_t j = 0; j < tile.width; ++j) most[j] = std::isinf(most[j]) ? T{0} : most[j];
    // Lanes behind the last output are computed and thrown away; garbage in them may take exp's slow path.
    std::fill_n(most + tile.width, kValueRoom - kReduceWidth, T{0});
    reduce_tile_values(sum, plan, in.as<const char>(), tile, sizeof(T), sizeof(T), most, values);
    for (std::int64_t j = 0; j < tile.width; ++j) values[j] = std::log(values[j]) + most[j];
  });
}

// Takes the reduced axes along which one element is repeated (stride 0) out of `in` and gives the number of
// copies; 1 where there is no such axis, or nothing at all.
std::int64_t drop_copies(View* in, unsigned axes, std::int64_t* dims) {
  if (in->strides == nullptr || in->numel == 0) return 1;
  std::int64_t copies = 1;
  for (int i = 0; i < in->rank; ++i) {
    const bool repeated = (axes >> i & 1) != 0 && in->strides[i] == 0;
    dims[i] = repeated ? 1 : in->dims[i];
    if (repeated) copies *= in->dims[i];
  }
  in->dims = dims;
  in->numel /= copies;
  return copies;
}

template <class T>
void multiply(const View& out, std::int64_t factor) {
  T* p = out.as<T>();
  for (std::int64_t i = 0; i < out.numel; ++i) {
    if constexpr (std::is_integral_v<T>)
      p[i] = static_cast<T>(static_cast<std::uint64_t>(p[i]) * static_cast<std::uint64_t>(factor));  // wraps
    else
      p[i] *= static_cast<T>(factor);
  }
}

void reduce_once(Reduction what, const View& in, unsigned axes, const View& out) {
  if (out.numel == 1 && in.strides == nullptr && in.numel <= kSmall && what != Reduction::mean) {
    return loops(kind_of(what), in.dtype).all(in.data, in.numel, out.data);
  }
  const ReducePlan plan = make_reduce_plan(in, axes);
  switch (out.dtype) {
    case DType::f32:
      return reduce_as<float>(what, in, plan, out);
    case DType::f64:
      return reduce_as<double>(what, in, plan, out);
    case DType::i32:
      return reduce_as<std::int32_t>(what, in, plan, out);
    case DType::i64:
      return reduce_as<std::int64_t>(what, in, plan, out);
    default:
      return reduce_as<std::uint8_t>(what, in, plan, out);
  }
}

}  // namespace

void reduce(Reduction what, const View& given, unsigned axes, const View& out) {
  if (out.numel == 0) return;
  View in = given;
  std::int64_t dims[kMaxRank];
  // A mean, a maximum or a minimum is that of one copy; a sum is a multiple.
  const std::int64_t copies = what == Reduction::prod ? 1 : drop_copies(&in, axes, dims);
  reduce_once(what, in, axes, out);
  if (copies == 1 || what != Reduction::sum) return;
  switch (out.dtype) {
    case DType::f32:
      return multiply<float>(out, copies);
    case DType::f64:
      return multiply<double>(out, copies);
    default:
      return multiply<std::int64_t>(out, copies);
  }
}

void variance(const View& in, unsigned axes, double correction, const View& out) {
  if (out.numel == 0) return;
  const ReducePlan plan = make_reduce_plan(in, axes);
  if (out.dtype == DType::f32)
    variance_as<float>(in, plan, correction, out);
  else
    variance_as<double>(in, plan, correction, out);
}

void norm(const View& in, unsigned axes, double p, const View& out) {
  if (out.numel == 0) return;
  const ReducePlan plan = make_reduce_plan(in, axes);
  if (out.dtype == DType::f32)
    norm_as<float>(in, plan, p, out);
  else
    norm_as<double>(in, plan, p, out);
}

void logsumexp(const View& in, unsigned axes, const View& out) {
  if (out.numel == 0) return;
  const ReducePlan plan = make_reduce_plan(in, axes);
  if (out.dtype == DType::f32)
    logsumexp_as<float>(in, plan, out);
  else
    logsumexp_as<double>(in, plan, out);
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
