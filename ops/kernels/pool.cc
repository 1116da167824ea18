// The loops of pooling. With channels last, vectors run over channels; with channels in front, over the
// windows of a row where these are one or two places apart. Everything else goes element by element.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/pool.cc"
#include "gradus/ops/kernels/pool.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/simd-inl.h"

namespace gradus::kernels {

#ifndef GRADUS_POOL_SHARED
#define GRADUS_POOL_SHARED

// A row is what one place of outer, D and H has along W and inner.
struct PoolRow {
  std::int64_t outer, d, h;
  static PoolRow of(std::int64_t r, std::int64_t depth, std::int64_t height) {
    return {r / (depth * height), r / height % depth, r % height};
  }
};

// The value and the place of one window of one channel. x is the first element of the outer place (and the
// channel).
template <class T>
HWY_INLINE void choose(const PoolShape& s, const T* x, const PoolAxis::Taps& d, const PoolAxis::Taps& h,
                       const PoolAxis::Taps& w, T* value, std::int64_t* place) {
  const std::int64_t height = s.axis[1].in, width = s.axis[2].in;
  T best = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                : std::numeric_limits<T>::lowest();
  const auto number = [&](std::int64_t kd, std::int64_t kh, std::int64_t kw) {
    return ((d.first + kd) * s.axis[1].kernel + h.first + kh) * s.axis[2].kernel + w.first + kw;
  };
  std::int64_t at = number(0, 0, 0);
  for (std::int64_t kd = 0; kd < d.count; ++kd) {
    for (std::int64_t kh = 0; kh < h.count; ++kh) {
      const T* row =
          x + (((d.begin + kd * s.axis[0].dilation) * height + h.begin + kh * s.axis[1].dilation) * width +
               w.begin) *
                  s.inner;
      for (std::int64_t kw = 0; kw < w.count; ++kw) {
        const T v = row[kw * s.axis[2].dilation * s.inner];
        if (v > best || v != v) {
          best = v;
          at = number(kd, kh, kw);
        }
      }
    }
  }
  *value = best;
  *place = at;
}

struct MaxPoolArgs {
  const PoolShape* s;
  const void* x;
  void* y;
  void* places;
};

struct MaxPoolBackwardArgs {
  const PoolShape* s;
  const void *g, *places;
  void* dx;
};

struct AvgPoolArgs {
  const PoolShape* s;
  PoolDivisor divisor;
  const void* from;
  void* to;

  double size(int i, std::int64_t o) const {
    return static_cast<double>(divisor.include_pad ? s->axis[i].padded_size(o) : s->axis[i].taps(o).count);
  }
  // The divisor of a window is by_row() of its row times by_column() of its place along W.
  double by_row(std::int64_t od, std::int64_t oh) const {
    return divisor.fixed != 0 ? divisor.fixed : size(0, od) * size(1, oh);
  }
  double by_column(std::int64_t ow) const { return divisor.fixed != 0 ? 1 : size(2, ow); }
};

#endif

}  // namespace gradus::kernels

GRADUS_SIMD_BEGIN

// Vectors of T and of places beside them: unsigned numbers of T's size, in memory P.
template <class T, class P, class D_ = hn::ScalableTag<T>>
struct Vectors {
  using D = D_;
  using DU = hn::RebindToUnsigned<D>;
  using V = hn::Vec<D>;
  using U = hn::Vec<DU>;
  static constexpr std::size_t kRoom = HWY_MAX_BYTES / sizeof(T);
  static std::int64_t lanes() { return static_cast<std::int64_t>(hn::Lanes(D())); }

