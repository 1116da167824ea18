// Samples: what an op says about its own inputs, for the contract tests, `gradus check` and documentation.
// Every op gives good inputs and at least one bad one with its exact message.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "gradus/graph/op_def.h"

namespace gradus {

struct Sample {
  std::vector<Tensor> inputs;    // floating ones in f64; tests convert them to the other floating dtypes
  std::vector<std::byte> attrs;  // the attribute struct
  bool gradcheck = true;         // false at kinks, where one-sided differences do not meet the defined value
  const char* note = "";
  const void* attr_bytes() const { return attrs.empty() ? nullptr : attrs.data(); }
};

struct ErrorSample {
  std::vector<Tensor> inputs;
  std::vector<std::byte> attrs;
  std::string message;  // what() without the leading "file:line: "
  const void* attr_bytes() const { return attrs.empty() ? nullptr : attrs.data(); }
};

struct NoAttrs {};

struct SampleOptions {
  bool gradcheck = true;
  const char* note = "";
};

class SampleSink {
 public:
  template <class A = NoAttrs>
  void add(std::vector<Tensor> inputs, const A& attrs = {}, SampleOptions options = {}) {
    good.push_back({std::move(inputs), bytes(attrs), options.gradcheck, options.note});
  }
  template <class A = NoAttrs>
  void add_error(std::vector<Tensor> inputs, const A& attrs, std::string_view message) {
    bad.push_back({std::move(inputs), bytes(attrs), std::string(message)});
  }
  void add_error(std::vector<Tensor> inputs, std::string_view message) {
    add_error(std::move(inputs), NoAttrs{}, message);
  }

  // Deterministic f64 numbers in (lo, hi), different for each call of one sink.
  Tensor values(const Shape& shape, double lo = -2.0, double hi = 2.0);
  // The given f64 numbers.
  static Tensor f64(const Shape& shape, std::initializer_list<double> v);
  static Tensor i64(const Shape& shape, std::initializer_list<std::int64_t> v);
  static Tensor boolean(const Shape& shape, std::initializer_list<int> v);

  std::vector<Sample> good;
  std::vector<ErrorSample> bad;

 private:
  template <class A>
  static std::vector<std::byte> bytes(const A& attrs) {
    static_assert(std::is_trivially_copyable_v<A>);
    if constexpr (std::is_empty_v<A>) return {};
    std::vector<std::byte> b(sizeof(A));
    std::memcpy(b.data(), &attrs, sizeof(A));
    return b;
  }
  std::uint64_t state_ = 1;
};

}  // namespace gradus
