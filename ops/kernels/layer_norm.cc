// Layer normalisation over contiguous rows. Mean and variance in two passes while the row is in the
// first-level cache.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/layer_norm.cc"
#include <algorithm>
#include <cmath>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/reduce-inl.h"
#include "gradus/ops/kernels/rows.h"

namespace gradus::kernels {

#ifndef GRADUS_LAYER_NORM_ARGS
#define GRADUS_LAYER_NORM_ARGS

struct LayerNormArgs {
  const void *x, *dy, *weight, *bias;
  std::int64_t n, rows;
  double eps;
  void *y, *mean, *rstd;  // y is dx in the backward
  void *dweight, *dbias;
};

#endif

}  // namespace gradus::kernels

GRADUS_SIMD_BEGIN

template <class T>
struct Lanes {
  using D = hn::ScalableTag<T>;
  using V = hn::Vec<D>;
  static HWY_INLINE V load(const T* p, std::int64_t count) {
    const D d;
    return count == static_cast<std::int64_t>(hn::Lanes(d))
               ? hn::LoadU(d, p)
               : load_first(d, p, static_cast<std::size_t>(count));
  }
  static HWY_INLINE void store(V v, T* p, std::int64_t count) {
    const D d;
    if (count == static_cast<std::int64_t>(hn::Lanes(d)))
      hn::StoreU(v, d, p);
    else
      store_first(v, d, p, static_cast<std::size_t>(count));
  }
  template <class F>
  static HWY_INLINE void each(std::int64_t n, F f) {
    const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(D()));
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes) f(i, lanes);
    if (i < n) f(i, n - i);
  }
};

template <class T>
void forward(const LayerNormArgs& a, std::int64_t begin, std::int64_t end) {
  using L = Lanes<T>;
  const typename L::D d;
  const std::int64_t n = a.n;
  const T* weight = static_cast<const T*>(a.weight);
  const T* bias = static_cast<const T*>(a.bias);
  for (std::int64_t r = begin; r < end; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * n;
    T* y = static_cast<T*>(a.y) + r * n;
    const T mean = reduce_contiguous<SumOp, T>(x, n) / static_cast<T>(n);
    const T var = reduce_contiguous<SquaredDeviationOp, T>(x, n, mean) / static_cast<T>(n);
    const T rstd = T{1} / std::sqrt(var + static_cast<T>(a.eps));
    if (a.mean != nullptr) static_cast<T*>(a.mean)[r] = mean;
    if (a.rstd != nullptr) static_cast<T*>(a.rstd)[r] = rstd;
    const auto m = hn::Set(d, mean), s = hn::Set(d, rstd);
    L::each(n, [&](std::int64_t i, std::int64_t count) HWY_ATTR {
      auto v = hn::Mul(hn::Sub(L::load(x + i, count), m), s);
      if (weight != nullptr) v = hn::Mul(v, L::load(weight + i, count));
      if (bias != nullptr) v = hn::Add(v, L::load(bias + i, count));
      L::store(v, y + i, count);
    });
  }
}

// dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * weight and xhat = (x - mean) * rstd.
template <class T>
void backward(const LayerNormArgs& a, std::int64_t begin, std::int64_t end) {
  using L = Lanes<T>;
  const typename L::D d;
  const std::int64_t n = a.n;
  const T* weight = static_cast<const T*>(a.weight);
  for (std::int64_t r = begin; r < end; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * n;
    const T* dy = static_cast<const T*>(a.dy) + r * n;
    T* dx = static_cast<T*>(a.y) + r * n;
    const auto mean = hn::Set(d, static_cast<const T*>(a.mean)[r]);
    const auto rstd = hn::Set(d, static_cast<const T*>(a.rstd)[r]);
    ScalarTree<SumOp, T> g_tree, gx_tree;
    for (std::int64_t b = 0; b < n; b += kRowBlock) {
      auto g_sum = hn::Zero(d), gx_sum = hn::Zero(d);
      L::each(std::min(kRowBlock, n - b), [&](std::int64_t i, std::int64_t count) HWY_ATTR {
        auto g = L::load(dy + b + i, count);
        if (weight != nullptr) g = hn::Mul(g, L::load(weight + b + i, count));
        const auto xhat = hn::Mul(hn::Sub(L::load(x + b + i, count), mean), rstd);
        g_sum = hn::Add(g_sum, g);  // lanes behind the row have g = 0
        gx_sum = hn::MulAdd(g, xhat, gx_sum);
      });
      g_tree.add(merge_lanes<SumOp>(d, g_sum));
      gx_tree.add(merge_lanes<SumOp>(d, gx_sum));
    }
    const auto g_mean = hn::Set(d, g_tree.total() / static_cast<T>(n));
    const auto gx_mean = hn::Set(d, gx_tree.total() / static_cast<T>(n));
    L::each(n, [&](std::int64_t i, std::int64_t count) HWY_ATTR {
      auto g = L::load(dy + i, count);
      if (weight != nullptr) g = hn::Mul(g, L::load(weight + i, count));
      const auto xhat = hn::Mul(hn::Sub(L::load(x + i, count), mean), rstd);
      L::store(hn::Mul(rstd, hn::NegMulAdd(xhat, gx_mean, hn::Sub(g, g_mean))), dx + i, count);
    });
  }
}

