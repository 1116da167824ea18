// Normalisation of contiguous rows. Mean and variance in two passes while the row is in the first-level
// cache. The gradients of the parameters are summed on the way, one partial sum for each block of rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/row_norm.cc"
#include <algorithm>
#include <cmath>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/norm.h"
#include "gradus/ops/kernels/reduce-inl.h"

namespace gradus::kernels {

#ifndef GRADUS_ROW_NORM_ARGS
#define GRADUS_ROW_NORM_ARGS

struct RowNormArgs {
  const void *x, *g, *weight, *bias;
  std::int64_t n;
  double eps;
  void *y, *mean, *rstd;  // y is dx in the backward; mean is null where rows are not centered
};

// Rows whose parameter gradients are summed before they are added to the rest.
constexpr std::int64_t kNormRowBlock = 32;

#endif

}  // namespace gradus::kernels

GRADUS_SIMD_BEGIN

// Calls f(i, load, store) for whole vectors of a row and for its rest.
template <class T, class F>
HWY_INLINE void each_vector(std::int64_t begin, std::int64_t n, F f) {
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = begin;
  for (; i + lanes <= n; i += lanes) {
    f(
        i, [d](const T* p) HWY_ATTR { return hn::LoadU(d, p); },
        [d](hn::Vec<decltype(d)> v, T* p) HWY_ATTR { hn::StoreU(v, d, p); });
  }
  if (i < n) {
    const std::size_t rest = static_cast<std::size_t>(n - i);
    f(
        i, [d, rest](const T* p) HWY_ATTR { return load_first(d, p, rest); },
        [d, rest](hn::Vec<decltype(d)> v, T* p) HWY_ATTR { store_first(v, d, p, rest); });
  }
}

template <class T>
void forward(const RowNormArgs& a, std::int64_t begin, std::int64_t end) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t n = a.n;
  const T* weight = static_cast<const T*>(a.weight);
  const T* bias = static_cast<const T*>(a.bias);
  for (std::int64_t r = begin; r < end; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * n;
    T* y = static_cast<T*>(a.y) + r * n;
    T mean = 0;
    if (a.mean != nullptr) {
      mean = reduce_contiguous<SumOp, T>(x, n) / static_cast<T>(n);
      static_cast<T*>(a.mean)[r] = mean;
    }
    const T var = reduce_contiguous<SquaredDeviationOp, T>(x, n, mean) / static_cast<T>(n);
    const T rstd = T{1} / std::sqrt(var + static_cast<T>(a.eps));
    static_cast<T*>(a.rstd)[r] = rstd;
    const V m = hn::Set(d, mean), s = hn::Set(d, rstd);
    each_vector<T>(0, n, [&](std::int64_t i, auto load, auto store) HWY_ATTR {
      const V xhat = hn::Mul(hn::Sub(load(x + i), m), s);
      const V w = load(weight + i);
      store(bias != nullptr ? hn::MulAdd(xhat, w, load(bias + i)) : hn::Mul(xhat, w), y + i);
    });
  }
}

// dx = rstd * (h - mean(h) - xhat * mean(h * xhat)) with h = g * weight and xhat = (x - mean) * rstd; without
// mean(h) where rows are not centered. dweight and dbias get the sums over the rows, unless they are null.
template <class T>
void backward(const RowNormArgs& a, std::int64_t begin, std::int64_t end, void* weight_sums,
              void* bias_sums) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t n = a.n;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const T* weight = static_cast<const T*>(a.weight);
  T* dweight = static_cast<T*>(weight_sums);
  T* dbias = static_cast<T*>(bias_sums);
  for (std::int64_t r = begin; r < end; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * n;
    const T* g = static_cast<const T*>(a.g) + r * n;
    T* dx = static_cast<T*>(a.y) + r * n;
    const V mean = a.mean != nullptr ? hn::Set(d, static_cast<const T*>(a.mean)[r]) : hn::Zero(d);
    const V rstd = hn::Set(d, static_cast<const T*>(a.rstd)[r]);
    const bool first = r == begin;
    ScalarTree<SumOp, T> h_tree, hx_tree;
    for (std::int64_t b = 0; b < n; b += kRowBlock) {
      const std::int64_t stop = std::min(n, b + kRowBlock);
      V h_sum[2] = {hn::Zero(d), hn::Zero(d)}, hx_sum[2] = {hn::Zero(d), hn::Zero(d)};
      const auto step = [&](std::int64_t i, V& hs, V& hxs, auto load, auto store) HWY_ATTR {
        const V gi = load(g + i);
        const V xhat = hn::Mul(hn::Sub(load(x + i), mean), rstd);
        const V h = hn::Mul(gi, load(weight + i));
        hs = hn::Add(hs, h);  // lanes behind the row have h = 0
        hxs = hn::MulAdd(h, xhat, hxs);
        if (dweight != nullptr) {
          const V gx = hn::Mul(gi, xhat);
          store(first ? gx : hn::Add(load(dweight + i), gx), dweight + i);
        }
        if (dbias != nullptr) store(first ? gi : hn::Add(load(dbias + i), gi), dbias + i);
      };
      const auto load = [d](const T* p) HWY_ATTR { return hn::LoadU(d, p); };
      const auto store = [d](V v, T* p) HWY_ATTR { hn::StoreU(v, d, p); };
      std::int64_t i = b;
      // Two chains of additions: one would wait for itself.
      for (; i + 2 * lanes <= stop; i += 2 * lanes) {
        step(i, h_sum[0], hx_sum[0], load, store);
        step(i + lanes, h_sum[1], hx_sum[1], load, store);
      }
      each_vector<T>(i, stop, [&](std::int64_t k, auto some, auto put) HWY_ATTR {
        step(k, h_sum[0], hx_sum[0], some, put);
      });
      h_tree.add(merge_lanes<SumOp>(d, hn::Add(h_sum[0], h_sum[1])));
      hx_tree.add(merge_lanes<SumOp>(d, hn::Add(hx_sum[0], hx_sum[1])));
    }
    const V h_mean = a.mean != nullptr ? hn::Set(d, h_tree.total() / static_cast<T>(n)) : hn::Zero(d);
    const V hx_mean = hn::Set(d, hx_tree.total() / static_cast<T>(n));
    each_vector<T>(0, n, [&](std::int64_t i, auto load, auto store) HWY_ATTR {
      const V h = hn::Mul(load(g + i), load(weight + i));
      const V xhat = hn::Mul(hn::Sub(load(x + i), mean), rstd);
      store(hn::Mul(rstd, hn::NegMulAdd(xhat, hx_mean, hn::Sub(h, h_mean))), dx + i);
    });
  }
}

