// How many threads both bench programs use: the variable BENCH_THREADS, which compare.sh sets, or one.
#pragma once

#include <cstdlib>

namespace bench {

inline int wanted_threads() {
  const char* text = std::getenv("BENCH_THREADS");
  const int n = text == nullptr ? 1 : std::atoi(text);
  return n < 1 ? 1 : n;
}

}  // namespace bench
