// Normalisation by channels, for both orders of memory. Where channels are not last, a channel of a sample is
// one run of memory; the runs that share a statistic are read, and then written, while they are in the
// cache. Where channels are last, rows of all channels are read in blocks that fit the first-level cache.
// Mean and sum of squared deviations of a block are taken in two passes over it, and blocks are put together
// in f64: T. Chan, G. Golub, R. LeVeque, "Algorithms for computing the sample variance" (1983), formula 2.1.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/channel_norm.cc"
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/norm.h"
#include "gradus/ops/kernels/reduce-inl.h"

namespace gradus::kernels {

#ifndef GRADUS_CHANNEL_NORM_MOMENTS
#define GRADUS_CHANNEL_NORM_MOMENTS

// Of one channel of one sample (a cell): `mean` and sum of squared deviations; in the backward the sum of g
// and that of g (x - mean).
struct Moments {
  double first = 0, second = 0;
};

// The loops of one instruction set. run_*: over one run of memory; rows_*: over rows of all channels.
template <class T>
struct ChannelTable {
  Moments (*run_moments)(const T*, std::int64_t);
  Moments (*run_dots)(const T*, const T*, std::int64_t, T);
  void (*run_affine)(const T*, std::int64_t, T, T, T, T*);
  void (*run_gradient)(const T*, const T*, std::int64_t, T, T, T, T, T*);
  void (*rows_moments)(const T*, std::int64_t, std::int64_t, T*, T*, T*);
  void (*rows_dots)(const T*, const T*, std::int64_t, std::int64_t, const T*, T*, T*);
  void (*rows_affine)(const T*, std::int64_t, std::int64_t, const T*, const T*, const T*, T*);
  void (*rows_gradient)(const T*, const T*, std::int64_t, std::int64_t, const T*, const T*, const T*,
                        const T*, T*);
};

#endif

}  // namespace gradus::kernels

GRADUS_SIMD_BEGIN

constexpr std::int64_t kRun = 4096;  // elements of a run that stay in the first-level cache

// f(i, load, store) for whole vectors of [0, n) and for the rest.
template <class T, class F>
HWY_INLINE void each_vector(std::int64_t n, F f) {
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
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

// The sums of d = x - mean and of d^2 over a run. The first one is what the mean lost in rounding.
template <class T>
HWY_INLINE Moments run_deviations(const T* x, std::int64_t n, T mean) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const V m = hn::Set(d, mean);
  V sum0 = hn::Zero(d), sum1 = sum0, square0 = sum0, square1 = sum0;
  std::int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const V a = hn::Sub(hn::LoadU(d, x + i), m), b = hn::Sub(hn::LoadU(d, x + i + lanes), m);
    sum0 = hn::Add(sum0, a);
    sum1 = hn::Add(sum1, b);
    square0 = hn::MulAdd(a, a, square0);
    square1 = hn::MulAdd(b, b, square1);
  }
  for (; i < n; i += lanes) {
    const std::size_t count = static_cast<std::size_t>(std::min(lanes, n - i));
    V a = hn::Sub(count == hn::Lanes(d) ? hn::LoadU(d, x + i) : load_first(d, x + i, count), m);
    a = hn::IfThenElseZero(hn::FirstN(d, count), a);
    sum0 = hn::Add(sum0, a);
    square0 = hn::MulAdd(a, a, square0);
  }
  return {static_cast<double>(merge_lanes<SumOp>(d, hn::Add(sum0, sum1))),
          static_cast<double>(merge_lanes<SumOp>(d, hn::Add(square0, square1)))};
}

template <class T>
Moments run_moments(const T* x, std::int64_t n) {
  Moments all;
  for (std::int64_t i = 0; i < n; i += kRun) {
    const std::int64_t count = std::min(kRun, n - i);
    const double size = static_cast<double>(count), before = static_cast<double>(i);
    const T rounded = reduce_contiguous<SumOp, T>(x + i, count) / static_cast<T>(count);
    const Moments rest = run_deviations(x + i, count, rounded);
    const double mean = static_cast<double>(rounded) + rest.first / size;
    const double squares = rest.second - rest.first * rest.first / size;
    const double delta = mean - all.first;
    all.first += delta * size / (before + size);
    all.second += squares + delta * delta * before * size / (before + size);
  }
  return all;
}

