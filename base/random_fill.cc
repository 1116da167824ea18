// Random numbers by the array: Philox on as many blocks at once as a vector has lanes, and the ways from
// random bits to uniform and normal numbers. Compiled with -ffp-contract=off, and without fused operations in
// the source: each step rounds the same on every processor, so the numbers do too.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "gradus/base/random.h"

#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4)  // as in ops/kernels/targets.h
#endif
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/base/random_fill.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradus {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR  // a machine without any instruction set that we compile for

std::size_t fill_blocks(std::uint64_t, std::uint64_t, std::uint32_t*, std::size_t) { return 0; }

template <class D, class V>
HWY_INLINE void load_pairs(D d, const std::uint32_t* words, V& a, V& b) {
  a = hn::Set(d, words[0]);
  b = hn::Set(d, words[1]);
}

template <class D, class V>
HWY_INLINE void store_pairs(V a, V b, D, float* out) {
  out[0] = hn::GetLane(a);
  out[1] = hn::GetLane(b);
}

#else

template <class D, class V>
HWY_INLINE void load_pairs(D d, const std::uint32_t* words, V& a, V& b) {
  hn::LoadInterleaved2(d, words, a, b);
}

template <class D, class V>
HWY_INLINE void store_pairs(V a, V b, D d, float* out) {
  hn::StoreInterleaved2(a, b, d, out);
}

// x * m as high and low halves, for all lanes.
template <class V>
HWY_INLINE void wide_product(V x, V m, V& high, V& low) {
  const hn::DFromV<V> d;
  const hn::Repartition<std::uint64_t, decltype(d)> d64;
  const auto even = hn::MulEven(x, m);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(d64, x))), m);
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

// `blocks` whole blocks from block `index` of the seed's sequence; returns how many of them it did.
std::size_t fill_blocks(std::uint64_t seed, std::uint64_t index, std::uint32_t* HWY_RESTRICT out,
                        std::size_t blocks) {
  const hn::ScalableTag<std::uint32_t> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto m0 = hn::Set(d, kPhiloxMultiplier0);
  const auto m1 = hn::Set(d, kPhiloxMultiplier1);
  const auto iota = hn::Iota(d, 0);
  std::size_t done = 0;
  for (; done + lanes <= blocks; done += lanes) {
    const std::uint64_t i = index + done;
    const auto low = hn::Set(d, static_cast<std::uint32_t>(i));
    auto x0 = hn::Add(low, iota);
    // A lane whose low word wrapped around carries into the high word.
    const auto high = hn::Set(d, static_cast<std::uint32_t>(i >> 32));
    auto x1 = hn::IfThenElse(hn::Lt(x0, low), hn::Add(high, hn::Set(d, 1)), high);
    auto x2 = hn::Zero(d);
    auto x3 = hn::Zero(d);
    auto k0 = static_cast<std::uint32_t>(seed);
    auto k1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < kPhiloxRounds; ++round) {
      decltype(x0) a_high;
      decltype(x0) a_low;
      decltype(x0) b_high;
      decltype(x0) b_low;
      wide_product(x0, m0, a_high, a_low);
      wide_product(x2, m1, b_high, b_low);
      x0 = hn::Xor(hn::Xor(b_high, x1), hn::Set(d, k0));
      x2 = hn::Xor(hn::Xor(a_high, x3), hn::Set(d, k1));
      x1 = b_low;
      x3 = a_low;
      k0 += kPhiloxWeyl0;
      k1 += kPhiloxWeyl1;
    }
    hn::StoreInterleaved4(x0, x1, x2, x3, d, out + 4 * done);
  }
  return done;
}

#endif  // HWY_SCALAR

// out[i] = uniform_f32(words[i]). n is a multiple of kPad.
void to_uniform(const std::uint32_t* HWY_RESTRICT words, float* HWY_RESTRICT out, std::size_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::RebindToUnsigned<decltype(d)> du;
  const auto step = hn::Set(d, 0x1p-24F);
  for (std::size_t i = 0; i < n; i += hn::Lanes(d)) {
    const auto w = hn::ShiftRight<8>(hn::LoadU(du, words + i));
    hn::StoreU(hn::Mul(hn::ConvertTo(d, hn::BitCast(di, w)), step), d, out + i);
  }
}