void row_norm_forward_rows(bool f32, const RowNormArgs& a, std::int64_t begin, std::int64_t end) {
  f32 ? forward<float>(a, begin, end) : forward<double>(a, begin, end);
}
void row_norm_backward_rows(bool f32, const RowNormArgs& a, std::int64_t begin, std::int64_t end,
                            void* dweight, void* dbias) {
  f32 ? backward<float>(a, begin, end, dweight, dbias) : backward<double>(a, begin, end, dweight, dbias);
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(row_norm_forward_rows);
GRADUS_EXPORT(row_norm_backward_rows);

constexpr std::int64_t kGrain = 32 * 1024;  // elements a thread

std::int64_t blocks_of(const RowNorm& p) { return (p.rows + kNormRowBlock - 1) / kNormRowBlock; }

// to[j] = sum over the blocks of from[block][j], summed in f64.
template <class T>
void add_blocks(const void* from, std::int64_t blocks, std::int64_t n, std::int64_t step, void* to) {
  constexpr std::int64_t kColumns = 256;
  parallel_for(n, std::max(kColumns, kGrain / std::max<std::int64_t>(1, blocks)),
               [&](std::int64_t begin, std::int64_t end) {
                 double sums[kColumns];
                 for (std::int64_t j = begin; j < end; j += kColumns) {
                   const std::int64_t width = std::min(kColumns, end - j);
                   std::fill_n(sums, width, 0.0);
                   for (std::int64_t b = 0; b < blocks; ++b) {
                     const T* row = static_cast<const T*>(from) + b * step + j;
                     for (std::int64_t k = 0; k < width; ++k) sums[k] += static_cast<double>(row[k]);
                   }
                   T* out = static_cast<T*>(to) + j;
                   for (std::int64_t k = 0; k < width; ++k) out[k] = static_cast<T>(sums[k]);
                 }
               });
}

}  // namespace

void row_norm(const RowNorm& p, const void* x, const void* weight, const void* bias, double eps, void* y,
              void* mean, void* rstd) {
  const RowNormArgs a{x, nullptr, weight, bias, p.n, eps, y, p.centered ? mean : nullptr, rstd};
  parallel_for(p.rows, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, p.n)),
               [&](std::int64_t begin, std::int64_t end) {
                 k_row_norm_forward_rows.get()(p.dtype == DType::f32, a, begin, end);
               });
}

std::size_t row_norm_scratch(const RowNorm& p) {
  return static_cast<std::size_t>(blocks_of(p) * 2 * p.n) * size_of(p.dtype);
}

void row_norm_backward(const RowNorm& p, const void* g, const void* x, const void* weight, const void* mean,
                       const void* rstd, void* dx, void* dweight, void* dbias, void* scratch) {
  const RowNormArgs a{x,
                      g,
                      weight,
                      nullptr,
                      p.n,
                      0.0,
                      dx,
                      p.centered ? const_cast<void*>(mean) : nullptr,
                      const_cast<void*>(rstd)};
  const bool f32 = p.dtype == DType::f32;
  const std::int64_t blocks = blocks_of(p), bytes = p.n * static_cast<std::int64_t>(size_of(p.dtype));
  auto* sums = static_cast<std::byte*>(scratch);
  parallel_for(blocks, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, p.n * kNormRowBlock)),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t b = begin; b < end; ++b) {
                   const std::int64_t row = b * kNormRowBlock;
                   k_row_norm_backward_rows.get()(f32, a, row, std::min(p.rows, row + kNormRowBlock),
                                                  dweight != nullptr ? sums + 2 * b * bytes : nullptr,
                                                  dbias != nullptr ? sums + (2 * b + 1) * bytes : nullptr);
                 }
               });
  if (dweight != nullptr) {
    f32 ? add_blocks<float>(sums, blocks, p.n, 2 * p.n, dweight)
        : add_blocks<double>(sums, blocks, p.n, 2 * p.n, dweight);
  }
  if (dbias != nullptr) {
    f32 ? add_blocks<float>(sums + bytes, blocks, p.n, 2 * p.n, dbias)
        : add_blocks<double>(sums + bytes, blocks, p.n, 2 * p.n, dbias);
  }
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
