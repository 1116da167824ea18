// One tile is up to 6 rows of two vectors of sums, C[i][j] += sum over k of A[i][k] B[k][j], which fill the
// 16 registers of AVX2 beside what is loaded. For the result rows are pixels of a line, k runs over taps and
// channels as they lie in memory, and B is the packed weights of some result channels. The gradient by the
// input is the same sum over mirrored weights. For the gradient by the weights rows are channels of y, k runs
// over pixels, and B is x as it lies.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/conv_tiles.cc"
#include "gradus/ops/kernels/conv_tiles.h"

#include <algorithm>
#include <cstring>

#include "gradus/ops/kernels/simd-inl.h"

GRADUS_SIMD_BEGIN

constexpr int kRows = 6;

template <int R>
HWY_INLINE void whole_tile(const TileOperands& t, float* c, std::int64_t c_step) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const std::int64_t n = static_cast<std::int64_t>(hn::Lanes(d));
  V sum[R][2];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    sum[i][0] = hn::LoadU(d, c + i * c_step);
    sum[i][1] = hn::LoadU(d, c + i * c_step + n);
  }
  for (std::int64_t line = 0; line < t.lines; ++line) {
    const float *a = t.a + line * t.a_line, *b = t.b + line * t.b_line;
    for (std::int64_t k = 0; k < t.k_count; ++k, a += t.a_step, b += t.b_step) {
      const V b0 = hn::LoadU(d, b), b1 = hn::LoadU(d, b + n);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) {
        const V x = hn::Set(d, a[i * t.a_row]);
        sum[i][0] = hn::MulAdd(x, b0, sum[i][0]);
        sum[i][1] = hn::MulAdd(x, b1, sum[i][1]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) {
    hn::StoreU(sum[i][0], d, c + i * c_step);
    hn::StoreU(sum[i][1], d, c + i * c_step + n);
  }
}

// The first `columns` of one vector.
template <int R>
HWY_INLINE void part_tile(const TileOperands& t, float* c, std::int64_t c_step, std::size_t columns) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  V sum[R];
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) sum[i] = load_first(d, c + i * c_step, columns);
  for (std::int64_t line = 0; line < t.lines; ++line) {
    const float *a = t.a + line * t.a_line, *b = t.b + line * t.b_line;
    for (std::int64_t k = 0; k < t.k_count; ++k, a += t.a_step, b += t.b_step) {
      const V b0 = load_first(d, b, columns);
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) sum[i] = hn::MulAdd(hn::Set(d, a[i * t.a_row]), b0, sum[i]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < R; ++i) store_first(sum[i], d, c + i * c_step, columns);
}

template <int R>
HWY_NOINLINE void tile_of(const TileOperands& t, float* c, std::int64_t c_step, std::int64_t columns) {
  const auto n = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  if (columns == 2 * n) return whole_tile<R>(t, c, c_step);
  TileOperands rest = t;
  for (; columns > 0; columns -= n, c += n, rest.b += n)
    part_tile<R>(rest, c, c_step, static_cast<std::size_t>(std::min(columns, n)));
}

// At most kRows rows and two vectors of columns.
void tile(const TileOperands& t, float* c, std::int64_t c_step, std::int64_t rows, std::int64_t columns) {
  switch (rows) {
    case 1:
      return tile_of<1>(t, c, c_step, columns);
    case 2:
      return tile_of<2>(t, c, c_step, columns);
    case 3:
      return tile_of<3>(t, c, c_step, columns);
    case 4:
      return tile_of<4>(t, c, c_step, columns);
    case 5:
      return tile_of<5>(t, c, c_step, columns);
    default:
      return tile_of<kRows>(t, c, c_step, columns);
  }
}

// Two vectors.
std::int64_t tile_columns() { return 2 * static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>())); }

GRADUS_SIMD_END

#if HWY_ONCE

#include "gradus/base/parallel.h"

