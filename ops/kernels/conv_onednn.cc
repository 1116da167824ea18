// Note [Which kernels of oneDNN]. On processors without AVX-512 its convolutions by matrix products are left
// aside: the product kernels beneath keep a number in the stack pointer (see gemm.cc), and a signal handler
// of the program would write its frame there. The direct kernels (jit, jit_1x1, jit_dw) only push and pop, as
// their machine code (DNNL_JIT_DUMP=1) shows. Its reference loops ("ref") are slower than ours.
#include "gradus/ops/kernels/conv_onednn.h"

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dnnl.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "gradus/base/parallel.h"
#include "hwy/targets.h"

namespace gradus::kernels {
namespace {

// From this many multiplications on oneDNN is quicker than products line by line, in spite of its way in.
constexpr double kWanted = 16 * 1024;
// Below this many a second thread costs more than it brings.
constexpr double kParallel = 512 * 1024;

constexpr std::size_t kAlign = 64;
std::size_t aligned(std::size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

using Memory = dnnl::memory;

dnnl::engine& engine() {
  static auto* e = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // outlives static destructors
  return *e;
}

// What OpenMP would use on this thread: oneDNN divides the work for that many threads when a primitive is
// made, which forks nothing.
class OmpThreads {
 public:
  explicit OmpThreads(int n) : before_(omp_get_max_threads()) { omp_set_num_threads(n); }
  ~OmpThreads() { omp_set_num_threads(before_); }
  OmpThreads(const OmpThreads&) = delete;
  OmpThreads& operator=(const OmpThreads&) = delete;

 private:
  int before_;
};

bool is_trusted(std::string_view name) {
  static const bool avx512 = (hwy::SupportedTargets() & HWY_AVX3) != 0;
  if (name.find("ref") != name.npos) return false;
  return avx512 || name.find("gemm") == name.npos;
}

// One convolution of fixed sizes: how oneDNN wants to have the weights, and its code. Immutable but for the
// code, which is compiled when it is first used; any thread may use it.
class Plan {
 public:
  Plan(ConvPass pass, const ConvShape& s, bool has_bias, int threads)
      : pass_(pass), has_bias_(has_bias && pass == ConvPass::forward), threads_(threads) {
    try {
      describe(s);
    } catch (const dnnl::error&) {
      works_ = false;  // no implementation
    }
  }

  bool works() const { return works_; }
  std::size_t scratch() const { return works_ ? aligned(scratchpad_.get_size()) + weight_room() : 0; }

  void run(float* x, float* w, float* y, const float* bias, void* scratch) {
    std::call_once(compiled_, [this] { compile(); });
    const dnnl::stream stream(engine());
    auto* pad = static_cast<std::byte*>(scratch);
    std::byte* packed = pad + aligned(scratchpad_.get_size());
    Memory mx(x_, engine(), x), my(y_, engine(), y), mw(w_, engine(), w);
    Memory inner = reorders_ ? Memory(w_inner_, engine(), packed) : mw;
    Memory mpad(scratchpad_, engine(), pad);
    const bool to_weight = pass_ == ConvPass::weight;
    if (reorders_ && !to_weight) reorder_.execute(stream, mw, inner);
    std::unordered_map<int, Memory> arguments{
        {pass_ == ConvPass::input ? DNNL_ARG_DIFF_SRC : DNNL_ARG_SRC, mx},
        {to_weight ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS, inner},
        {pass_ == ConvPass::forward ? DNNL_ARG_DST : DNNL_ARG_DIFF_DST, my},
        {DNNL_ARG_SCRATCHPAD, mpad}};
    if (has_bias_) arguments.emplace(DNNL_ARG_BIAS, Memory(bias_, engine(), const_cast<float*>(bias)));
    primitive_.execute(stream, arguments);
    if (reorders_ && to_weight) reorder_.execute(stream, inner, mw);
  }

 private:
  std::size_t weight_room() const { return reorders_ ? aligned(w_inner_.get_size()) : 0; }

  void describe(const ConvShape& s) {
    using Tag = Memory::format_tag;
    constexpr auto kF32 = Memory::data_type::f32;
    int first = 0;  // spatial axes of size 1 in front are left out: there are more kernels for fewer axes
    while (first < kSpatial - 1 && s.in[first] == 1 && s.out[first] == 1 && s.kernel[first] == 1 &&
           s.before[first] == 0) {
      ++first;
    }
    const int axes = kSpatial - first;
    Memory::dims x{s.n, s.c}, y{s.n, s.o}, w, strides, dilations, before, after;
    if (s.groups > 1)
      w = {s.groups, s.o / s.groups, s.c / s.groups};
    else
      w = {s.o, s.c};
    for (int i = first; i < kSpatial; ++i) {
      x.push_back(s.in[i]);
      y.push_back(s.out[i]);
      w.push_back(s.kernel[i]);
      strides.push_back(s.stride[i]);
      dilations.push_back(s.dilation[i] - 1);
      before.push_back(s.before[i]);
      after.push_back((s.out[i] - 1) * s.stride[i] + s.dilation[i] * (s.kernel[i] - 1) + 1 - s.in[i] -
                      s.before[i]);
    }
    constexpr Tag kImage[] = {Tag::nwc, Tag::nhwc, Tag::ndhwc};
    constexpr Tag kWeight[] = {Tag::oiw, Tag::oihw, Tag::oidhw};
    constexpr Tag kGrouped[] = {Tag::goiw, Tag::goihw, Tag::goidhw};
    x_ = {x, kF32, kImage[axes - 1]};
    y_ = {y, kF32, kImage[axes - 1]};
    w_ = {w, kF32, s.groups > 1 ? kGrouped[axes - 1] : kWeight[axes - 1]};
    const Memory::desc any(w, kF32, Tag::any);
    if (has_bias_) bias_ = {{s.o}, kF32, Tag::x};

    dnnl::primitive_attr attr;
    // Its own scratch memory belongs to a thread, and primitives are shared by threads.
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const OmpThreads guard(threads_);
    const auto direct = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, direct, x_, any, bias_, y_, strides, dilations, before, after},
        attr, engine());
    switch (pass_) {
      case ConvPass::forward:
        return take(forward);
      case ConvPass::input:
        return take(dnnl::convolution_backward_data::primitive_desc(
            {direct, x_, any, y_, strides, dilations, before, after}, attr, engine(), forward));
      case ConvPass::weight:
        return take(dnnl::convolution_backward_weights::primitive_desc(
            {direct, x_, any, y_, strides, dilations, before, after}, attr, engine(), forward));
    }
  }

