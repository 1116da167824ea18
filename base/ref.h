// Ref<T>: an owning pointer to an object with an intrusive count. T gives `RefCount refs` and a free
// function `destroy(T*)`, found by argument-dependent lookup.
#pragma once

#include <utility>

#include "gradus/base/ref_count.h"

namespace gradus {

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(const Ref& o) : p_(o.p_) {
    if (p_) p_->refs.acquire();
  }
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Ref& operator=(Ref o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Ref() {
    if (p_ && p_->refs.release()) destroy(p_);
  }

  // Takes over a reference that the caller owns.
  static Ref adopt(T* p) {
    Ref r;
    r.p_ = p;
    return r;
  }
  // Adds a reference to an object that somebody else owns.
  static Ref share(T* p) {
    if (p) p->refs.acquire();
    return adopt(p);
  }

  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  T* release() { return std::exchange(p_, nullptr); }

 private:
  T* p_ = nullptr;
};

}  // namespace gradus
