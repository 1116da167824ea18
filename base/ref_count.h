// An intrusive reference count. It costs plain loads and stores while the process has one thread, and never
// needs an atomic read-modify-write to drop the last reference: a sole owner cannot race with anybody.
#pragma once

#include <sys/single_threaded.h>

#include <atomic>
#include <cstdint>

namespace gradus {

class RefCount {
 public:
  void acquire() {
    if (__libc_single_threaded) {
      n_.store(n_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    } else {
      n_.fetch_add(1, std::memory_order_relaxed);
    }
  }

  // True when the caller held the last reference and must destroy the object.
  bool release() {
    const std::uint32_t n = n_.load(std::memory_order_acquire);
    if (n == 1) return true;
    if (__libc_single_threaded) {
      n_.store(n - 1, std::memory_order_relaxed);
      return false;
    }
    return n_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

  bool unique() const { return n_.load(std::memory_order_acquire) == 1; }
  std::uint32_t count() const { return n_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> n_{1};
};

}  // namespace gradus
