// apply(): infer, allocate (or view, or reuse a temporary's buffer), run the kernel, record.
#include "gradus/graph/apply.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>
#include <vector>

#include "gradus/base/pool.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/engine_ops.h"
#include "gradus/graph/node.h"
#include "gradus/graph/observer.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/tensor_impl.h"
#include "gradus/graph/trace.h"

namespace gradus {

using graph_internal::thread_state;

namespace {

// Operands of an ordinary op; more go to the heap.
constexpr std::size_t kInline = 4;

// An array on the stack where it is small. It is not initialised: that would cost more than a small kernel.
template <class T, std::size_t N>
class Scratch {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  explicit Scratch(std::size_t n) {
    if (n > N) [[unlikely]] {
      data_ = static_cast<T*>(::operator new(n * sizeof(T)));
    }
  }
  ~Scratch() {
    if (data_ != reinterpret_cast<T*>(inline_)) [[unlikely]]
      ::operator delete(data_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }

 private:
  alignas(T) std::byte inline_[N * sizeof(T)];
  T* data_ = reinterpret_cast<T*>(inline_);
};

}  // namespace

struct Apply {
  static void run(const OpDef& op, const Operand* in, std::size_t n, const void* attrs, Location where,
                  Tensor* outs, std::size_t n_outs);

  const OpDef& op;
  const Operand* in;
  int n;
  const void* attrs;
  Location where;

  static SaveMask saves(const OpDef& op, int input) {
    if (op.saves.empty()) return 0;
    return op.saves[std::min<std::size_t>(static_cast<std::size_t>(input), op.saves.size() - 1)];
  }

  // A large temporary of the result's shape that nothing else needs gives its buffer to an elementwise
  // result.
  [[gnu::noinline]] TensorImpl* try_donation(const OutputMeta& meta, SaveMask needed) const {
    constexpr std::size_t kWorthwhileBytes = 4096;
    for (int i = 0; i < n; ++i) {
      const TensorImpl* t = in[i].impl;
      if (!in[i].temporary || t->storage->bytes < kWorthwhileBytes || !t->refs.unique() ||
          !t->storage->refs.unique() || t->storage->kind == Storage::Kind::kExternal ||
          t->dtype != meta.dtype || t->rank != meta.rank || t->leaf_requires_grad || t->extras != nullptr ||
          saved_as_input(t, needed) || !std::equal(meta.dims, meta.dims + meta.rank, t->dims())) {
        continue;
      }
      const bool same_layout =
          meta.has_strides
              ? t->strides != nullptr && std::equal(meta.strides, meta.strides + meta.rank, t->strides)
              : t->strides == nullptr;
      if (same_layout) return new_alias(*t);
    }
    return nullptr;
  }

  // The same tensor may be several operands.
  bool saved_as_input(const TensorImpl* t, SaveMask needed) const {
    for (int i = 0; i < std::min(n, 16); ++i) {
      if (in[i].impl == t && (needed & gradus::in(i)) != 0) return true;
    }
    return false;
  }

  // Elementwise results of a dense input keep its order of axes.
  [[gnu::noinline]] void keep_layout(OutputMeta& meta) const {
    for (int i = 0; i < n; ++i) {
      const TensorImpl* t = in[i].impl;
      if (t->rank != meta.rank || !std::equal(meta.dims, meta.dims + meta.rank, t->dims())) continue;
      if (t->strides == nullptr) return;
      if (!is_dense_layout(t->dims(), t->strides, t->rank)) continue;
      meta.has_strides = true;
      std::copy_n(t->strides, t->rank, meta.strides);
      return;
    }
  }

  [[gnu::noinline]] TensorImpl* make_view(const OutputMeta& meta) const {
    const TensorImpl* t = in[0].impl;
    std::int64_t numel = 1;
    for (int i = 0; i < meta.rank; ++i) {
      if (__builtin_mul_overflow(numel, meta.dims[i], &numel)) {
        throw_error<ShapeError>(where, op.name, "{} has too many elements",
                                format_shape({meta.dims, meta.rank}));
      }
    }
    const bool strided = meta.has_strides && !is_contiguous_layout(meta.dims, meta.strides, meta.rank);
    void* data =
        static_cast<std::byte*>(t->data) + meta.offset * static_cast<std::int64_t>(size_of(t->dtype));
    return new_view(meta.dtype, meta.dims, meta.rank, strided ? meta.strides : nullptr, data, t->storage,
                    numel);
  }

