// StateEntries: the entries of a saved state by name, with the checks that every load makes. What was taken
// is remembered, so that the rest can be refused. Whoever loads reads everything first and changes itself
// after refuse_rest(): all or nothing. For the sources of gradus.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "gradus/base/location.h"
#include "gradus/graph/named_tensor.h"

namespace gradus {

class StateEntries {
 public:
  // Errors: ValueError for an empty handle and for a name that is there twice.
  StateEntries(const NamedTensors& state, const char* op, Location where);

  // Null where there is none.
  const Tensor* find(const std::string& name);
  // One number of T's dtype, finite. Errors: ValueError, ShapeError, DtypeError.
  template <class T>
  T number(const std::string& name) {
    return scalar(name, dtype_of<T>).template item<T>();
  }
  // A whole number >= 0, kept as i64. Errors: as number().
  std::int64_t count(const std::string& name);
  // A copy of a tensor of this shape and dtype without NaN. Errors: as number().
  Tensor tensor(const std::string& name, const Shape& shape, DType dtype);
  // Errors: ValueError where something was not taken; `fix` says what to do about it.
  void refuse_rest(std::string_view fix = "") const;

 private:
  const Tensor& scalar(const std::string& name, DType dtype);
  const Tensor& required(const std::string& name);

  const char* op_;
  Location where_;
  std::unordered_map<std::string, const Tensor*> by_name_;
  std::unordered_set<std::string> taken_;
};

// Of f32 or f64.
bool has_nan(const Tensor& t);
Tensor state_scalar(double x);
Tensor state_scalar(std::int64_t x);
Tensor state_scalar(std::uint64_t x);

}  // namespace gradus
