// Loops of elementwise ops, made from a formula. An op's file looks like this:
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "gradus/ops/elementwise/exp.cc"
//   #include "gradus/ops/kernels/elementwise-inl.h"
//   GRADUS_UNARY(kExpLoops, kFloating, math::Exp(d, x))
//   #if HWY_ONCE
//   ... everything else; kernels::elementwise(kernels::kExpLoops, in, 1, out);
//   #endif
//
// In the formula d is the vector tag (hn::TFromD<decltype(d)> is the element type), the inputs are x, or a b
// c, `params` is the driver's pointer. The formula gives a vector (the output has the inputs' dtype) or a
// mask (the output is bool). It is compiled for every dtype of its TypeSet; `if constexpr` in a functor tells
// them apart. The last partial vector goes through the same formula, so a result never depends on its place
// in the array.

#include "gradus/ops/kernels/elementwise.h"
#include "gradus/ops/kernels/math-inl.h"
#include "gradus/ops/kernels/simd-inl.h"

#ifndef GRADUS_UNARY
#include <type_traits>

namespace gradus::kernels {

// Which element types a formula is compiled for.
enum TypeSet : unsigned {
  kF32 = 1u << 0,
  kF64 = 1u << 1,
  kI32 = 1u << 2,
  kI64 = 1u << 3,
  kU8 = 1u << 4,
  kBool = 1u << 5,
  kFloating = kF32 | kF64,
  kIntegers = kI32 | kI64 | kU8,
  kSigned = kF32 | kF64 | kI32 | kI64,
  kNumbers = kFloating | kIntegers,
  kAllTypes = kNumbers | kBool,
};

}  // namespace gradus::kernels

// Loops `name` in gradus::kernels from a functor of the per-target code with
//   template <class D, class V> auto operator()(D d, V a, V b, const void* params) const;
#define GRADUS_ELEMENTWISE(name, Functor, types, arity) \
  GRADUS_ELEMENTWISE_TABLE(name, (MakeElementwiseTable<Functor, types, arity, false>()))

// As above, but the first input is bool and comes as a mask: operator()(d, mask, a, b, params).
#define GRADUS_ELEMENTWISE_MASKED(name, Functor, types, arity) \
  GRADUS_ELEMENTWISE_TABLE(name, (MakeElementwiseTable<Functor, types, arity, true>()))

#define GRADUS_ELEMENTWISE_TABLE(name, table)                        \
  GRADUS_SIMD_BEGIN                                                  \
  const ElementwiseTable* name##_table() {                           \
    static constexpr ElementwiseTable kTable = GRADUS_UNPAREN table; \
    return &kTable;                                                  \
  }                                                                  \
  GRADUS_SIMD_END                                                    \
  GRADUS_ELEMENTWISE_EXPORT(name)

#define GRADUS_UNPAREN(...) __VA_ARGS__