// Columns [begin, end) of dweight and dbias, in blocks of rows so that the sums stay accurate.
template <class T>
void parameters(const LayerNormArgs& a, std::int64_t begin, std::int64_t end) {
  using L = Lanes<T>;
  const typename L::D d;
  L::each(end - begin, [&](std::int64_t j, std::int64_t count) HWY_ATTR {
    const std::int64_t at = begin + j;
    auto weight = hn::Zero(d), bias = hn::Zero(d);
    for (std::int64_t r0 = 0; r0 < a.rows; r0 += kColumnBlock) {
      auto w = hn::Zero(d), b = hn::Zero(d);
      for (std::int64_t r = r0; r < std::min(a.rows, r0 + kColumnBlock); ++r) {
        const auto g = L::load(static_cast<const T*>(a.dy) + r * a.n + at, count);
        const auto x = L::load(static_cast<const T*>(a.x) + r * a.n + at, count);
        const auto mean = hn::Set(d, static_cast<const T*>(a.mean)[r]);
        const auto rstd = hn::Set(d, static_cast<const T*>(a.rstd)[r]);
        b = hn::Add(b, g);
        w = hn::MulAdd(g, hn::Mul(hn::Sub(x, mean), rstd), w);
      }
      weight = hn::Add(weight, w);
      bias = hn::Add(bias, b);
    }
    if (a.dweight != nullptr) L::store(weight, static_cast<T*>(a.dweight) + at, count);
    if (a.dbias != nullptr) L::store(bias, static_cast<T*>(a.dbias) + at, count);
  });
}

void layer_norm_forward(bool f32, const LayerNormArgs& a, std::int64_t begin, std::int64_t end) {
  f32 ? forward<float>(a, begin, end) : forward<double>(a, begin, end);
}
void layer_norm_input_gradient(bool f32, const LayerNormArgs& a, std::int64_t begin, std::int64_t end) {
  f32 ? backward<float>(a, begin, end) : backward<double>(a, begin, end);
}
void layer_norm_parameter_gradients(bool f32, const LayerNormArgs& a, std::int64_t begin, std::int64_t end) {
  f32 ? parameters<float>(a, begin, end) : parameters<double>(a, begin, end);
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(layer_norm_forward);
GRADUS_EXPORT(layer_norm_input_gradient);
GRADUS_EXPORT(layer_norm_parameter_gradients);

constexpr std::int64_t kGrain = 32 * 1024;

}  // namespace

void layer_norm(const View& x, std::int64_t n, const void* weight, const void* bias, double eps,
                const View& y, void* mean, void* rstd) {
  if (x.numel == 0) return;
  const LayerNormArgs a{x.data, nullptr, weight, bias, n,       x.numel / n,
                        eps,    y.data,  mean,   rstd, nullptr, nullptr};
  parallel_for(a.rows, std::max<std::int64_t>(1, kGrain / n), [&](std::int64_t begin, std::int64_t end) {
    k_layer_norm_forward.get()(x.dtype == DType::f32, a, begin, end);
  });
}

void layer_norm_backward(const View& x, const View& dy, std::int64_t n, const void* weight, const void* mean,
                         const void* rstd, const View& dx, void* dweight, void* dbias) {
  const LayerNormArgs a{x.data,
                        dy.data,
                        weight,
                        nullptr,
                        n,
                        n == 0 ? 0 : x.numel / n,
                        0.0,
                        dx.data,
                        const_cast<void*>(mean),
                        const_cast<void*>(rstd),
                        dweight,
                        dbias};
  const bool f32 = x.dtype == DType::f32;
  if (dweight != nullptr || dbias != nullptr) {
    // Before dx, which may be dy itself. Whole cache lines a thread.
    parallel_for(n, std::max<std::int64_t>(64, kGrain / std::max<std::int64_t>(1, a.rows)),
                 [&](std::int64_t begin, std::int64_t end) {
                   k_layer_norm_parameter_gradients.get()(f32, a, begin, end);
                 });
  }
  if (x.numel == 0) return;
  parallel_for(a.rows, std::max<std::int64_t>(1, kGrain / n), [&](std::int64_t begin, std::int64_t end) {
    k_layer_norm_input_gradient.get()(f32, a, begin, end);
  });
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
