// gradus's side of bench/compare.sh; also a Google Benchmark program of its own.
#include "common.h"
#include "threads.h"

int main(int argc, char** argv) {
  gradus::set_threads(bench::wanted_threads());
  bench::register_overhead();
  bench::register_elementwise();
  bench::register_rows();
  bench::register_fwd_bwd();
  bench::register_pool();
  bench::register_matmul();
  bench::register_conv();
  bench::register_mlp_step();
  bench::register_optim_step();
  bench::register_recurrent();
  benchmark::AddCustomContext("library", "gradus");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