template <class T>
Moments run_dots(const T* g, const T* x, std::int64_t n, T mean) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const V m = hn::Set(d, mean);
  Moments all;
  for (std::int64_t b = 0; b < n; b += kRun) {
    const std::int64_t stop = std::min(n, b + kRun);
    V sum[2] = {hn::Zero(d), hn::Zero(d)}, dot[2] = {hn::Zero(d), hn::Zero(d)};
    std::int64_t i = b;
    for (; i + 2 * lanes <= stop; i += 2 * lanes) {
      const V g0 = hn::LoadU(d, g + i), g1 = hn::LoadU(d, g + i + lanes);
      sum[0] = hn::Add(sum[0], g0);
      sum[1] = hn::Add(sum[1], g1);
      dot[0] = hn::MulAdd(g0, hn::Sub(hn::LoadU(d, x + i), m), dot[0]);
      dot[1] = hn::MulAdd(g1, hn::Sub(hn::LoadU(d, x + i + lanes), m), dot[1]);
    }
    each_vector<T>(stop - i, [&](std::int64_t k, auto load, auto) HWY_ATTR {
      const V gi = load(g + i + k);
      sum[0] = hn::Add(sum[0], gi);
      dot[0] = hn::MulAdd(gi, hn::Sub(load(x + i + k), m), dot[0]);  // g is 0 behind the run
    });
    all.first += static_cast<double>(merge_lanes<SumOp>(d, hn::Add(sum[0], sum[1])));
    all.second += static_cast<double>(merge_lanes<SumOp>(d, hn::Add(dot[0], dot[1])));
  }
  return all;
}

// y = (x - m) * a + b
template <class T>
void run_affine(const T* x, std::int64_t n, T mean, T scale, T shift, T* y) {
  const hn::ScalableTag<T> d;
  const auto m = hn::Set(d, mean), a = hn::Set(d, scale), b = hn::Set(d, shift);
  each_vector<T>(n, [&](std::int64_t i, auto load, auto store)
                        HWY_ATTR { store(hn::MulAdd(hn::Sub(load(x + i), m), a, b), y + i); });
}

// dx = g * a + (x - m) * b + c
template <class T>
void run_gradient(const T* g, const T* x, std::int64_t n, T mean, T by_g, T by_x, T shift, T* dx) {
  const hn::ScalableTag<T> d;
  const auto m = hn::Set(d, mean), a = hn::Set(d, by_g), b = hn::Set(d, by_x), c = hn::Set(d, shift);
  each_vector<T>(n, [&](std::int64_t i, auto load, auto store) HWY_ATTR {
    store(hn::MulAdd(load(g + i), a, hn::MulAdd(hn::Sub(load(x + i), m), b, c)), dx + i);
  });
}

// f(row, number of rows, a constant) for a few rows at a time: what goes over all their columns before the
// next rows reads memory nearly in order, so that the processor fetches it ahead.
template <class F>
HWY_INLINE void by_few_rows(std::int64_t rows, F f) {
  constexpr std::int64_t kFew = 4;
  std::int64_t r = 0;
  for (; r + kFew <= rows; r += kFew) f(r, std::integral_constant<int, kFew>());
  for (; r < rows; ++r) f(r, std::integral_constant<int, 1>());
}