  static HWY_INLINE V load(const T* p, std::int64_t count) {
    const D d;
    return count == lanes() ? hn::LoadU(d, p) : load_first(d, p, static_cast<std::size_t>(count));
  }
  static HWY_INLINE void store(V v, T* p, std::int64_t count) {
    const D d;
    if (count == lanes())
      hn::StoreU(v, d, p);
    else
      store_first(v, d, p, static_cast<std::size_t>(count));
  }
  static HWY_INLINE U set(std::int64_t k) { return hn::Set(DU(), static_cast<hn::TFromD<DU>>(k)); }
  static HWY_INLINE void store_places(U u, P* p, std::int64_t count) {
    const hn::Rebind<P, D> dp;
    if (count == lanes()) {
      hn::StoreU(narrow(u), dp, p);
    } else {
      HWY_ALIGN P tile[kRoom];
      hn::Store(narrow(u), dp, tile);
      std::memcpy(p, tile, static_cast<std::size_t>(count) * sizeof(P));
    }
  }
  static HWY_INLINE U load_places(const P* p, std::int64_t count) {
    const hn::Rebind<P, D> dp;
    if (count == lanes()) return widen(hn::LoadU(dp, p));
    HWY_ALIGN P tile[kRoom] = {};
    std::memcpy(tile, p, static_cast<std::size_t>(count) * sizeof(P));
    return widen(hn::Load(dp, tile));
  }
  // f(i, count) over [0, n) by vectors.
  template <class F>
  static HWY_INLINE void each(std::int64_t n, F f) {
    const std::int64_t step = lanes();
    std::int64_t i = 0;
    for (; i + step <= n; i += step) f(i, step);
    if (i < n) f(i, n - i);
  }

 private:
  static HWY_INLINE auto narrow(U u) {
    if constexpr (sizeof(P) == sizeof(T))
      return u;
    else
      return hn::TruncateTo(hn::Rebind<P, D>(), u);
  }
  template <class X>
  static HWY_INLINE U widen(X v) {
    if constexpr (sizeof(P) == sizeof(T))
      return v;
    else if constexpr (sizeof(T) == 8 && sizeof(P) == 1)
      return hn::PromoteTo(DU(), hn::PromoteTo(hn::Rebind<std::uint32_t, D>(), v));
    else
      return hn::PromoteTo(DU(), v);
  }
};

template <class T, class P>
void max_rows_channels_last(const MaxPoolArgs& a, std::int64_t begin, std::int64_t end) {
  using L = Vectors<T, P>;
  const typename L::D vd;
  const PoolShape& s = *a.s;
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  const auto lowest = hn::Set(vd, -std::numeric_limits<T>::infinity());
  for (std::int64_t r = begin; r < end; ++r) {
    const PoolRow row = PoolRow::of(r, D.out, H.out);
    const PoolAxis::Taps d = D.taps(row.d), h = H.taps(row.h);
    const T* x = static_cast<const T*>(a.x) + row.outer * s.in_size() * s.inner;
    for (std::int64_t ow = 0; ow < W.out; ++ow) {
      const PoolAxis::Taps w = W.taps(ow);
      const std::int64_t to = (r * W.out + ow) * s.inner;
      const std::int64_t from = ((d.begin * H.in + h.begin) * W.in + w.begin) * s.inner;
      const std::int64_t step_w = W.dilation * s.inner, step_h = H.dilation * W.in * s.inner,
                         step_d = D.dilation * H.in * W.in * s.inner;
      L::each(s.inner, [&](std::int64_t c, std::int64_t count) HWY_ATTR {
        auto best = lowest;
        std::int64_t k_d = (d.first * H.kernel + h.first) * W.kernel + w.first;
        auto place = L::set(k_d);
        const T* p_d = x + from + c;
        for (std::int64_t kd = 0; kd < d.count; ++kd, p_d += step_d, k_d += H.kernel * W.kernel) {
          const T* p_h = p_d;
          std::int64_t k_h = k_d;
          for (std::int64_t kh = 0; kh < h.count; ++kh, p_h += step_h, k_h += W.kernel) {
            for (std::int64_t kw = 0; kw < w.count; ++kw) {
              const auto v = L::load(p_h + kw * step_w, count);
              const auto better = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
              best = hn::IfThenElse(better, v, best);
              place = hn::IfThenElse(hn::RebindMask(typename L::DU(), better), L::set(k_h + kw), place);
            }
          }
        }
        L::store(best, static_cast<T*>(a.y) + to + c, count);
        L::store_places(place, static_cast<P*>(a.places) + to + c, count);
      });
    }
  }
}

