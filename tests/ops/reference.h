// Plain f64 references of ops: slow loops that share no code with the library's kernels. The authors of a
// family of ops write references/<family>.cc, which defines `<family>_references()`; the list of families is
// generated from those files. contract_test.cc looks an op up by its name and fails by name without one.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus::reference {

// Contiguous inputs, floating ones in f64; the op's attribute struct. Gives all outputs, floating ones in
// f64.
using Reference = std::vector<Tensor> (*)(std::span<const Tensor> inputs, const void* attrs);

struct ReferenceEntry {
  const char* op;
  Reference compute;
};

// nullptr where no family has the op.
Reference find_reference(std::string_view op);

// The elements of a contiguous tensor of any dtype as doubles, row-major.
inline std::vector<double> read(const Tensor& t) {
  std::vector<double> v(static_cast<std::size_t>(t.numel()));
  const void* p = t.view().data;
  for (std::size_t i = 0; i < v.size(); ++i) {
    switch (t.dtype()) {
      case DType::f32:
        v[i] = static_cast<const float*>(p)[i];
        break;
      case DType::f64:
        v[i] = static_cast<const double*>(p)[i];
        break;
      case DType::i32:
        v[i] = static_cast<const std::int32_t*>(p)[i];
        break;
      case DType::i64:
        v[i] = static_cast<double>(static_cast<const std::int64_t*>(p)[i]);
        break;
      case DType::u8:
      case DType::boolean:
        v[i] = static_cast<const std::uint8_t*>(p)[i];
        break;
      case DType::i8:
        v[i] = static_cast<const std::int8_t*>(p)[i];
        break;
      case DType::f16:
        v[i] = static_cast<const float16*>(p)[i];
        break;
      case DType::bf16:
        v[i] = static_cast<const bfloat16*>(p)[i];
        break;
      default:
        throw std::logic_error("reference::read lacks this dtype");
    }
  }
  return v;
}

// A tensor of these elements, row-major.
inline Tensor make(const Shape& shape, std::span<const double> v, DType dtype = DType::f64) {
  Tensor t = empty(shape, dtype);
  void* p = t.view().data;
  for (std::size_t i = 0; i < v.size(); ++i) {
    switch (dtype) {
      case DType::f32:
        static_cast<float*>(p)[i] = static_cast<float>(v[i]);
        break;
      case DType::f64:
        static_cast<double*>(p)[i] = v[i];
        break;
      case DType::i32:
        static_cast<std::int32_t*>(p)[i] = static_cast<std::int32_t>(v[i]);
        break;
      case DType::i64:
        static_cast<std::int64_t*>(p)[i] = static_cast<std::int64_t>(v[i]);
        break;
      case DType::u8:
        static_cast<std::uint8_t*>(p)[i] = static_cast<std::uint8_t>(v[i]);
        break;
      case DType::boolean:
        static_cast<std::uint8_t*>(p)[i] = v[i] != 0;
        break;
      case DType::i8:
        static_cast<std::int8_t*>(p)[i] = static_cast<std::int8_t>(v[i]);
        break;
      case DType::f16:
        static_cast<float16*>(p)[i] = float16(v[i]);
        break;
      case DType::bf16:
        static_cast<bfloat16*>(p)[i] = bfloat16(v[i]);
        break;
      default:
        throw std::logic_error("reference::make lacks this dtype");
    }
  }
  return t;
}

// Indices of the element `flat` in row-major order, and back.
using Place = std::vector<std::int64_t>;
inline Place place_of(std::size_t flat, const Shape& shape) {
  Place at(static_cast<std::size_t>(shape.rank()));
  auto rest = static_cast<std::int64_t>(flat);
  for (int k = shape.rank() - 1; k >= 0; --k) {
    at[static_cast<std::size_t>(k)] = rest % shape[k];
    rest /= shape[k];
  }
  return at;
}
inline std::size_t flat_of(const Place& at, const Shape& shape) {
  std::int64_t flat = 0;
  for (int k = 0; k < shape.rank(); ++k) flat = flat * shape[k] + at[static_cast<std::size_t>(k)];
  return static_cast<std::size_t>(flat);
}

// The shape to which all of them broadcast.
inline Shape broadcast_shape(std::span<const Tensor> inputs) {
  int rank = 0;
  for (const Tensor& t : inputs) rank = t.rank() > rank ? t.rank() : rank;
  std::vector<std::int64_t> dims(static_cast<std::size_t>(rank), 1);
  for (const Tensor& t : inputs) {
    for (int a = 0; a < t.rank(); ++a) {
      std::int64_t& d = dims[static_cast<std::size_t>(rank - t.rank() + a)];
      if (t.shape()[a] != 1) d = t.shape()[a];
    }
  }
  return Shape(std::span<const std::int64_t>(dims));
}

// Where the element `flat` of the broadcast result comes from in `input` (both row-major).
inline std::int64_t broadcast_index(std::int64_t flat, const Shape& result, const Shape& input) {
  std::int64_t index = 0;
  std::int64_t step = 1;
  for (int a = result.rank() - 1, b = input.rank() - 1; b >= 0; --a, --b) {
    if (input[b] != 1) index += flat % result[a] * step;
    flat /= result[a];
    step *= input[b];
  }
  return index;
}

// f(double...) -> double over broadcast inputs; map(inputs, [](double a, double b) { return a * b; }).
template <class F>
std::vector<Tensor> map(std::span<const Tensor> inputs, F f, DType dtype = DType::f64) {
  const Shape shape = broadcast_shape(inputs);
  std::vector<std::vector<double>> in;
  std::vector<Shape> shapes;
  for (const Tensor& t : inputs) {
    in.push_back(read(t));
    shapes.push_back(t.shape());
  }
  std::vector<double> out(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto at = [&](std::size_t k) {
      return in[k][static_cast<std::size_t>(broadcast_index(static_cast<std::int64_t>(i), shape, shapes[k]))];
    };
    if constexpr (std::is_invocable_v<F, double>)
      out[i] = static_cast<double>(f(at(0)));
    else if constexpr (std::is_invocable_v<F, double, double>)
      out[i] = static_cast<double>(f(at(0), at(1)));
    else
      out[i] = static_cast<double>(f(at(0), at(1), at(2)));
  }
  return {make(shape, out, dtype)};
}

}  // namespace gradus::reference