// Of each of c columns: the mean, rounded; the sums of d = x - mean and of d^2. The results have room for
// whole vectors.
template <class T>
void rows_moments(const T* x, std::int64_t rows, std::int64_t c, T* mean, T* sums, T* squares) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::fill_n(mean, (c + lanes - 1) / lanes * lanes, T{0});
  by_few_rows(rows, [&](std::int64_t r, auto few) HWY_ATTR {
    each_vector<T>(c, [&](std::int64_t j, auto load, auto) HWY_ATTR {
      V s = hn::LoadU(d, mean + j);
#pragma GCC unroll 4
      for (int q = 0; q < decltype(few)::value; ++q) s = hn::Add(s, load(x + (r + q) * c + j));
      hn::StoreU(s, d, mean + j);
    });
  });
  for (std::int64_t j = 0; j < c; ++j) mean[j] /= static_cast<T>(rows);
  // The block is in the first-level cache.
  std::int64_t j = 0;
  for (; j + 2 * lanes <= c; j += 2 * lanes) {
    V s0 = hn::Zero(d), s1 = s0, q0 = s0, q1 = s0;
    const V m0 = hn::LoadU(d, mean + j), m1 = hn::LoadU(d, mean + j + lanes);
    for (std::int64_t r = 0; r < rows; ++r) {
      const T* at = x + r * c + j;
      const V a = hn::Sub(hn::LoadU(d, at), m0), b = hn::Sub(hn::LoadU(d, at + lanes), m1);
      s0 = hn::Add(s0, a);
      s1 = hn::Add(s1, b);
      q0 = hn::MulAdd(a, a, q0);
      q1 = hn::MulAdd(b, b, q1);
    }
    hn::StoreU(s0, d, sums + j);
    hn::StoreU(s1, d, sums + j + lanes);
    hn::StoreU(q0, d, squares + j);
    hn::StoreU(q1, d, squares + j + lanes);
  }
  each_vector<T>(c - j, [&](std::int64_t k, auto load, auto store) HWY_ATTR {
    V s = hn::Zero(d), q = s;
    const V m = load(mean + j + k);
    for (std::int64_t r = 0; r < rows; ++r) {
      const V a = hn::Sub(load(x + r * c + j + k), m);
      s = hn::Add(s, a);
      q = hn::MulAdd(a, a, q);
    }
    store(s, sums + j + k);
    store(q, squares + j + k);
  });
}

// The sums of g and of g (x - mean) of each column. The results have room for whole vectors.
template <class T>
void rows_dots(const T* g, const T* x, std::int64_t rows, std::int64_t c, const T* mean, T* sums, T* dots) {
  using V = hn::Vec<hn::ScalableTag<T>>;
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d)), width = (c + lanes - 1) / lanes * lanes;
  std::fill_n(sums, width, T{0});
  std::fill_n(dots, width, T{0});
  by_few_rows(rows, [&](std::int64_t r, auto few) HWY_ATTR {
    each_vector<T>(c, [&](std::int64_t j, auto load, auto) HWY_ATTR {
      V s = hn::LoadU(d, sums + j), dot = hn::LoadU(d, dots + j);
      const V m = load(mean + j);
#pragma GCC unroll 4
      for (int q = 0; q < decltype(few)::value; ++q) {
        const V gi = load(g + (r + q) * c + j);
        s = hn::Add(s, gi);
        dot = hn::MulAdd(gi, hn::Sub(load(x + (r + q) * c + j), m), dot);
      }
      hn::StoreU(s, d, sums + j);
      hn::StoreU(dot, d, dots + j);
    });
  });
}

template <class T>
void rows_affine(const T* x, std::int64_t rows, std::int64_t c, const T* mean, const T* scale, const T* shift,
                 T* y) {
  by_few_rows(rows, [&](std::int64_t r, auto few) HWY_ATTR {
    each_vector<T>(c, [&](std::int64_t j, auto load, auto store) HWY_ATTR {
      const auto m = load(mean + j), a = load(scale + j), b = load(shift + j);
#pragma GCC unroll 4
      for (int q = 0; q < decltype(few)::value; ++q) {
        const std::int64_t at = (r + q) * c + j;
        store(hn::MulAdd(hn::Sub(load(x + at), m), a, b), y + at);
      }
    });
  });
}

template <class T>
void rows_gradient(const T* g, const T* x, std::int64_t rows, std::int64_t c, const T* mean, const T* by_g,
                   const T* by_x, const T* shift, T* dx) {
  by_few_rows(rows, [&](std::int64_t r, auto few) HWY_ATTR {
    each_vector<T>(c, [&](std::int64_t j, auto load, auto store) HWY_ATTR {
      const auto m = load(mean + j), by = load(by_g + j), slope = load(by_x + j), b = load(shift + j);
#pragma GCC unroll 4
      for (int q = 0; q < decltype(few)::value; ++q) {
        const std::int64_t at = (r + q) * c + j;
        store(hn::MulAdd(load(g + at), by, hn::MulAdd(hn::Sub(load(x + at), m), slope, b)), dx + at);
      }
    });
  });
}