// sqrt(-2 ln u) for u in (0, 1].
template <class V>
HWY_INLINE V radius(V u) {
  const hn::DFromV<V> d;
  const hn::RebindToSigned<decltype(d)> di;
  // u = m * 2^e with m in [sqrt(1/2), sqrt(2)): subtracting the bits of sqrt(1/2) before taking the exponent.
  const auto bits = hn::BitCast(di, u);
  const auto e = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, 0x3F3504F3)));
  const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(e)));
  // ln m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172: five terms leave 2e-9.
  const auto one = hn::Set(d, 1.0F);
  const auto s = hn::Div(hn::Sub(m, one), hn::Add(m, one));
  const auto s2 = hn::Mul(s, s);
  auto p = hn::Set(d, 2.0F / 9);
  p = hn::Add(hn::Mul(p, s2), hn::Set(d, 2.0F / 7));
  p = hn::Add(hn::Mul(p, s2), hn::Set(d, 2.0F / 5));
  p = hn::Add(hn::Mul(p, s2), hn::Set(d, 2.0F / 3));
  p = hn::Add(hn::Mul(p, s2), hn::Set(d, 2.0F));
  const auto ln =
      hn::Add(hn::Mul(hn::ConvertTo(d, e), hn::Set(d, std::numbers::ln2_v<float>)), hn::Mul(p, s));
  // ln can round to a tiny positive number at u next to 1.
  return hn::Sqrt(hn::Max(hn::Mul(ln, hn::Set(d, -2.0F)), hn::Zero(d)));
}

