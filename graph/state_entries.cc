#include "gradus/graph/state_entries.h"

#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/describe.h"

namespace gradus {

StateEntries::StateEntries(const NamedTensors& state, const char* op, Location where)
    : op_(op), where_(where) {
  for (const NamedTensor& e : state) {
    if (!e.tensor.defined()) throw_error<ValueError>(where, op, "\"{}\" is an empty handle", e.name);
    if (!by_name_.emplace(e.name, &e.tensor).second) {
      throw_error<ValueError>(where, op, "the state holds \"{}\" twice", e.name);
    }
  }
}

const Tensor* StateEntries::find(const std::string& name) {
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return nullptr;
  taken_.insert(it->first);
  return it->second;
}

const Tensor& StateEntries::required(const std::string& name) {
  const Tensor* t = find(name);
  if (t == nullptr) throw_error<ValueError>(where_, op_, "the state lacks \"{}\"", name);
  return *t;
}

const Tensor& StateEntries::scalar(const std::string& name, DType dtype) {
  const Tensor& t = required(name);
  if (t.numel() != 1) {
    throw_error<ShapeError>(where_, op_, "\"{}\" is {}; it must be one number", name, describe(t));
  }
  if (t.dtype() != dtype) {
    throw_error<DtypeError>(where_, op_, "\"{}\" is {}; it must be {}", name, describe(t),
                            gradus::name(dtype));
  }
  if (dtype == DType::f64 && !std::isfinite(t.item<double>())) {
    throw_error<ValueError>(where_, op_, "\"{}\" is {}; it must be a finite number", name, t.item<double>());
  }
  return t;
}

std::int64_t StateEntries::count(const std::string& name) {
  const std::int64_t n = number<std::int64_t>(name);
  if (n < 0) throw_error<ValueError>(where_, op_, "\"{}\" is {}; it must be >= 0", name, n);
  return n;
}

Tensor StateEntries::tensor(const std::string& name, const Shape& shape, DType dtype) {
  const Tensor& t = required(name);
  if (!(t.shape() == shape)) {
    throw_error<ShapeError>(where_, op_, "\"{}\" is {}; it must have shape {}", name, describe(t),
                            format_shape({shape.data(), static_cast<std::size_t>(shape.size())}));
  }
  if (t.dtype() != dtype) {
    throw_error<DtypeError>(where_, op_, "\"{}\" is {}; it must be {}", name, describe(t),
                            gradus::name(dtype));
  }
  Tensor copy = t.clone_detached();
  if (has_nan(copy)) throw_error<ValueError>(where_, op_, "\"{}\" {} holds a NaN", name, describe(t));
  return copy;
}

void StateEntries::refuse_rest(std::string_view fix) const {
  for (const auto& [name, tensor] : by_name_) {
    if (!taken_.contains(name)) {
      throw_error<ValueError>(where_, op_, "the state holds \"{}\", which belongs to nothing here{}{}", name,
                              fix.empty() ? "" : "; ", fix);
    }
  }
}

bool has_nan(const Tensor& t) {
  const auto any = [](const auto& values) {
    for (const auto x : values) {
      if (std::isnan(x)) return true;
    }
    return false;
  };
  return t.dtype() == DType::f32 ? any(t.span<float>()) : any(t.span<double>());
}

namespace {

template <class T>
Tensor scalar_of(T x) {
  Tensor t = empty({}, dtype_of<T>);
  *static_cast<T*>(t.impl()->data) = x;
  return t;
}

}  // namespace

Tensor state_scalar(double x) { return scalar_of(x); }
Tensor state_scalar(std::int64_t x) { return scalar_of(x); }
Tensor state_scalar(std::uint64_t x) { return scalar_of(x); }

}  // namespace gradus