// Windows [at, at + lanes) of a row, all of whose places along W are inside. `row` is the first window's
// first place in each plane.
template <int kStride, class L, class T, class P>
HWY_INLINE void max_of_windows(const PoolShape& s, const PoolAxis::Taps& d, const PoolAxis::Taps& h,
                               const T* row, T* y, P* places) {
  const typename L::D vd;
  const PoolAxis &H = s.axis[1], &W = s.axis[2];
  const auto load = [&](const T* p) HWY_ATTR {
    if constexpr (kStride == 1) {
      return hn::LoadU(vd, p);
    } else {
      typename L::V even, odd;
      hn::LoadInterleaved2(vd, p, even, odd);
      return even;
    }
  };
  auto best = hn::Set(vd, -std::numeric_limits<T>::infinity());
  auto place = L::set((d.first * H.kernel + h.first) * W.kernel);
  const auto take = [&](typename L::V v, std::int64_t k) HWY_ATTR {
    const auto better = hn::Or(hn::Gt(v, best), hn::IsNaN(v));
    best = hn::IfThenElse(better, v, best);
    place = hn::IfThenElse(hn::RebindMask(typename L::DU(), better), L::set(k), place);
  };
  for (std::int64_t kd = 0; kd < d.count; ++kd) {
    for (std::int64_t kh = 0; kh < h.count; ++kh) {
      const T* p = row + (kd * s.axis[0].dilation * H.in + kh * H.dilation) * W.in;
      const std::int64_t k = ((d.first + kd) * H.kernel + h.first + kh) * W.kernel;
      std::int64_t kw = 0;
      if constexpr (kStride == 2) {
        // One load gives two neighbouring places of every window.
        for (; W.dilation == 1 && kw + 2 <= W.kernel; kw += 2) {
          typename L::V even, odd;
          hn::LoadInterleaved2(vd, p + kw, even, odd);
          take(even, k + kw);
          take(odd, k + kw + 1);
        }
      }
      for (; kw < W.kernel; ++kw) take(load(p + kw * W.dilation), k + kw);
    }
  }
  hn::StoreU(best, vd, y);
  L::store_places(place, places, L::lanes());
}

// The windows of a row without a place in the padding along W, for vectors that run over windows.
struct Inside {
  std::int64_t begin, end;
  explicit Inside(const PoolAxis& W) {
    const std::int64_t room = W.in + W.before - ((W.kernel - 1) * W.dilation + 1);
    begin = std::min(W.out, (W.before + W.stride - 1) / W.stride);
    end = room < 0 ? 0 : std::min(W.out, room / W.stride + 1);
  }
};

template <int kStride, class T, class P>
void max_rows(const MaxPoolArgs& a, std::int64_t begin, std::int64_t end) {
  using Wide = Vectors<T, P>;
  using Narrow = Vectors<T, P, hn::CappedTag<T, 16 / sizeof(T)>>;
  const PoolShape& s = *a.s;
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  const T* const x_end = static_cast<const T*>(a.x) + s.outer * s.in_size();
  const Inside inside(W);
  const bool wide = inside.end - inside.begin >= Wide::lanes();
  const std::int64_t lanes = wide ? Wide::lanes() : Narrow::lanes();
  for (std::int64_t r = begin; r < end; ++r) {
    const PoolRow row = PoolRow::of(r, D.out, H.out);
    const PoolAxis::Taps d = D.taps(row.d), h = H.taps(row.h);
    const T* x = static_cast<const T*>(a.x) + row.outer * s.in_size();
    const T* first = x + (d.begin * H.in + h.begin) * W.in;
    // The last place that a vector at window 0 reads, and one behind it where every second is taken.
    const std::int64_t reach = ((d.count - 1) * D.dilation * H.in + (h.count - 1) * H.dilation) * W.in +
                               (W.kernel - 1) * W.dilation + kStride * lanes;
    T* y = static_cast<T*>(a.y) + r * W.out;
    P* places = static_cast<P*>(a.places) + r * W.out;
    const auto one = [&](std::int64_t ow) {
      std::int64_t place = 0;
      choose(s, x, d, h, W.taps(ow), y + ow, &place);
      places[ow] = static_cast<P>(place);
    };
    std::int64_t ow = 0;
    for (; ow < inside.begin; ++ow) one(ow);
    while (ow < inside.end) {
      // The last vector starts earlier and computes some windows again.
      const std::int64_t at = std::min(ow, inside.end - lanes);
      const T* from = first + at * kStride - W.before;
      if (at < inside.begin || x_end - from < reach) break;
      if (wide)
        max_of_windows<kStride, Wide>(s, d, h, from, y + at, places + at);
      else
        max_of_windows<kStride, Narrow>(s, d, h, from, y + at, places + at);
      ow = at + lanes;
    }
    for (; ow < W.out; ++ow) one(ow);
  }
}

