#include "gradus/tests/ops/contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gradus/base/error.h"
#include "gradus/base/parallel.h"
#include "gradus/base/random.h"
#include "gradus/graph/apply.h"
#include "gradus/graph/backward.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/tensor_impl.h"
#include "gradus/ops/elementwise/arithmetic.h"

namespace gradus::contract {
namespace {

// f64 first: the samples are in it.
constexpr DType kFloating[] = {DType::f64, DType::f32, DType::f16, DType::bf16};

// The rounding that `dtype` allows for a result of size 1: for the halves, which compute in f32, one place.
double tolerance(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 1e-11;
    case DType::f32:
      return 2e-5;
    case DType::f16:
      return 0x1p-10;
    default:
      return 0x1p-7;
  }
}

std::string label(std::size_t i, const char* note) {
  return fmt::format("sample {}{}{}", i, *note != '\0' ? " " : "", note);
}

std::vector<Tensor> run(const OpDef& op, std::span<const Tensor> inputs, const void* attrs) {
  std::vector<Operand> operands;
  for (const Tensor& t : inputs) operands.emplace_back(t, Location{});
  std::vector<Tensor> outs(static_cast<std::size_t>(op.outputs));
  apply(op, operands, attrs, outs);
  return outs;
}

// What a sample's inputs are in another floating dtype.
std::vector<Tensor> as(std::span<const Tensor> inputs, DType dtype) {
  std::vector<Tensor> out;
  for (const Tensor& t : inputs) {
    if (t.dtype() != DType::f64) {
      out.push_back(t.clone_detached());
      continue;
    }
    Tensor c = empty(t.shape(), dtype);
    c.copy_(t);
    out.push_back(std::move(c));
  }
  return out;
}

bool has_f64(std::span<const Tensor> inputs) {
  return std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.dtype() == DType::f64; });
}

std::vector<std::byte> bits(const Tensor& t) {
  const Tensor c = t.clone_detached();
  const auto* p = static_cast<const std::byte*>(c.view().data);
  return {p, p + static_cast<std::size_t>(c.numel()) * size_of(c.dtype())};
}

// Deterministic cotangents of the floating outputs that carry a gradient.
struct Pass {
  std::vector<Tensor> outs;
  std::vector<Tensor> grads;  // undefined for inputs without
};

std::vector<Tensor> seeds_for(std::span<const Tensor> outs) {
  std::vector<Tensor> seeds;
  RandomStream stream{11, 0};
  for (const Tensor& y : outs) {
    Tensor v = empty(y.shape(), DType::f64);
    fill_uniform(stream, 0, v.mutable_span<double>());
    stream.offset += blocks_for_f64(static_cast<std::uint64_t>(y.numel()));
    for (double& e : v.mutable_span<double>()) e -= 0.4;
    Tensor c = empty(y.shape(), y.dtype());
    c.copy_(v);
    seeds.push_back(std::move(c));
  }
  return seeds;
}

// Values and gradients for the inputs as they are (views stay views).
Pass run_both(const OpDef& op, std::span<const Tensor> inputs, const void* attrs) {
  Pass p;
  std::vector<Tensor> x;
  for (const Tensor& t : inputs) {
    x.push_back(t.detach());
    if (op.rule != nullptr && is_floating(t.dtype())) x.back().requires_grad(true);
  }
  p.outs = run(op, x, attrs);
  p.grads.resize(x.size());
  std::vector<Tensor> tracked;
  for (const Tensor& y : p.outs) {
    if (y.requires_grad()) tracked.push_back(y);
  }
  if (tracked.empty()) return p;
  std::vector<Tensor> variables;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!x[i].requires_grad()) continue;
    variables.push_back(x[i]);
    which.push_back(i);
  }
  const std::vector<Tensor> seeds = seeds_for(tracked);
  const std::vector<Tensor> g = grad(tracked, variables, {.allow_unused = true, .seeds = seeds});
  for (std::size_t k = 0; k < g.size(); ++k) p.grads[which[k]] = g[k];
  return p;
}

