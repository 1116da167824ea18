// The tiles of attention. Products are gemm's; what is between them runs row by row in vector code. A unit of
// work is a block of rows of one head (forward), or all of a kv head (backward). The order of additions is
// the same however the units are shared out.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/attention.cc"
#include "gradus/ops/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/gemm.h"
#include "gradus/ops/kernels/layout.h"
#include "gradus/ops/kernels/math-inl.h"
#include "gradus/ops/kernels/reduce-inl.h"

namespace gradus::kernels {

#ifndef GRADUS_ATTENTION_TILE
#define GRADUS_ATTENTION_TILE

// Scores s[rows][n], `ld` from row to row. Row r sees its first min(n, seen + r) columns. bias, unless null,
// is added to the scores, `bias_ld` from row to row.
template <class T>
struct ScoreTile {
  T* s;
  std::int64_t ld, rows, n, seen;
  const T* bias;
  std::int64_t bias_ld;
};

#endif

}  // namespace gradus::kernels

GRADUS_SIMD_BEGIN

template <class T, class F>
HWY_INLINE void each_vector(std::int64_t n, F f) {
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    f(
        i, [d](const T* p) HWY_ATTR { return hn::LoadU(d, p); },
        [d](hn::Vec<decltype(d)> v, T* p) HWY_ATTR { hn::StoreU(v, d, p); },
        [](hn::Vec<decltype(d)> v) HWY_ATTR { return v; });
  }
  if (i < n) {
    const std::size_t rest = static_cast<std::size_t>(n - i);
    f(
        i, [d, rest](const T* p) HWY_ATTR { return load_first(d, p, rest); },
        [d, rest](hn::Vec<decltype(d)> v, T* p) HWY_ATTR { store_first(v, d, p, rest); },
        [d, rest](hn::Vec<decltype(d)> v) HWY_ATTR { return hn::IfThenElseZero(hn::FirstN(d, rest), v); });
  }
}

template <class T>
HWY_INLINE std::int64_t width(const ScoreTile<T>& t, std::int64_t r) {
  return std::clamp<std::int64_t>(t.seen + r, 0, t.n);
}

// s = exp(s - m) with the maximum m of the row so far, which moves up from most[r]; sum[r] and the factor of
// what was summed before follow.
template <class T>
void softmax_tile(const ScoreTile<T>& t, T* most, T* sum, T* factor) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr T kInf = std::numeric_limits<T>::infinity();
  for (std::int64_t r = 0; r < t.rows; ++r) {
    T* s = t.s + r * t.ld;
    const std::int64_t n = width(t, r);
    std::fill(s + n, s + t.n, T{0});
    if (t.bias != nullptr) {
      const T* bias = t.bias + r * t.bias_ld;
      each_vector<T>(n, [&](std::int64_t i, auto load, auto store, auto)
                            HWY_ATTR { store(hn::Add(load(s + i), load(bias + i)), s + i); });
    }
    const T now = MaxOp::merge(n == 0 ? -kInf : reduce_contiguous<MaxOp, T>(s, n), most[r]);
    if (now == -kInf) {  // nothing seen yet
      std::fill(s, s + n, T{0});
      factor[r] = 1;
      continue;
    }
    const V m = hn::Set(d, now);
    // Two chains of exponentials and additions: one would wait for itself.
    V total0 = hn::Zero(d), total1 = hn::Zero(d);
    const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
    std::int64_t done = 0;
    for (; done + 2 * lanes <= n; done += 2 * lanes) {
      const V e0 = math::Exp(d, hn::Sub(hn::LoadU(d, s + done), m));
      const V e1 = math::Exp(d, hn::Sub(hn::LoadU(d, s + done + lanes), m));
      hn::StoreU(e0, d, s + done);
      hn::StoreU(e1, d, s + done + lanes);
      total0 = hn::Add(total0, e0);
      total1 = hn::Add(total1, e1);
    }
    each_vector<T>(n - done, [&](std::int64_t i, auto load, auto store, auto first) HWY_ATTR {
      const V e = math::Exp(d, hn::Sub(load(s + done + i), m));
      store(e, s + done + i);
      total0 = hn::Add(total0, first(e));
    });
    factor[r] = std::exp(most[r] - now);
    sum[r] = sum[r] * factor[r] + merge_lanes<SumOp>(d, hn::Add(total0, total1));
    most[r] = now;
  }
}

