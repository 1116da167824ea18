// References of the random ops: element i, in row-major order, is decided by word i of the stream that the
// attributes name, four words a block.
#include "gradus/ops/random/attrs.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

// Word i as a number in [0, 1).
double draw(std::uint64_t seed, std::uint64_t counter, std::size_t i) {
  return random_block({seed, counter}, i / 4)[i % 4] * 0x1p-32;
}

std::vector<Tensor> bernoulli(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const BernoulliAttrs*>(attrs);
  std::vector<double> v = read(in[0]);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = draw(a.seed, a.counter, i) < v[i] ? 1 : 0;
  return {make(in[0].shape(), v)};
}

std::vector<Tensor> dropout(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const DropoutAttrs*>(attrs);
  std::vector<double> v = read(in[0]);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = draw(a.seed, a.counter, i) < a.p ? 0 : v[i] / (1 - a.p);
  return {make(in[0].shape(), v)};
}

constexpr ReferenceEntry kEntries[] = {
    {"bernoulli", bernoulli},
    {"dropout", dropout},
};

}  // namespace

std::span<const ReferenceEntry> random_references() { return kEntries; }

}  // namespace gradus::reference
