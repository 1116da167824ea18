// Between samples and batches: one sample of a batch, a batch of samples, and samples of unequal length as
// one tensor.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "gradus/graph/tensor.h"

namespace gradus::data {

struct Padded {
  Tensor values;   // [n, longest, ...], filled up behind each sequence
  Tensor lengths;  // [n] i64
};

// Sequences [length_i, ...] of one dtype that agree behind the first axis. Detached copies. Errors:
// ValueError for no sequence, ShapeError, DtypeError.
Padded pad_sequences(std::span<const Tensor> sequences, double value = 0,
                     Location where = Location::current());

// The only sample of a batch of one: row 0 of a tensor, shared; of arrays, pairs and tuples the sample of
// each part; anything else is its own sample. Errors: ShapeError for a tensor that has not one row.
template <class B>
auto sample_of(const B& batch);

// The batch of some samples: tensors of one shape and dtype are stacked, numbers and bools become a tensor
// [n], of arrays, pairs and tuples each part becomes a batch, anything else a std::vector. Errors: ValueError
// for no tensor; ShapeError, DtypeError.
template <class S>
auto collate(std::span<const S> samples);

namespace collate_internal {

Tensor only_row(const Tensor& t);
void check_one(std::size_t count);
Tensor stack_rows(std::span<const Tensor> rows);

template <class T>
struct IsTuple : std::false_type {};
template <class... T>
struct IsTuple<std::tuple<T...>> : std::true_type {};
template <class A, class B>
struct IsTuple<std::pair<A, B>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsArray : std::false_type {};
template <class T, std::size_t n>
struct IsArray<std::array<T, n>> : std::true_type {};

// A pair stays one, so that its parts keep their names.
template <template <class...> class Like, class... T>
Like<std::decay_t<T>...> make_like(T&&... parts) {
  return {std::forward<T>(parts)...};
}
template <class A, class B, class F>
auto map_parts(std::type_identity<std::pair<A, B>>, F f) {
  return make_like<std::pair>(f(std::integral_constant<std::size_t, 0>()),
                              f(std::integral_constant<std::size_t, 1>()));
}
template <class... T, class F>
auto map_parts(std::type_identity<std::tuple<T...>>, F f) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return make_like<std::tuple>(f(std::integral_constant<std::size_t, i>())...);
  }
  (std::index_sequence_for<T...>());
}
template <class T, std::size_t n, class F>
auto map_parts(std::type_identity<std::array<T, n>>, F f) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return std::array{f(std::integral_constant<std::size_t, i>())...};
  }
  (std::make_index_sequence<n>());
}

}  // namespace collate_internal

template <class B>
auto sample_of(const B& batch) {
  namespace in = collate_internal;
  if constexpr (std::is_same_v<B, Tensor>) {
    return in::only_row(batch);
  } else if constexpr (in::IsTuple<B>::value || in::IsArray<B>::value) {
    return in::map_parts(std::type_identity<B>(),
                         [&](auto i) { return sample_of(std::get<decltype(i)::value>(batch)); });
  } else if constexpr (in::IsVector<B>::value) {
    in::check_one(batch.size());
    return typename B::value_type(batch.front());
  } else {
    return batch;
  }
}

namespace collate_internal {

// The batch of get(sample) for each sample. `get` returns a reference, unless to a number.
template <class S, class F>
auto collate_by(std::span<const S> samples, F get) {
  using T = std::remove_cvref_t<decltype(get(samples[0]))>;
  if constexpr (std::is_arithmetic_v<T>) {
    Tensor t = empty({static_cast<std::int64_t>(samples.size())}, dtype_of<T>);
    auto* to = static_cast<std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>*>(t.impl()->data);
    for (const S& s : samples) *to++ = get(s);
    return t;
  } else if constexpr (IsTuple<T>::value || IsArray<T>::value) {
    return map_parts(std::type_identity<T>(), [&](auto i) {
      return collate_by(
          samples, [&](const S& s) -> const auto& { return std::get<decltype(i)::value>(get(s)); });
    });
  } else {
    std::vector<T> all;
    all.reserve(samples.size());
    for (const S& s : samples) all.push_back(get(s));
    if constexpr (std::is_same_v<T, Tensor>) {
      return stack_rows(all);
    } else {
      return all;
    }
  }
}

// The batch of make(index) for each index, each made once.
template <class F>
auto collate_made(std::span<const std::int64_t> indices, F make) {
  using S = std::remove_cvref_t<decltype(make(std::int64_t{}))>;
  if constexpr (std::is_arithmetic_v<S>) {  // also where std::vector<S> is no array
    return collate_by(indices, make);
  } else {
    std::vector<S> samples;
    samples.reserve(indices.size());
    for (const std::int64_t i : indices) samples.push_back(make(i));
    return collate(std::span<const S>(samples));
  }
}

}  // namespace collate_internal

template <class S>
auto collate(std::span<const S> samples) {
  return collate_internal::collate_by(samples, [](const S& s) -> const S& { return s; });
}

}  // namespace gradus::data