template <class T, class P>
void max_any(const MaxPoolArgs& a, std::int64_t begin, std::int64_t end) {
  const PoolAxis& W = a.s->axis[2];
  if (a.s->inner > 1) return max_rows_channels_last<T, P>(a, begin, end);
  W.stride == 1 ? max_rows<1, T, P>(a, begin, end) : max_rows<2, T, P>(a, begin, end);
}

void max_pool_vectors(bool f32, bool bytes, const MaxPoolArgs& a, std::int64_t begin, std::int64_t end) {
  if (f32)
    bytes ? max_any<float, std::uint8_t>(a, begin, end) : max_any<float, std::uint32_t>(a, begin, end);
  else
    bytes ? max_any<double, std::uint8_t>(a, begin, end) : max_any<double, std::uint32_t>(a, begin, end);
}

// Rows of dx, each from all windows that reach it.
template <class T, class P>
void max_backward_rows(const MaxPoolBackwardArgs& a, std::int64_t begin, std::int64_t end) {
  using L = Vectors<T, P>;
  const PoolShape& s = *a.s;
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  for (std::int64_t r = begin; r < end; ++r) {
    const PoolRow row = PoolRow::of(r, D.in, H.in);
    T* dx = static_cast<T*>(a.dx) + r * W.in * s.inner;
    std::fill_n(dx, W.in * s.inner, T{0});
    for (std::int64_t od = D.first_reader(row.d); od < D.end_reader(row.d); ++od) {
      const std::int64_t kd = D.tap(od, row.d);
      if (kd < 0) continue;
      for (std::int64_t oh = H.first_reader(row.h); oh < H.end_reader(row.h); ++oh) {
        const std::int64_t kh = H.tap(oh, row.h);
        if (kh < 0) continue;
        for (std::int64_t ow = 0; ow < W.out; ++ow) {
          const PoolAxis::Taps w = W.taps(ow);
          const std::int64_t from = (((row.outer * D.out + od) * H.out + oh) * W.out + ow) * s.inner;
          const std::int64_t k = (kd * H.kernel + kh) * W.kernel + w.first;
          L::each(s.inner, [&](std::int64_t c, std::int64_t count) HWY_ATTR {
            const auto g = L::load(static_cast<const T*>(a.g) + from + c, count);
            const auto place = L::load_places(static_cast<const P*>(a.places) + from + c, count);
            for (std::int64_t kw = 0; kw < w.count; ++kw) {
              T* to = dx + (w.begin + kw * W.dilation) * s.inner + c;
              const auto here = hn::RebindMask(typename L::D(), hn::Eq(place, L::set(k + kw)));
              L::store(hn::Add(L::load(to, count), hn::IfThenElseZero(here, g)), to, count);
            }
          });
        }
      }
    }
  }
}

void max_pool_backward_vectors(bool f32, bool bytes, const MaxPoolBackwardArgs& a, std::int64_t begin,
                               std::int64_t end) {
  if (f32)
    bytes ? max_backward_rows<float, std::uint8_t>(a, begin, end)
          : max_backward_rows<float, std::uint32_t>(a, begin, end);
  else
    bytes ? max_backward_rows<double, std::uint8_t>(a, begin, end)
          : max_backward_rows<double, std::uint32_t>(a, begin, end);
}

template <class P>
std::int64_t largest(const P* p, std::int64_t n) {
  const hn::ScalableTag<P> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto most = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) most = hn::Max(most, hn::LoadU(d, p + i));
  HWY_ALIGN P tile[HWY_MAX_BYTES / sizeof(P)];
  hn::Store(most, d, tile);
  P result = 0;
  for (std::int64_t k = 0; k < lanes; ++k) result = std::max(result, tile[k]);
  for (; i < n; ++i) result = std::max(result, p[i]);
  return result;
}

// i32 places are read unsigned, so that a negative one is very large.
std::int64_t largest_place(bool bytes, const void* places, std::int64_t n) {
  return bytes ? largest(static_cast<const std::uint8_t*>(places), n)
               : largest(static_cast<const std::uint32_t*>(places), n);
}