  template <class Desc>
  void take(Desc d) {
    while (!is_trusted(d.impl_info_str())) {
      if (!d.next_impl()) return;
    }
    w_inner_ = d.query_md(pass_ == ConvPass::weight ? dnnl::query::diff_weights_md : dnnl::query::weights_md);
    scratchpad_ = d.scratchpad_desc();
    reorders_ = w_inner_ != w_;
    desc_ = d;
    works_ = true;
  }

  void compile() {
    const OmpThreads guard(threads_);
    primitive_ = dnnl::primitive(desc_.get());
    if (!reorders_) return;
    const bool to_weight = pass_ == ConvPass::weight;
    reorder_ = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), to_weight ? w_inner_ : w_, engine(),
                                                           to_weight ? w_ : w_inner_));
  }

  const ConvPass pass_;
  const bool has_bias_;  // forward; the input pass adds it afterwards
  const int threads_;
  bool works_ = false;
  bool reorders_ = false;
  Memory::desc x_, y_, w_, bias_;
  Memory::desc w_inner_;  // as the kernel reads or writes the weights
  Memory::desc scratchpad_;
  dnnl::primitive_desc_base desc_;
  std::once_flag compiled_;
  dnnl::primitive primitive_;
  dnnl::reorder reorder_;
};

// The last plans that were used. A model has some dozens of convolutions with three passes each; sizes that
// change from call to call (sequences, images of any size) must not fill the memory with code.
class Plans {
 public:
  std::shared_ptr<Plan> find(ConvPass pass, const ConvShape& s, bool bias, int threads) {
    {
      const std::lock_guard lock(mutex_);
      for (Entry& e : entries_) {
        if (!e.is(pass, s, bias, threads)) continue;
        e.used = ++clock_;
        return e.plan;
      }
    }
    // Two threads may do this for the same sizes; both plans are good.
    auto plan = std::make_shared<Plan>(pass, s, bias, threads);
    const std::lock_guard lock(mutex_);
    if (entries_.size() < kMost) {
      entries_.push_back({pass, s, bias, threads, ++clock_, plan});
    } else {
      *std::min_element(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
        return a.used < b.used;
      }) = {pass, s, bias, threads, ++clock_, plan};
    }
    return plan;
  }

 private:
  static constexpr std::size_t kMost = 256;

  struct Entry {
    ConvPass pass;
    ConvShape shape;
    bool bias;
    int threads;
    std::uint64_t used;
    std::shared_ptr<Plan> plan;

    bool is(ConvPass p, const ConvShape& s, bool b, int n) const {
      static_assert(std::has_unique_object_representations_v<ConvShape>);
      return pass == p && bias == b && threads == n && std::memcmp(&shape, &s, sizeof s) == 0;
    }
  };

  std::mutex mutex_;
  std::vector<Entry> entries_;
  std::uint64_t clock_ = 0;
};

Plans& plans() {
  static auto* p = new Plans;  // outlives static destructors
  return *p;
}

int most_threads(const ConvShape& s) { return s.work() < kParallel ? 1 : threads(); }

}  // namespace

bool onednn_conv_is_wanted(const ConvShape& s) {
  // It counts places in 32 bits.
  constexpr double kMost = 1 << 30;
  double x = static_cast<double>(s.n * s.c), y = static_cast<double>(s.n * s.o);
  for (int i = 0; i < kSpatial; ++i) {
    x *= static_cast<double>(s.in[i] + std::abs(s.before[i]));
    y *= static_cast<double>(s.out[i]) + static_cast<double>(s.stride[i] + s.dilation[i] * s.kernel[i]);
  }
  return s.work() >= kWanted && x < kMost && y < kMost;
}

std::size_t onednn_conv_scratch(ConvPass pass, const ConvShape& s, bool has_bias) {
  const int most = most_threads(s);
  std::size_t bytes = plans().find(pass, s, has_bias, most)->scratch();
  // Another thread of the program may hold the right to fork when the kernel runs.
  if (most > 1) bytes = std::max(bytes, plans().find(pass, s, has_bias, 1)->scratch());
  return bytes;
}

bool onednn_conv(ConvPass pass, const ConvShape& s, float* x, float* w, float* y, const float* bias,
                 void* scratch) {
  std::optional<LibraryTeam> team;
  if (most_threads(s) > 1) team.emplace();
  const int size = team ? team->size() : 1;
  const std::shared_ptr<Plan> plan = plans().find(pass, s, bias != nullptr, size);
  if (!plan->works()) return false;
  const OmpThreads guard(size);
  plan->run(x, w, y, bias, scratch);
  if (bias == nullptr || pass != ConvPass::input) return true;
  for (std::int64_t i = 0; i < s.n * s.in_pixels(); ++i) {
    for (std::int64_t j = 0; j < s.c; ++j) x[i * s.c + j] += bias[j];
  }
  return true;
}

}  // namespace gradus::kernels
