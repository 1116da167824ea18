// The vector loops of reductions: a part of the elements of one tile of outputs (see reduce_plan.h), for an
// operation Op with
//   static T neutral();
//   template <class D, class V> static V add(D, V acc, V x, V param);   one more element
//   template <class D, class V> static V merge(D, V a, V b);            two accumulators
// Sums are blocked: within a block each lane of several accumulators adds few numbers, blocks are added as a
// binary tree. So the error grows with the logarithm of the count. No ordinary include guard; see simd-inl.h.

#include <algorithm>
#include <limits>
#include <type_traits>

#include "gradus/ops/kernels/basic-inl.h"
#include "gradus/ops/kernels/reduce_plan.h"

#if defined(GRADUS_OPS_KERNELS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_REDUCE_INL_H_
#undef GRADUS_OPS_KERNELS_REDUCE_INL_H_
#else
#define GRADUS_OPS_KERNELS_REDUCE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {

constexpr std::int64_t kRowBlock = 2048;   // elements summed before the tree
constexpr std::int64_t kColumnBlock = 64;  // rows summed before the tree
constexpr int kTreeDepth = 40;

// Adds values as a binary tree: level i holds the sum of 2^i of them.
template <class Op, class T>
class ScalarTree {
 public:
  HWY_INLINE void add(T value) {
    int level = 0;
    for (std::int64_t c = count_++; c & 1; c >>= 1) value = Op::merge(level_[level++], value);
    level_[level] = value;
  }
  HWY_INLINE T total() const {
    T sum = Op::template neutral<T>();
    int level = 0;
    bool any = false;
    for (std::int64_t c = count_; c != 0; c >>= 1, ++level) {
      if (!(c & 1)) continue;
      sum = any ? Op::merge(level_[level], sum) : level_[level];
      any = true;
    }
    return sum;
  }

 private:
  std::int64_t count_ = 0;
  T level_[kTreeDepth];
};

struct SumOp {
  template <class T>
  static constexpr T neutral() {
    return T{0};
  }
  template <class D, class V>
  static HWY_INLINE V add(D, V acc, V x, V) {
    return hn::Add(acc, x);
  }
  template <class D, class V>
  static HWY_INLINE V merge(D, V a, V b) {
    return hn::Add(a, b);
  }
  template <class T>
  static HWY_INLINE T merge(T a, T b) {
    return a + b;
  }
};

struct ProdOp {
  template <class T>
  static constexpr T neutral() {
    return T{1};
  }
  template <class D, class V>
  static HWY_INLINE V add(D d, V acc, V x, V) {
    return math::Mul(d, acc, x);
  }
  template <class D, class V>
  static HWY_INLINE V merge(D d, V a, V b) {
    return math::Mul(d, a, b);
  }
  template <class T>
  static HWY_INLINE T merge(T a, T b) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    else
      return a * b;
  }
};

struct MaxOp {
  template <class T>
  static constexpr T neutral() {
    return hwy::IsFloat<T>() ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  }
  template <class D, class V>
  static HWY_INLINE V add(D d, V acc, V x, V) {
    return math::Max(d, acc, x);
  }
  template <class D, class V>
  static HWY_INLINE V merge(D d, V a, V b) {
    return math::Max(d, a, b);
  }
  template <class T>
  static HWY_INLINE T merge(T a, T b) {
    return a > b || a != a ? a : b;
  }
};