// y[r][..n] *= factor[r]
template <class T>
void scale_rows(T* y, std::int64_t ld, std::int64_t rows, std::int64_t n, const T* factor) {
  const hn::ScalableTag<T> d;
  for (std::int64_t r = 0; r < rows; ++r) {
    if (factor[r] == 1) continue;
    const auto f = hn::Set(d, factor[r]);
    T* to = y + r * ld;
    each_vector<T>(n, [&](std::int64_t i, auto load, auto store, auto)
                          HWY_ATTR { store(hn::Mul(load(to + i), f), to + i); });
  }
}

// From scores s and the cotangents u of the dropped probabilities (u has s's shape): with p = exp(s - lse), u
// becomes p (keep u - delta) and s becomes keep p. keep, unless null, has s's shape too.
template <class T>
void gradient_tile(const ScoreTile<T>& t, T* u, const T* keep, const T* lse, const T* delta) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  for (std::int64_t r = 0; r < t.rows; ++r) {
    T* s = t.s + r * t.ld;
    T* to = u + r * t.ld;
    const T* kept = keep + (keep != nullptr ? r * t.ld : 0);
    const T* bias = t.bias + (t.bias != nullptr ? r * t.bias_ld : 0);
    const std::int64_t n = width(t, r);
    std::fill(s + n, s + t.n, T{0});
    std::fill(to + n, to + t.n, T{0});
    const V l = hn::Set(d, lse[r]), mean = hn::Set(d, delta[r]);
    each_vector<T>(n, [&](std::int64_t i, auto load, auto store, auto) HWY_ATTR {
      V x = load(s + i);
      if (bias != nullptr) x = hn::Add(x, load(bias + i));
      V p = math::Exp(d, hn::Sub(x, l));
      V g = load(to + i);
      if (keep != nullptr) {
        const V z = load(kept + i);
        g = hn::Mul(g, z);
        store(hn::Mul(p, z), s + i);
      } else {
        store(p, s + i);
      }
      store(hn::Mul(p, hn::Sub(g, mean)), to + i);
    });
  }
}

void softmax_tile_f32(const ScoreTile<float>& t, float* most, float* sum, float* factor) {
  softmax_tile(t, most, sum, factor);
}
void softmax_tile_f64(const ScoreTile<double>& t, double* most, double* sum, double* factor) {
  softmax_tile(t, most, sum, factor);
}
void scale_rows_f32(float* y, std::int64_t ld, std::int64_t rows, std::int64_t n, const float* factor) {
  scale_rows(y, ld, rows, n, factor);
}
void scale_rows_f64(double* y, std::int64_t ld, std::int64_t rows, std::int64_t n, const double* factor) {
  scale_rows(y, ld, rows, n, factor);
}
void gradient_tile_f32(const ScoreTile<float>& t, float* u, const float* keep, const float* lse,
                       const float* delta) {
  gradient_tile(t, u, keep, lse, delta);
}
void gradient_tile_f64(const ScoreTile<double>& t, double* u, const double* keep, const double* lse,
                       const double* delta) {
  gradient_tile(t, u, keep, lse, delta);
}

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(softmax_tile_f32);
GRADUS_EXPORT(softmax_tile_f64);
GRADUS_EXPORT(scale_rows_f32);
GRADUS_EXPORT(scale_rows_f64);
GRADUS_EXPORT(gradient_tile_f32);
GRADUS_EXPORT(gradient_tile_f64);

// The loops of one dtype.
template <class T>
struct Loops;
template <>
struct Loops<float> {
  static auto softmax() { return k_softmax_tile_f32.get(); }
  static auto scale() { return k_scale_rows_f32.get(); }
  static auto gradient() { return k_gradient_tile_f32.get(); }
};
template <>
struct Loops<double> {
  static auto softmax() { return k_softmax_tile_f64.get(); }
  static auto scale() { return k_scale_rows_f64.get(); }
  static auto gradient() { return k_gradient_tile_f64.get(); }
};

