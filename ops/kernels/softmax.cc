// softmax and log_softmax. Three passes over a row that stays in the first-level cache: maximum; exponentials
// and their sum; the result. Where the axis is not the last one, tiles of neighbouring columns take the place
// of a row.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/softmax.cc"
#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/layout.h"
#include "gradus/ops/kernels/math-inl.h"
#include "gradus/ops/kernels/reduce-inl.h"
#include "gradus/ops/kernels/rows.h"

GRADUS_SIMD_BEGIN

constexpr std::int64_t kColumns = 64;  // of one tile

// Calls f(i, count) for whole vectors, then for the rest.
template <class D, class F>
HWY_INLINE void for_lanes(D d, std::int64_t n, F f) {
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(i, lanes);
  if (i < n) f(i, n - i);
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_lanes(D d, const T* p, std::int64_t count) {
  return count == static_cast<std::int64_t>(hn::Lanes(d)) ? hn::LoadU(d, p)
                                                          : load_first(d, p, static_cast<std::size_t>(count));
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store_lanes(hn::Vec<D> v, D d, T* p, std::int64_t count) {
  if (count == static_cast<std::int64_t>(hn::Lanes(d)))
    hn::StoreU(v, d, p);
  else
    store_first(v, d, p, static_cast<std::size_t>(count));
}

// y[i] = exp(x[i] - most); returns the sum. y may be null.
template <bool kStore, class T>
HWY_INLINE T exp_and_sum(const T* x, T most, std::int64_t n, T* y) {
  const hn::ScalableTag<T> d;
  const auto m = hn::Set(d, most);
  ScalarTree<SumOp, T> tree;
  for (std::int64_t begin = 0; begin < n; begin += kRowBlock) {
    auto sum = hn::Zero(d);
    for_lanes(d, std::min(kRowBlock, n - begin), [&](std::int64_t i, std::int64_t count) HWY_ATTR {
      auto e = math::Exp(d, hn::Sub(load_lanes(d, x + begin + i, count), m));
      if constexpr (kStore) store_lanes(e, d, y + begin + i, count);
      if (count != static_cast<std::int64_t>(hn::Lanes(d))) {
        e = hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(count)), e);
      }
      sum = hn::Add(sum, e);
    });
    tree.add(merge_lanes<SumOp>(d, sum));
  }
  return tree.total();
}

template <class T>
void softmax_row(const T* x, std::int64_t n, T* y, bool log) {
  const hn::ScalableTag<T> d;
  const T most = reduce_contiguous<MaxOp, T>(x, n);
  if (log) {
    const T sum = exp_and_sum<false, T>(x, most, n, nullptr);
    const auto m = hn::Set(d, most), s = hn::Set(d, std::log(sum));
    for_lanes(d, n, [&](std::int64_t i, std::int64_t count) HWY_ATTR {
      store_lanes(hn::Sub(hn::Sub(load_lanes(d, x + i, count), m), s), d, y + i, count);
    });
  } else {
    const auto scale = hn::Set(d, T{1} / exp_and_sum<true, T>(x, most, n, y));
    for_lanes(d, n, [&](std::int64_t i, std::int64_t count) HWY_ATTR {
      store_lanes(hn::Mul(load_lanes(d, y + i, count), scale), d, y + i, count);
    });
  }
}

// Columns [0, width) of an n-row block; step elements from row to row.
template <class T>
void softmax_columns(const T* x, std::int64_t n, std::int64_t step, std::int64_t width, T* y, bool log) {
  const hn::ScalableTag<T> d;
  for_lanes(d, width, [&](std::int64_t j, std::int64_t count) HWY_ATTR {
    auto most = hn::Set(d, -std::numeric_limits<T>::infinity());
    for (std::int64_t i = 0; i < n; ++i) most = math::Max(d, most, load_lanes(d, x + i * step + j, count));
    auto sum = hn::Zero(d);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto e = math::Exp(d, hn::Sub(load_lanes(d, x + i * step + j, count), most));
      if (!log) store_lanes(e, d, y + i * step + j, count);
      sum = hn::Add(sum, e);
    }
    const auto s = log ? math::Log(d, sum) : hn::Div(hn::Set(d, T{1}), sum);
    for (std::int64_t i = 0; i < n; ++i) {
      T* to = y + i * step + j;
      const auto r = log ? hn::Sub(hn::Sub(load_lanes(d, x + i * step + j, count), most), s)
                         : hn::Mul(load_lanes(d, to, count), s);
      store_lanes(r, d, to, count);
    }
  });
}