// The means of the windows [ow, ow + lanes) of a row, all of whose places along W are inside; `row` is the
// first window's first place in each plane. Reads nothing but the windows.
template <int kStride, class L, class T>
HWY_INLINE typename L::V mean_of_windows(const PoolShape& s, std::int64_t depth, std::int64_t height,
                                         const T* row, T divisor) {
  const typename L::D vd;
  const PoolAxis &H = s.axis[1], &W = s.axis[2];
  auto sum = hn::Zero(vd);
  for (std::int64_t kd = 0; kd < depth; ++kd) {
    auto plane = hn::Zero(vd);
    for (std::int64_t kh = 0; kh < height; ++kh) {
      const T* p = row + (kd * H.in + kh) * W.in;
      auto line = hn::Zero(vd);
      if constexpr (kStride == 1) {
        for (std::int64_t kw = 0; kw < W.kernel; ++kw) line = hn::Add(line, hn::LoadU(vd, p + kw));
      } else {
        // One load gives two neighbouring places of every window, the last one perhaps a second time.
        typename L::V even, odd;
        for (std::int64_t kw = 0; kw + 2 <= W.kernel; kw += 2) {
          hn::LoadInterleaved2(vd, p + kw, even, odd);
          line = hn::Add(line, hn::Add(even, odd));
        }
        if (W.kernel % 2 != 0) {
          hn::LoadInterleaved2(vd, p + W.kernel - 2, even, odd);
          line = hn::Add(line, odd);
        }
      }
      plane = hn::Add(plane, line);
    }
    sum = hn::Add(sum, plane);
  }
  return hn::Div(sum, hn::Set(vd, divisor));
}

// Sums go row by row of the window, so that the error of a large one is that of its sides.
template <class T>
void avg_rows(const AvgPoolArgs& a, std::int64_t begin, std::int64_t end) {
  using L = Vectors<T, T>;
  const typename L::D vd;
  const PoolShape& s = *a.s;
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  const std::int64_t lanes = L::lanes();
  const Inside inside(W);
  const bool over_windows = s.inner == 1 && !W.adaptive && W.stride <= std::min<std::int64_t>(2, W.kernel) &&
                            inside.end - inside.begin >= lanes;
  for (std::int64_t r = begin; r < end; ++r) {
    const PoolRow row = PoolRow::of(r, D.out, H.out);
    const PoolAxis::Taps d = D.taps(row.d), h = H.taps(row.h);
    const T* x = static_cast<const T*>(a.from) + row.outer * s.in_size() * s.inner;
    const double by_row = a.by_row(row.d, row.h);
    const T* first = x + (d.begin * H.in + h.begin) * W.in;
    for (std::int64_t ow = 0; ow < W.out; ++ow) {
      T* to = static_cast<T*>(a.to) + (r * W.out + ow) * s.inner;
      if (over_windows && ow >= inside.begin && ow < inside.end) {
        // The last vector starts earlier and computes some windows again.
        const std::int64_t at = std::min(ow, inside.end - lanes);
        const T* from = first + at * W.stride - W.before;
        const T divisor = static_cast<T>(by_row * a.by_column(at));
        hn::StoreU(W.stride == 1 ? mean_of_windows<1, L>(s, d.count, h.count, from, divisor)
                                 : mean_of_windows<2, L>(s, d.count, h.count, from, divisor),
                   vd, to + at - ow);
        ow = at + lanes - 1;
        continue;
      }
      const PoolAxis::Taps w = W.taps(ow);
      const double divisor = by_row * a.by_column(ow);
      const auto place = [&](std::int64_t kd, std::int64_t kh) {
        return x + (((d.begin + kd) * H.in + h.begin + kh) * W.in + w.begin) * s.inner;
      };
      if (s.inner == 1) {
        double sum = 0;
        for (std::int64_t kd = 0; kd < d.count; ++kd) {
          for (std::int64_t kh = 0; kh < h.count; ++kh) {
            const T* p = place(kd, kh);
            for (std::int64_t kw = 0; kw < w.count; ++kw) sum += p[kw];
          }
        }
        *to = static_cast<T>(sum / divisor);
        continue;
      }
      const auto by = hn::Set(vd, static_cast<T>(divisor));
      L::each(s.inner, [&](std::int64_t c, std::int64_t count) HWY_ATTR {
        auto sum = hn::Zero(vd);
        for (std::int64_t kd = 0; kd < d.count; ++kd) {
          auto plane = hn::Zero(vd);
          for (std::int64_t kh = 0; kh < h.count; ++kh) {
            const T* p = place(kd, kh) + c;
            auto line = L::load(p, count);
            for (std::int64_t kw = 1; kw < w.count; ++kw)
              line = hn::Add(line, L::load(p + kw * s.inner, count));
            plane = hn::Add(plane, line);
          }
          sum = hn::Add(sum, plane);
        }
        L::store(hn::Div(sum, by), to + c, count);
      });
    }
  }
}

