#include "gradus/graph/samples.h"

#include <algorithm>

namespace gradus {

Tensor SampleSink::values(const Shape& shape, double lo, double hi) {
  Tensor t = empty(shape, DType::f64);
  for (double& x : t.mutable_span<double>()) {
    // SplitMix64 (Steele, Lea, Flood 2014): enough for samples.
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    x = lo + (hi - lo) * (static_cast<double>(z >> 11) + 0.5) * 0x1p-53;
  }
  return t;
}

namespace {
template <class T, class V>
Tensor filled(const Shape& shape, DType dtype, std::initializer_list<V> v) {
  Tensor t = empty(shape, dtype);
  if (static_cast<std::size_t>(t.numel()) != v.size())
    throw ShapeError("a sample's values do not fill its shape");
  std::transform(v.begin(), v.end(), static_cast<T*>(t.view().data), [](V x) { return static_cast<T>(x); });
  return t;
}
}  // namespace

Tensor SampleSink::f64(const Shape& shape, std::initializer_list<double> v) {
  return filled<double>(shape, DType::f64, v);
}
Tensor SampleSink::i64(const Shape& shape, std::initializer_list<std::int64_t> v) {
  return filled<std::int64_t>(shape, DType::i64, v);
}
Tensor SampleSink::boolean(const Shape& shape, std::initializer_list<int> v) {
  return filled<std::uint8_t>(shape, DType::boolean, v);
}

}  // namespace gradus