template <class T>
HWY_INLINE T product_sum(const T* a, const T* b, std::int64_t n) {
  const hn::ScalableTag<T> d;
  ScalarTree<SumOp, T> tree;
  for (std::int64_t begin = 0; begin < n; begin += kRowBlock) {
    auto sum = hn::Zero(d);
    for_lanes(d, std::min(kRowBlock, n - begin), [&](std::int64_t i, std::int64_t count) HWY_ATTR {
      sum = hn::MulAdd(load_lanes(d, a + begin + i, count), load_lanes(d, b + begin + i, count), sum);
    });
    tree.add(merge_lanes<SumOp>(d, sum));
  }
  return tree.total();
}

template <class T>
void softmax_backward_row(const T* y, const T* dy, std::int64_t n, T* dx, bool log) {
  const hn::ScalableTag<T> d;
  const auto sum = hn::Set(d, log ? reduce_contiguous<SumOp, T>(dy, n) : product_sum(y, dy, n));
  for_lanes(d, n, [&](std::int64_t i, std::int64_t count) HWY_ATTR {
    const auto a = load_lanes(d, y + i, count), g = load_lanes(d, dy + i, count);
    store_lanes(log ? hn::NegMulAdd(math::Exp(d, a), sum, g) : hn::Mul(a, hn::Sub(g, sum)), d, dx + i, count);
  });
}

template <class T>
void softmax_backward_columns(const T* y, const T* dy, std::int64_t n, std::int64_t step, std::int64_t width,
                              T* dx, bool log) {
  const hn::ScalableTag<T> d;
  for_lanes(d, width, [&](std::int64_t j, std::int64_t count) HWY_ATTR {
    auto sum = hn::Zero(d);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto g = load_lanes(d, dy + i * step + j, count);
      sum = log ? hn::Add(sum, g) : hn::MulAdd(g, load_lanes(d, y + i * step + j, count), sum);
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const auto a = load_lanes(d, y + i * step + j, count), g = load_lanes(d, dy + i * step + j, count);
      store_lanes(log ? hn::NegMulAdd(math::Exp(d, a), sum, g) : hn::Mul(a, hn::Sub(g, sum)), d,
                  dx + i * step + j, count);
    }
  });
}

// Rows or columns number [begin, end) of arrays [outer, n, inner]; with inner > 1 a "row" is a tile of
// columns.
template <class T>
void softmax_range(const T* x, std::int64_t n, std::int64_t inner, T* y, bool log, std::int64_t begin,
                   std::int64_t end) {
  const std::int64_t tiles = (inner + kColumns - 1) / kColumns;
  for (std::int64_t r = begin; r < end; ++r) {
    if (inner == 1) {
      softmax_row(x + r * n, n, y + r * n, log);
    } else {
      const std::int64_t j = r % tiles * kColumns, at = r / tiles * n * inner + j;
      softmax_columns(x + at, n, inner, std::min(kColumns, inner - j), y + at, log);
    }
  }
}

template <class T>
void softmax_backward_range(const T* y, const T* dy, std::int64_t n, std::int64_t inner, T* dx, bool log,
                            std::int64_t begin, std::int64_t end) {
  const std::int64_t tiles = (inner + kColumns - 1) / kColumns;
  for (std::int64_t r = begin; r < end; ++r) {
    if (inner == 1) {
      softmax_backward_row(y + r * n, dy + r * n, n, dx + r * n, log);
    } else {
      const std::int64_t j = r % tiles * kColumns, at = r / tiles * n * inner + j;
      softmax_backward_columns(y + at, dy + at, n, inner, std::min(kColumns, inner - j), dx + at, log);
    }
  }
}

