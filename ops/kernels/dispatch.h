// Dispatched: a table or function of which there is one version for each instruction set, resolved on its
// first use and then read with one load. Constant-initialised, so it may be used by static initialisers. The
// environment variable GRADUS_SIMD=baseline|avx2 holds the choice below what the machine could do, to test
// the other versions or to compare them.
#pragma once

#include <atomic>

namespace gradus::kernels {

template <class T>
class Dispatched {
 public:
  constexpr explicit Dispatched(T (*resolve)()) : resolve_(resolve) {}

  T get() const {
    T value = value_.load(std::memory_order_relaxed);
    if (value == nullptr) [[unlikely]] {
      value = resolve_();
      value_.store(value, std::memory_order_relaxed);
    }
    return value;
  }

 private:
  // Relaxed is enough: every thread computes the same pointer, to constant data or code.
  mutable std::atomic<T> value_{nullptr};
  T (*resolve_)();
};

// Lets Highway look at the processor (and at GRADUS_SIMD); any number of calls.
void choose_instruction_set();

// "avx3", "avx2", ...: what Dispatched resolves to on this machine.
const char* instruction_set();

}  // namespace gradus::kernels

// GRADUS_EXPORT(f), inside `#if HWY_ONCE` and namespace gradus::kernels, for a function f of the per-target
// code (GRADUS_SIMD_BEGIN ... GRADUS_SIMD_END): defines k_f, so that k_f.get()(args...) calls this machine's
// version.
#define GRADUS_EXPORT(f)                                                                                   \
  HWY_EXPORT(f);                                                                                           \
  [[maybe_unused]] static constinit const ::gradus::kernels::Dispatched<decltype(&HWY_STATIC_DISPATCH(f))> \
      k_##f {                                                                                              \
    [] {                                                                                                   \
      ::gradus::kernels::choose_instruction_set();                                                         \
      return &HWY_DYNAMIC_DISPATCH(f);                                                                     \
    }                                                                                                      \
  }