  [[gnu::noinline]] void record(std::span<Tensor> outs, SaveMask needed) const {
    int n_saved = 0;
    for (SaveMask rest = needed; rest != 0; rest &= rest - 1) ++n_saved;  // a popcount is a call here
    int n_dims = 0;
    for (const Tensor& o : outs) n_dims += o.impl()->rank;
    const std::size_t attr_bytes = op.attrs.empty() ? 0 : op.attrs[0].struct_bytes;
    const auto inputs = static_cast<std::uint32_t>(n);
    const std::size_t dims_at = sizeof(Node) + inputs * sizeof(Edge) +
                                static_cast<std::size_t>(n_saved) * sizeof(SavedSlot) +
                                outs.size() * sizeof(OutputSlot);
    const std::size_t attrs_at = dims_at + static_cast<std::size_t>(n_dims) * sizeof(std::int64_t);
    const std::size_t shapes_at = (attrs_at + attr_bytes + 7) / 8 * 8;
    const bool keeps_shapes = (op.flags & kInputShapes) != 0;
    const std::size_t bytes = keeps_shapes ? shapes_at + inputs * sizeof(Shape) : attrs_at + attr_bytes;
    void* block =
        bytes <= kMaxPoolBytes ? pool_allocate(bytes) : ::operator new (bytes, std::align_val_t{64});

    Node* node = new (block) Node;
    node->walk.store(0, std::memory_order_relaxed);
    node->op = &op;
    node->file = where.file;
    node->line = where.line;
    node->released_file = nullptr;
    node->released_line = 0;
    node->extras = nullptr;
    node->inputs = inputs;
    node->block_bytes = static_cast<std::uint32_t>(bytes);
    node->outputs = static_cast<std::uint8_t>(outs.size());
    node->saved = static_cast<std::uint8_t>(n_saved);
    node->released = node->queued = node->needed = node->is_target = false;
    node->attr_offset = static_cast<std::uint32_t>(attr_bytes == 0 ? 0 : attrs_at);
    if (attr_bytes != 0) std::memcpy(static_cast<std::byte*>(block) + attrs_at, attrs, attr_bytes);
    if (keeps_shapes) {
      auto* shapes = reinterpret_cast<Shape*>(static_cast<std::byte*>(block) + shapes_at);
      for (int i = 0; i < n; ++i) {
        const TensorImpl* t = in[i].impl;
        new (shapes + i) Shape(std::span<const std::int64_t>(t->dims(), t->rank));
      }
    }

    std::uint64_t sequence = thread_state.sequence;
    Edge* edges = node->edges();
    for (int i = 0; i < n; ++i) {
      TensorImpl* t = in[i].impl;
      Edge& e = edges[i];
      e = {nullptr, t->output, false};
      if (t->node != nullptr) {
        t->node->refs.acquire();
        e.target = t->node;
        sequence = std::max(sequence, t->node->sequence);
      } else if (t->leaf_requires_grad) {
        t->refs.acquire();
        e.target = t;
        e.leaf = true;
      }
    }
    node->sequence = thread_state.sequence = sequence + 1;

    SavedSlot* slot = node->saved_slots();
    for (SaveMask rest = needed; rest != 0; rest &= rest - 1) {
      const int k = __builtin_ctz(rest);
      // A saved output holds the array, not its own node: no cycle.
      Tensor value = k < 16 ? Tensor::share(in[k].impl)
                            : Tensor::adopt(new_alias(*outs[static_cast<std::size_t>(k - 16)].impl()));
      const std::uint32_t version = value.impl()->storage->version;
      new (slot++) SavedSlot{std::move(value), version, static_cast<std::uint8_t>(k)};
    }

    auto* dims = reinterpret_cast<std::int64_t*>(static_cast<std::byte*>(block) + dims_at);
    OutputSlot* output = node->output_slots();
    bool owned = false;  // the first floating output takes the reference that the node was born with
    for (std::size_t i = 0; i < outs.size(); ++i) {
      TensorImpl* t = outs[i].impl();
      new (output++) OutputSlot{Tensor(), dims, t->rank, t->dtype};
      dims = std::copy_n(t->dims(), t->rank, dims);
      if (!is_floating(t->dtype)) continue;
      if (owned) node->refs.acquire();
      owned = true;
      t->node = node;
      t->output = static_cast<std::uint32_t>(i);
    }
  }

  // Sets what the gradients need; false where no output can have one.
  [[gnu::noinline]] bool will_record(const OutputMeta* metas, std::size_t outputs, SaveMask& needed) const {
    bool floating_output = false;
    for (std::size_t i = 0; i < outputs; ++i) floating_output |= is_floating(metas[i].dtype);
    if (!floating_output) return false;
    if (op.rule == nullptr) fail_no_rule();
    for (int i = 0; i < n; ++i) {
      if (in[i].impl->tracked()) needed |= saves(op, i);
    }
    const SaveMask valid = ((SaveMask{1} << std::min(n, 16)) - 1) | (((SaveMask{1} << outputs) - 1) << 16);
    if ((needed & ~valid) != 0) [[unlikely]]
      fail_saves(__builtin_ctz(needed & ~valid));
    return true;
  }