// Tiles of 96 KiB: two of them and the rows that they meet fit the second-level cache, and a thread's stack
// has room for them, so that nothing is allocated. More rows make less of packing the other operand of a
// product, fewer leave out more of what a causal mask hides.
constexpr std::int64_t kRows = 96;
template <class T>
constexpr std::int64_t kColumns = 1024 / sizeof(T);

template <class T>
struct alignas(64) Tile {
  T at[kRows * kColumns<T>];  // NOLINT: written before it is read
};

// The rows of one array: how far apart they are, and where those of a head begin.
template <class T>
struct Rows {
  explicit Rows(const View& v) : view(v) {
    const int r = v.rank;
    ld = v.strides != nullptr ? v.strides[r - 2] : v.dims[r - 1];
    each = v.dims[r - 2] * v.dims[r - 1];
    // A single row may have any stride; gemm wants one that rows could have.
    if (v.dims[r - 2] <= 1) ld = std::max<std::int64_t>(v.dims[r - 1], 1);
  }
  T* head(std::int64_t h) const {
    T* data = static_cast<T*>(view.data);
    if (view.strides == nullptr) return data + h * each;
    std::int64_t at = 0;
    for (int i = view.rank - 3; i >= 0; --i) {
      at += h % view.dims[i] * view.strides[i];
      h /= view.dims[i];
    }
    return data + at;
  }
  View view;
  std::int64_t ld, each;
};

template <class T>
class Worker {
 public:
  explicit Worker(const Attention& a)
      : a_(a),
        q_(a.q),
        k_(a.k),
        v_(a.v),
        rows_(a.q.dims[a.q.rank - 2]),
        columns_(a.k.dims[a.k.rank - 2]),
        e_(a.q.dims[a.q.rank - 1]),
        ev_(a.v.dims[a.v.rank - 1]) {
    heads_ = 1;
    for (int i = 0; i < a.q.rank - 2; ++i) heads_ *= a.q.dims[i];
    const bool has_heads = a.q.rank > 2;
    heads_of_one_ = has_heads ? a.q.dims[a.q.rank - 3] : 1;
    kv_heads_of_one_ = has_heads ? a.k.dims[a.k.rank - 3] : 1;
    group_ = kv_heads_of_one_ == 0 ? 1 : std::max<std::int64_t>(1, heads_of_one_ / kv_heads_of_one_);
    kv_heads_ = heads_ / group_;
    if (a.mask.data != nullptr) {
      std::int64_t dims[kMaxRank];
      std::copy_n(a.q.dims, a.q.rank, dims);
      dims[a.q.rank - 1] = columns_;
      std::copy_n(dims, a.q.rank, mask_dims_);
      mask_ = broadcast_view(a.mask, mask_dims_, a.q.rank, 0, mask_strides_);
    }
  }

  std::int64_t row_blocks() const { return (rows_ + kRows - 1) / kRows; }
  std::int64_t column_blocks() const { return (columns_ + kColumns<T> - 1) / kColumns<T>; }
  std::int64_t heads() const { return heads_; }
  std::int64_t kv_heads() const { return kv_heads_; }
  std::int64_t group() const { return group_; }
  std::int64_t kv_of(std::int64_t head) const {
    return head / heads_of_one_ * kv_heads_of_one_ + head % heads_of_one_ / group_;
  }
  // The i-th head that reads kv head `kv`.
  std::int64_t head_of(std::int64_t kv, std::int64_t i) const {
    return kv / kv_heads_of_one_ * heads_of_one_ + kv % kv_heads_of_one_ * group_ + i;
  }