template <class T>
void avg_backward_rows(const AvgPoolArgs& a, std::int64_t begin, std::int64_t end) {
  using L = Vectors<T, T>;
  const typename L::D vd;
  const PoolShape& s = *a.s;
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  const std::int64_t lanes = L::lanes();
  // Windows of two places side by side.
  const bool pairs = s.inner == 1 && !W.adaptive && W.stride == 2 && W.kernel == 2 && W.dilation == 1;
  const Inside inside(W);
  for (std::int64_t r = begin; r < end; ++r) {
    const PoolRow row = PoolRow::of(r, D.in, H.in);
    T* dx = static_cast<T*>(a.to) + r * W.in * s.inner;
    std::fill_n(dx, W.in * s.inner, T{0});
    for (std::int64_t od = D.first_reader(row.d); od < D.end_reader(row.d); ++od) {
      for (std::int64_t oh = H.first_reader(row.h); oh < H.end_reader(row.h); ++oh) {
        const double by_row = a.by_row(od, oh);
        for (std::int64_t ow = 0; ow < W.out; ++ow) {
          const T* g = static_cast<const T*>(a.from) +
                       (((row.outer * D.out + od) * H.out + oh) * W.out + ow) * s.inner;
          const T divisor = static_cast<T>(by_row * a.by_column(ow));
          if (pairs && ow >= inside.begin && ow + lanes <= inside.end) {
            const auto v = hn::Div(hn::LoadU(vd, g), hn::Set(vd, divisor));
            T* p = dx + ow * 2 - W.before;
            typename L::V even, odd;
            hn::LoadInterleaved2(vd, p, even, odd);
            hn::StoreInterleaved2(hn::Add(even, v), hn::Add(odd, v), vd, p);
            ow += lanes - 1;
            continue;
          }
          const PoolAxis::Taps w = W.taps(ow);
          T* to = dx + w.begin * s.inner;
          if (s.inner == 1) {
            const T v = *g / divisor;
            for (std::int64_t kw = 0; kw < w.count; ++kw) to[kw] += v;
            continue;
          }
          const auto by = hn::Set(vd, divisor);
          L::each(s.inner, [&](std::int64_t c, std::int64_t count) HWY_ATTR {
            const auto v = hn::Div(L::load(g + c, count), by);
            for (std::int64_t kw = 0; kw < w.count; ++kw) {
              T* p = to + kw * s.inner + c;
              L::store(hn::Add(L::load(p, count), v), p, count);
            }
          });
        }
      }
    }
  }
}