// The same numbers but for the order in which sums were added up.
bool same_but_for_rounding(const Tensor& a, const Tensor& b) {
  if (!is_floating(a.dtype())) return bits(a) == bits(b);
  // A gradient is made of several ops, each of which rounds.
  const double tolerance = a.dtype() == DType::f64   ? 1e-13
                           : a.dtype() == DType::f32 ? 1e-5
                                                     : 4 * contract::tolerance(a.dtype());
  const std::vector<double> x = reference::read(a.clone_detached()), y = reference::read(b.clone_detached());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    if (!(std::abs(x[i] - y[i]) <= tolerance * std::max(1.0, std::abs(x[i])))) return false;
  }
  return x.size() == y.size();
}

void compare_passes(const Pass& a, const Pass& b, bool (*same)(const Tensor&, const Tensor&),
                    const std::string& what, Faults* faults) {
  for (std::size_t k = 0; k < a.outs.size(); ++k) {
    if (!same(a.outs[k], b.outs[k])) faults->push_back(fmt::format("{}: output {} differs", what, k));
  }
  for (std::size_t k = 0; k < a.grads.size(); ++k) {
    if (a.grads[k].defined() != b.grads[k].defined() ||
        (a.grads[k].defined() && !same(a.grads[k], b.grads[k]))) {
      faults->push_back(fmt::format("{}: the gradient of input {} differs", what, k));
    }
  }
}

bool same_bits(const Tensor& a, const Tensor& b) { return bits(a) == bits(b); }

void compare_bits(const Pass& a, const Pass& b, const std::string& what, Faults* faults) {
  compare_passes(a, b, same_bits, what, faults);
}

// A tensor with the values of `t` at other places of memory: axes in reverse order, gaps, and an offset.
Tensor laid_out(const Tensor& t, bool transposed, bool gaps) {
  const int rank = t.rank();
  const std::int64_t gap = gaps ? 2 : 1;
  std::vector<std::int64_t> strides(static_cast<std::size_t>(rank));
  std::int64_t step = gap;
  for (int i = 0; i < rank; ++i) {
    const int axis = transposed ? i : rank - 1 - i;
    strides[static_cast<std::size_t>(axis)] = step;
    step *= std::max<std::int64_t>(t.shape()[axis], 1);
  }
  const std::int64_t offset = gaps ? 3 : 0;
  Tensor memory = empty({step + offset}, t.dtype());
  std::memset(memory.view().data, 0x7B, static_cast<std::size_t>(step + offset) * size_of(t.dtype()));
  auto* first =
      static_cast<std::byte*>(memory.view().data) + offset * static_cast<std::int64_t>(size_of(t.dtype()));
  const Shape shape = t.shape();
  const bool plain = is_contiguous_layout(shape.data(), strides.data(), rank);
  Tensor view = Tensor::adopt(new_view(t.dtype(), shape.data(), rank, plain ? nullptr : strides.data(), first,
                                       memory.impl()->storage, t.numel()));
  view.copy_(t);
  return view;
}

// The identity, with a gradient that is multiplied.
struct ScaleAttrs {
  double scale;
};
constexpr AttrDef kScaleAttrs[] = {GRADUS_ATTR(ScaleAttrs, scale, nullptr)};
constexpr const char* kX[] = {"x"};
constinit const OpDef kScaledGradient = {
    .name = "scaled_gradient",
    .doc = "x, with a scaled gradient",
    .inputs = kX,
    .attrs = kScaleAttrs,
    .flags = kView,
    .infer =
        [](InferContext& c) {
          c.set_out_like(0, 0);
          const TensorImpl& t = c.impl(0);
          c.out(0).has_strides = t.strides != nullptr;
          if (t.strides != nullptr) std::copy_n(t.strides, t.rank, c.out(0).strides);
        },
    .rule = [](RuleContext& c) { c.set(0, mul(c.grad(), c.attrs<ScaleAttrs>().scale)); },
};

// What is beyond the largest number of a half is infinite in it.
double held_by(DType dtype, double x) {
  return dtype == DType::f16 ? float{float16(x)} : dtype == DType::bf16 ? float{bfloat16(x)} : x;
}

bool close(double a, double b, DType dtype) {
  b = held_by(dtype, b);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  return std::abs(a - b) <= tolerance(dtype) * std::max(1.0, std::abs(b));
}

}  // namespace