  void forward(std::int64_t head, std::int64_t block, const Rows<T>& out, T* lse) const {
    Tile<T> scores;
    const std::int64_t i0 = block * kRows, rows = std::min(kRows, rows_ - i0);
    const std::int64_t end = a_.causal ? std::min(columns_, i0 + rows) : columns_;
    T most[kRows], sum[kRows], factor[kRows];
    std::fill_n(most, rows, -std::numeric_limits<T>::infinity());
    std::fill_n(sum, rows, T{0});
    T* to = out.head(head) + i0 * out.ld;
    const std::int64_t kv = kv_of(head);
    for (std::int64_t j0 = 0; j0 < end; j0 += kColumns<T>) {
      const std::int64_t n = std::min(kColumns<T>, end - j0);
      compute(scores.at, q_, head, i0, rows, k_, kv, j0, n, e_, a_.scale);
      with_bias(head, i0, rows, j0, n, [&](const T* bias, std::int64_t bias_ld) {
        Loops<T>::softmax()({scores.at, kColumns<T>, rows, n, seen(i0, j0), bias, bias_ld}, most, sum,
                            factor);
      });
      if (a_.dropout_p > 0) drop(head, i0, rows, j0, n, scores.at);
      if (j0 > 0) Loops<T>::scale()(to, out.ld, rows, ev_, factor);
      gemm(dtype_of<T>, false, false, rows, ev_, n, 1.0, scores.at, kColumns<T>, v_.head(kv) + j0 * v_.ld,
           v_.ld, j0 > 0 ? 1.0 : 0.0, to, out.ld);
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      factor[r] = 1 / sum[r];
      lse[head * rows_ + i0 + r] =
          sum[r] == 0 ? std::numeric_limits<T>::infinity() : most[r] + std::log(sum[r]);
      // Hidden columns may hold infinities, times which 0 is no 0.
      if (sum[r] == 0) {
        factor[r] = 1;
        std::fill_n(to + r * out.ld, ev_, T{0});
      }
    }
    Loops<T>::scale()(to, out.ld, rows, ev_, factor);
  }

  struct Backward {
    Rows<T> g, dq, dk, dv;
    const T *lse, *delta;
    T* dscores;
  };

  // The tile of a block of rows and a block of columns: adds to dq, which the first block of columns sets, or
  // to dk and dv, or to all three.
  void backward(const Backward& b, std::int64_t head, std::int64_t i_block, std::int64_t j_block,
                bool rows_wanted, bool columns_wanted) const {
    Tile<T> scores, cotangents;
    const std::int64_t i0 = i_block * kRows, rows = std::min(kRows, rows_ - i0);
    const std::int64_t j0 = j_block * kColumns<T>;
    const std::int64_t end = a_.causal ? std::min(columns_, i0 + rows) : columns_;
    const std::int64_t n = std::min(kColumns<T>, end - j0), kv = kv_of(head), ld = kColumns<T>;
    T *s = scores.at, *u = cotangents.at;
    compute(s, q_, head, i0, rows, k_, kv, j0, n, e_, a_.scale);
    compute(u, b.g, head, i0, rows, v_, kv, j0, n, ev_, 1.0);
    const T* lse = b.lse + head * rows_ + i0;
    const T* delta = b.delta + head * rows_ + i0;
    with_bias(head, i0, rows, j0, n, [&](const T* bias, std::int64_t bias_ld) {
      const ScoreTile<T> tile{s, ld, rows, n, seen(i0, j0), bias, bias_ld};
      if (a_.dropout_p > 0) {
        Tile<T> keep;
        for (std::int64_t r = 0; r < rows; ++r) std::fill_n(keep.at + r * ld, n, T{1});
        drop(head, i0, rows, j0, n, keep.at);
        Loops<T>::gradient()(tile, u, keep.at, lse, delta);
      } else {
        Loops<T>::gradient()(tile, u, nullptr, lse, delta);
      }
    });
    const T* g = b.g.head(head) + i0 * b.g.ld;
    if (columns_wanted) {
      gemm(dtype_of<T>, true, false, n, ev_, rows, 1.0, s, ld, g, b.g.ld, 1.0, b.dv.head(kv) + j0 * b.dv.ld,
           b.dv.ld);
      gemm(dtype_of<T>, true, false, n, e_, rows, a_.scale, u, ld, q_.head(head) + i0 * q_.ld, q_.ld, 1.0,
           b.dk.head(kv) + j0 * b.dk.ld, b.dk.ld);
    }
    if (!rows_wanted) return;
    gemm(dtype_of<T>, false, false, rows, e_, n, a_.scale, u, ld, k_.head(kv) + j0 * k_.ld, k_.ld,
         j_block == 0 ? 0.0 : 1.0, b.dq.head(head) + i0 * b.dq.ld, b.dq.ld);
    if (b.dscores == nullptr) return;
    for (std::int64_t r = 0; r < rows; ++r) {
      T* to = b.dscores + (head * rows_ + i0 + r) * columns_ + j0;
      std::copy_n(u + r * ld, n, to);
    }
  }

