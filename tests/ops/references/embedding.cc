// References of embedding and its derivative: row after row.
#include "gradus/ops/indexing/embedding.h"

#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;

std::vector<Tensor> embedding(Inputs in, const void*) {
  const std::vector<double> index = read(in[0]), weight = read(in[1]);
  const auto n = static_cast<std::size_t>(in[1].size(1));
  std::vector<double> out;
  for (double i : index) {
    for (std::size_t k = 0; k < n; ++k) out.push_back(weight[static_cast<std::size_t>(i) * n + k]);
  }
  Shape shape = in[0].shape();
  shape.push_back(in[1].size(1));
  return {make(shape, out)};
}

std::vector<Tensor> embedding_backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const EmbeddingBackwardAttrs*>(attrs);
  const std::vector<double> g = read(in[0]), index = read(in[1]);
  const Shape shape{a.rows, in[0].size(-1)};
  const auto n = static_cast<std::size_t>(shape[1]);
  std::vector<double> out(static_cast<std::size_t>(shape.numel()), 0.0);
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (static_cast<std::int64_t>(index[i]) == a.padding_idx) continue;
    for (std::size_t k = 0; k < n; ++k) out[static_cast<std::size_t>(index[i]) * n + k] += g[i * n + k];
  }
  return {make(shape, out)};
}

constexpr ReferenceEntry kEntries[] = {
    {"embedding", embedding},
    {"embedding_backward", embedding_backward},
};

}  // namespace

std::span<const ReferenceEntry> embedding_references() { return kEntries; }

}  // namespace gradus::reference