Faults completeness(const OpDef& op) {
  Faults faults;
  if (op.name == nullptr || *op.name == '\0') faults.emplace_back("it has no name");
  if (op.doc == nullptr || *op.doc == '\0') faults.emplace_back("it has no doc");
  if (op.rule == nullptr && op.no_gradient == nullptr) {
    faults.emplace_back("it has neither a rule nor a reason in no_gradient");
  }
  if (op.infer == nullptr) faults.emplace_back("it has no infer");
  if (op.kernel == nullptr && (op.flags & kView) == 0) faults.emplace_back("it has no kernel and is no view");
  if (op.samples == nullptr) {
    faults.emplace_back("it has no samples");
    return faults;
  }
  SampleSink sink;
  op.samples(sink);
  if (sink.good.empty()) faults.emplace_back("it has no good sample");
  if (sink.bad.empty()) faults.emplace_back("it has no error sample");
  const bool checked = std::any_of(sink.good.begin(), sink.good.end(),
                                   [](const Sample& s) { return s.gradcheck && has_f64(s.inputs); });
  if (op.rule != nullptr && !checked) faults.emplace_back("no sample checks its derivative");
  return faults;
}

Faults forward(const OpDef& op, std::span<const Sample> samples, reference::Reference compute) {
  Faults faults;
  const NoGrad guard;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const Sample& sample = samples[s];
    bool f64_only = false;
    for (DType dtype : kFloating) {
      if (dtype != DType::f64 && !has_f64(sample.inputs)) continue;
      const std::vector<Tensor> inputs = as(sample.inputs, dtype);
      // The reference sees what the kernel sees: values rounded to the dtype.
      std::vector<Tensor> exact;
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        Tensor t = empty(inputs[i].shape(), sample.inputs[i].dtype());
        t.copy_(inputs[i]);
        exact.push_back(std::move(t));
      }
      std::vector<Tensor> got;
      try {
        got = run(op, inputs, sample.attr_bytes());
      } catch (const DtypeError&) {
        if (dtype == DType::f32) {  // an op for f64 only, or an attribute that asks for f64
          f64_only = true;
          continue;
        }
        if (dtype != DType::f64 && f64_only) continue;
        throw;
      }
      const std::vector<Tensor> want = compute(exact, sample.attr_bytes());
      if (want.size() != got.size()) {
        faults.push_back(fmt::format("{}: {} outputs, the reference has {}", label(s, sample.note),
                                     got.size(), want.size()));
        continue;
      }
      for (std::size_t k = 0; k < got.size(); ++k) {
        if (!(got[k].shape() == want[k].shape())) {
          faults.push_back(
              fmt::format("{}: output {} has another shape than the reference", label(s, sample.note), k));
          continue;
        }
        const std::vector<double> a = reference::read(got[k].clone_detached());
        const std::vector<double> b = reference::read(want[k]);
        for (std::size_t i = 0; i < a.size(); ++i) {
          const bool floating = is_floating(got[k].dtype());
          if (floating ? close(a[i], b[i], got[k].dtype() == DType::f64 ? dtype : got[k].dtype())
                       : a[i] == b[i]) {
            continue;
          }
          faults.push_back(fmt::format("{}, {}: output {} element {} is {:.17g}, the reference says {:.17g}",
                                       label(s, sample.note), name(dtype), k, i, a[i], b[i]));
          break;
        }
      }
    }
  }
  return faults;
}

Faults derivative(const OpDef& op, std::span<const Sample> samples, int order, double rule_scale) {
  Faults faults;
  if (op.rule == nullptr) return faults;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const Sample& sample = samples[s];
    if (!sample.gradcheck || !has_f64(sample.inputs)) continue;
    auto f = [&](std::span<const Tensor> x) {
      std::vector<Tensor> outs = run(op, x, sample.attr_bytes());
      for (Tensor& y : outs) {
        if (rule_scale != 1.0 && y.dtype() == DType::f64)
          y = apply(kScaledGradient, {y}, ScaleAttrs{rule_scale});
      }
      return outs;
    };
    const GradcheckResult r = order == 1 ? gradcheck(f, sample.inputs) : gradgradcheck(f, sample.inputs);
    if (!r.ok && r.message.find("gave no f64 tensor") == std::string::npos) {
      faults.push_back(fmt::format("{}: {}", label(s, sample.note), r.message));
    }
  }
  return faults;
}

