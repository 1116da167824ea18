#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/convert.cc"
#include "gradus/ops/kernels/simd-inl.h"
// (simd-inl.h first: it sets up the loop over instruction sets)
#include "gradus/ops/kernels/convert.h"

GRADUS_SIMD_BEGIN

// The elements behind the last whole vector go through the same code, in a tile.
template <class From, class To, class F>
HWY_INLINE void convert_runs(const From* from, To* to, std::int64_t n, std::int64_t lanes, F f) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(from + i, to + i);
  if (i == n) return;
  const auto rest = static_cast<std::size_t>(n - i);
  HWY_ALIGN From in[HWY_MAX_BYTES / 4] = {};
  HWY_ALIGN To out[HWY_MAX_BYTES / 4];
  std::memcpy(in, from + i, rest * sizeof(From));
  f(in, out);
  std::memcpy(to + i, out, rest * sizeof(To));
}

void widen_bf16(const std::uint16_t* from, float* to, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::Rebind<std::uint16_t, decltype(d)> d16;
  convert_runs(from, to, n, static_cast<std::int64_t>(hn::Lanes(d)),
               [&](const std::uint16_t* p, float* q) HWY_ATTR {
                 const auto bits = hn::ShiftLeft<16>(hn::PromoteTo(du, hn::LoadU(d16, p)));
                 hn::StoreU(hn::BitCast(d, bits), d, q);
               });
}

// As half_internal::float_to_bf16.
void narrow_bf16(const float* from, std::uint16_t* to, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::Rebind<std::uint16_t, decltype(d)> d16;
  convert_runs(from, to, n, static_cast<std::int64_t>(hn::Lanes(d)),
               [&](const float* p, std::uint16_t* q) HWY_ATTR {
                 const auto x = hn::LoadU(d, p);
                 const auto bits = hn::BitCast(du, x);
                 const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
                 const auto rounded = hn::Add(hn::Add(bits, hn::Set(du, 0x7FFF)), odd);
                 const auto quiet = hn::Or(bits, hn::Set(du, 0x400000));
                 const auto out = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(x)), quiet, rounded);
                 hn::StoreU(hn::TruncateTo(d16, hn::ShiftRight<16>(out)), d16, q);
               });
}

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3

// The processor's own instructions, which round as wanted.
void widen_f16(const std::uint16_t* from, float* to, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<std::uint16_t, decltype(d)> d16;
  const hn::Rebind<hwy::float16_t, decltype(d)> dh;
  convert_runs(from, to, n, static_cast<std::int64_t>(hn::Lanes(d)),
               [&](const std::uint16_t* p, float* q)
                   HWY_ATTR { hn::StoreU(hn::PromoteTo(d, hn::BitCast(dh, hn::LoadU(d16, p))), d, q); });
}

void narrow_f16(const float* from, std::uint16_t* to, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<std::uint16_t, decltype(d)> d16;
  const hn::Rebind<hwy::float16_t, decltype(d)> dh;
  convert_runs(from, to, n, static_cast<std::int64_t>(hn::Lanes(d)),
               [&](const float* p, std::uint16_t* q)
                   HWY_ATTR { hn::StoreU(hn::BitCast(d16, hn::DemoteTo(dh, hn::LoadU(d, p))), d16, q); });
}

#else