void avg_pool_rows(bool f32, const AvgPoolArgs& a, std::int64_t begin, std::int64_t end) {
  f32 ? avg_rows<float>(a, begin, end) : avg_rows<double>(a, begin, end);
}
void avg_pool_backward_rows(bool f32, const AvgPoolArgs& a, std::int64_t begin, std::int64_t end) {
  f32 ? avg_backward_rows<float>(a, begin, end) : avg_backward_rows<double>(a, begin, end);
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(max_pool_vectors);
GRADUS_EXPORT(max_pool_backward_vectors);
GRADUS_EXPORT(largest_place);
GRADUS_EXPORT(avg_pool_rows);
GRADUS_EXPORT(avg_pool_backward_rows);

constexpr std::int64_t kWork = 32 * 1024;  // elements read that are worth a thread

std::int64_t grain(std::int64_t work_a_row) {
  return std::max<std::int64_t>(1, kWork / std::max<std::int64_t>(1, work_a_row));
}

template <class T, class P>
void max_rows_plain(const PoolShape& s, const View& x, const View& y, const View& places, std::int64_t begin,
                    std::int64_t end) {
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  for (std::int64_t r = begin; r < end; ++r) {
    const PoolRow row = PoolRow::of(r, D.out, H.out);
    const PoolAxis::Taps d = D.taps(row.d), h = H.taps(row.h);
    for (std::int64_t ow = 0; ow < W.out; ++ow) {
      const PoolAxis::Taps w = W.taps(ow);
      for (std::int64_t c = 0; c < s.inner; ++c) {
        const std::int64_t to = (r * W.out + ow) * s.inner + c;
        std::int64_t place = 0;
        choose(s, x.as<const T>() + row.outer * s.in_size() * s.inner + c, d, h, w, y.as<T>() + to, &place);
        places.as<P>()[to] = static_cast<P>(place);
      }
    }
  }
}

template <class F>
void with_numbers(DType dtype, F f) {
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

// How far the place k of a window is from its start, in elements of the unpadded axes.
class TapOffsets {
 public:
  explicit TapOffsets(const PoolShape& s) : s_(s), small_(s.volume() <= 256) {
    for (std::int64_t k = 0; small_ && k < s.volume(); ++k) table_[k] = offset(k);
  }
  std::int64_t operator()(std::int64_t k) const { return small_ ? table_[k] : offset(k); }
  // Those of all places, where there are at most 256; else nullptr.
  const std::int64_t* table() const { return small_ ? table_ : nullptr; }

 private:
  std::int64_t offset(std::int64_t k) const {
    const PoolAxis &D = s_.axis[0], &H = s_.axis[1], &W = s_.axis[2];
    const std::int64_t kw = k % W.kernel, kh = k / W.kernel % H.kernel, kd = k / W.kernel / H.kernel;
    return (kd * D.dilation * H.in + kh * H.dilation) * W.in + kw * W.dilation;
  }
  const PoolShape& s_;
  bool small_;
  std::int64_t table_[256];  // NOLINT: set as far as it is read
};

// f(element of the pooled array, element of the input that it was taken from) for the pooled rows [begin,
// end). The second is -1 for a place in the padding, which max_pool never chooses.
template <class P, class F>
void each_place(const PoolShape& s, const P* places, std::int64_t begin, std::int64_t end, F f) {
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  const TapOffsets offsets(s);
  for (std::int64_t r = begin; r < end; ++r) {
    const PoolRow row = PoolRow::of(r, D.out, H.out);
    const std::int64_t size = s.in_size(), first = row.outer * size;
    const std::int64_t start = (D.start(row.d) * H.in + H.start(row.h)) * W.in;
    for (std::int64_t ow = 0; ow < W.out; ++ow) {
      const std::int64_t at = start + W.start(ow);
      for (std::int64_t c = 0; c < s.inner; ++c) {
        const std::int64_t to = (r * W.out + ow) * s.inner + c;
        const std::int64_t place = at + offsets(places[to]);
        f(to, place >= 0 && place < size ? (first + place) * s.inner + c : -1);
      }
    }
  }
}

// The gradients of the outer places [begin, end), channels first. Rows are written out here, since this is
// most of the time of a backward pass.
template <class T, class P>
void add_planes(const PoolShape& s, const T* g, const P* places, T* dx, std::int64_t begin,
                std::int64_t end) {
  const PoolAxis D = s.axis[0], H = s.axis[1], W = s.axis[2];
  const TapOffsets offsets(s);
  const std::int64_t size = s.in_size(), rows = D.out * H.out;
  for (std::int64_t o = begin; o < end; ++o) {
    T* plane = dx + o * size;
    std::fill_n(plane, size, T{0});
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t row = (D.start(r / H.out) * H.in + H.start(r % H.out)) * W.in;
      const T* from = g + (o * rows + r) * W.out;
      const P* place = places + (o * rows + r) * W.out;
      const auto add = [&](std::int64_t ow, std::int64_t start, std::int64_t offset) {
        // False for a place in the padding only, which max_pool never chooses.
        const std::int64_t to = row + start + offset;
        if (static_cast<std::uint64_t>(to) < static_cast<std::uint64_t>(size)) [[likely]]
          plane[to] += from[ow];
      };
      if (W.adaptive || offsets.table() == nullptr) {
        for (std::int64_t ow = 0; ow < W.out; ++ow) add(ow, W.start(ow), offsets(place[ow]));
      } else {
        const std::int64_t* table = offsets.table();
        std::int64_t start = -W.before;
        for (std::int64_t ow = 0; ow < W.out; ++ow, start += W.stride) add(ow, start, table[place[ow]]);
      }
    }
  }
}

template <class F>
void with_places(const View& places, F f) {
  if (places.dtype == DType::u8)
    f(places.as<const std::uint8_t>());
  else
    f(places.as<const std::int32_t>());
}

// As each_place, over all rows, in parallel: for what writes elements of the pooled array.
template <class F>
void each_place_in_parallel(const PoolShape& s, const View& places, F f) {
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  with_places(places, [&](auto* p) {
    parallel_for(s.outer * D.out * H.out, grain(W.out * s.inner),
                 [&](std::int64_t begin, std::int64_t end) { each_place(s, p, begin, end, f); });
  });
}

}  // namespace