template <class T>
constexpr ChannelTable<T> kChannelTable = {run_moments<T>,  run_dots<T>,  run_affine<T>,  run_gradient<T>,
                                           rows_moments<T>, rows_dots<T>, rows_affine<T>, rows_gradient<T>};

const ChannelTable<float>* channel_table_f32() { return &kChannelTable<float>; }
const ChannelTable<double>* channel_table_f64() { return &kChannelTable<double>; }

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(channel_table_f32);
GRADUS_EXPORT(channel_table_f64);

constexpr std::int64_t kGrain = 32 * 1024;       // elements a thread
constexpr std::int64_t kBlockBytes = 16 * 1024;  // of a block of rows
constexpr std::int64_t kBlockSums = 3;           // arrays that a block of rows leaves
constexpr std::int64_t kLeastRows = 16;          // a block's sums are small beside it

std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

// Where things lie, and the order in which they are walked.
struct Plan {
  explicit Plan(const ChannelNorm& p)
      : size(static_cast<std::int64_t>(size_of(p.dtype))),
        cells(p.samples * p.channels),
        owners(p.groups == 0 ? p.channels : p.samples * p.groups),
        params(p.groups == 0 ? p.channels : cells) {
    if (!p.last) return;
    rows = std::max(kLeastRows, kBlockBytes / std::max<std::int64_t>(1, p.channels * size));
    blocks = (p.inner + rows - 1) / rows;
    width = static_cast<std::int64_t>(aligned(static_cast<std::size_t>(p.channels * size))) / size;
  }

  std::int64_t size, cells, owners, params;
  std::int64_t rows = 0, blocks = 0, width = 0;  // of blocks of rows, a sample; elements of a block's sums

  std::size_t bytes(const ChannelNorm& p) const {
    return aligned(static_cast<std::size_t>(cells) * sizeof(Moments)) +
           4 * aligned(static_cast<std::size_t>(params * size)) +
           aligned(static_cast<std::size_t>(p.samples * blocks * kBlockSums * width * size));
  }
};

template <class T>
struct Channels {
  Channels(const ChannelNorm& norm, const ChannelTable<T>* loops, void* scratch)
      : p(norm), plan(norm), table(loops) {
    auto* at = static_cast<std::byte*>(scratch);
    cells = reinterpret_cast<Moments*>(at);
    at += aligned(static_cast<std::size_t>(plan.cells) * sizeof(Moments));
    for (T** array : {&mean, &a, &b, &c}) {
      *array = reinterpret_cast<T*>(at);
      at += aligned(static_cast<std::size_t>(plan.params * plan.size));
    }
    sums = reinterpret_cast<T*>(at);
  }

  const ChannelNorm& p;
  Plan plan;
  const ChannelTable<T>* table;
  Moments* cells;
  T *mean, *a, *b, *c;  // what the last pass reads, one a channel, or one a channel and sample
  T* sums;              // of blocks of rows

  std::int64_t param(std::int64_t cell) const { return p.groups == 0 ? cell % p.channels : cell; }
  std::int64_t per_group() const { return p.channels / p.groups; }
  std::int64_t owner(std::int64_t cell) const {
    return p.groups == 0 ? cell % p.channels : cell / per_group();
  }
  // The number of cells that share a statistic, and the i-th of them.
  std::int64_t count() const { return p.groups == 0 ? p.samples : per_group(); }
  std::int64_t cell_of(std::int64_t owner, std::int64_t i) const {
    return p.groups == 0 ? i * p.channels + owner : owner * per_group() + i;
  }
  double elements() const { return static_cast<double>(count()) * static_cast<double>(p.inner); }

