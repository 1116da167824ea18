// parallel_for: the one way the library uses several threads, and the number of threads it may use.
// OpenMP's team is shared with OpenBLAS and oneDNN, so that no two pools compete for the cores. Nothing here
// changes a setting of the process. See Note [One team] in parallel.cc for callers with threads of their own.
#pragma once

#include <cstdint>

#include "gradus/base/function_ref.h"
#include "gradus/base/location.h"

namespace gradus {

// Calls f(begin, end) on disjoint ranges that cover [0, n). Every range begins at a multiple of `grain`, so a
// body that works in blocks of `grain` computes the same with any number of threads. At most n / grain
// threads work: below 2 * grain, with threads() == 1 and inside another parallel region f runs on the
// caller's thread, once, on the whole range. An exception from f reaches the caller after all ranges ended;
// of several, the one from the lowest range.
void parallel_for(std::int64_t n, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> f);

// The most threads that one call of the library uses, the caller's included. Results do not depend on it, but
// for the last bits of large matrix products, which OpenBLAS and oneDNN share out in their own ways. Until
// set_threads was called: what OpenMP would use (OMP_NUM_THREADS, or the number of cores).
int threads();

// Errors: ValueError unless n >= 1.
void set_threads(int n, Location where = Location::current());

// While it lives, OpenBLAS and oneDNN called from this thread use size() threads: threads(), or 1 where
// parallel_for would not fork. Restores the calling thread's setting; no other thread sees a change.
class LibraryTeam {
 public:
  LibraryTeam();
  ~LibraryTeam();
  LibraryTeam(const LibraryTeam&) = delete;
  LibraryTeam& operator=(const LibraryTeam&) = delete;

  int size() const { return size_; }

 private:
  int size_ = 1;
  int before_ = 0;
  bool entered_ = false;
};

}  // namespace gradus