  // For inputs whose dtype is computed in a wider one, but not by this op's kernel: the op runs on widened
  // copies and its results are narrowed; what is recorded is the op on the inputs as they are. False where
  // the kernel can run itself. See docs/decisions/003-halves-compute-in-f32.md.
  [[gnu::noinline]] bool run_widened(const OutputMeta* metas, std::span<Tensor> outs) const {
    if ((op.flags & (kView | kAnyDtype)) != 0) return false;
    bool narrow = false;
    for (int i = 0; i < n; ++i) {
      const DType t = in[i].impl->dtype;
      if (t == DType::u64) fail_u64(i);
      narrow |= computed_in(t) != t;
    }
    if (!narrow) return false;
    const auto inputs = static_cast<std::size_t>(n);
    std::vector<Operand> wide_in(in, in + inputs);
    std::vector<Tensor> copies;
    copies.reserve(inputs);
    for (Operand& o : wide_in) {
      const DType t = o.impl->dtype;
      o.temporary = computed_in(t) != t;
      if (o.temporary) o.impl = copies.emplace_back(widened(*o.impl)).impl();
    }
    std::vector<Tensor> wide(outs.size());
    {
      const graph_internal::RecordingGuard off(false);
      apply(op, wide_in, attrs, wide);
    }
    for (std::size_t i = 0; i < outs.size(); ++i) {
      if (wide[i].dtype() == metas[i].dtype) {
        outs[i] = std::move(wide[i]);
        continue;
      }
      OutputMeta meta = metas[i];
      const TensorImpl* t = wide[i].impl();
      meta.has_strides = t->strides != nullptr;
      if (meta.has_strides) std::copy_n(t->strides, t->rank, meta.strides);
      outs[i] = Tensor::adopt(new_tensor(meta, where, op.name));
      kEngineOps.copy(outs[i].view(), wide[i].view());
    }
    return true;
  }

  // A copy in the dtype that t is computed in. It keeps the order of axes in memory, and what is broadcast
  // stays so.
  Tensor widened(const TensorImpl& t) const {
    OutputMeta meta;
    meta.dtype = computed_in(t.dtype);
    meta.rank = t.rank;
    std::copy_n(t.dims(), t.rank, meta.dims);
    if (t.strides == nullptr || t.numel == 0) {
      Tensor copy = Tensor::adopt(new_tensor(meta, where, op.name));
      kEngineOps.copy(copy.view(), t.view());
      return copy;
    }
    int order[kMaxRank];
    for (int i = 0; i < t.rank; ++i) {
      order[i] = i;
      if (t.strides[i] == 0) meta.dims[i] = 1;
    }
    std::stable_sort(order, order + t.rank, [&](int a, int b) { return t.strides[a] > t.strides[b]; });
    std::int64_t step = 1;
    meta.has_strides = true;
    for (int k = t.rank - 1; k >= 0; --k) {
      meta.strides[order[k]] = step;
      step *= meta.dims[order[k]];
    }
    if (is_contiguous_layout(meta.dims, meta.strides, t.rank)) meta.has_strides = false;
    Tensor copy = Tensor::adopt(new_tensor(meta, where, op.name));
    kEngineOps.copy(copy.view(), View{t.data, meta.dims, t.strides, step, t.rank, t.dtype});
    if (step == t.numel) return copy;
    for (int i = 0; i < t.rank; ++i) {
      if (t.strides[i] == 0) meta.strides[i] = 0;
    }
    return Tensor::adopt(new_view(meta.dtype, t.dims(), t.rank, meta.strides, copy.impl()->data,
                                  copy.impl()->storage, t.numel));
  }

  [[noreturn]] void fail_u64(int i) const {
    throw_error<DtypeError>(where, op.name,
                            "does not compute with u64: {} {}; convert it with astype(x, DType::i64)",
                            input_name(op, i), gradus::describe(*in[i].impl));
  }

  [[noreturn]] void fail_undefined(int i) const {
    throw_error<ValueError>(where, op.name, "operand {} is an empty handle; it was never given a tensor",
                            input_name(op, i));
  }

  [[noreturn]] void fail_saves(int k) const {
    throw_error<GraphError>(where, op.name, "`saves` of its OpDef names {} {}, which it does not have",
                            k < 16 ? "input" : "output", k & 15);
  }

