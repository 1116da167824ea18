#include "gradus/ops/kernels/dispatch.h"

#include <cstdlib>
#include <cstring>

#include "gradus/ops/kernels/targets.h"
#include "hwy/highway.h"

namespace gradus::kernels {

namespace {

std::int64_t allowed_targets() {
  std::int64_t targets = hwy::SupportedTargets();
  const char* limit = std::getenv("GRADUS_SIMD");
  if (limit == nullptr) return targets;
  // A smaller bit is a better instruction set: clear those better than the limit.
  if (std::strcmp(limit, "avx2") == 0) targets &= ~(HWY_AVX2 - 1);
  if (std::strcmp(limit, "baseline") == 0) targets &= ~(HWY_STATIC_TARGET - 1);
  return targets;
}

}  // namespace

void choose_instruction_set() {
  static const bool done = [] {
    hwy::GetChosenTarget().Update(allowed_targets());
    return true;
  }();
  (void)done;
}

const char* instruction_set() {
  choose_instruction_set();
  const std::int64_t targets = allowed_targets() & HWY_TARGETS;
  return hwy::TargetName(targets == 0 ? HWY_STATIC_TARGET : targets & -targets);
}

}  // namespace gradus::kernels