// The whole from an expression.
#define GRADUS_UNARY(name, types, ...)                                                                 \
  GRADUS_SIMD_BEGIN                                                                                    \
  struct name##Formula {                                                                               \
    template <class D, class V>                                                                        \
    HWY_INLINE auto operator()([[maybe_unused]] D d, V x, [[maybe_unused]] const void* params) const { \
      return __VA_ARGS__;                                                                              \
    }                                                                                                  \
  };                                                                                                   \
  GRADUS_SIMD_END                                                                                      \
  GRADUS_ELEMENTWISE(name, name##Formula, types, 1)

#define GRADUS_BINARY(name, types, ...)                                                                     \
  GRADUS_SIMD_BEGIN                                                                                         \
  struct name##Formula {                                                                                    \
    template <class D, class V>                                                                             \
    HWY_INLINE auto operator()([[maybe_unused]] D d, V a, V b, [[maybe_unused]] const void* params) const { \
      return __VA_ARGS__;                                                                                   \
    }                                                                                                       \
  };                                                                                                        \
  GRADUS_SIMD_END                                                                                           \
  GRADUS_ELEMENTWISE(name, name##Formula, types, 2)

#define GRADUS_TERNARY(name, types, ...)                                    \
  GRADUS_SIMD_BEGIN                                                         \
  struct name##Formula {                                                    \
    template <class D, class V>                                             \
    HWY_INLINE auto operator()([[maybe_unused]] D d, V a, V b, V c,         \
                               [[maybe_unused]] const void* params) const { \
      return __VA_ARGS__;                                                   \
    }                                                                       \
  };                                                                        \
  GRADUS_SIMD_END                                                           \
  GRADUS_ELEMENTWISE(name, name##Formula, types, 3)
#endif  // GRADUS_UNARY

// Only the last pass over the file may define the exported object.
#undef GRADUS_ELEMENTWISE_EXPORT
#if HWY_ONCE
#define GRADUS_ELEMENTWISE_EXPORT(name)                                   \
  namespace gradus::kernels {                                             \
  namespace {                                                             \
  HWY_EXPORT(name##_table);                                               \
  constinit const ElementwiseLoops name{[]() -> const ElementwiseTable* { \
    choose_instruction_set();                                             \
    return HWY_DYNAMIC_DISPATCH(name##_table)();                          \
  }};                                                                     \
  }                                                                       \
  }
#else
#define GRADUS_ELEMENTWISE_EXPORT(name)
#endif

#if defined(GRADUS_OPS_KERNELS_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRADUS_OPS_KERNELS_ELEMENTWISE_INL_H_
#undef GRADUS_OPS_KERNELS_ELEMENTWISE_INL_H_
#else
#define GRADUS_OPS_KERNELS_ELEMENTWISE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace gradus::kernels {
namespace HWY_NAMESPACE {

// One input of a loop: where it is and how far it moves. A scalar is spread over a vector once and then read
// again and again without moving, so that one loop serves every mix of arrays and scalars.
template <class T>
struct Source {
  static constexpr bool kIsMask = false;
  const T* p;
  std::int64_t step;  // 1, or 0 for a scalar
  HWY_ALIGN T spread[HWY_MAX_BYTES / sizeof(T)];

  HWY_INLINE Source(const void* data, bool scalar) : p(static_cast<const T*>(data)), step(scalar ? 0 : 1) {
    if (scalar) {
      const hn::ScalableTag<T> d;
      hn::Store(hn::Set(d, *p), d, spread);
      p = spread;
    }
  }
  template <class D>
  HWY_INLINE auto load(D d, std::int64_t i) const {
    return hn::LoadU(d, p + i * step);
  }
  template <class D>
  HWY_INLINE auto load_first(D d, std::int64_t i, std::size_t n) const {
    return kernels::HWY_NAMESPACE::load_first(d, p + i * step, n);
  }
};

// A bool input beside inputs of another type: bytes become a mask of the wider lanes.
struct MaskSource {
  static constexpr bool kIsMask = true;
  const std::uint8_t* p;
  std::int64_t step;
  std::uint8_t spread[HWY_MAX_BYTES];

  HWY_INLINE MaskSource(const void* data, bool scalar)
      : p(static_cast<const std::uint8_t*>(data)), step(scalar ? 0 : 1) {
    if (scalar) {
      std::memset(spread, *p, sizeof(spread));
      p = spread;
    }
  }
  template <class D>
  HWY_INLINE auto load(D d, std::int64_t i) const {
    return widen(d, hn::LoadU(hn::Rebind<std::uint8_t, D>(), p + i * step));
  }
  template <class D>
  HWY_INLINE auto load_first(D d, std::int64_t i, std::size_t n) const {
    HWY_ALIGN std::uint8_t tile[HWY_MAX_BYTES] = {};
    std::memcpy(tile, p + i * step, n);
    return widen(d, hn::Load(hn::Rebind<std::uint8_t, D>(), tile));
  }

 private:
  template <class D, class V>
  static HWY_INLINE auto widen([[maybe_unused]] D d, V bytes) {
    using T = hn::TFromD<D>;
    if constexpr (sizeof(T) == 1) {
      return hn::RebindMask(d, hn::Ne(bytes, hn::Zero(hn::Rebind<std::uint8_t, D>())));
    } else if constexpr (sizeof(T) == 4) {
      const hn::RebindToUnsigned<D> du;
      return hn::RebindMask(d, hn::Ne(hn::PromoteTo(du, bytes), hn::Zero(du)));
    } else {
      const hn::RebindToUnsigned<D> du;
      const hn::Rebind<std::uint32_t, D> d32;
      return hn::RebindMask(d, hn::Ne(hn::PromoteTo(du, hn::PromoteTo(d32, bytes)), hn::Zero(du)));
    }
  }
};

// The output: a vector goes out as it is, a mask as bytes of 0 and 1.
template <class D, class R>
struct Sink {
  using T = hn::TFromD<D>;
  static constexpr bool kIsMask = !std::is_same_v<R, hn::Vec<D>>;
  using Out = std::conditional_t<kIsMask, std::uint8_t, T>;
  Out* p;

  HWY_INLINE explicit Sink(void* data) : p(static_cast<Out*>(data)) {}
  HWY_INLINE void store(R r, D d, std::int64_t i) const {
    if constexpr (kIsMask)
      hn::StoreU(narrow(r, d), hn::Rebind<std::uint8_t, D>(), p + i);
    else
      hn::StoreU(r, d, p + i);
  }
  HWY_INLINE void store_first(R r, D d, std::int64_t i, std::size_t n) const {
    if constexpr (kIsMask) {
      HWY_ALIGN std::uint8_t tile[HWY_MAX_BYTES];
      hn::Store(narrow(r, d), hn::Rebind<std::uint8_t, D>(), tile);
      std::memcpy(p + i, tile, n);
    } else {
      kernels::HWY_NAMESPACE::store_first(r, d, p + i, n);
    }
  }

 private:
  static HWY_INLINE auto narrow(R mask, [[maybe_unused]] D d) {
    const hn::RebindToUnsigned<D> du;
    const hn::Rebind<std::uint8_t, D> d8;
    const auto ones = hn::IfThenElseZero(hn::RebindMask(du, mask), hn::Set(du, hn::TFromD<decltype(du)>{1}));
    if constexpr (sizeof(T) == 1)
      return ones;
    else
      return hn::TruncateTo(d8, ones);
  }
};

template <class F, class D, class... S>
HWY_INLINE void elementwise_loop(const void* params, std::int64_t n, void* out, const S&... in) {
  const D d;
  const F f;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  using R = decltype(f(d, in.load(d, 0)..., params));
  const Sink<D, R> sink(out);
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) sink.store(f(d, in.load(d, i)..., params), d, i);
  if (i < n) {
    const std::size_t rest = static_cast<std::size_t>(n - i);
    sink.store_first(f(d, in.load_first(d, i, rest)..., params), d, i, rest);
  }
}

template <class F, class T, int kArity, bool kMasked>
void elementwise_entry(const void* const* in, void* out, std::int64_t n, unsigned scalars,
                       const void* params) {
  using D = hn::ScalableTag<T>;
  using First = std::conditional_t<kMasked, MaskSource, Source<T>>;
  const First a(in[0], scalars & 1);
  if constexpr (kArity == 1) {
    elementwise_loop<F, D>(params, n, out, a);
  } else {
    const Source<T> b(in[1], scalars >> 1 & 1);
    if constexpr (kArity == 2) {
      elementwise_loop<F, D>(params, n, out, a, b);
    } else {
      const Source<T> c(in[2], scalars >> 2 & 1);
      if constexpr (kArity == 3) {
        elementwise_loop<F, D>(params, n, out, a, b, c);
      } else {
        const Source<T> e(in[3], scalars >> 3 & 1);
        elementwise_loop<F, D>(params, n, out, a, b, c, e);
      }
    }
  }
}

template <class F, class T, int kArity, bool kMasked, bool kWanted>
constexpr ElementwiseLoop elementwise_entry_or_null() {
  if constexpr (kWanted)
    return &elementwise_entry<F, T, kArity, kMasked>;
  else
    return nullptr;
}

// bool is stored as bytes of 0 and 1 and computed as u8. For f16, i8 and so on the driver converts to and
// from what they are computed in (DTypeInfo), so that they need no loops of their own.
template <class F, unsigned kTypes, int kArity, bool kMasked>
constexpr ElementwiseTable MakeElementwiseTable() {
  ElementwiseTable table{
      {elementwise_entry_or_null<F, float, kArity, kMasked, (kTypes & kF32) != 0>(),
       elementwise_entry_or_null<F, double, kArity, kMasked, (kTypes & kF64) != 0>(),
       elementwise_entry_or_null<F, std::int32_t, kArity, kMasked, (kTypes & kI32) != 0>(),
       elementwise_entry_or_null<F, std::int64_t, kArity, kMasked, (kTypes & kI64) != 0>(),
       elementwise_entry_or_null<F, std::uint8_t, kArity, kMasked, (kTypes & kU8) != 0>(),
       elementwise_entry_or_null<F, std::uint8_t, kArity, kMasked, (kTypes & kBool) != 0>()},
      kMasked ? 1 : 0};
  for (int t = static_cast<int>(DType::boolean) + 1; t < kDTypeCount; ++t) {
    table.loop[t] = table.loop[static_cast<int>(computed_in(static_cast<DType>(t)))];
  }
  return table;
}

}  // namespace HWY_NAMESPACE
}  // namespace gradus::kernels
HWY_AFTER_NAMESPACE();

#endif  // per-target guard
