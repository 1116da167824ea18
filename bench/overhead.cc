// Claim: what an op costs beside its arithmetic is a fraction of the peer's.
#include "common.h"
#include "overhead_cases.h"

namespace bench {
namespace {

struct TimedLoop {
  benchmark::State& state;

  template <class Op>
  void operator()(const Op& op) {
    measure(state, op);
  }
  template <class Body>
  void batches(int ops, const Body& body) {
    while (state.KeepRunningBatch(ops)) body();
  }
};

}  // namespace

void register_overhead() {
  for (const auto& c : kOverheadCases<TimedLoop>) {
    benchmark::RegisterBenchmark(c.name, [run = c.run](benchmark::State& state) {
      TimedLoop loop{state};
      run(loop);
    });
  }
}

}  // namespace bench
