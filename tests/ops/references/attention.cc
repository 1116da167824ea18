// References of attention: the whole matrix of scores, row after row, in f64.
#include <cmath>
#include <limits>

#include "gradus/ops/attention/params.h"
#include "gradus/tests/ops/reference.h"

namespace gradus::reference {
namespace {

using Inputs = std::span<const Tensor>;
using Row = std::vector<double>;

// The numbers of one sample, and where they are.
struct Problem {
  std::size_t heads, group, kv_group, rows, columns, e, ev;
  Row q, k, v, scores, keep;  // scores and keep: [heads, rows, columns]

  std::size_t kv(std::size_t head) const {
    return head / (group * kv_group) * kv_group + head % (group * kv_group) / group;
  }
};

template <class A>
Problem problem(Inputs in, const A& a) {
  const Tensor &q = in[0], &k = in[1], &v = in[2], &mask = in[3];
  const int r = q.rank();
  Problem p{1,
            1,
            1,
            static_cast<std::size_t>(q.size(-2)),
            static_cast<std::size_t>(k.size(-2)),
            static_cast<std::size_t>(q.size(-1)),
            static_cast<std::size_t>(v.size(-1)),
            read(q),
            read(k),
            read(v),
            {},
            {}};
  for (int i = 0; i < r - 2; ++i) p.heads *= static_cast<std::size_t>(q.size(i));
  if (r > 2) {
    p.kv_group = static_cast<std::size_t>(k.size(-3));
    p.group = static_cast<std::size_t>(q.size(-3)) / p.kv_group;
  }
  Shape shape = q.shape();
  shape[r - 1] = k.size(-2);
  const Row m = read(mask);
  for (std::size_t h = 0, at = 0; h < p.heads; ++h) {
    for (std::size_t i = 0; i < p.rows; ++i) {
      for (std::size_t j = 0; j < p.columns; ++j, ++at) {
        double dot = 0;
        for (std::size_t x = 0; x < p.e; ++x)
          dot += p.q[(h * p.rows + i) * p.e + x] * p.k[(p.kv(h) * p.columns + j) * p.e + x];
        const double bias =
            m[static_cast<std::size_t>(broadcast_index(static_cast<std::int64_t>(at), shape, mask.shape()))];
        const bool hidden = (mask.dtype() == DType::boolean && bias == 0) || (a.is_causal && j > i);
        p.scores.push_back(hidden ? -std::numeric_limits<double>::infinity()
                                  : dot * a.scale + (mask.dtype() == DType::boolean ? 0 : bias));
        const double word = random_block({a.seed, a.counter}, at / 4)[at % 4] * 0x1p-32;
        p.keep.push_back(word < a.dropout_p ? 0 : 1 / (1 - a.dropout_p));
      }
    }
  }
  return p;
}

std::vector<Tensor> forward(Inputs in, const void* attrs) {
  const Problem p = problem(in, *static_cast<const AttentionAttrs*>(attrs));
  Row out(p.heads * p.rows * p.ev, 0.0), lse;
  for (std::size_t r = 0; r < p.heads * p.rows; ++r) {
    double sum = 0;
    for (std::size_t j = 0; j < p.columns; ++j) sum += std::exp(p.scores[r * p.columns + j]);
    lse.push_back(sum == 0 ? std::numeric_limits<double>::infinity() : std::log(sum));
    for (std::size_t j = 0; j < p.columns; ++j) {
      const double weight = std::exp(p.scores[r * p.columns + j] - lse[r]) * p.keep[r * p.columns + j];
      for (std::size_t x = 0; x < p.ev; ++x)
        out[r * p.ev + x] += weight * p.v[(p.kv(r / p.rows) * p.columns + j) * p.ev + x];
    }
  }
  Shape shape = in[0].shape();
  shape[shape.rank() - 1] = in[2].size(-1);
  Shape rows = in[0].shape();
  rows.pop_back();
  return {make(shape, out), make(rows, lse)};
}

std::vector<Tensor> backward(Inputs in, const void* attrs) {
  const auto& a = *static_cast<const AttentionBackwardAttrs*>(attrs);
  const Problem p = problem(in.subspan(1, 4), a);
  const Row g = read(in[0]), lse = read(in[5]), delta = read(in[6]);
  Row dq(p.q.size(), 0.0), dk(p.k.size(), 0.0), dv(p.v.size(), 0.0), du;
  for (std::size_t r = 0, at = 0; r < p.heads * p.rows; ++r) {
    const std::size_t kv = p.kv(r / p.rows);
    for (std::size_t j = 0; j < p.columns; ++j, ++at) {
      const std::size_t key = kv * p.columns + j;
      const double probability = std::exp(p.scores[at] - lse[r]);
      double t = 0;
      for (std::size_t x = 0; x < p.ev; ++x) {
        t += g[r * p.ev + x] * p.v[key * p.ev + x];
        dv[key * p.ev + x] += probability * p.keep[at] * g[r * p.ev + x];
      }
      du.push_back(probability * (t * p.keep[at] - delta[r]));
      for (std::size_t x = 0; x < p.e; ++x) {
        dq[r * p.e + x] += a.scale * du[at] * p.k[key * p.e + x];
        dk[key * p.e + x] += a.scale * du[at] * p.q[r * p.e + x];
      }
    }
  }
  Shape scores = in[1].shape();
  scores[scores.rank() - 1] = in[2].size(-2);
  return {make(in[1].shape(), dq), make(in[2].shape(), dk), make(in[3].shape(), dv),
          a.mask_gradient ? make(scores, du) : make({0}, Row())};
}

constexpr ReferenceEntry kEntries[] = {
    {"scaled_dot_product_attention", forward},
    {"scaled_dot_product_attention_backward", backward},
};

}  // namespace

std::span<const ReferenceEntry> attention_references() { return kEntries; }

}  // namespace gradus::reference