void max_pool(const PoolShape& s, const View& x, const View& y, const View& places) {
  if (y.numel == 0) return;
  const PoolAxis &D = s.axis[0], &H = s.axis[1], &W = s.axis[2];
  const bool bytes = places.dtype == DType::u8;
  const bool in_vectors = (x.dtype == DType::f32 || x.dtype == DType::f64) &&
                          (s.inner > 1 || (!W.adaptive && (W.stride == 1 || W.stride == 2)));
  const MaxPoolArgs a{&s, x.data, y.data, places.data};
  parallel_for(s.outer * D.out * H.out, grain(W.out * s.inner * s.volume()),
               [&](std::int64_t begin, std::int64_t end) {
                 if (in_vectors) return k_max_pool_vectors.get()(x.dtype == DType::f32, bytes, a, begin, end);
                 with_numbers(x.dtype, [&]<class T>(T) {
                   bytes ? max_rows_plain<T, std::uint8_t>(s, x, y, places, begin, end)
                         : max_rows_plain<T, std::int32_t>(s, x, y, places, begin, end);
                 });
               });
}

void max_pool_backward(const PoolShape& s, const View& g, const View& places, const View& dx) {
  if (dx.numel == 0) return;
  const PoolAxis &D = s.axis[0], &H = s.axis[1];
  const bool f32 = dx.dtype == DType::f32;
  if (s.inner > 1) {
    const MaxPoolBackwardArgs a{&s, g.data, places.data, dx.data};
    parallel_for(s.outer * D.in * H.in, grain(s.axis[2].in * s.inner),
                 [&](std::int64_t begin, std::int64_t end) {
                   k_max_pool_backward_vectors.get()(f32, places.dtype == DType::u8, a, begin, end);
                 });
    return;
  }
  const auto planes = [&]<class T>(T) {
    with_places(places, [&](auto* p) {
      parallel_for(s.outer, grain(s.in_size()), [&](std::int64_t begin, std::int64_t end) {
        add_planes(s, g.as<const T>(), p, dx.as<T>(), begin, end);
      });
    });
  };
  f32 ? planes(float{}) : planes(double{});
}

bool places_inside(const PoolShape& s, const View& places) {
  return k_largest_place.get()(places.dtype == DType::u8, places.data, places.numel) < s.volume();
}

void max_pool_take(const PoolShape& s, const View& x, const View& places, const View& y) {
  if (y.numel == 0) return;
  const auto take = [&]<class T>(T) {
    each_place_in_parallel(s, places,
                           [from = x.as<const T>(), to = y.as<T>()](std::int64_t pooled, std::int64_t place) {
                             to[pooled] = place < 0 ? T{0} : from[place];
                           });
  };
  x.dtype == DType::f32 ? take(float{}) : take(double{});
}

void max_pool_indices(const PoolShape& s, const View& places, const View& indices) {
  if (indices.numel == 0) return;
  each_place_in_parallel(s, places,
                         [&s, to = indices.as<std::int64_t>()](std::int64_t pooled, std::int64_t place) {
                           to[pooled] = place / s.inner % s.in_size();
                         });
}

void avg_pool(const PoolShape& s, PoolDivisor divisor, const View& x, const View& y) {
  if (y.numel == 0) return;
  const AvgPoolArgs a{&s, divisor, x.data, y.data};
  parallel_for(s.outer * s.axis[0].out * s.axis[1].out, grain(s.axis[2].out * s.inner * s.volume()),
               [&](std::int64_t begin, std::int64_t end) {
                 k_avg_pool_rows.get()(x.dtype == DType::f32, a, begin, end);
               });
}

void avg_pool_backward(const PoolShape& s, PoolDivisor divisor, const View& g, const View& dx) {
  if (dx.numel == 0) return;
  const AvgPoolArgs a{&s, divisor, g.data, dx.data};
  parallel_for(s.outer * s.axis[0].in * s.axis[1].in, grain(s.axis[2].in * s.inner),
               [&](std::int64_t begin, std::int64_t end) {
                 k_avg_pool_backward_rows.get()(dx.dtype == DType::f32, a, begin, end);
               });
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