  // f(cell) for all of them.
  template <class F>
  void each_cell(F f) const {
    parallel_for(plan.cells, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, p.inner)),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) f(i);
                 });
  }

  // f(sample, rows, offset of the first, number of the block) for all blocks of rows. The last pass goes
  // backwards, so that it begins with what the pass before it left in the cache.
  template <class F>
  void each_block(bool backwards, F f) const {
    const std::int64_t grain = kGrain / std::max<std::int64_t>(1, plan.rows * p.channels);
    parallel_for(p.samples * plan.blocks, std::max<std::int64_t>(1, grain),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t k = begin; k < end; ++k) {
                     const std::int64_t i = backwards ? begin + end - 1 - k : k;
                     const std::int64_t sample = i / plan.blocks, row = i % plan.blocks * plan.rows;
                     f(sample, std::min(plan.rows, p.inner - row), (sample * p.inner + row) * p.channels, i);
                   }
                 });
  }

  // merge(sum arrays of a block, rows of it, cells of its sample, from column, to column) for all blocks.
  template <class F>
  void merge_blocks(F merge) const {
    constexpr std::int64_t kColumns = 64;
    const std::int64_t columns = (p.channels + kColumns - 1) / kColumns;
    const std::int64_t grain = kGrain / std::max<std::int64_t>(1, plan.blocks * kColumns);
    parallel_for(p.samples * columns, std::max<std::int64_t>(1, grain),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) {
                     const std::int64_t sample = i / columns, from = i % columns * kColumns;
                     merge(sums + sample * plan.blocks * kBlockSums * plan.width, cells + sample * p.channels,
                           from, std::min(p.channels, from + kColumns));
                   }
                 });
  }

  // first(cell), then finish(owner), then last(cell); a run that was read is written while it is in the
  // cache.
  template <class First, class Finish, class Last>
  void walk(First first, Finish finish, Last last) const {
    if (plan.owners < threads()) {
      each_cell(first);
      for (std::int64_t o = 0; o < plan.owners; ++o) finish(o);
      each_cell(last);
      return;
    }
    const std::int64_t each = std::max<std::int64_t>(1, count() * p.inner);
    parallel_for(plan.owners, std::max<std::int64_t>(1, kGrain / each),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t o = begin; o < end; ++o) {
                     for (std::int64_t i = 0; i < count(); ++i) first(cell_of(o, i));
                     finish(o);
                     for (std::int64_t i = 0; i < count(); ++i) last(cell_of(o, i));
                   }
                 });
  }

  void forward(const T* x, const T* weight, const T* bias, T* y, T* mean_out, T* second_out) {
    const auto finish = [&](std::int64_t o) {
      double m = 0, squares = 0;
      for (std::int64_t i = 0; i < count(); ++i) m += cells[cell_of(o, i)].first;
      m /= static_cast<double>(count());
      for (std::int64_t i = 0; i < count(); ++i) {
        const Moments& cell = cells[cell_of(o, i)];
        squares += cell.second + static_cast<double>(p.inner) * (cell.first - m) * (cell.first - m);
      }
      const double var = squares / elements(), rstd = 1 / std::sqrt(var + p.eps);
      mean_out[o] = static_cast<T>(m);
      second_out[o] = static_cast<T>(p.groups == 0 ? var : rstd);
      // The mean's rounding would weigh where it is large beside the deviation.
      const double rounding = static_cast<double>(mean_out[o]) - m;
      for (std::int64_t i = 0; i < (p.groups == 0 ? 1 : count()); ++i) {
        const std::int64_t k = param(cell_of(o, i)), channel = k % p.channels;
        const double scale = rstd * static_cast<double>(weight[channel]);
        mean[k] = mean_out[o];
        a[k] = static_cast<T>(scale);
        b[k] = static_cast<T>(static_cast<double>(bias[channel]) + rounding * scale);
      }
    };
    if (!p.last) {
      walk([&](std::int64_t i) { cells[i] = table->run_moments(x + i * p.inner, p.inner); }, finish,
           [&](std::int64_t i) { affine_cell(x, y, i); });
      return;
    }
    each_block(false, [&](std::int64_t, std::int64_t rows, std::int64_t offset, std::int64_t i) {
      T* to = sums + i * kBlockSums * plan.width;
      table->rows_moments(x + offset, rows, p.channels, to, to + plan.width, to + 2 * plan.width);
    });
    merge_blocks([&](const T* blocks, Moments* to, std::int64_t from, std::int64_t end) {
      for (std::int64_t j = from; j < end; ++j) to[j] = {};
      // f(moments, rows of the block, their mean, their squared deviations from it)
      const auto each = [&](auto f) {
        for (std::int64_t k = 0; k < plan.blocks; ++k) {
          const double rows = static_cast<double>(std::min(plan.rows, p.inner - k * plan.rows));
          const T* block = blocks + k * kBlockSums * plan.width;
          for (std::int64_t j = from; j < end; ++j) {
            const double rest = static_cast<double>(block[plan.width + j]);
            f(to[j], rows, static_cast<double>(block[j]) + rest / rows,
              static_cast<double>(block[2 * plan.width + j]) - rest * rest / rows);
          }
        }
      };
      const double whole = static_cast<double>(p.inner);
      each([&](Moments& m, double rows, double mean_of, double) { m.first += mean_of * (rows / whole); });
      each([&](Moments& m, double rows, double mean_of, double squares) {
        m.second += squares + rows * (mean_of - m.first) * (mean_of - m.first);
      });
    });
    for (std::int64_t o = 0; o < plan.owners; ++o) finish(o);
    affine_blocks(x, y);
  }

  void affine_cell(const T* x, T* y, std::int64_t i) const {
    const std::int64_t k = param(i);
    table->run_affine(x + i * p.inner, p.inner, mean[k], a[k], b[k], y + i * p.inner);
  }
  void affine_blocks(const T* x, T* y) const {
    each_block(true, [&](std::int64_t sample, std::int64_t rows, std::int64_t offset, std::int64_t) {
      const std::int64_t k = p.groups == 0 ? 0 : sample * p.channels;
      table->rows_affine(x + offset, rows, p.channels, mean + k, a + k, b + k, y + offset);
    });
  }

  void given(const T* x, const T* weight, const T* bias, const T* mean_of, const T* var, T* y) {
    for (std::int64_t k = 0; k < p.channels; ++k) {
      mean[k] = mean_of[k];
      a[k] = static_cast<T>(static_cast<double>(weight[k]) / std::sqrt(static_cast<double>(var[k]) + p.eps));
      b[k] = bias[k];
    }
    if (p.last)
      affine_blocks(x, y);
    else
      each_cell([&](std::int64_t i) { affine_cell(x, y, i); });
  }

  void backward(const T* g, const T* x, const T* weight, const T* mean_of, const T* second, T* dx, T* dweight,
                T* dbias) {
    const auto rstd_of = [&](std::int64_t o) {
      const double s = static_cast<double>(second[o]);
      return p.groups == 0 ? 1 / std::sqrt(s + p.eps) : s;
    };
    // With h = g * weight: dx = rstd (h - mean(h) - (x - m) rstd^2 mean(h (x - m))).
    const auto finish = [&](std::int64_t o) {
      double h = 0, hx = 0;
      for (std::int64_t i = 0; i < count(); ++i) {
        const std::int64_t k = cell_of(o, i);
        const double w = static_cast<double>(weight[k % p.channels]);
        h += w * cells[k].first;
        hx += w * cells[k].second;
      }
      const double rstd = rstd_of(o);
      for (std::int64_t i = 0; i < (p.groups == 0 ? 1 : count()); ++i) {
        const std::int64_t k = param(cell_of(o, i));
        mean[k] = mean_of[o];
        a[k] = static_cast<T>(rstd * static_cast<double>(weight[k % p.channels]));
        b[k] = static_cast<T>(-rstd * rstd * rstd * hx / elements());
        c[k] = static_cast<T>(-rstd * h / elements());
      }
    };
    if (!p.last) {
      walk(
          [&](std::int64_t i) {
            cells[i] = table->run_dots(g + i * p.inner, x + i * p.inner, p.inner, mean_of[owner(i)]);
          },
          finish,
          [&](std::int64_t i) {
            const std::int64_t k = param(i), at = i * p.inner;
            table->run_gradient(g + at, x + at, p.inner, mean[k], a[k], b[k], c[k], dx + at);
          });
    } else {
      for (std::int64_t k = 0; k < plan.params; ++k) mean[k] = mean_of[owner(k)];
      each_block(false, [&](std::int64_t sample, std::int64_t rows, std::int64_t offset, std::int64_t i) {
        T* to = sums + i * kBlockSums * plan.width;
        table->rows_dots(g + offset, x + offset, rows, p.channels,
                         mean + (p.groups == 0 ? 0 : sample * p.channels), to, to + plan.width);
      });
      merge_blocks([&](const T* blocks, Moments* to, std::int64_t from, std::int64_t end) {
        for (std::int64_t j = from; j < end; ++j) to[j] = {};
        for (std::int64_t k = 0; k < plan.blocks; ++k) {
          const T* block = blocks + k * kBlockSums * plan.width;
          for (std::int64_t j = from; j < end; ++j) {
            to[j].first += static_cast<double>(block[j]);
            to[j].second += static_cast<double>(block[plan.width + j]);
          }
        }
      });
      for (std::int64_t o = 0; o < plan.owners; ++o) finish(o);
      each_block(true, [&](std::int64_t sample, std::int64_t rows, std::int64_t offset, std::int64_t) {
        const std::int64_t k = p.groups == 0 ? 0 : sample * p.channels;
        table->rows_gradient(g + offset, x + offset, rows, p.channels, mean + k, a + k, b + k, c + k,
                             dx + offset);
      });
    }
    for (std::int64_t k = 0; k < p.channels; ++k) {
      double sum = 0, dot = 0;
      for (std::int64_t n = 0; n < p.samples; ++n) {
        const Moments& cell = cells[n * p.channels + k];
        sum += cell.first;
        dot += cell.second * rstd_of(owner(n * p.channels + k));
      }
      dweight[k] = static_cast<T>(dot);
      dbias[k] = static_cast<T>(sum);
    }
  }
};