namespace gradus::kernels {
namespace {

GRADUS_EXPORT(tile);
GRADUS_EXPORT(tile_columns);

constexpr std::int64_t kTileRows = 6;
// A chunk of packed weights, 256 x 16 numbers, takes half of the first-level cache.
constexpr std::int64_t kChunk = 256;
// The lines of x that are read again for each chunk of weights stay in the second-level cache.
constexpr std::int64_t kBlockFloats = 32 * 1024;

using Tile = decltype(k_tile.get());

std::int64_t blocks(std::int64_t n, std::int64_t size) { return (n + size - 1) / size; }
std::size_t rounded(std::int64_t floats) { return (static_cast<std::size_t>(floats) * 4 + 63) / 64 * 64; }

// Of `parts` equal ones, as many as are worth a thread.
std::int64_t thread_grain(const ConvShape& s, std::int64_t parts) {
  constexpr double kWork = 256 * 1024;
  return 1 + static_cast<std::int64_t>(kWork / (s.work() / static_cast<double>(parts)));
}

// Pixels of a line of y that meet x at the same taps.
struct Segment {
  std::int64_t begin, end;                           // pixels
  std::int64_t first_tap, taps;                      // along the last axis
  std::int64_t x_offset(const ConvShape& s) const {  // of the first pixel at the first tap, in pixels
    return begin * s.stride[2] - s.before[2] + first_tap * s.dilation[2];
  }
};

// Either one tap each, or as many taps as lie side by side in x. Gives their number.
std::int64_t find_segments(const ConvShape& s, bool side_by_side, Segment* out) {
  std::int64_t n = 0;
  const std::int64_t taps = s.kernel[2], step = s.stride[2], in = s.in[2];
  if (!side_by_side) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      const std::int64_t shift = tap * s.dilation[2] - s.before[2];
      const std::int64_t begin = shift >= 0 ? 0 : blocks(-shift, step);
      const std::int64_t end = shift >= in ? 0 : std::min(s.out[2], (in - 1 - shift) / step + 1);
      if (begin < end) out[n++] = {begin, end, tap, 1};
    }
    return n;
  }
  for (std::int64_t p = 0; p < s.out[2]; ++p) {
    const std::int64_t at = p * step - s.before[2];  // of the first tap
    const std::int64_t first = std::clamp<std::int64_t>(-at, 0, taps);
    const std::int64_t last = std::clamp<std::int64_t>(in - at, first, taps);
    if (first == last) continue;
    if (n > 0 && out[n - 1].end == p && out[n - 1].first_tap == first && out[n - 1].taps == last - first)
      ++out[n - 1].end;
    else
      out[n++] = {p, p + 1, first, last - first};
  }
  return n;
}

// Along a line the first and the last tap inside x change at most once for each tap.
std::size_t segment_room(const ConvShape& s) {
  return (static_cast<std::size_t>(2 * s.kernel[2] + 1) * sizeof(Segment) + 63) / 64 * 64;
}

// Lines of y, counted over images and the first two axes, that meet lines of x at equal distances.
struct Run {
  std::int64_t begin, count, source;  // the first line of y, their number, the first line of x
};
// f(run) for the lines [begin, end) of y, where they meet x at the taps (k0, k1).
template <class F>
void for_runs(const ConvShape& s, std::int64_t begin, std::int64_t end, std::int64_t k0, std::int64_t k1,
              F f) {
  const std::int64_t shift = k1 * s.dilation[1] - s.before[1];
  const std::int64_t first = shift >= 0 ? 0 : blocks(-shift, s.stride[1]);
  const std::int64_t last =
      shift >= s.in[1] ? 0 : std::min(s.out[1], (s.in[1] - 1 - shift) / s.stride[1] + 1);
  while (begin < end) {
    const std::int64_t plane = begin / s.out[1], image = plane / s.out[0];
    const std::int64_t from = std::max(begin - plane * s.out[1], first);
    const std::int64_t to = std::min(end - plane * s.out[1], last);
    const std::int64_t q0 = plane % s.out[0] * s.stride[0] - s.before[0] + k0 * s.dilation[0];
    if (from < to && q0 >= 0 && q0 < s.in[0]) {
      f(Run{plane * s.out[1] + from, to - from,
            (image * s.in[0] + q0) * s.in[1] + from * s.stride[1] + shift});
    }
    begin = (plane + 1) * s.out[1];
  }
}

// f(begin, count) for [0, n) in nearly equal parts of at most `most`.
template <class F>
void in_parts(std::int64_t n, std::int64_t most, F f) {
  const std::int64_t parts = blocks(n, most);
  for (std::int64_t i = 0, begin = 0; i < parts; ++i) {
    const std::int64_t end = n * (i + 1) / parts;
    f(begin, end - begin);
    begin = end;
  }
}