// out[2k], out[2k + 1] from words[2k], words[2k + 1]. n is a multiple of kPad.
void to_normal(const std::uint32_t* HWY_RESTRICT words, float* HWY_RESTRICT out, std::size_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::RebindToUnsigned<decltype(d)> du;
  for (std::size_t i = 0; i < n; i += 2 * hn::Lanes(d)) {
    hn::Vec<decltype(du)> a;
    hn::Vec<decltype(du)> b;
    load_pairs(du, words + i, a, b);
    // 31 bits, never 0: the largest radius is 6.6.
    const auto u = hn::Mul(hn::ConvertTo(d, hn::BitCast(di, hn::Or(hn::ShiftRight<1>(a), hn::Set(du, 1)))),
                           hn::Set(d, 0x1p-31F));
    const auto r = radius(u);
    // The angle is quarter * pi / 2 + x with x in [-pi/4, pi/4).
    const auto fraction = hn::Sub(hn::BitCast(di, hn::And(b, hn::Set(du, 0x3FFFFFFF))), hn::Set(di, 1 << 29));
    const auto x =
        hn::Mul(hn::ConvertTo(d, fraction), hn::Set(d, static_cast<float>(std::numbers::pi * 0x1p-31)));
    const auto x2 = hn::Mul(x, x);
    // Taylor's series of sine and cosine; what is left out is under 2e-9 in this range.
    auto sine = hn::Set(d, 1.0F / 362880);
    sine = hn::Add(hn::Mul(sine, x2), hn::Set(d, -1.0F / 5040));
    sine = hn::Add(hn::Mul(sine, x2), hn::Set(d, 1.0F / 120));
    sine = hn::Add(hn::Mul(sine, x2), hn::Set(d, -1.0F / 6));
    sine = hn::Add(hn::Mul(sine, x2), hn::Set(d, 1.0F));
    sine = hn::Mul(sine, x);
    auto cosine = hn::Set(d, -1.0F / 3628800);
    cosine = hn::Add(hn::Mul(cosine, x2), hn::Set(d, 1.0F / 40320));
    cosine = hn::Add(hn::Mul(cosine, x2), hn::Set(d, -1.0F / 720));
    cosine = hn::Add(hn::Mul(cosine, x2), hn::Set(d, 1.0F / 24));
    cosine = hn::Add(hn::Mul(cosine, x2), hn::Set(d, -1.0F / 2));
    cosine = hn::Add(hn::Mul(cosine, x2), hn::Set(d, 1.0F));
    // Bit 30 swaps the two, bit 31 turns both, bits 30 and 31 together with the swap turn the first.
    const auto swap = hn::RebindMask(d, hn::TestBit(b, hn::Set(du, 1U << 30)));
    const auto sign = hn::Set(du, 1U << 31);
    const auto turn_second = hn::And(b, sign);
    const auto turn_first = hn::And(hn::Xor(b, hn::ShiftLeft<1>(b)), sign);
    const auto first = hn::IfThenElse(swap, sine, cosine);
    const auto second = hn::IfThenElse(swap, cosine, sine);
    store_pairs(hn::Mul(r, hn::Xor(first, hn::BitCast(d, turn_first))),
                hn::Mul(r, hn::Xor(second, hn::BitCast(d, turn_second))), d, out + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradus {
namespace {

HWY_EXPORT(fill_blocks);
HWY_EXPORT(to_uniform);
HWY_EXPORT(to_normal);

// Elements that go through the stack at once: a multiple of two of the widest vectors (kPad), and small
// enough for the first cache.
constexpr std::size_t kPad = 128;
constexpr std::size_t kChunk = 1024;

constexpr std::size_t padded(std::size_t n) { return (n + kPad - 1) / kPad * kPad; }

// Whole blocks, to `out` without an alignment of its own.
void fill_whole_blocks(RandomStream stream, std::uint64_t index, std::uint32_t* out, std::size_t blocks) {
  std::size_t done = HWY_DYNAMIC_DISPATCH(fill_blocks)(stream.seed, stream.offset + index, out, blocks);
  for (; done < blocks; ++done) {
    const auto block = random_block(stream, index + done);
    std::memcpy(out + 4 * done, block.data(), sizeof(block));
  }
}

// Words first, first + 1, ... into chunks; convert(words, out, n) turns a chunk into elements, one a word.
template <class Convert>
void fill_f32(RandomStream stream, std::uint64_t first, std::span<float> out, Convert convert) {
  alignas(64) std::uint32_t words[kChunk];
  alignas(64) float values[kChunk];
  // From the beginning of a block, so that a pair of words is never torn.
  std::size_t skip = first % 4;
  std::uint64_t block = first / 4;
  while (!out.empty()) {
    const std::size_t take = std::min(out.size(), kChunk - skip);
    const std::size_t used = padded(skip + take);
    // Whole blocks only as far as they are asked for; the rest of the padding holds anything but garbage.
    const std::size_t blocks = (skip + take + 3) / 4;
    fill_whole_blocks(stream, block, words, blocks);
    std::fill(words + 4 * blocks, words + used, 0U);
    convert(words, values, used);
    std::copy_n(values + skip, take, out.data());
    out = out.subspan(take);
    block += kChunk / 4;
    skip = 0;
  }
}

// pair(block) gives the two elements that one block makes.
template <class Pair>
void fill_f64(RandomStream stream, std::uint64_t first, std::span<double> out, Pair pair) {
  std::uint32_t words[kChunk];
  std::size_t skip = first % 2;
  std::uint64_t block = first / 2;
  while (!out.empty()) {
    const std::size_t take = std::min(out.size(), kChunk / 2 - skip);
    fill_whole_blocks(stream, block, words, (skip + take + 1) / 2);
    for (std::size_t i = 0; i < take;) {
      const std::size_t element = skip + i;
      const auto values = pair(words + 4 * (element / 2));
      out[i++] = values[element % 2];
      if (element % 2 == 0 && i < take) out[i++] = values[1];
    }
    out = out.subspan(take);
    block += kChunk / 4;
    skip = 0;
  }
}

}  // namespace

void fill_words(RandomStream stream, std::uint64_t first, std::span<std::uint32_t> out) {
  if (out.empty()) return;
  std::uint64_t block = first / 4;
  if (const std::size_t skip = first % 4; skip != 0) {
    const auto words = random_block(stream, block++);
    const std::size_t take = std::min(out.size(), 4 - skip);
    std::copy_n(words.data() + skip, take, out.data());
    out = out.subspan(take);
  }
  const std::size_t blocks = out.size() / 4;
  fill_whole_blocks(stream, block, out.data(), blocks);
  if (const std::size_t rest = out.size() % 4; rest != 0) {
    const auto words = random_block(stream, block + blocks);
    std::copy_n(words.data(), rest, out.data() + 4 * blocks);
  }
}

void fill_uniform(RandomStream stream, std::uint64_t first, std::span<float> out) {
  fill_f32(stream, first, out, HWY_DYNAMIC_DISPATCH(to_uniform));
}

void fill_normal(RandomStream stream, std::uint64_t first, std::span<float> out) {
  fill_f32(stream, first, out, HWY_DYNAMIC_DISPATCH(to_normal));
}

void fill_uniform(RandomStream stream, std::uint64_t first, std::span<double> out) {
  fill_f64(stream, first, out, [](const std::uint32_t* w) {
    return std::array{uniform_f64(w[0], w[1]), uniform_f64(w[2], w[3])};
  });
}

void fill_normal(RandomStream stream, std::uint64_t first, std::span<double> out) {
  fill_f64(stream, first, out, [](const std::uint32_t* w) {
    const double u = 1 - uniform_f64(w[0], w[1]);  // (0, 1]
    const double r = std::sqrt(-2 * std::log(u));
    const double angle = 2 * std::numbers::pi * uniform_f64(w[2], w[3]);
    return std::array{r * std::cos(angle), r * std::sin(angle)};
  });
}

}  // namespace gradus
#endif  // HWY_ONCE
