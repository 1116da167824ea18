#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/cross_entropy.cc"
#include "gradus/ops/kernels/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/math-inl.h"
#include "gradus/ops/kernels/reduce-inl.h"

// sum_row calls its lambda at several places; outlined, each call would load the constants of exp again.
#ifndef GRADUS_INLINE_LAMBDA
#define GRADUS_INLINE_LAMBDA __attribute__((always_inline))
#endif

GRADUS_SIMD_BEGIN

// Sums f(i, count) over the vectors of a row, blocked and cascaded as all sums are. Lanes behind `count` do
// not count.
template <class T, class F>
HWY_INLINE T sum_row(std::int64_t n, F f) {
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  ScalarTree<SumOp, T> tree;
  for (std::int64_t begin = 0; begin < n; begin += kRowBlock) {
    const std::int64_t end = std::min(begin + kRowBlock, n);
    auto sum = hn::Zero(d), sum1 = sum;
    std::int64_t i = begin;
    for (; i + 2 * lanes <= end; i += 2 * lanes) {
      sum = hn::Add(sum, f(i, lanes));
      sum1 = hn::Add(sum1, f(i + lanes, lanes));
    }
    sum = hn::Add(sum, sum1);
    for (; i + lanes <= end; i += lanes) sum = hn::Add(sum, f(i, lanes));
    if (i < end) {
      const auto inside = hn::FirstN(d, static_cast<std::size_t>(end - i));
      sum = hn::Add(sum, hn::IfThenElseZero(inside, f(i, end - i)));
    }
    tree.add(hn::GetLane(hn::SumOfLanes(d, sum)));
  }
  return tree.total();
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load(D d, const T* p, std::int64_t count) {
  if (count == static_cast<std::int64_t>(hn::Lanes(d))) return hn::LoadU(d, p);
  return load_first(d, p, static_cast<std::size_t>(count));
}

template <class D, class T = hn::TFromD<D>>
HWY_INLINE void store(hn::Vec<D> v, D d, T* p, std::int64_t count) {
  if (count == static_cast<std::int64_t>(hn::Lanes(d)))
    hn::StoreU(v, d, p);
  else
    store_first(v, d, p, static_cast<std::size_t>(count));
}

// With m = max(x) and s = log(sum(exp(x - m))), the loss is sum_j q_j (s - (x_j - m)): no difference of large
// numbers where the maximum is far from 0.
template <class T>
HWY_INLINE T loss_of_row(const CrossEntropyRows& r, std::int64_t row) {
  const hn::ScalableTag<T> d;
  const std::int64_t n = r.n;
  const T* x = static_cast<const T*>(r.x) + row * n;
  const T most = reduce_contiguous<MaxOp, T>(x, n);
  const auto m = hn::Set(d, most);
  const T s = std::log(sum_row<T>(n, [&](std::int64_t i, std::int64_t count) HWY_ATTR GRADUS_INLINE_LAMBDA {
    return math::Exp(d, hn::Sub(load(d, x + i, count), m));
  }));
  const T kept = static_cast<T>(1 - r.smoothing);
  T loss = 0;
  if (r.labels != nullptr) {
    loss = s - (x[r.labels[row]] - most);
  } else {
    const T* t = static_cast<const T*>(r.probabilities) + row * n;
    const auto log_sum = hn::Set(d, s);
    loss = sum_row<T>(n, [&](std::int64_t i, std::int64_t count) HWY_ATTR GRADUS_INLINE_LAMBDA {
      return hn::Mul(load(d, t + i, count), hn::Sub(log_sum, hn::Sub(load(d, x + i, count), m)));
    });
  }
  if (r.smoothing == 0) return loss;
  const T spread = sum_row<T>(n, [&](std::int64_t i, std::int64_t count) HWY_ATTR GRADUS_INLINE_LAMBDA {
    return hn::Sub(load(d, x + i, count), m);
  });
  return kept * loss + static_cast<T>(r.smoothing) * (s - spread / static_cast<T>(n));
}

template <class T>
HWY_INLINE void gradient_of_row(const CrossEntropyRows& r, std::int64_t row, T scale, T* dx) {
  const hn::ScalableTag<T> d;
  const std::int64_t n = r.n, lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const T* x = static_cast<const T*>(r.x) + row * n;
  const T* t = r.labels != nullptr ? nullptr : static_cast<const T*>(r.probabilities) + row * n;
  const T kept = static_cast<T>(1 - r.smoothing), smoothing = static_cast<T>(r.smoothing);
  const auto m = hn::Set(d, reduce_contiguous<MaxOp, T>(x, n));
  const T exp_sum = sum_row<T>(n, [&](std::int64_t i, std::int64_t count) HWY_ATTR GRADUS_INLINE_LAMBDA {
    const auto e = math::Exp(d, hn::Sub(load(d, x + i, count), m));
    store(e, d, dx + i, count);
    return e;
  });
  T q_sum = 1;
  if (r.labels == nullptr) {
    const T t_sum = sum_row<T>(n, [&](std::int64_t i, std::int64_t count)
                                      HWY_ATTR GRADUS_INLINE_LAMBDA { return load(d, t + i, count); });
    q_sum = kept * t_sum + smoothing;
  }
  const auto of_exp = hn::Set(d, scale * q_sum / exp_sum);
  const auto of_target = hn::Set(d, scale * kept), spread = hn::Set(d, scale * smoothing / static_cast<T>(n));
  for (std::int64_t i = 0; i < n; i += lanes) {
    const std::int64_t count = std::min(lanes, n - i);
    auto v = hn::Sub(hn::Mul(load(d, dx + i, count), of_exp), spread);
    if (r.labels == nullptr) v = hn::Sub(v, hn::Mul(load(d, t + i, count), of_target));
    store(v, d, dx + i, count);
  }
  if (r.labels != nullptr) dx[r.labels[row]] -= scale * kept;
}

bool ignored(const CrossEntropyRows& r, std::int64_t row) {
  return r.ignores && r.labels != nullptr && r.labels[row] == r.ignored;
}

template <class T>
void losses_of(const CrossEntropyRows& r, std::int64_t begin, std::int64_t end, T* losses) {
  for (std::int64_t i = begin; i < end; ++i) losses[i] = ignored(r, i) ? T{0} : loss_of_row<T>(r, i);
}

template <class T>
void gradients_of(const CrossEntropyRows& r, std::int64_t begin, std::int64_t end, const T* scales,
                  std::int64_t step, double factor, T* dx) {
  for (std::int64_t i = begin; i < end; ++i) {
    if (ignored(r, i))
      std::fill_n(dx + i * r.n, r.n, T{0});
    else
      gradient_of_row<T>(r, i, static_cast<T>(scales[i * step] * factor), dx + i * r.n);
  }
}

void cross_entropy_range(const CrossEntropyRows& r, std::int64_t begin, std::int64_t end, void* losses) {
  if (r.dtype == DType::f32)
    losses_of(r, begin, end, static_cast<float*>(losses));
  else
    losses_of(r, begin, end, static_cast<double*>(losses));
}

void cross_entropy_backward_range(const CrossEntropyRows& r, std::int64_t begin, std::int64_t end,
                                  const void* scales, std::int64_t step, double factor, void* dx) {
  if (r.dtype == DType::f32) {
    gradients_of(r, begin, end, static_cast<const float*>(scales), step, factor, static_cast<float*>(dx));
  } else {
    gradients_of(r, begin, end, static_cast<const double*>(scales), step, factor, static_cast<double*>(dx));
  }
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(cross_entropy_range);
GRADUS_EXPORT(cross_entropy_backward_range);

// A thread gets at least this many elements.
constexpr std::int64_t kGrain = 16 * 1024;

std::int64_t grain(const CrossEntropyRows& r) { return std::max<std::int64_t>(1, kGrain / r.n); }

}  // namespace

void cross_entropy(const CrossEntropyRows& r, void* losses) {
  parallel_for(r.rows, grain(r), [&](std::int64_t begin, std::int64_t end) {
    k_cross_entropy_range.get()(r, begin, end, losses);
  });
}

void cross_entropy_backward(const CrossEntropyRows& r, const void* scales, std::int64_t step, double factor,
                            void* dx) {
  parallel_for(r.rows, grain(r), [&](std::int64_t begin, std::int64_t end) {
    k_cross_entropy_backward_range.get()(r, begin, end, scales, step, factor, dx);
  });
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