  // Column blocks that a block of rows sees, and the first block of rows that sees a block of columns.
  std::int64_t columns_seen(std::int64_t i_block) const {
    if (!a_.causal) return column_blocks();
    const std::int64_t end = std::min(columns_, std::min(rows_, (i_block + 1) * kRows));
    return (end + kColumns<T> - 1) / kColumns<T>;
  }
  std::int64_t first_row_block(std::int64_t j_block) const {
    return a_.causal ? j_block * kColumns<T> / kRows : 0;
  }

  // Blocks of rows see different parts of a block of columns, so their sums begin with zeros.
  void clear_columns(const Backward& b, std::int64_t kv, std::int64_t j_block) const {
    const std::int64_t end = std::min(columns_, (j_block + 1) * kColumns<T>);
    for (std::int64_t j = j_block * kColumns<T>; j < end; ++j) {
      std::fill_n(b.dk.head(kv) + j * b.dk.ld, e_, T{0});
      std::fill_n(b.dv.head(kv) + j * b.dv.ld, ev_, T{0});
    }
  }
  void clear_rows(const Backward& b, std::int64_t head) const {
    for (std::int64_t i = 0; i < rows_; ++i) std::fill_n(b.dq.head(head) + i * b.dq.ld, e_, T{0});
  }

 private:
  std::int64_t seen(std::int64_t i0, std::int64_t j0) const {
    return a_.causal ? i0 + 1 - j0 : std::numeric_limits<std::int64_t>::max() / 2;
  }

  // tile = scale x[rows i0..] y[rows j0..]^T
  static void compute(T* tile, const Rows<T>& x, std::int64_t head, std::int64_t i0, std::int64_t rows,
                      const Rows<T>& y, std::int64_t kv, std::int64_t j0, std::int64_t n, std::int64_t inner,
                      double scale) {
    gemm(dtype_of<T>, false, true, rows, n, inner, scale, x.head(head) + i0 * x.ld, x.ld,
         y.head(kv) + j0 * y.ld, y.ld, 0.0, tile, kColumns<T>);
  }

  // f(bias, distance of its rows): the mask of a tile as numbers that are added to the scores.
  template <class F>
  void with_bias(std::int64_t head, std::int64_t i0, std::int64_t rows, std::int64_t j0, std::int64_t n,
                 F f) const {
    if (a_.mask.data == nullptr) return f(nullptr, 0);
    const int rank = mask_.rank;
    std::int64_t at = 0, h = head;
    for (int i = rank - 3; i >= 0; --i) {
      at += h % mask_.dims[i] * mask_.strides[i];
      h /= mask_.dims[i];
    }
    const std::int64_t row = mask_.strides[rank - 2], column = mask_.strides[rank - 1];
    at += i0 * row + j0 * column;
    const bool hides = mask_.dtype == DType::boolean;
    if (!hides && column == 1) return f(static_cast<const T*>(mask_.data) + at, row);
    Tile<T> bias;
    const std::int64_t different = row == 0 ? 1 : rows;
    for (std::int64_t r = 0; r < different; ++r) {
      T* to = bias.at + r * kColumns<T>;
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int64_t k = at + r * row + j * column;
        to[j] = !hides                                                 ? static_cast<const T*>(mask_.data)[k]
                : static_cast<const std::uint8_t*>(mask_.data)[k] != 0 ? T{0}
                                                                       : -std::numeric_limits<T>::infinity();
      }
    }
    f(bias.at, row == 0 ? 0 : kColumns<T>);
  }

  // Zero with probability p, otherwise divided by 1 - p, as dropout() has it.
  void drop(std::int64_t head, std::int64_t i0, std::int64_t rows, std::int64_t j0, std::int64_t n,
            T* tile) const {
    const auto threshold = static_cast<std::uint32_t>(std::min(a_.dropout_p * 0x1p32, 0x1p32 - 1));
    const T scale = static_cast<T>(1 / (1 - a_.dropout_p));
    std::uint32_t words[kColumns<T>];
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t first = (head * rows_ + i0 + r) * columns_ + j0;
      fill_words(a_.stream, static_cast<std::uint64_t>(first), std::span(words, static_cast<std::size_t>(n)));
      T* to = tile + r * kColumns<T>;
      for (std::int64_t j = 0; j < n; ++j) to[j] = words[j] >= threshold ? to[j] * scale : T{0};
    }
  }

  const Attention& a_;
  Rows<T> q_, k_, v_;
  std::int64_t rows_, columns_, e_, ev_;
  std::int64_t heads_, kv_heads_, heads_of_one_, kv_heads_of_one_, group_;
  View mask_;
  std::int64_t mask_dims_[kMaxRank], mask_strides_[kMaxRank];
};

