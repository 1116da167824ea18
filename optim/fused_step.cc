#include "gradus/optim/fused_step.h"

#include <algorithm>

#include "gradus/base/parallel.h"

namespace gradus::optim {
namespace {

// Elements that one thread should at least get: below, waking another costs more than it saves.
constexpr std::int64_t kGrain = 32 * 1024;
// Every parameter begins at a multiple of this in the order of all work, so that threads share no cache line
// but at the ends.
constexpr std::int64_t kAlign = 64;
static_assert(kGrain % kAlign == 0);

}  // namespace

void* FusedStep::add_job(const Tensor& param, ParamState& state, unsigned slots, FusedKernels kernels,
                         bool touched_rows_only) {
  Job& job = jobs_.emplace_back(FlatUpdate(param, writer_, where_), &state);
  const bool wide = param.dtype() == DType::f64;
  job.kernel = wide ? kernels.f64 : kernels.f32;
  job.size = static_cast<std::int64_t>(wide ? sizeof(double) : sizeof(float));
  job.n = param.numel();
  job.begin = total_;
  job.arrays[0] = job.flat.raw_weights();
  job.arrays[1] = const_cast<void*>(job.flat.raw_gradient());  // kernels read it only
  for (std::size_t k = 0; k < kMaxSlots; ++k) {
    if ((slots >> k & 1U) != 0) job.arrays[2 + k] = state.slots[k].impl()->data;
  }
  if (touched_rows_only && job.n > 0) job.row = job.n / param.size(0);
  total_ += (job.n + kAlign - 1) / kAlign * kAlign;
  return job.factors.data();
}

// Elements [first, last) of a parameter.
void FusedStep::run_part(const Job& job, std::int64_t first, std::int64_t last) {
  std::array<void*, 2 + kMaxSlots> arrays = job.arrays;
  for (void*& a : arrays) {
    if (a != nullptr) a = static_cast<std::byte*>(a) + first * job.size;
  }
  job.kernel(job.factors.data(), arrays.data(), last - first);
}

// The same for the rows among them whose gradient is not all 0. A row that two threads share is looked at by
// both.
void FusedStep::run_touched_rows(const Job& job, std::int64_t first, std::int64_t last) {
  const auto touched = [&](std::int64_t row) {
    const auto any = [&](const auto* g) {
      return std::any_of(g, g + job.row, [](auto x) { return x != 0; });
    };
    if (job.size == sizeof(float)) return any(static_cast<const float*>(job.arrays[1]) + row * job.row);
    return any(static_cast<const double*>(job.arrays[1]) + row * job.row);
  };
  std::int64_t begin = first;  // of the run of touched rows that ends at `at`
  for (std::int64_t at = first; at < last;) {
    const std::int64_t row = at / job.row;
    const std::int64_t next = std::min((row + 1) * job.row, last);
    if (!touched(row)) {
      if (begin < at) run_part(job, begin, at);
      begin = next;
    }
    at = next;
  }
  if (begin < last) run_part(job, begin, last);
}

void FusedStep::run() {
  parallel_for(total_, kGrain, [this](std::int64_t begin, std::int64_t end) {
    auto job = std::upper_bound(jobs_.begin(), jobs_.end(), begin,
                                [](std::int64_t at, const Job& j) { return at < j.begin; });
    for (--job; job != jobs_.end() && job->begin < end; ++job) {
      const std::int64_t first = std::max<std::int64_t>(begin - job->begin, 0);
      const std::int64_t last = std::min(end - job->begin, job->n);
      if (first >= last) continue;
      job->row > 0 ? run_touched_rows(*job, first, last) : run_part(*job, first, last);
    }
  });
  for (const Job& job : jobs_) {
    job.flat.finish();
    ++job.state->steps;
  }
}

}  // namespace gradus::optim