bool has_gradient(const OpDef& op, std::span<const Sample> samples) {
  for (const Sample& sample : samples) {
    if (!sample.gradcheck) continue;
    for (const Tensor& g : run_both(op, sample.inputs, sample.attr_bytes()).grads) {
      if (!g.defined()) continue;
      for (double v : g.to_vector<double>()) {
        if (std::abs(v) > 1e-3) return true;
      }
    }
  }
  return false;
}

Faults layouts(const OpDef& op, std::span<const Sample> samples) {
  Faults faults;
  // Others may add up in the order that their inputs lie in memory.
  const bool elementwise = (op.flags & (kElementwise | kView)) != 0;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const Sample& sample = samples[s];
    for (DType dtype : kFloating) {
      if (dtype != DType::f64 && !has_f64(sample.inputs)) continue;
      const std::vector<Tensor> plain = as(sample.inputs, dtype);
      Pass expected;
      try {
        expected = run_both(op, plain, sample.attr_bytes());
      } catch (const DtypeError&) {
        continue;
      }
      for (int variant = 1; variant < 4; ++variant) {
        std::vector<Tensor> inputs;
        for (const Tensor& t : plain) inputs.push_back(laid_out(t, (variant & 1) != 0, (variant & 2) != 0));
        const Pass got = run_both(op, inputs, sample.attr_bytes());
        compare_passes(
            expected, got, elementwise ? same_bits : same_but_for_rounding,
            fmt::format("{}, {}, inputs {}{}", label(s, sample.note), name(dtype),
                        (variant & 1) != 0 ? "transposed " : "", (variant & 2) != 0 ? "with gaps" : ""),
            &faults);
      }
    }
  }
  return faults;
}

Faults poison(const OpDef& op, std::span<const Sample> samples) {
  Faults faults;
  if (op.rule == nullptr) return faults;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const Sample& sample = samples[s];
    std::vector<std::size_t> floating;
    for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
      if (sample.inputs[i].dtype() == DType::f64) floating.push_back(i);
    }
    // All inputs that can, and each one alone: fewer gradients need fewer tensors.
    for (std::size_t round = 0; round <= floating.size(); ++round) {
      auto wants = [&](std::size_t i) {
        return round == floating.size() ? sample.inputs[i].dtype() == DType::f64 : floating[round] == i;
      };
      std::vector<Tensor> expected;
      for (const bool poisoned : {false, true}) {
        std::vector<Tensor> x;
        for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
          x.push_back(sample.inputs[i].clone_detached());
          if (wants(i)) x.back().requires_grad(true);
        }
        std::vector<Tensor> outs = run(op, x, sample.attr_bytes());
        std::vector<Tensor> tracked;
        for (const Tensor& y : outs) {
          if (y.requires_grad()) tracked.push_back(y);
        }
        if (tracked.empty()) break;
        const std::vector<Tensor> seeds = seeds_for(tracked);
        if (poisoned) {
          std::vector<const void*> kept;
          Node* node = tracked[0].impl()->node;
          for (int k = 0; k < node->saved; ++k) kept.push_back(node->saved_slots()[k].value.impl()->storage);
          auto spoil = [&](const Tensor& t) {
            if (std::find(kept.begin(), kept.end(), t.impl()->storage) != kept.end()) return;
            // 0xFF is NaN in floating point and out of every range as an index.
            if (t.impl()->strides == nullptr) {
              std::memset(t.impl()->data, 0xFF, static_cast<std::size_t>(t.numel()) * size_of(t.dtype()));
            }
          };
          for (const Tensor& t : x) spoil(t);
          for (const Tensor& t : outs) spoil(t);
        }
        std::vector<Tensor> variables;
        for (const Tensor& t : x) {
          if (t.requires_grad()) variables.push_back(t);
        }
        std::vector<Tensor> g;
        try {
          g = grad(tracked, variables, {.allow_unused = true, .seeds = seeds});
        } catch (const Error& e) {
          faults.push_back(fmt::format("{}: {}", label(s, sample.note), e.what()));
          break;
        }
        if (!poisoned) {
          expected = std::move(g);
          continue;
        }
        for (std::size_t k = 0; k < g.size(); ++k) {
          if (g[k].defined() && bits(g[k]) != bits(expected[k])) {
            faults.push_back(
                fmt::format("{}: gradient {} reads what `saves` does not list", label(s, sample.note), k));
          }
        }
      }
    }
  }
  return faults;
}