// The weights by panels of result channels: [groups, panels, taps, channels a group, columns], 0 in columns
// that there are not. Element (j, k, tap) of a group lies at j * j_step + k * k_step + tap, or for the input
// pass, where results are x's channels, with the taps from the last to the first.
struct Weights {
  std::int64_t groups, results, channels, taps;  // channels and results a group
  std::int64_t j_step, k_step;
  bool mirrored;

  Weights(ConvPass pass, const ConvShape& s)
      : groups(s.groups),
        results(s.o / s.groups),
        channels(s.c / s.groups),
        taps(s.taps()),
        j_step(channels * taps),
        k_step(taps),
        mirrored(pass == ConvPass::input) {
    if (!mirrored) return;
    std::swap(results, channels);
    std::swap(j_step, k_step);
  }
  std::int64_t panels() const { return blocks(results, k_tile_columns.get()()); }
  std::int64_t panel_floats() const { return taps * channels * k_tile_columns.get()(); }

  void pack(const float* w, float* to) const {
    const std::int64_t columns = k_tile_columns.get()(), all = groups * panels();
    parallel_for(all, std::max<std::int64_t>(1, 32768 / panel_floats()),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) {
                     const std::int64_t g = i / panels(), first = i % panels() * columns;
                     float* panel = to + i * panel_floats();
                     const std::int64_t present = std::min(columns, results - first);
                     if (present < columns) std::fill_n(panel, panel_floats(), 0.0F);
                     for (std::int64_t j = 0; j < present; ++j) {
                       const float* from = w + g * results * channels * taps + (first + j) * j_step;
                       for (std::int64_t k = 0; k < channels; ++k) {
                         for (std::int64_t tap = 0; tap < taps; ++tap) {
                           panel[(tap * channels + k) * columns + j] =
                               from[k * k_step + (mirrored ? taps - 1 - tap : tap)];
                         }
                       }
                     }
                   }
                 });
  }
};

// y from x; `weights` are packed.
void forward(const ConvShape& s, const Weights& weights, const float* x, const float* packed, float* y,
             const float* bias, Segment* segments) {
  const std::int64_t columns = k_tile_columns.get()(), lines = s.n * s.out[0] * s.out[1];
  const std::int64_t cg = weights.channels, og = weights.results;
  const bool side_by_side = s.groups == 1 && s.dilation[2] == 1;
  const std::int64_t segment_count = find_segments(s, side_by_side, segments);
  const Tile tile = k_tile.get();
  const std::int64_t grain =
      std::max(thread_grain(s, lines), std::min(kBlockFloats / (s.in[2] * s.c), lines / 8));
  parallel_for(lines, grain, [&](std::int64_t all_begin, std::int64_t all_end) {
    for (std::int64_t begin = all_begin; begin < all_end; begin += grain) {
      const std::int64_t end = std::min(all_end, begin + grain);
      for (std::int64_t i = begin * s.out[2]; i < end * s.out[2]; ++i) {
        if (bias == nullptr)
          std::fill_n(y + i * s.o, s.o, 0.0F);
        else
          std::copy_n(bias, s.o, y + i * s.o);
      }
      for (std::int64_t g = 0; g < s.groups; ++g) {
        for (std::int64_t k01 = 0; k01 < s.kernel[0] * s.kernel[1]; ++k01) {
          for (std::int64_t segment = 0; segment < segment_count; ++segment) {
            const Segment& seg = segments[segment];
            for (std::int64_t k = 0; k < seg.taps * cg; k += kChunk) {
              const std::int64_t chunk = std::min(kChunk, seg.taps * cg - k);
              for (std::int64_t panel = 0; panel < weights.panels(); ++panel) {
                TileOperands t{};
                t.a_step = 1;
                t.b = packed + (g * weights.panels() + panel) * weights.panel_floats() +
                      ((k01 * s.kernel[2] + seg.first_tap) * cg + k) * columns;
                t.b_step = columns;
                t.k_count = chunk;
                t.lines = 1;
                const std::int64_t present = std::min(columns, og - panel * columns);
                for_runs(s, begin, end, k01 / s.kernel[1], k01 % s.kernel[1], [&](const Run& run) {
                  const float* a = x + (run.source * s.in[2] + seg.x_offset(s)) * s.c + g * cg + k;
                  float* c = y + (run.begin * s.out[2] + seg.begin) * s.o + g * og + panel * columns;
                  const std::int64_t pixels = seg.end - seg.begin;
                  const std::int64_t x_pixel = s.stride[2] * s.c, x_line = s.stride[1] * s.in[2] * s.c;
                  const std::int64_t y_line = s.out[2] * s.o;
                  // A tile is of pixels of one line, or, where there are few, as at the borders, of lines.
                  const bool along = pixels >= kTileRows / 2 || pixels >= run.count;
                  for (std::int64_t i = 0; i < (along ? run.count : pixels); ++i) {
                    const std::int64_t row = along ? x_pixel : x_line, c_row = along ? s.o : y_line;
                    const float* ai = a + i * (along ? x_line : x_pixel);
                    float* ci = c + i * (along ? y_line : s.o);
                    in_parts(along ? pixels : run.count, kTileRows, [&](std::int64_t p, std::int64_t rows) {
                      t.a = ai + p * row;
                      t.a_row = row;
                      tile(t, ci + p * c_row, c_row, rows, present);
                    });
                  }
                });
              }
            }
          }
        }
      }
    }
  });
}