struct MinOp {
  template <class T>
  static constexpr T neutral() {
    return hwy::IsFloat<T>() ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  }
  template <class D, class V>
  static HWY_INLINE V add(D d, V acc, V x, V) {
    return math::Min(d, acc, x);
  }
  template <class D, class V>
  static HWY_INLINE V merge(D d, V a, V b) {
    return math::Min(d, a, b);
  }
  template <class T>
  static HWY_INLINE T merge(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

// sum((x - param)^2)
struct SquaredDeviationOp : SumOp {
  template <class D, class V>
  static HWY_INLINE V add(D, V acc, V x, V mean) {
    const V deviation = hn::Sub(x, mean);
    return hn::MulAdd(deviation, deviation, acc);
  }
};

template <class Op, class D, class T = hn::TFromD<D>>
HWY_INLINE T merge_lanes([[maybe_unused]] D d, hn::Vec<D> v) {
#if HWY_TARGET != HWY_SCALAR
  constexpr std::size_t kBytes = hn::MaxLanes(D()) * sizeof(T);
  if constexpr (kBytes > 16) {
    const hn::Half<D> half;
    return merge_lanes<Op>(half, Op::merge(half, hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else if constexpr (sizeof(T) == 8) {
    return hn::GetLane(Op::merge(d, v, hn::Shuffle01(v)));
  } else if constexpr (sizeof(T) == 4) {
    v = Op::merge(d, v, hn::Shuffle1032(v));
    return hn::GetLane(Op::merge(d, v, hn::Shuffle2301(v)));
  } else {
    HWY_ALIGN T lane[16];
    hn::Store(v, d, lane);
    T value = lane[0];
    for (int i = 1; i < 16; ++i) value = Op::merge(value, lane[i]);
    return value;
  }
#else
  return hn::GetLane(v);
#endif
}

// At most kRowBlock contiguous elements, as a vector of partial results. A function of its own, as add_rows()
// is: compiled once an operation and not once a call.
template <class Op, class D, class T = hn::TFromD<D>>
HWY_NOINLINE hn::Vec<D> reduce_block(D d, const T* p, std::int64_t n, hn::Vec<D> param) {
  using V = hn::Vec<D>;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const V neutral = hn::Set(d, Op::template neutral<T>());
  V acc0 = neutral;
  std::int64_t i = 0;
  if (n >= 4 * lanes) {
    V acc1 = neutral, acc2 = neutral, acc3 = neutral;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      acc0 = Op::add(d, acc0, hn::LoadU(d, p + i), param);
      acc1 = Op::add(d, acc1, hn::LoadU(d, p + i + lanes), param);
      acc2 = Op::add(d, acc2, hn::LoadU(d, p + i + 2 * lanes), param);
      acc3 = Op::add(d, acc3, hn::LoadU(d, p + i + 3 * lanes), param);
    }
    acc0 = Op::merge(d, Op::merge(d, acc0, acc1), Op::merge(d, acc2, acc3));
  }
  for (; i + lanes <= n; i += lanes) acc0 = Op::add(d, acc0, hn::LoadU(d, p + i), param);
  if (i < n) {
    const std::size_t rest = static_cast<std::size_t>(n - i);
    const V sum = Op::add(d, acc0, load_first(d, p + i, rest), param);
    acc0 = hn::IfThenElse(hn::FirstN(d, rest), sum, acc0);
  }
  return acc0;
}

// Adds vectors as a binary tree: level i holds the sum of 2^i of them.
template <class Op, class D>
class VectorTree {
 public:
  HWY_INLINE void add(D d, hn::Vec<D> v) {
    int level = 0;
    for (std::int64_t c = count_++; c & 1; c >>= 1) v = Op::merge(d, hn::Load(d, level_[level++]), v);
    hn::Store(v, d, level_[level]);
  }
  HWY_INLINE hn::Vec<D> total(D d) const {
    hn::Vec<D> sum = hn::Set(d, Op::template neutral<hn::TFromD<D>>());
    int level = 0;
    bool any = false;
    for (std::int64_t c = count_; c != 0; c >>= 1, ++level) {
      if (!(c & 1)) continue;
      sum = any ? Op::merge(d, hn::Load(d, level_[level]), sum) : hn::Load(d, level_[level]);
      any = true;
    }
    return sum;
  }

 private:
  std::int64_t count_ = 0;
  HWY_ALIGN hn::TFromD<D> level_[kTreeDepth][HWY_MAX_BYTES / sizeof(hn::TFromD<D>)];
};

// A contiguous row of any length.
template <class Op, class T>
HWY_INLINE T reduce_contiguous(const T* p, std::int64_t n, T param = T{}) {
  const hn::ScalableTag<T> d;
  const auto m = hn::Set(d, param);
  if (n <= kRowBlock) return merge_lanes<Op>(d, reduce_block<Op>(d, p, n, m));
  VectorTree<Op, decltype(d)> tree;
  for (std::int64_t i = 0; i < n; i += kRowBlock)
    tree.add(d, reduce_block<Op>(d, p + i, std::min(kRowBlock, n - i), m));
  return merge_lanes<Op>(d, tree.total(d));
}

// The elements [begin, end) of one output.
template <class Op, class In, class T>
HWY_INLINE T reduce_row(const ReducePlan& plan, const In* in, T param, std::int64_t begin, std::int64_t end) {
  const Layout& l = plan.layout;
  const std::int64_t stride = l.strides[0][l.rank - 1];
  const hn::ScalableTag<T> d;
  const auto m = hn::Set(d, param);
  constexpr bool kConvert = !std::is_same_v<In, T>;
  if constexpr (!kConvert) {
    if (l.rank == 1 && stride == 1) return reduce_contiguous<Op, T>(in + begin, end - begin, param);
  }
  HWY_ALIGN T tile[kRowBlock];
  VectorTree<Op, decltype(d)> tree;
  for (Runs run(l, begin, end); run.n > 0; run.next()) {
    for (std::int64_t i = 0; i < run.n; i += kRowBlock) {
      const In* p = in + run.offset[0] + i * stride;
      const std::int64_t n = std::min(kRowBlock, run.n - i);
      if constexpr (!kConvert) {
        if (stride == 1) {
          tree.add(d, reduce_block<Op>(d, p, n, m));
          continue;
        }
      }
      for (std::int64_t j = 0; j < n; ++j) tile[j] = static_cast<T>(p[j * stride]);
      tree.add(d, reduce_block<Op>(d, tile, n, m));
    }
  }
  return merge_lanes<Op>(d, tree.total(d));
}

// Adds n rows to the `width` accumulators; `step` from row to row. `fresh`: the accumulators hold nothing
// yet.
template <class Op, class T>
HWY_NOINLINE void add_rows(const T* p, std::int64_t step, std::int64_t n, std::int64_t width, const T* param,
                           bool fresh, T* acc) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const V neutral = hn::Set(d, Op::template neutral<T>());
  std::int64_t j = 0;
  for (; j + 4 * lanes <= width; j += 4 * lanes) {
    V a[4], m[4];
    for (int v = 0; v < 4; ++v) {
      a[v] = fresh ? neutral : hn::LoadU(d, acc + j + v * lanes);
      m[v] = param != nullptr ? hn::LoadU(d, param + j + v * lanes) : neutral;
    }
    const T* at = p + j;
    for (std::int64_t i = 0; i < n; ++i, at += step) {
      for (int v = 0; v < 4; ++v) a[v] = Op::add(d, a[v], hn::LoadU(d, at + v * lanes), m[v]);
    }
    for (int v = 0; v < 4; ++v) hn::StoreU(a[v], d, acc + j + v * lanes);
  }
  for (; j < width; j += lanes) {
    // acc and param have room for whole vectors behind `width`, the array has not.
    const std::size_t count = static_cast<std::size_t>(std::min(lanes, width - j));
    const bool whole = count == static_cast<std::size_t>(lanes);
    V a = fresh ? neutral : hn::LoadU(d, acc + j);
    const V m = param != nullptr ? hn::LoadU(d, param + j) : neutral;
    const T* at = p + j;
    for (std::int64_t i = 0; i < n; ++i, at += step) {
      a = Op::add(d, a, whole ? hn::LoadU(d, at) : load_first(d, at, count), m);
    }
    hn::StoreU(a, d, acc + j);
  }
}

// The elements [begin, end) of each of `width` neighbouring outputs.
template <class Op, class In, class T>
void reduce_columns(const ReducePlan& plan, const In* in, std::int64_t width, const T* param,
                    std::int64_t begin, std::int64_t end, T* values) {
  const Layout& l = plan.layout;
  const std::int64_t step = l.strides[0][l.rank - 1];
  constexpr bool kConvert = !std::is_same_v<In, T>;
  constexpr std::int64_t kRoom = kReduceWidth + HWY_MAX_BYTES / sizeof(T);
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_ALIGN T levels[kTreeDepth / 2][kRoom];
  HWY_ALIGN T acc[kRoom];
  std::int64_t blocks = 0, rows = 0;
  const auto flush = [&]() HWY_ATTR {
    int level = 0;
    for (std::int64_t c = blocks++; c & 1; c >>= 1, ++level) {
      for (std::int64_t j = 0; j < width; j += lanes) {
        hn::StoreU(Op::merge(d, hn::LoadU(d, levels[level] + j), hn::LoadU(d, acc + j)), d, acc + j);
      }
    }
    std::memcpy(levels[level], acc, sizeof(acc));
    rows = 0;
  };
  for (Runs run(l, begin, end); run.n > 0; run.next()) {
    const In* p = in + run.offset[0];
    for (std::int64_t left = run.n; left > 0;) {
      const std::int64_t n = std::min(left, kColumnBlock - rows);
      if constexpr (!kConvert) {
        if (plan.column_stride == 1) {
          add_rows<Op, T>(p, step, n, width, param, rows == 0, acc);
          p += n * step;
          left -= n;
          rows += n;
          if (rows == kColumnBlock) flush();
          continue;
        }
      }
      HWY_ALIGN T row[kRoom];
      for (std::int64_t j = 0; j < width; ++j) row[j] = static_cast<T>(p[j * plan.column_stride]);
      add_rows<Op, T>(row, 0, 1, width, param, rows == 0, acc);
      p += step;
      --left;
      if (++rows == kColumnBlock) flush();
    }
  }
  if (rows > 0) flush();
  int level = 0;
  bool any = false;
  for (std::int64_t c = blocks; c != 0; c >>= 1, ++level) {
    if (!(c & 1)) continue;
    for (std::int64_t j = 0; j < width; j += lanes) {
      const auto part = hn::LoadU(d, levels[level] + j);
      hn::StoreU(any ? Op::merge(d, part, hn::LoadU(d, acc + j)) : part, d, acc + j);
    }
    any = true;
  }
  if (!any) std::fill_n(acc, width, Op::template neutral<T>());
  std::memcpy(values, acc, static_cast<std::size_t>(width) * sizeof(T));
}

// What reduce.cc calls: the elements [begin, end) of each output of a tile at `in`. `param`: one T an output,
// with room for a whole vector behind the last, or null.
template <class Op, class In, class T>
void reduce_part(const ReducePlan& plan, const void* in, std::int64_t width, const void* param,
                 std::int64_t begin, std::int64_t end, void* values) {
  const In* from = static_cast<const In*>(in);
  const T* params = static_cast<const T*>(param);
  T* to = static_cast<T*>(values);
  if (plan.by_columns) return reduce_columns<Op, In, T>(plan, from, width, params, begin, end, to);
  for (std::int64_t i = 0; i < width; ++i) {
    to[i] = reduce_row<Op, In, T>(plan, from + i * plan.column_stride, params != nullptr ? params[i] : T{},
                                  begin, end);
  }
}

// n contiguous elements to one value.
template <class Op, class In, class T>
void reduce_all(const void* in, std::int64_t n, void* value) {
  const In* p = static_cast<const In*>(in);
  if constexpr (std::is_same_v<In, T>) {
    *static_cast<T*>(value) = reduce_contiguous<Op, T>(p, n);
  } else {
    T total = Op::template neutral<T>();
    for (std::int64_t i = 0; i < n; ++i) total = Op::merge(total, static_cast<T>(p[i]));
    *static_cast<T*>(value) = total;
  }
}

// a[i] = merge(a[i], b[i])
template <class Op, class T>
void reduce_merge(void* a, const void* b, std::int64_t width) {
  T* to = static_cast<T*>(a);
  const T* from = static_cast<const T*>(b);
  for (std::int64_t i = 0; i < width; ++i) to[i] = Op::merge(to[i], from[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