  [[noreturn]] void fail_outputs(std::size_t given) const {
    throw_error<ValueError>(where, op.name, "it has {} outputs, but room for {} was given to apply()",
                            op.outputs, given);
  }

  [[noreturn]] void fail_no_rule() const {
    throw_error<GraphError>(
        where, op.name, "it has no derivative ({}), but an operand requires a gradient; detach() the operand",
        op.no_gradient != nullptr ? op.no_gradient : "none was given in its OpDef");
  }

  static std::string input_name(const OpDef& op, int i) {
    if (op.inputs.empty()) return fmt::format("{}", i);
    const auto last = static_cast<int>(op.inputs.size()) - 1;
    return i < last || !op.variadic
               ? op.inputs[static_cast<std::size_t>(std::min(i, last))]
               : fmt::format("{}[{}]", op.inputs[static_cast<std::size_t>(last)], i - last);
  }
};

// All that an op costs beside its kernel: kept short, since small tensors live by it. Inlined with constants
// for the usual numbers of operands. What lies off the way of a small op without gradient is called on an
// Apply of its own, so that the values here stay in registers.
[[gnu::always_inline]] inline void Apply::run(const OpDef& op, const Operand* in, std::size_t n,
                                              const void* attrs, Location where, Tensor* outs,
                                              std::size_t n_outs) {
  const auto cold = [&] { return Apply{op, in, static_cast<int>(n), attrs, where}; };
  if (n_outs != static_cast<std::size_t>(op.outputs)) [[unlikely]]
    cold().fail_outputs(n_outs);
  Scratch<const TensorImpl*, kInline> impls(n);
  bool tracked = false;
  bool strided = false;
  bool temporary = false;
  unsigned dtypes = 0;  // an upper bound of them, as OR gives it for less than a comparison each
  for (std::size_t i = 0; i < n; ++i) {
    const TensorImpl* t = in[i].impl;
    if (t == nullptr) [[unlikely]]
      cold().fail_undefined(static_cast<int>(i));
    impls[i] = t;
    tracked |= t->tracked();
    strided |= t->strides != nullptr;
    temporary |= in[i].temporary;
    dtypes |= static_cast<unsigned>(t->dtype);
  }

  Scratch<OutputMeta, kMaxOutputs> metas(n_outs);
  for (std::size_t i = 0; i < n_outs; ++i) new (&metas[i]) OutputMeta;
  InferContext infer;
  infer.op_ = &op;
  infer.where_ = where;
  infer.in_ = impls.data();
  infer.n_ = static_cast<int>(n);
  infer.attrs_ = attrs;
  infer.out_ = metas.data();
  op.infer(infer);

  SaveMask needed = 0;
  const bool records = tracked && thread_state.recording && cold().will_record(metas.data(), n_outs, needed);

  if ((op.flags & kView) != 0 && !metas[0].copies) {
    outs[0] = Tensor::adopt(cold().make_view(metas[0]));
  } else if (dtypes > static_cast<unsigned>(DType::boolean) &&
             cold().run_widened(metas.data(), std::span(outs, n_outs))) {
    // It has run.
  } else {
    // The views of inputs and outputs side by side.
    Scratch<View, kInline + 1> views(n + n_outs);
    for (std::size_t i = 0; i < n; ++i) new (&views[i]) View(impls[i]->view());
    for (std::size_t i = 0; i < n_outs; ++i) {
      TensorImpl* t = nullptr;
      if ((strided || temporary) && (op.flags & kElementwise) != 0) {
        if (strided) cold().keep_layout(metas[i]);
        if (temporary) t = cold().try_donation(metas[i], needed);
      }
      if (t == nullptr) t = new_tensor(metas[i], where, op.name);
      outs[i] = Tensor::adopt(t);
      new (&views[n + i]) View(t->view());
    }
    KernelContext kernel{&op, where, views.data(), static_cast<int>(n), views.data() + n, attrs, nullptr};
    if (infer.scratch_ == 0) [[likely]] {
      op.kernel(kernel);
    } else {
      StorageRef scratch = allocate_storage(infer.scratch_);
      kernel.scratch = scratch->data;
      op.kernel(kernel);
    }
  }
  if (records) cold().record(std::span(outs, n_outs), needed);
}

namespace {

// What a rule records is said to be where the user's op was.
Location place(std::span<const Operand> in) {
  if (thread_state.in_rule) return thread_state.rule_where;
  return in.empty() ? Location{} : in[0].where;
}

}  // namespace

void Operand::fail_undefined() const {
  throw ValueError(format_message(where, "operand",
                                  "an empty Tensor handle was passed to an op; it was never given a tensor"));
}

namespace {

// With a trace or an observer. Both are off while the op runs: what it applies inside is its own affair.
[[gnu::noinline]] void apply_watched(const OpDef& op, std::span<const Operand> in, const void* attrs,
                                     std::span<Tensor> outs) {
  struct Unwatched {
    Unwatched() { graph_internal::set_watched(false); }
    ~Unwatched() { graph_internal::set_watched(true); }
    Unwatched(const Unwatched&) = delete;
    Unwatched& operator=(const Unwatched&) = delete;
  };
  const ObservedOp call{&op, in, attrs, place(in), thread_state.in_rule};
  const Unwatched unwatched;
  std::optional<TracedCall> traced;
  if (graph_internal::trace != nullptr) traced.emplace(op, in, attrs, call.where);
  Observers::before_op(call);
  apply(op, in, attrs, outs);
  Observers::after_op(call, outs);
  if (traced) traced->finish(outs);
}

}  // namespace

Tensor apply(const OpDef& op, std::span<const Operand> in, const void* attrs) {
  Tensor result;
  if (graph_internal::watched != nullptr) [[unlikely]] {
    apply_watched(op, in, attrs, std::span(&result, 1));
    return result;
  }
  const Location where = place(in);
  switch (in.size()) {
    case 1:
      Apply::run(op, in.data(), 1, attrs, where, &result, 1);
      break;
    case 2:
      Apply::run(op, in.data(), 2, attrs, where, &result, 1);
      break;
    default:
      Apply::run(op, in.data(), in.size(), attrs, where, &result, 1);
  }
  return result;
}

void apply(const OpDef& op, std::span<const Operand> in, const void* attrs, std::span<Tensor> outs) {
  if (graph_internal::watched != nullptr) [[unlikely]]
    return apply_watched(op, in, attrs, outs);
  Apply::run(op, in.data(), in.size(), attrs, place(in), outs.data(), outs.size());
}

void InferContext::set_out_broadcast(int i, DType dtype) {
  int rank = 0;
  for (int k = 0; k < n_; ++k) rank = std::max(rank, this->rank(k));
  std::int64_t dims[kMaxRank];
  std::fill_n(dims, rank, 1);
  for (int k = 0; k < n_; ++k) {
    const int shift = rank - this->rank(k);
    for (int a = 0; a < this->rank(k); ++a) {
      const std::int64_t d = dim(k, a);
      std::int64_t& all = dims[a + shift];
      if (d == all || d == 1) continue;
      if (all != 1) {
        std::string operands;
        for (int j = 0; j < n_; ++j) operands += fmt::format("{}{}", j == 0 ? "" : ", ", describe(j));
        shape_error(
            fmt::format("shapes do not broadcast: {}: axis {} from the end is {} in one and {} in another; "
                        "sizes must be equal or 1",
                        operands, rank - (a + shift), all, d));
      }
      all = d;
    }
  }
  set_out(i, dtype, dims, rank);
}

int InferContext::axis(int i, std::int64_t dim) const {
  const int r = rank(i);
  if (dim < -r || dim >= r) {
    shape_error(
        r == 0 ? fmt::format("axis {} is out of range: {} has no axes", dim, describe(i))
               : fmt::format("axis {} is out of range: {} has the axes {}..{}", dim, describe(i), -r, r - 1));
  }
  return static_cast<int>(dim < 0 ? dim + r : dim);
}

void InferContext::require_same_dtype() const {
  for (int k = 1; k < n_; ++k) {
    if (dtype(k) != dtype(0)) {
      dtype_error(fmt::format("dtypes differ: {}, {}; convert one with astype()", describe(0), describe(k)));
    }
  }
}

void InferContext::require_floating(int i) const {
  if (!is_floating(dtype(i))) {
    dtype_error(
        fmt::format("takes floating-point numbers: {}; convert it with astype(x, DType::f32)", describe(i)));
  }
}

std::string InferContext::describe(int i) const {
  return fmt::format("{} {}", Apply::input_name(*op_, i), gradus::describe(*in_[i]));
}

void InferContext::shape_error(std::string_view what) const {
  throw ShapeError(format_message(where_, op_->name, what));
}
void InferContext::dtype_error(std::string_view what) const {
  throw DtypeError(format_message(where_, op_->name, what));
}
void InferContext::value_error(std::string_view what) const {
  throw ValueError(format_message(where_, op_->name, what));
}
void KernelContext::fail_value(std::string_view what) const {
  throw ValueError(format_message(where, op->name, what));
}

}  // namespace gradus