void softmax_f32(const float* x, std::int64_t n, std::int64_t inner, float* y, bool log, std::int64_t begin,
                 std::int64_t end) {
  softmax_range(x, n, inner, y, log, begin, end);
}
void softmax_f64(const double* x, std::int64_t n, std::int64_t inner, double* y, bool log, std::int64_t begin,
                 std::int64_t end) {
  softmax_range(x, n, inner, y, log, begin, end);
}
void softmax_backward_f32(const float* y, const float* dy, std::int64_t n, std::int64_t inner, float* dx,
                          bool log, std::int64_t begin, std::int64_t end) {
  softmax_backward_range(y, dy, n, inner, dx, log, begin, end);
}
void softmax_backward_f64(const double* y, const double* dy, std::int64_t n, std::int64_t inner, double* dx,
                          bool log, std::int64_t begin, std::int64_t end) {
  softmax_backward_range(y, dy, n, inner, dx, log, begin, end);
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(softmax_f32);
GRADUS_EXPORT(softmax_f64);
GRADUS_EXPORT(softmax_backward_f32);
GRADUS_EXPORT(softmax_backward_f64);

constexpr std::int64_t kGrain = 16 * 1024;

// x as [outer, n, inner] around the axis.
struct Split {
  std::int64_t n = 1, inner = 1, parts = 0, grain = 1;

  Split(const View& x, int axis) {
    if (x.rank == 0) {
      parts = 1;
      return;
    }
    n = x.dims[axis];
    for (int i = axis + 1; i < x.rank; ++i) inner *= x.dims[i];
    const std::int64_t outer = x.numel / (n * inner);
    parts = inner == 1 ? outer : outer * ((inner + kColumns - 1) / kColumns);
    grain = std::max<std::int64_t>(1, kGrain / (n * std::min(inner, kColumns)));
  }

  static constexpr std::int64_t kColumns = 64;
};

// Any strides, element by element; both inputs are only ever strided in higher derivatives.
template <class T>
void softmax_backward_strided(const View& y, const View& dy, int axis, const View& dx, bool log) {
  const View* views[3] = {&dx, &dy, &y};
  Layout l;
  l.operands = 3;
  l.rank = dx.rank;
  std::copy_n(dx.dims, dx.rank, l.dims);
  for (int k = 0; k < 3; ++k) {
    if (views[k]->strides != nullptr)
      std::copy_n(views[k]->strides, dx.rank, l.strides[k]);
    else
      contiguous_strides(dx.dims, dx.rank, l.strides[k]);
  }
  const std::int64_t n = l.dims[axis];
  std::int64_t step[3];
  for (int k = 0; k < 3; ++k) {
    step[k] = l.strides[k][axis];
    l.strides[k][axis] = 0;
  }
  l.dims[axis] = 1;
  l.numel = dx.numel / n;
  const int last = l.rank - 1;
  for (Runs run(l, 0, l.numel); run.n > 0; run.next()) {
    for (std::int64_t r = 0; r < run.n; ++r) {
      T* to = dx.as<T>() + run.offset[0] + r * l.strides[0][last];
      const T* g = dy.as<const T>() + run.offset[1] + r * l.strides[1][last];
      const T* a = y.as<const T>() + run.offset[2] + r * l.strides[2][last];
      double sum = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        sum +=
            log ? static_cast<double>(g[i * step[1]]) : static_cast<double>(g[i * step[1]]) * a[i * step[2]];
      }
      const T s = static_cast<T>(sum);
      for (std::int64_t i = 0; i < n; ++i) {
        const T ai = a[i * step[2]], gi = g[i * step[1]];
        to[i * step[0]] = log ? gi - std::exp(ai) * s : ai * (gi - s);
      }
    }
  }
}

}  // namespace

void softmax(const View& x, int axis, const View& y, bool log) {
  if (x.numel == 0) return;
  const void* from = x.data;
  if (!is_contiguous(x)) {
    copy(x, y);
    from = y.data;
  }
  const Split s(x, axis);
  parallel_for(s.parts, s.grain, [&](std::int64_t begin, std::int64_t end) {
    if (x.dtype == DType::f32) {
      k_softmax_f32.get()(static_cast<const float*>(from), s.n, s.inner, y.as<float>(), log, begin, end);
    } else {
      k_softmax_f64.get()(static_cast<const double*>(from), s.n, s.inner, y.as<double>(), log, begin, end);
    }
  });
}

void softmax_backward(const View& y, const View& dy, int axis, const View& dx, bool log) {
  if (y.numel == 0) return;
  if (!is_contiguous(y) || !is_contiguous(dy)) {
    if (y.dtype == DType::f32)
      softmax_backward_strided<float>(y, dy, axis, dx, log);
    else
      softmax_backward_strided<double>(y, dy, axis, dx, log);
    return;
  }
  const Split s(y, axis);
  parallel_for(s.parts, s.grain, [&](std::int64_t begin, std::int64_t end) {
    if (y.dtype == DType::f32) {
      k_softmax_backward_f32.get()(y.as<const float>(), dy.as<const float>(), s.n, s.inner, dx.as<float>(),
                                   log, begin, end);
    } else {
      k_softmax_backward_f64.get()(y.as<const double>(), dy.as<const double>(), s.n, s.inner, dx.as<double>(),
                                   log, begin, end);
    }
  });
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
