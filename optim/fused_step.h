// FusedStep: the work of one step over all parameters, as one pass over the memory of each and one parallel
// region over all, however many they are; and Optimizer::fused_update, an optimizer's whole step of that
// kind. The passes themselves are written with fused-inl.h. Internal to optim/.
#pragma once

#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/optim/flat_update.h"
#include "gradus/optim/optimizer.h"

namespace gradus::optim {

// Steps n elements. arrays: weights, gradient, and each slot or null; factors: the optimizer's own struct.
using FusedKernel = void (*)(const void* factors, void* const* arrays, std::int64_t n);
struct FusedKernels {
  FusedKernel f32, f64;
};

inline constexpr std::size_t kMaxFactors = 16;  // doubles in a struct of factors

class FusedStep {
 public:
  // `writer` is a string literal, "Adam::step".
  FusedStep(const char* writer, Location where) : writer_(writer), where_(where) {}

  // One parameter, which has a gradient and the slots that it needs. Its state is counted up by run().
  template <class Factors>
  void add(const Tensor& param, ParamState& state, unsigned slots, FusedKernels kernels,
           const Factors& factors, bool touched_rows_only) {
    static_assert(std::is_trivially_copyable_v<Factors> && sizeof(Factors) <= sizeof(Job::factors));
    std::memcpy(add_job(param, state, slots, kernels, touched_rows_only), &factors, sizeof factors);
  }
  void run();

 private:
  struct Job {
    Job(FlatUpdate f, ParamState* s) : flat(std::move(f)), state(s) {}

    FlatUpdate flat;
    ParamState* state;
    FusedKernel kernel = nullptr;
    std::array<void*, 2 + kMaxSlots> arrays{};
    std::int64_t n = 0, size = 0, begin = 0;  // size: of an element; begin: where in the order of all work
    std::int64_t row = 0;                     // elements of a row, where untouched ones are left alone
    alignas(double) std::array<std::byte, kMaxFactors * sizeof(double)> factors{};
  };

  void* add_job(const Tensor& param, ParamState& state, unsigned slots, FusedKernels kernels,
                bool touched_rows_only);
  static void run_part(const Job& job, std::int64_t first, std::int64_t last);
  static void run_touched_rows(const Job& job, std::int64_t first, std::int64_t last);

  const char* writer_;
  Location where_;
  std::vector<Job> jobs_;
  std::int64_t total_ = 0;
};

// Steps every parameter that has a gradient. factors(group, state, fresh) -> a struct of numbers for the step
// state.steps + 1; fresh: slots were just made. initial(group, slot): what a slot starts with.
template <class MakeFactors, class Initial>
void Optimizer::fused_update(const char* writer, Location where, const FusedKernels& kernels,
                             const MakeFactors& make_factors, const Initial& initial) {
  FusedStep fused(writer, where);
  for (std::size_t g = 0; g < members_.size(); ++g) fuse_group(fused, g, kernels, make_factors, initial);
  fused.run();
}

template <class MakeFactors, class Initial>
void Optimizer::fuse_group(FusedStep& fused, std::size_t g, const FusedKernels& kernels,
                           const MakeFactors& make_factors, const Initial& initial) {
  // Mostly all parameters are at the same step: their factors are computed once.
  std::optional<decltype(make_factors(g, std::declval<ParamState&>(), false))> factors;
  std::int64_t steps = 0;
  bool fresh_before = false;
  for (std::size_t i = 0; i < members_[g].params.size(); ++i) {
    const Tensor& p = members_[g].params[i];
    if (!p.grad().defined()) continue;
    ParamState& s = members_[g].states[i];
    const unsigned slots = slots_of(g, p);
    bool fresh = false;
    for (std::size_t k = 0; k < kMaxSlots; ++k) {
      if ((slots >> k & 1U) == 0 || s.slots[k].defined()) continue;
      s.slots[k] = filled(p.shape(), p.dtype(), initial(g, k));
      fresh = true;
    }
    if (!factors.has_value() || s.steps != steps || fresh != fresh_before || product_name() != nullptr) {
      factors = make_factors(g, s, fresh);
      steps = s.steps;
      fresh_before = fresh;
    }
    fused.add(p, s, slots, kernels, *factors, members_[g].touched_rows_only[i]);
  }
}

template <class MakeFactors>
void Optimizer::fused_update(const char* writer, Location where, const FusedKernels& kernels,
                             const MakeFactors& make_factors) {
  fused_update(writer, where, kernels, make_factors, [](std::size_t, std::size_t) { return 0.0; });
}

}  // namespace gradus::optim
