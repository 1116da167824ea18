// Claim: the DOT text of a graph of 100,000 nodes takes less than 0.5 s and 200 MB. Records a chain of that
// many ops, takes its snapshot and writes all of it; prints the milliseconds of both and the peak of the
// process's resident memory in KiB.
#include <chrono>
#include <cstdio>

#include "gradus/gradus.h"
#include "peak_memory.h"

int main() {
  namespace gd = gradus;
  using Clock = std::chrono::steady_clock;
  const auto ms = [](Clock::duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
  const gd::Tensor w = gd::full({4}, 1.0).requires_grad(true).name("w");
  gd::Tensor x = w;
  for (int i = 0; i < 100'000; ++i) x = i % 4 == 0 ? x * w : x + w;
  const auto begin = Clock::now();
  const gd::GraphSnapshot graph = gd::snapshot(x);
  const auto taken = Clock::now();
  const std::string dot = gd::to_dot(graph, {.picture = {.depth = gd::PictureOptions::kAll}});
  const auto written = Clock::now();
  std::printf("snapshot of %zu nodes %.0f ms, DOT of %zu bytes %.0f ms, peak %ld KiB\n", graph.nodes.size(),
              ms(taken - begin), dot.size(), ms(written - taken), bench::peak_memory_kib());
}
