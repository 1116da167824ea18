// Runs one overhead case N times and nothing else, for bench/instructions.sh to count under callgrind.
// usage: gradus_bench_instructions CASE N      (without arguments: lists the cases)
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "overhead_cases.h"

namespace {

struct CountedLoop {
  std::int64_t ops;

  template <class Op>
  void operator()(const Op& op) {
    for (std::int64_t i = 0; i < ops; ++i) {
      auto result = op();
      asm volatile("" : : "m"(result) : "memory");
    }
  }
  template <class Body>
  void batches(int ops_in_body, const Body& body) {
    for (std::int64_t i = 0; i < ops; i += ops_in_body) body();
  }
};

}  // namespace

int main(int argc, char** argv) {
  constexpr auto& kCases = bench::kOverheadCases<CountedLoop>;
  if (argc == 1) {
    for (const auto& c : kCases) std::puts(c.name);
    return 0;
  }
  const std::int64_t n = argc == 3 ? std::strtoll(argv[2], nullptr, 10) : 0;
  if (n <= 0) {
    std::fprintf(stderr, "usage: gradus_bench_instructions CASE N\n");
    return 2;
  }
  gradus::set_threads(1);
  for (const auto& c : kCases) {
    if (std::strcmp(c.name, argv[1]) != 0) continue;
    CountedLoop loop{n};
    c.run(loop);
    return 0;
  }
  std::fprintf(stderr, "gradus_bench_instructions: no case \"%s\"; without arguments it lists them\n",
               argv[1]);
  return 2;
}
