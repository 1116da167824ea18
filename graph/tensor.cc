// What a handle can do: metadata, gradients, element access, changes in place.
#include "gradus/graph/tensor.h"

#include <algorithm>
#include <cstring>

#include "gradus/base/pool.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/engine_ops.h"
#include "gradus/graph/node.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/tensor_impl.h"
#include "gradus/graph/trace.h"

namespace gradus {
namespace {

const Tensor kUndefined;

// The extras of a tensor, shared with its node where it has one.
Extras& extras_of(TensorImpl* t) {
  if (t->extras == nullptr) {
    auto* e = new Extras;
    t->extras = e;
    if (t->node != nullptr) {
      if (t->node->extras == nullptr) t->node->extras = new NodeExtras;
      t->node->extras->by_output.emplace_back(t->output, Ref<Extras>::share(e));
    }
  }
  return *t->extras;
}

View contiguous_view(void* data, const TensorImpl& t, DType dtype) {
  return {data, t.dims(), nullptr, t.numel, t.rank, dtype};
}

}  // namespace

void Tensor::fail_undefined() {
  throw ValueError("an empty Tensor handle was used; it was never given a tensor");
}

std::int64_t Tensor::size(int dim, Location where) const {
  const int r = rank();
  if (dim < -r || dim >= r) {
    throw_error<ShapeError>(where, "size", "axis {} is out of range: {} has {} axes", dim, describe(*this),
                            r);
  }
  return impl_->dims()[dim < 0 ? dim + r : dim];
}

Shape Tensor::strides() const {
  if (checked()->strides != nullptr) return Shape(std::span<const std::int64_t>(impl_->strides, impl_->rank));
  Shape s = shape();
  std::int64_t step = 1;
  for (int i = s.rank() - 1; i >= 0; --i) {
    const std::int64_t d = s[i];
    s[i] = step;
    step *= d;
  }
  return s;
}

Tensor& Tensor::requires_grad(bool on, Location where) {
  TensorImpl* t = checked();
  if (!is_floating(t->dtype) && on) {
    throw_error<DtypeError>(where, "requires_grad",
                            "only floating-point tensors have gradients: {}; convert it with astype()",
                            describe(*t));
  }
  if (t->node != nullptr) {
    if (on) return *this;
    throw_error<GraphError>(where, "requires_grad",
                            "{} was computed by {} at {}; use detach() for a tensor without history",
                            describe(*t), t->node->op->name, format_location(t->node->where()));
  }
  t->leaf_requires_grad = on;
  return *this;
}

const Tensor& Tensor::grad() const {
  const Extras* e = checked()->extras;
  return e != nullptr ? e->grad : kUndefined;
}

void Tensor::set_grad(Tensor grad, Location where) {
  if (!grad.defined()) return clear_grad();
  TensorImpl* t = checked();
  if (!same_dims(*grad.impl(), *t)) {
    throw_error<ShapeError>(where, "set_grad", "the gradient {} has another shape than {}", describe(grad),
                            describe(*t));
  }
  if (grad.dtype() != t->dtype) {
    throw_error<DtypeError>(where, "set_grad", "the gradient {} has another dtype than {}", describe(grad),
                            describe(*t));
  }
  extras_of(t).grad = std::move(grad);
}

void Tensor::clear_grad() {
  if (Extras* e = checked()->extras) e->grad = Tensor();
}

void Tensor::retain_grad(Location where) {
  if (!checked()->tracked()) {
    throw_error<GraphError>(where, "retain_grad", "{} does not require a gradient", describe(*this));
  }
  extras_of(impl()).keep_grad = true;
}

int Tensor::add_hook(GradHook hook, Location where) {
  if (!checked()->tracked()) {
    throw_error<GraphError>(
        where, "add_hook", "{} does not require a gradient, so no gradient ever reaches it", describe(*this));
  }
  Extras& e = extras_of(impl());
  e.hooks.emplace_back(e.next_hook, std::move(hook));
  return e.next_hook++;
}

void Tensor::remove_hook(int id) {
  Extras* e = checked()->extras;
  if (e == nullptr) return;
  const auto it =
      std::find_if(e->hooks.begin(), e->hooks.end(), [id](const auto& h) { return h.first == id; });
  if (it == e->hooks.end()) return;
  if (e->running.load(std::memory_order_acquire) == 0) {
    e->hooks.erase(it);
  } else {
    it->first = kRemovedHook;  // it may be the one that calls
    e->removed = true;
  }
}

Tensor Tensor::detach() const { return adopt(new_alias(*checked())); }

Tensor Tensor::clone_detached() const {
  Tensor out = empty(shape(), dtype());
  kEngineOps.copy(out.view(), view());
  if (Trace* trace = Trace::current()) trace->add_copy(*this, out, {});
  return out;
}

Tensor& Tensor::name(std::string_view name) & {
  TensorImpl* t = checked();
  char* text = new char[name.size() + 1];
  std::memcpy(text, name.data(), name.size());
  text[name.size()] = '\0';
  delete[] t->name;
  t->name = text;
  if (t->node != nullptr) {
    // The node does not know its outputs, and drawings show it when they are gone.
    if (t->node->extras == nullptr) t->node->extras = new NodeExtras;
    t->node->extras->names.emplace_back(t->output, name);
  }
  return *this;
}

namespace {

// Errors: DtypeError, ShapeError where the elements cannot be taken as one array of `dtype`.
void require_array(const TensorImpl& t, DType dtype, Location where) {
  if (t.dtype != dtype) {
    throw_error<DtypeError>(where, "span",
                            "{} was asked for elements of {}; use the C++ type of its dtype or astype()",
                            describe(t), gradus::name(dtype));
  }
  if (t.strides != nullptr) {
    throw_error<ShapeError>(where, "span", "{} is not contiguous; call contiguous() first, or to_vector()",
                            describe(t));
  }
}

void note_read(const Tensor& t, Location where) {
  if (Trace* trace = Trace::current()) trace->add_read(t, where);
}

}  // namespace

const void* Tensor::read_access(DType dtype, Location where) const {
  require_array(*checked(), dtype, where);
  note_read(*this, where);
  return impl_->data;
}

void* Tensor::write_access(DType dtype, Location where) {
  require_array(*checked(), dtype, where);
  return mutate(*this, "mutable_span", where).data;
}

void Tensor::copy_out(DType dtype, void* out, Location where) const {
  const TensorImpl* t = checked();
  if (t->dtype != dtype && !(t->dtype == DType::boolean && dtype == DType::u8)) {
    throw_error<DtypeError>(where, "to_vector",
                            "{} was asked for elements of {}; use the C++ type of its dtype or astype()",
                            describe(*t), gradus::name(dtype));
  }
  note_read(*this, where);
  kEngineOps.copy(contiguous_view(out, *t, dtype), t->view());
}

namespace {

const TensorImpl& single(const TensorImpl* t, Location where) {
  if (t->numel != 1) {
    throw_error<ShapeError>(where, "item", "{} has {} elements; item() needs exactly one", describe(*t),
                            t->numel);
  }
  return *t;
}

template <class T>
T read_one(const TensorImpl& t) {
  const auto as = [&]<class E>(E) { return static_cast<T>(*static_cast<const E*>(t.data)); };
  switch (t.dtype) {
    case DType::f32:
      return as(float{});
    case DType::f64:
      return as(double{});
    case DType::i32:
      return as(std::int32_t{});
    case DType::i64:
      return as(std::int64_t{});
    case DType::u8:
    case DType::boolean:
      return as(std::uint8_t{});
    case DType::i8:
      return as(std::int8_t{});
    case DType::i16:
      return as(std::int16_t{});
    case DType::u16:
      return as(std::uint16_t{});
    case DType::u32:
      return as(std::uint32_t{});
    case DType::u64:
      return as(std::uint64_t{});
    case DType::f16:
      return as(float16{});
    case DType::bf16:
      return as(bfloat16{});
  }
  return T{};
}

}  // namespace

double Tensor::item_f64(Location where) const {
  const TensorImpl& t = single(checked(), where);
  note_read(*this, where);
  return read_one<double>(t);
}
std::int64_t Tensor::item_i64(Location where) const {
  const TensorImpl& t = single(checked(), where);
  note_read(*this, where);
  return read_one<std::int64_t>(t);
}

void Tensor::copy_(const Tensor& source, Location where) {
  if (!same_dims(*checked(), *source.checked())) {
    throw_error<ShapeError>(where, "copy_", "the source {} has another shape than {}", describe(source),
                            describe(*this));
  }
  // The source may overlap the target.
  const Tensor from = source.impl()->storage == impl_->storage ? source.clone_detached() : source;
  kEngineOps.copy(mutate(*this, "copy_", where), from.view());
  if (Trace* trace = Trace::current()) trace->add_copy(source, *this, where);
}

void Tensor::fill_(double value, Location where) {
  const std::int64_t one[1] = {1};
  const View source{&value, one, nullptr, 1, 0, DType::f64};
  const View target = mutate(*this, "fill_", where);
  const std::int64_t zeros[kMaxRank] = {};
  kEngineOps.copy(target, View{source.data, target.dims, zeros, target.numel, target.rank, DType::f64});
}

Tensor empty(const Shape& shape, DType dtype, Location where) {
  OutputMeta meta;
  meta.dtype = dtype;
  meta.rank = static_cast<std::uint8_t>(shape.rank());
  for (int i = 0; i < shape.rank(); ++i) meta.dims[i] = shape[i];
  return Tensor::adopt(new_tensor(meta, where, "empty"));
}

Tensor from_buffer(void* data, const Shape& shape, DType dtype, UniqueFunction<void()> release,
                   Location where) {
  std::int64_t numel = 1;
  for (std::int64_t d : shape) {
    if (d < 0 || __builtin_mul_overflow(numel, d, &numel)) {
      throw_error<ShapeError>(where, "from_buffer", "{} is no shape of a buffer", describe(shape, dtype));
    }
  }
  if (data == nullptr && numel > 0)
    throw_error<ValueError>(where, "from_buffer", "the buffer is a null pointer");
  const StorageRef s =
      external_storage(data, static_cast<std::size_t>(numel) * size_of(dtype), std::move(release));
  return Tensor::adopt(new_view(dtype, shape.data(), shape.rank(), nullptr, data, s.get(), numel));
}

View mutate(const Tensor& t, const char* writer, Location where) {
  TensorImpl* p = t.impl();
  if (p == nullptr) throw_error<ValueError>(where, writer, "an empty handle cannot be changed");
  if (p->node != nullptr) {
    throw_error<GraphError>(
        where, writer,
        "{} was computed by {} at {} and is part of a graph; change a detach()ed tensor, or "
        "compute a new one",
        describe(*p), p->node->op->name, format_location(p->node->where()));
  }
  if (p->leaf_requires_grad && is_recording()) {
    throw_error<GraphError>(
        where, writer, "{} requires a gradient and recording is on; put a gd::NoGrad guard around the change",
        describe(*p));
  }
  Storage* s = p->storage;
  ++s->version;
  s->last_writer = writer;
  s->last_write_file = where.file;
  s->last_write_line = where.line;
  return p->view();
}

}  // namespace gradus