// Pixels and groups of channels that are copied at a time, so that a tile reads neighbours in memory: with a
// power of 2 channels the pixels of a line share a few sets of the cache.
constexpr std::int64_t kPixels = 256, kParts = 12;
constexpr std::int64_t kMostColumns = 16;  // of a tile, with AVX2

// The first n of each of `count` rows, to rows of to_step. A copy of a fixed size, N, is quicker.
template <std::int64_t N>
void copy_rows(const float* from, std::int64_t step, std::int64_t count, float* to, std::int64_t to_step) {
  for (std::int64_t i = 0; i < count; ++i, from += step, to += to_step)
    std::memcpy(to, from, N * sizeof(float));
}
void copy_rows(const float* from, std::int64_t step, std::int64_t count, std::int64_t n, float* to,
               std::int64_t to_step) {
  if (n == 6) return copy_rows<6>(from, step, count, to, to_step);
  if (n == 16) return copy_rows<16>(from, step, count, to, to_step);
  for (std::int64_t i = 0; i < count; ++i, from += step, to += to_step) std::copy_n(from, n, to);
}

// w as [o, taps, c / groups] from x and y. Threads share out rows of w.
class WeightPass {
 public:
  WeightPass(const ConvShape& s, const float* x, float* w, const float* y, Segment* segments)
      : s_(s),
        x_(x),
        w_(w),
        y_(y),
        segments_(segments),
        columns_(k_tile_columns.get()()),
        cg_(s.c / s.groups),
        og_(s.o / s.groups),
        parts_(blocks(og_, kTileRows)),
        row_(s.taps() * cg_) {
    // Few channels fill no tile: then several taps do.
    const bool side_by_side =
        s.groups == 1 && s.dilation[2] == 1 && cg_ % columns_ != 0 && cg_ < 4 * columns_;
    segment_count_ = find_segments(s, side_by_side, segments);
    whole_lines_ = !side_by_side && s.in[2] <= kPixels && s.out[2] <= kPixels;
  }

  // One unit of work: some channels of y at the taps (k0, k1), a plane. Units of all planes of several parts
  // are done together, so that y is copied once for all taps.
  void run() const {
    const std::int64_t planes = s_.kernel[0] * s_.kernel[1];
    const std::int64_t all = s_.groups * parts_ * planes;
    parallel_for(all, thread_grain(s_, all), [&](std::int64_t begin, std::int64_t end) {
      while (begin < end) {
        const std::int64_t part = begin / planes % parts_, g = begin / planes / parts_;
        const std::int64_t plane = begin % planes;
        const std::int64_t whole = plane != 0 ? 0 : std::min({kParts, parts_ - part, (end - begin) / planes});
        const std::int64_t last = whole > 0 ? planes : std::min(planes, plane + end - begin);
        units(g, part, part + std::max<std::int64_t>(1, whole), plane, last);
        begin += std::max<std::int64_t>(1, whole) * (last - plane);
      }
    });
  }

 private:
  // Parts [first, last) of the channels of y, and planes [first_plane, last_plane).
  struct Block {
    std::int64_t g, first, last, first_plane, last_plane;
  };