namespace {

// Bytes between guards.
class Guarded {
 public:
  static constexpr std::size_t kGuard = 64;
  Guarded(std::size_t bytes, unsigned char fill)
      : memory_(static_cast<std::size_t>(kGuard * 3 + bytes), std::byte{0xA5}), bytes_(bytes) {
    const auto at = reinterpret_cast<std::uintptr_t>(memory_.data() + kGuard);
    start_ = kGuard + (64 - at % 64) % 64;
    std::memset(data(), fill, bytes);
  }
  std::byte* data() { return memory_.data() + start_; }
  bool guards_intact() const {
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if ((i < start_ || i >= start_ + bytes_) && memory_[i] != std::byte{0xA5}) return false;
    }
    return true;
  }
  std::vector<std::byte> content() { return {data(), data() + bytes_}; }

 private:
  std::vector<std::byte> memory_;
  std::size_t bytes_;
  std::size_t start_ = 0;
};

// infer, then the kernel over guarded memory; gives the outputs' bytes.
struct KernelRun {
  std::vector<std::vector<std::byte>> outs;
  bool intact = true;
  bool inputs_unchanged = true;
};

KernelRun run_kernel(const OpDef& op, std::span<const Tensor> inputs, const void* attrs,
                     std::span<const Tensor> like, unsigned char fill) {
  std::vector<Guarded> in_memory;
  std::vector<View> in;
  for (const Tensor& t : inputs) {
    const std::vector<std::byte> b = bits(t);
    Guarded& g = in_memory.emplace_back(b.size(), 0);
    std::copy(b.begin(), b.end(), g.data());
    View v = t.view();
    v.strides = nullptr;
    v.data = g.data();
    in.push_back(v);
  }
  std::vector<Guarded> out_memory;
  std::vector<View> out;
  for (const Tensor& t : like) {
    const std::size_t bytes = static_cast<std::size_t>(t.numel()) * size_of(t.dtype());
    Guarded& g = out_memory.emplace_back(bytes, fill);
    View v = t.view();
    v.data = g.data();
    out.push_back(v);
  }
  // More than any kernel of the library asks for; its guards are checked as well.
  Guarded scratch(std::size_t{1} << 20, fill);
  KernelContext c{&op,   Location::current(), in.data(), static_cast<int>(in.size()), out.data(),
                  attrs, scratch.data()};
  op.kernel(c);
  KernelRun r;
  r.intact = scratch.guards_intact();
  for (Guarded& g : out_memory) {
    r.intact &= g.guards_intact();
    r.outs.push_back(g.content());
  }
  for (std::size_t i = 0; i < in_memory.size(); ++i) {
    r.intact &= in_memory[i].guards_intact();
    r.inputs_unchanged &= in_memory[i].content() == bits(inputs[i]);
  }
  return r;
}

}  // namespace

Faults guards(const OpDef& op, std::span<const Sample> samples) {
  Faults faults;
  if (op.kernel == nullptr) return faults;
  const NoGrad guard;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const Sample& sample = samples[s];
    for (DType dtype : kFloating) {
      if (dtype != DType::f64 && !has_f64(sample.inputs)) continue;
      // Other kernels never see halves.
      if (is_half(dtype) && (op.flags & kAnyDtype) == 0) continue;
      const std::vector<Tensor> inputs = as(sample.inputs, dtype);
      // Only infer: a kernel that writes too far shall do so between guards alone.
      OpDef without_kernel = op;
      without_kernel.kernel = [](KernelContext&) {};
      std::vector<Tensor> like;
      try {
        like = run(without_kernel, inputs, sample.attr_bytes());
      } catch (const DtypeError&) {
        continue;
      }
      // A view that shares its input's memory ran no kernel.
      if ((op.flags & kView) != 0 && like[0].impl()->storage == inputs[0].impl()->storage) continue;
      const KernelRun a = run_kernel(op, inputs, sample.attr_bytes(), like, 0x00);
      const KernelRun b = run_kernel(op, inputs, sample.attr_bytes(), like, 0x5A);
      if (!a.intact || !b.intact) {
        faults.push_back(
            fmt::format("{}, {}: the kernel wrote outside of its views", label(s, sample.note), name(dtype)));
      }
      if (!a.inputs_unchanged || !b.inputs_unchanged) {
        faults.push_back(
            fmt::format("{}, {}: the kernel changed an input", label(s, sample.note), name(dtype)));
      }
      if (a.outs != b.outs) {
        faults.push_back(fmt::format("{}, {}: the result depends on what its memory held before",
                                     label(s, sample.note), name(dtype)));
      }
    }
  }
  return faults;
}