// With a causal mask later blocks have more to do: the first and the last ones in turns, so that neighbours
// share the work evenly.
std::int64_t folded(std::int64_t i, std::int64_t n) { return i % 2 == 0 ? i / 2 : n - 1 - i / 2; }

template <class T>
void forward(const Attention& a, const View& out_view, const View& lse) {
  const Worker<T> w(a);
  const Rows<T> out(out_view);
  const std::int64_t blocks = w.row_blocks();
  parallel_for(w.heads() * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u)
      w.forward(u / blocks, folded(u % blocks, blocks), out, lse.as<T>());
  });
}

template <class T>
void backward(const Attention& a, const View& g, const View& lse, const View& delta, const View& dq,
              const View& dk, const View& dv, const View& dscores) {
  const Worker<T> w(a);
  const typename Worker<T>::Backward b{Rows<T>(g),
                                       Rows<T>(dq),
                                       Rows<T>(dk),
                                       Rows<T>(dv),
                                       lse.as<const T>(),
                                       delta.as<const T>(),
                                       static_cast<T*>(dscores.data)};
  if (dscores.data != nullptr) std::fill_n(b.dscores, dscores.numel, T{0});
  const std::int64_t row_blocks = w.row_blocks(), column_blocks = w.column_blocks();
  if (column_blocks == 0) {
    for (std::int64_t h = 0; h < w.heads(); ++h) w.clear_rows(b, h);
    return;
  }
  // All of a block of columns of one kv head; with `rows_wanted` its part of dq too.
  const auto columns = [&](std::int64_t kv, std::int64_t j, bool rows_wanted) {
    w.clear_columns(b, kv, j);
    for (std::int64_t i = 0; i < w.group(); ++i) {
      for (std::int64_t r = w.first_row_block(j); r < row_blocks; ++r)
        w.backward(b, w.head_of(kv, i), r, j, rows_wanted, true);
    }
  };
  if (w.kv_heads() >= threads()) {
    parallel_for(w.kv_heads(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t kv = begin; kv < end; ++kv) {
        for (std::int64_t j = 0; j < column_blocks; ++j) columns(kv, j, true);
      }
    });
    return;
  }
  // Fewer heads than threads: rows and columns are shared out one after the other, at the price of computing
  // each tile twice.
  parallel_for(w.heads() * row_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u) {
      const std::int64_t r = folded(u % row_blocks, row_blocks);
      for (std::int64_t j = 0; j < w.columns_seen(r); ++j) w.backward(b, u / row_blocks, r, j, true, false);
    }
  });
  parallel_for(w.kv_heads() * column_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u)
      columns(u / column_blocks, folded(u % column_blocks, column_blocks), false);
  });
}

}  // namespace

bool attention_reads(const std::int64_t* dims, const std::int64_t* strides, int rank) {
  if (strides == nullptr) return true;
  const std::int64_t rows = dims[rank - 2], n = dims[rank - 1];
  return (n <= 1 || strides[rank - 1] == 1) && (rows <= 1 || strides[rank - 2] >= n);
}

void attention(const Attention& a, const View& out, const View& lse) {
  a.q.dtype == DType::f32 ? forward<float>(a, out, lse) : forward<double>(a, out, lse);
}

void attention_backward(const Attention& a, const View& g, const View& lse, const View& delta, const View& dq,
                        const View& dk, const View& dv, const View& dscores) {
  a.q.dtype == DType::f32 ? backward<float>(a, g, lse, delta, dq, dk, dv, dscores)
                          : backward<double>(a, g, lse, delta, dq, dk, dv, dscores);
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