template <class F>
void with_channels(const ChannelNorm& p, void* scratch, F f) {
  if (p.dtype == DType::f32) {
    Channels<float> c(p, k_channel_table_f32.get()(), scratch);
    f(c, float{});
  } else {
    Channels<double> c(p, k_channel_table_f64.get()(), scratch);
    f(c, double{});
  }
}

}  // namespace

std::size_t channel_norm_scratch(const ChannelNorm& p) { return Plan(p).bytes(p); }

void channel_norm(const ChannelNorm& p, const void* x, const void* weight, const void* bias, void* y,
                  void* mean, void* second, void* scratch) {
  with_channels(p, scratch, [&]<class T>(Channels<T>& c, T) {
    c.forward(static_cast<const T*>(x), static_cast<const T*>(weight), static_cast<const T*>(bias),
              static_cast<T*>(y), static_cast<T*>(mean), static_cast<T*>(second));
  });
}

void channel_norm_given(const ChannelNorm& p, const void* x, const void* weight, const void* bias,
                        const void* mean, const void* var, void* y, void* scratch) {
  with_channels(p, scratch, [&]<class T>(Channels<T>& c, T) {
    c.given(static_cast<const T*>(x), static_cast<const T*>(weight), static_cast<const T*>(bias),
            static_cast<const T*>(mean), static_cast<const T*>(var), static_cast<T*>(y));
  });
}

void channel_norm_backward(const ChannelNorm& p, const void* g, const void* x, const void* weight,
                           const void* mean, const void* second, void* dx, void* dweight, void* dbias,
                           void* scratch) {
  with_channels(p, scratch, [&]<class T>(Channels<T>& c, T) {
    c.backward(static_cast<const T*>(g), static_cast<const T*>(x), static_cast<const T*>(weight),
               static_cast<const T*>(mean), static_cast<const T*>(second), static_cast<T*>(dx),
               static_cast<T*>(dweight), static_cast<T*>(dbias));
  });
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