// As half_internal::f16_to_float and float_to_f16.
void widen_f16(const std::uint16_t* from, float* to, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::RebindToSigned<decltype(d)> di;  // comparisons of numbers without the sign bit
  const hn::Rebind<std::uint16_t, decltype(d)> d16;
  convert_runs(
      from, to, n, static_cast<std::int64_t>(hn::Lanes(d)), [&](const std::uint16_t* p, float* q) HWY_ATTR {
        const auto h = hn::PromoteTo(du, hn::LoadU(d16, p));
        const auto shifted = hn::ShiftLeft<13>(hn::And(h, hn::Set(du, 0x7FFF)));
        const auto normal = hn::Add(shifted, hn::Set(du, (127U - 15U) << 23));
        auto special = hn::Add(normal, hn::Set(du, (128U - 16U) << 23));
        const auto is_nan = hn::Gt(hn::BitCast(di, shifted), hn::Set(di, 0x0F800000));
        special =
            hn::Or(special, hn::And(hn::BitCast(du, hn::VecFromMask(di, is_nan)), hn::Set(du, 0x400000)));
        const auto tiny =
            hn::Sub(hn::BitCast(d, hn::Add(normal, hn::Set(du, 1U << 23))), hn::Set(d, 0x1p-14F));
        const auto is_special = hn::Gt(hn::BitCast(di, shifted), hn::Set(di, 0x0F7FFFFF));
        const auto is_tiny = hn::Lt(hn::BitCast(di, shifted), hn::Set(di, 0x00800000));
        auto out = hn::IfThenElse(hn::RebindMask(du, is_special), special, normal);
        out = hn::IfThenElse(hn::RebindMask(du, is_tiny), hn::BitCast(du, tiny), out);
        const auto sign = hn::ShiftLeft<16>(hn::And(h, hn::Set(du, 0x8000)));
        hn::StoreU(hn::BitCast(d, hn::Or(out, sign)), d, q);
      });
}

void narrow_f16(const float* from, std::uint16_t* to, std::int64_t n) {
  const hn::ScalableTag<float> d;
  const hn::RebindToUnsigned<decltype(d)> du;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<std::uint16_t, decltype(d)> d16;
  convert_runs(
      from, to, n, static_cast<std::int64_t>(hn::Lanes(d)), [&](const float* p, std::uint16_t* q) HWY_ATTR {
        const auto bits = hn::BitCast(du, hn::LoadU(d, p));
        const auto magnitude = hn::And(bits, hn::Set(du, 0x7FFFFFFF));
        const auto m = hn::BitCast(di, magnitude);
        const auto upper = hn::ShiftRight<13>(magnitude);
        const auto nan = hn::Or(hn::And(upper, hn::Set(du, 0x3FF)), hn::Set(du, 0x7E00));
        const auto half = hn::Set(d, 0.5F);
        const auto tiny =
            hn::Sub(hn::BitCast(du, hn::Add(hn::BitCast(d, magnitude), half)), hn::BitCast(du, half));
        const auto odd = hn::And(upper, hn::Set(du, 1));
        const auto rebased = hn::Sub(magnitude, hn::Set(du, ((127U - 15U) << 23) - 0xFFF));
        auto out = hn::ShiftRight<13>(hn::Add(rebased, odd));
        out = hn::IfThenElse(hn::RebindMask(du, hn::Lt(m, hn::Set(di, 0x38800000))), tiny, out);
        const auto is_large = hn::RebindMask(du, hn::Gt(m, hn::Set(di, 0x477FFFFF)));
        out = hn::IfThenElse(is_large, hn::Set(du, 0x7C00), out);
        out = hn::IfThenElse(hn::RebindMask(du, hn::Gt(m, hn::Set(di, 0x7F800000))), nan, out);
        const auto sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 0x8000));
        hn::StoreU(hn::TruncateTo(d16, hn::Or(out, sign)), d16, q);
      });
}

#endif

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {
GRADUS_EXPORT(widen_f16);
GRADUS_EXPORT(narrow_f16);
GRADUS_EXPORT(widen_bf16);
GRADUS_EXPORT(narrow_bf16);

// The structs are their bits.
static_assert(sizeof(float16) == 2 && sizeof(bfloat16) == 2);
template <class H>
const std::uint16_t* bits_of(const H* p) {
  return reinterpret_cast<const std::uint16_t*>(p);
}
template <class H>
std::uint16_t* bits_of(H* p) {
  return reinterpret_cast<std::uint16_t*>(p);
}
}  // namespace

void f16_to_f32(const float16* from, float* to, std::int64_t n) { k_widen_f16.get()(bits_of(from), to, n); }
void f32_to_f16(const float* from, float16* to, std::int64_t n) { k_narrow_f16.get()(from, bits_of(to), n); }
void bf16_to_f32(const bfloat16* from, float* to, std::int64_t n) {
  k_widen_bf16.get()(bits_of(from), to, n);
}
void f32_to_bf16(const float* from, bfloat16* to, std::int64_t n) {
  k_narrow_bf16.get()(from, bits_of(to), n);
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