  // The first channel of y of a part.
  std::int64_t channel(std::int64_t g, std::int64_t part) const { return g * og_ + part * og_ / parts_; }

  void units(std::int64_t g, std::int64_t first, std::int64_t last, std::int64_t first_plane,
             std::int64_t last_plane) const {
    const Block block{g, first, last, first_plane, last_plane};
    const std::int64_t taps = s_.kernel[2] * cg_;
    for (std::int64_t o = channel(g, first); o < channel(g, last); ++o)
      std::fill_n(w_ + o * row_ + first_plane * taps, (last_plane - first_plane) * taps, 0.0F);
    const std::int64_t longest = whole_lines_ ? std::max(s_.in[2], s_.out[2]) : s_.out[2];
    const std::int64_t lines = std::max<std::int64_t>(1, kPixels / longest);
    for (std::int64_t image = 0; image < s_.n * s_.out[0]; ++image) {
      in_parts(s_.out[1], lines, [&](std::int64_t line, std::int64_t count) {
        for (std::int64_t p = 0; p < s_.out[2]; p += kPixels)
          pixels(block, image * s_.out[1] + line, count, p, std::min(p + kPixels, s_.out[2]));
      });
    }
  }

  // The pixels [begin, end) of `lines` lines of y, of which the first is `line`.
  void pixels(const Block& block, std::int64_t line, std::int64_t lines, std::int64_t begin,
              std::int64_t end) const {
    alignas(64) float rows[kParts * kPixels * kTileRows];
    const std::int64_t y_line = s_.out[2] * s_.o;
    for (std::int64_t part = block.first; part < block.last; ++part) {
      const std::int64_t o = channel(block.g, part);
      float* to = rows + (part - block.first) * kPixels * kTileRows;
      for (std::int64_t i = 0; i < lines; ++i, to += (end - begin) * kTileRows) {
        copy_rows(y_ + (line + i) * y_line + begin * s_.o + o, s_.o, end - begin,
                  std::min(kTileRows, s_.o - o), to, kTileRows);
      }
    }
    for (std::int64_t k01 = block.first_plane; k01 < block.last_plane; ++k01) {
      for_runs(s_, line, line + lines, k01 / s_.kernel[1], k01 % s_.kernel[1], [&](const Run& run) {
        plane(block, k01, rows + (run.begin - line) * (end - begin) * kTileRows,
              x_ + run.source * s_.in[2] * s_.c + block.g * cg_, run.count, begin, end);
      });
    }
  }

  // The same at the taps of one plane; `rows` are the copied lines of y that meet those of x.
  void plane(const Block& block, std::int64_t k01, const float* rows, const float* x, std::int64_t lines,
             std::int64_t begin, std::int64_t end) const {
    alignas(64) float panel[kPixels * kMostColumns];
    const Tile tile = k_tile.get();
    const std::int64_t x_line = s_.stride[1] * s_.in[2] * s_.c;
    TileOperands t{};
    t.a_row = 1;
    t.a_step = kTileRows;
    t.a_line = (end - begin) * kTileRows;
    t.lines = lines;
    // One tile after the other of w at the taps of a segment, from its column j on.
    const auto add = [&](const Segment& seg, std::int64_t from, std::int64_t j, std::int64_t present) {
      for (std::int64_t part = block.first; part < block.last; ++part) {
        const std::int64_t o = channel(block.g, part);
        t.a = rows + ((part - block.first) * kPixels + from - begin) * kTileRows;
        tile(t, w_ + o * row_ + (k01 * s_.kernel[2] + seg.first_tap) * cg_ + j, row_,
             channel(block.g, part + 1) - o, present);
      }
    };
    if (whole_lines_) {  // one copy serves all taps
      t.b_step = s_.stride[2] * columns_;
      t.b_line = s_.in[2] * columns_;
      for (std::int64_t j = 0; j < cg_; j += columns_) {
        const std::int64_t present = std::min(columns_, cg_ - j);
        for (std::int64_t line = 0; line < lines; ++line)
          copy_rows(x + line * x_line + j, s_.c, s_.in[2], present, panel + line * t.b_line, columns_);
        for (std::int64_t k = 0; k < segment_count_; ++k) {
          t.b = panel + segments_[k].x_offset(s_) * columns_;
          t.k_count = segments_[k].end - segments_[k].begin;
          add(segments_[k], segments_[k].begin, j, present);
        }
      }
      return;
    }
    t.b = panel;
    t.b_step = columns_;
    for (std::int64_t k = 0; k < segment_count_; ++k) {
      const Segment& seg = segments_[k];
      const std::int64_t from = std::max(begin, seg.begin), n = std::min(end, seg.end) - from;
      if (n <= 0) continue;
      const std::int64_t width = seg.taps * cg_, x_pixel = s_.stride[2] * s_.c;
      const float* source = x + seg.x_offset(s_) * s_.c + (from - seg.begin) * x_pixel;
      t.b_line = n * columns_;
      t.k_count = n;
      for (std::int64_t j = 0; j < width; j += columns_) {
        const std::int64_t present = std::min(columns_, width - j);
        for (std::int64_t line = 0; line < lines; ++line)
          copy_rows(source + line * x_line + j, x_pixel, n, present, panel + line * t.b_line, columns_);
        add(seg, from, j, present);
      }
    }
  }