Faults threads(const OpDef& op, std::span<const Sample> samples) {
  Faults faults;
  const int before = gradus::threads();
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const Sample& sample = samples[s];
    for (DType dtype : kFloating) {
      if (dtype != DType::f64 && !has_f64(sample.inputs)) continue;
      const std::vector<Tensor> inputs = as(sample.inputs, dtype);
      try {
        set_threads(1);
        const Pass one = run_both(op, inputs, sample.attr_bytes());
        set_threads(2);
        const Pass two = run_both(op, inputs, sample.attr_bytes());
        compare_bits(one, two, fmt::format("{}, {}, one and two threads", label(s, sample.note), name(dtype)),
                     &faults);
      } catch (const DtypeError&) {
        // An op for f64 only.
      }
      set_threads(before);
    }
  }
  return faults;
}

Faults halves(const OpDef& op, std::span<const Sample> samples) {
  Faults faults;
  if (op.rule == nullptr) return faults;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const Sample& sample = samples[s];
    if (!has_f64(sample.inputs)) continue;
    for (DType half : {DType::f16, DType::bf16}) {
      const std::string what = fmt::format("{}, {}", label(s, sample.note), name(half));
      const std::vector<Tensor> inputs = as(sample.inputs, half);
      std::vector<Tensor> exact;
      for (const Tensor& t : inputs) {
        Tensor c = empty(t.shape(), t.dtype() == half ? DType::f32 : t.dtype());
        c.copy_(t);
        exact.push_back(std::move(c));
      }
      Pass want;
      try {
        want = run_both(op, exact, sample.attr_bytes());
      } catch (const DtypeError&) {
        continue;  // an op for f64 only
      }
      Pass got;
      try {
        got = run_both(op, inputs, sample.attr_bytes());
      } catch (const Error& e) {
        faults.push_back(fmt::format("{}: {}", what, e.what()));
        continue;
      }
      for (std::size_t k = 0; k < got.outs.size(); ++k) {
        const DType wide = want.outs[k].dtype(), dtype = got.outs[k].dtype();
        if (dtype != wide && !(wide == DType::f32 && dtype == half)) {
          faults.push_back(fmt::format("{}: output {} is {}", what, k, name(dtype)));
        }
      }
      for (std::size_t k = 0; k < got.grads.size(); ++k) {
        if (!sample.gradcheck || !got.grads[k].defined() || !want.grads[k].defined()) continue;
        const std::vector<double> a = reference::read(got.grads[k].clone_detached());
        const std::vector<double> b = reference::read(want.grads[k].clone_detached());
        double size = 1;
        for (double x : b) size = std::max(size, std::abs(x));
        for (std::size_t i = 0; i < a.size(); ++i) {
          if (std::abs(a[i] - b[i]) <= 8 * tolerance(half) * size) continue;
          faults.push_back(
              fmt::format("{}: gradient {} element {} is {}, in f32 it is {}", what, k, i, a[i], b[i]));
          break;
        }
      }
    }
  }
  return faults;
}

Faults messages(const OpDef& op, std::span<const ErrorSample> samples) {
  Faults faults;
  for (std::size_t s = 0; s < samples.size(); ++s) {
    const ErrorSample& sample = samples[s];
    std::string said = "nothing was thrown";
    try {
      const NoGrad guard;
      run(op, sample.inputs, sample.attr_bytes());
    } catch (const Error& e) {
      said = e.what();
      // "contract.cc:41: " is the caller's place.
      if (const std::size_t place = said.find(": "); said.rfind("contract.cc:", 0) == 0)
        said.erase(0, place + 2);
    } catch (const std::exception& e) {
      said = fmt::format("not a gradus::Error: {}", e.what());
    }
    if (said != sample.message) {
      faults.push_back(fmt::format("error sample {}:\n  says   {}\n  should {}", s, said, sample.message));
    }
  }
  return faults;
}

}  // namespace gradus::contract
