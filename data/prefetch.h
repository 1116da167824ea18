// PrefetchThread: makes the items 0..n-1 in order on a thread of its own, a bounded number ahead of whoever
// takes them. It knows neither tensors nor datasets: items lie in slots of the caller's, `slot = item %
// slots`.
#pragma once

#include <cstdint>
#include <memory>

#include "gradus/base/unique_function.h"

namespace gradus::data {

class PrefetchThread {
 public:
  // `make(item, slot)` runs on the thread; at most `slots` made items wait at any time.
  PrefetchThread(std::int64_t n, std::int64_t slots, UniqueFunction<void(std::int64_t, std::int64_t)> make);
  // Returns when the thread has ended, which is at the latest after the item it is making.
  ~PrefetchThread();
  PrefetchThread(const PrefetchThread&) = delete;
  PrefetchThread& operator=(const PrefetchThread&) = delete;

  // Waits for the next item and returns its slot, which the caller then empties and gives back with done().
  // Throws what make() threw, at the place of the item that failed. Called at most n times.
  std::int64_t wait();
  void done();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus::data
