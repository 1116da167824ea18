// PrefetchThreads: make the items 0..n-1 on threads of their own, a bounded number ahead of whoever takes
// them in order. They know neither tensors nor datasets: items lie in slots of the caller's, `slot = item %
// slots`.
#pragma once

#include <cstdint>
#include <memory>

#include "gradus/base/unique_function.h"

namespace gradus::data {

class PrefetchThreads {
 public:
  // `make(item, slot)` runs on one of `threads` threads, for several items at once; each slot is used by one
  // of them at a time, and at most `slots` items are begun or made and not yet given back. Errors:
  // std::system_error where threads cannot be had; then none runs.
  PrefetchThreads(std::int64_t n, std::int64_t threads, std::int64_t slots,
                  UniqueFunction<void(std::int64_t, std::int64_t)> make);
  // Returns when all threads have ended, which is at the latest after the item that each is making.
  ~PrefetchThreads();
  PrefetchThreads(const PrefetchThreads&) = delete;
  PrefetchThreads& operator=(const PrefetchThreads&) = delete;

  // Waits for the next item and returns its slot, which the caller then empties and gives back with done().
  // Throws what make() threw, at the place of the item that failed; no item behind that is begun. Called at
  // most n times.
  std::int64_t wait();
  void done();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus::data