  const ConvShape& s_;
  const float* const x_;
  float* const w_;
  const float* const y_;
  const Segment* const segments_;
  const std::int64_t columns_, cg_, og_, parts_, row_;
  std::int64_t segment_count_ = 0;
  bool whole_lines_ = false;  // a line of x and y is copied at once
};

// The input pass with stride 1 as a forward pass from y to x.
ConvShape turned(const ConvShape& s) {
  ConvShape t = s;
  std::swap(t.c, t.o);
  for (int i = 0; i < kSpatial; ++i) {
    std::swap(t.in[i], t.out[i]);
    t.before[i] = s.dilation[i] * (s.kernel[i] - 1) - s.before[i];
  }
  return t;
}

}  // namespace

bool tiles_conv_is_wanted(ConvPass pass, const ConvShape& s) {
  static const bool avx2 = std::strcmp(instruction_set(), "AVX2") == 0;
  if (!avx2 || s.n == 0 || s.taps() == 1) return false;
  // Elsewhere oneDNN is as quick or quicker: where some lines of the image that is read fit into the
  // first-level cache, with few channels, and with few pixels, for which packing the weights takes too long.
  constexpr std::int64_t kLineFloats = 2048, kChannels = 32, kLine = 12;
  const bool input = pass == ConvPass::input;
  if ((input ? s.out[2] * s.o : s.in[2] * s.c) < kLineFloats) return false;
  if (s.c / s.groups < kChannels || s.o / s.groups < kChannels) return false;
  if (pass != ConvPass::weight && s.out[2] < kLine) return false;
  return !input || (s.stride[0] == 1 && s.stride[1] == 1 && s.stride[2] == 1);
}

std::size_t tiles_conv_scratch(ConvPass pass, const ConvShape& s) {
  if (pass == ConvPass::weight) return segment_room(s) + rounded(s.taps() * s.o * (s.c / s.groups));
  const Weights weights(pass, s);
  return segment_room(s) + rounded(s.groups * weights.panels() * weights.panel_floats());
}

void tiles_conv(ConvPass pass, const ConvShape& s, float* x, float* w, float* y, const float* bias,
                void* scratch) {
  auto* segments = static_cast<Segment*>(scratch);
  auto* rest = static_cast<std::byte*>(scratch);
  if (pass == ConvPass::weight) {
    auto* sums = reinterpret_cast<float*>(rest + segment_room(s));
    WeightPass(s, x, sums, y, segments).run();
    const std::int64_t cg = s.c / s.groups, taps = s.taps();
    for (std::int64_t o = 0; o < s.o; ++o) {
      for (std::int64_t c = 0; c < cg; ++c) {
        for (std::int64_t tap = 0; tap < taps; ++tap)
          w[(o * cg + c) * taps + tap] = sums[(o * taps + tap) * cg + c];
      }
    }
    return;
  }
  const ConvShape t = pass == ConvPass::input ? turned(s) : s;
  auto* packed = reinterpret_cast<float*>(rest + segment_room(s));
  const Weights weights(pass, s);
  weights.pack(w, packed);
  if (pass == ConvPass::input)
    forward(t, weights, y, packed, x, bias, segments);
  else
    forward(t, weights, x, packed, y, bias, segments);
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
