// libtorch's side of bench/compare.sh: the cases of the gradus bench under the same names, on as many
// threads.
#include "../threads.h"
#include "common.h"

int main(int argc, char** argv) {
  at::set_num_threads(bench::wanted_threads());
  at::set_num_interop_threads(1);
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
  benchmark::AddCustomContext("library", "libtorch " TORCH_VERSION);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
