#include "gradus/graph/flops.h"

namespace gradus {
namespace {

double numel(const Shape& s) {
  double n = 1;
  for (const std::int64_t d : s) n *= static_cast<double>(d);
  return n;
}

class Estimate {
 public:
  explicit Estimate(const FlopsQuery& q) : q_(q), results_(numel(q.output)) {}

  double flops() const {
    const std::string_view op = q_.op;
    if ((q_.flags & kView) != 0 || op == "embedding") return 0;
    if (op == "linear") return linear();
    if (op == "matmul") return matmul();
    if (op == "conv" || op == "conv_transpose") return conv();
    if (op == "scaled_dot_product_attention") return attention();
    if (op == "rnn" || op == "lstm" || op == "gru") return recurrent();
    if (op.find("norm") != std::string_view::npos || op.find("softmax") != std::string_view::npos)
      return 5 * results_;
    if ((q_.flags & kReduction) != 0 || op.find("pool") != std::string_view::npos) {
      const Shape* x = input(0);
      return x != nullptr ? numel(*x) : results_;
    }
    return results_;
  }

 private:
  const Shape* input(std::size_t i) const {
    return i < q_.inputs.size() && q_.inputs[i].has_value() ? &*q_.inputs[i] : nullptr;
  }

  double linear() const {
    const Shape* w = input(1);
    const double inner = w != nullptr && w->size() == 2 ? static_cast<double>((*w)[1]) : 0;
    return results_ * (2 * inner + (q_.inputs.size() > 2 ? 1 : 0));
  }

  // 2 times the elements of the result and those that each of them sums over.
  double matmul() const {
    const Shape* a = input(0);
    const Shape* b = input(1);
    double inner = 1;
    if (a != nullptr && !a->empty()) {
      inner = static_cast<double>((*a)[a->size() - (q_.trans_a && a->size() > 1 ? 2 : 1)]);
    } else if (b != nullptr && !b->empty()) {
      const bool last = b->size() == 1 || q_.trans_b;
      inner = static_cast<double>((*b)[b->size() - (last ? 1 : 2)]);
    }
    return 2 * results_ * inner;
  }

  double conv() const {
    const Shape* x = input(0);
    const Shape* w = input(1);
    if (w == nullptr || w->empty() || (*w)[0] == 0) return 0;
    const double each = 2 * numel(*w) / static_cast<double>((*w)[0]);
    if (q_.op == "conv") return results_ * each;
    return x != nullptr ? numel(*x) * each : 0;
  }

  double attention() const {
    const Shape* q = input(0);
    const Shape* k = input(1);
    if (q == nullptr || k == nullptr || k->size() < 2) return 0;
    return 2 * (numel(*q) + results_) * static_cast<double>((*k)[k->size() - 2]);
  }

  double recurrent() const {
    const std::size_t first = q_.op == "lstm" ? 3 : 2;
    const Shape* x = input(0);
    const Shape* w_ih = input(first);
    const Shape* w_hh = input(first + 1);
    if (x == nullptr || w_ih == nullptr || w_hh == nullptr || x->size() < 2) return 0;
    return 2 * static_cast<double>((*x)[0]) * static_cast<double>((*x)[1]) * (numel(*w_ih) + numel(*w_hh));
  }

  const FlopsQuery& q_;
  double results_;
};

}  // namespace

double estimate_flops(const FlopsQuery& q) { return Estimate(q).flops(); }

}  // namespace gradus
