// einsum: sums of products, in the notation of torch.einsum. Each operand is brought to axes that all have a
// label of their own (diagonals, "..." and sizes of 1 are gone then) and summed over the labels that nothing
// else has. What remains is contracted pair by pair through one batched matrix product each: labels that both
// have and the rest still needs are batches, those that only the two have are the inner size. The pair that
// makes the intermediate results grow least goes first, as opt_einsum's greedy order has it (Smith, Gray
// 2018).
#include <algorithm>
#include <string>
#include <vector>

#include "gradus/ops/elementwise/arithmetic.h"
#include "gradus/ops/elementwise/conversion.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/matmul/composite.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"

namespace gradus {
namespace {

// A letter, or for an axis of "..." kDots + its distance from the last of these axes.
using Label = int;
constexpr Label kDots = 256;
constexpr int kLabels = kDots + kMaxRank;
using Labels = std::vector<Label>;

bool has(const Labels& labels, Label l) { return std::find(labels.begin(), labels.end(), l) != labels.end(); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string name_of(Label l) {
  return l < kDots ? fmt::format("'{}'", static_cast<char>(l))
                   : fmt::format("axis {} from the end of '...'", l - kDots + 1);
}

// The equation as it is written: labels, with kDots for "...".
struct Equation {
  std::vector<Labels> operands;
  Labels result;
  bool has_result = false;
};

class Parser {
 public:
  Parser(std::string_view text, Location where) : text_(text), where_(where) {}

  Equation parse() {
    Equation e;
    e.operands.emplace_back();
    Labels* to = &e.operands.back();
    bool dots = false;
    for (at_ = 0; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == ' ') continue;
      if (is_letter(c)) {
        if (e.has_result) {
          if (has(*to, c)) fail("the letter is twice in the result; it can have it once");
          if (!known(e, c)) fail("the letter is in no operand");
        }
        to->push_back(c);
      } else if (c == '.') {
        if (text_.substr(at_, 3) != "...")
          fail("three dots stand for the axes that broadcast, as in \"...ij\"");
        if (dots) fail("\"...\" is there twice; once an operand");
        if (e.has_result && !known(e, kDots)) fail("no operand has \"...\"");
        dots = true;
        to->push_back(kDots);
        at_ += 2;
      } else if (c == ',' && !e.has_result) {
        e.operands.emplace_back();
        to = &e.operands.back();
        dots = false;
      } else if (c == '-') {
        if (text_.substr(at_, 2) != "->") fail("the result stands behind \"->\"");
        if (e.has_result) fail("\"->\" is there twice");
        e.has_result = true;
        to = &e.result;
        dots = false;
        ++at_;
      } else if (c == ',') {
        fail("there is one result; commas stand between operands, before \"->\"");
      } else {
        fail("an axis is one letter, a-z or A-Z");
      }
    }
    return e;
  }

 private:
  static bool known(const Equation& e, Label l) {
    return std::any_of(e.operands.begin(), e.operands.end(), [l](const Labels& o) { return has(o, l); });
  }
  [[noreturn]] void fail(std::string_view what) const {
    throw_error<ValueError>(where_, "einsum", "\"{}\", character {} ('{}'): {}", text_, at_ + 1, text_[at_],
                            what);
  }

  std::string_view text_;
  Location where_;
  std::size_t at_ = 0;
};

// A tensor and what its axes are called; each label once.
struct Term {
  Tensor t;
  Labels labels;

  int axis(Label l) const {
    return static_cast<int>(std::find(labels.begin(), labels.end(), l) - labels.begin());
  }
};

class Contraction {
 public:
  Contraction(std::string_view text, std::span<const Tensor> operands, Location where)
      : text_(text), operands_(operands), where_(where), equation_(Parser(text, where).parse()) {
    for (std::int64_t& s : sizes_) s = -1;
  }

  Tensor run() {
    if (operands_.size() != equation_.operands.size()) {
      throw_error<ValueError>(where_, "einsum", "\"{}\" names {} operands, but {} were given", text_,
                              equation_.operands.size(), operands_.size());
    }
    for (std::size_t i = 0; i < operands_.size(); ++i) check_dtype(i);
    for (std::size_t i = 0; i < operands_.size(); ++i) read_labels(i);
    if (!equation_.has_result) equation_.result = implicit_result();
    result_ = resolved(equation_.result, dots_);
    if (result_.size() > kMaxRank) {
      throw_error<ShapeError>(where_, "einsum",
                              "\"{}\": the result would have {} axes, at most {} are possible", text_,
                              result_.size(), kMaxRank);
    }
    for (Term& t : terms_) simplify(t);
    for (std::size_t i = 0; i < terms_.size(); ++i) sum_alone(i);
    while (terms_.size() > 1) contract_next();
    return finish(terms_[0]);
  }

 private:
  Operand at(const Tensor& t) const { return {t, where_}; }
  std::string named(std::size_t i) const { return fmt::format("operands[{}] {}", i, describe(operands_[i])); }

  void check_dtype(std::size_t i) const {
    if (!operands_[i].defined()) {
      throw_error<ValueError>(where_, "einsum",
                              "operands[{}] is an empty handle; it was never given a tensor", i);
    }
    if (operands_[i].dtype() != operands_[0].dtype()) {
      throw_error<DtypeError>(where_, "einsum", "dtypes differ: {}, {}; convert one with astype()", named(0),
                              named(i));
    }
    if (operands_[i].dtype() == DType::boolean) {
      throw_error<DtypeError>(where_, "einsum", "takes numbers: {}; convert it with astype()", named(i));
    }
  }

  // "..." as `n` labels.
  static Labels resolved(const Labels& written, int n) {
    Labels labels;
    for (const Label l : written) {
      if (l != kDots) {
        labels.push_back(l);
        continue;
      }
      for (int k = n - 1; k >= 0; --k) labels.push_back(kDots + k);
    }
    return labels;
  }

  void read_labels(std::size_t i) {
    const Labels& written = equation_.operands[i];
    const Tensor& x = operands_[i];
    const auto letters =
        static_cast<int>(std::count_if(written.begin(), written.end(), [](Label l) { return l != kDots; }));
    const bool dots = has(written, kDots);
    if (dots ? x.rank() < letters : x.rank() != letters) {
      throw_error<ShapeError>(where_, "einsum", "\"{}\" names {}{} axes of {}, which has {}", text_,
                              dots ? "at least " : "", letters, named(i), x.rank());
    }
    if (dots) dots_ = std::max(dots_, x.rank() - letters);
    terms_.push_back({x, resolved(written, x.rank() - letters)});
    const Labels& labels = terms_.back().labels;
    for (std::size_t k = 0; k < labels.size(); ++k) {
      const std::int64_t size = x.shape()[static_cast<int>(k)];
      const auto first = static_cast<std::size_t>(terms_.back().axis(labels[k]));
      if (x.shape()[static_cast<int>(first)] != size) {
        throw_error<ShapeError>(where_, "einsum",
                                "\"{}\": a diagonal takes equal sizes: {} is {} and {} in {}", text_,
                                name_of(labels[k]), x.shape()[static_cast<int>(first)], size, named(i));
      }
      std::int64_t& known = sizes_[labels[k]];
      std::size_t& from = from_[labels[k]];
      if (known == -1 || known == 1) {
        known = size;
        from = i;
      } else if (size != known && size != 1) {
        throw_error<ShapeError>(where_, "einsum", "\"{}\": {} is {} in {} and {} in {}", text_,
                                name_of(labels[k]), known, named(from), size, named(i));
      }
    }
  }

  Labels implicit_result() const {
    Labels result;
    if (std::any_of(equation_.operands.begin(), equation_.operands.end(),
                    [](const Labels& o) { return has(o, kDots); })) {
      result.push_back(kDots);
    }
    for (Label l = 0; l < kDots; ++l) {
      std::ptrdiff_t n = 0;
      for (const Labels& o : equation_.operands) n += std::count(o.begin(), o.end(), l);
      if (n == 1) result.push_back(l);
    }
    return result;
  }

  // Each label once and none of size 1: an axis of size 1 takes part in nothing, and broadcasts by its
  // absence.
  void simplify(Term& term) {
    for (std::size_t k = 0; k < term.labels.size();) {
      const auto first = static_cast<std::size_t>(term.axis(term.labels[k]));
      if (first == k) {
        ++k;
        continue;
      }
      diagonal(term, static_cast<int>(first), static_cast<int>(k));
    }
    Shape shape;
    Labels labels;
    for (std::size_t k = 0; k < term.labels.size(); ++k) {
      const std::int64_t size = term.t.shape()[static_cast<int>(k)];
      if (size == 1) continue;
      shape.push_back(size);
      labels.push_back(term.labels[k]);
    }
    if (labels.size() == term.labels.size()) return;
    term.t = reshape(at(term.t), shape);
    term.labels = std::move(labels);
  }

  // The axes i < k of one label as one: with both last, every (n + 1)-th element of the two in a row.
  void diagonal(Term& term, int i, int k) {
    const std::int64_t n = term.t.shape()[i];
    Dims order;
    Shape shape;
    Labels labels;
    for (int a = 0; a < term.t.rank(); ++a) {
      if (a == i || a == k) continue;
      order.push_back(a);
      shape.push_back(term.t.shape()[a]);
      labels.push_back(term.labels[static_cast<std::size_t>(a)]);
    }
    order.push_back(i);
    order.push_back(k);
    shape.push_back(n * n);
    labels.push_back(term.labels[static_cast<std::size_t>(i)]);
    const Tensor rows = reshape(at(permute(at(term.t), order)), shape);
    term.t = slice(at(rows), shape.rank() - 1, 0, n * n, n + 1);
    term.labels = std::move(labels);
  }

  // Whether a term other than i and j, or the result, has the label.
  bool needed(Label l, std::size_t i, std::size_t j) const {
    if (has(result_, l)) return true;
    for (std::size_t k = 0; k < terms_.size(); ++k) {
      if (k != i && k != j && has(terms_[k].labels, l)) return true;
    }
    return false;
  }

  void sum_alone(std::size_t i) {
    Term& term = terms_[i];
    Dims dims;
    Labels rest;
    for (std::size_t k = 0; k < term.labels.size(); ++k) {
      if (needed(term.labels[k], i, i))
        rest.push_back(term.labels[k]);
      else
        dims.push_back(static_cast<std::int64_t>(k));
    }
    if (dims.empty()) return;
    // Integers add up in i64, the products of einsum stay what they are.
    term.t = astype(at(sum(at(term.t), dims)), operands_[0].dtype());
    term.labels = std::move(rest);
  }

  double elements(const Labels& labels) const {
    double n = 1;
    for (const Label l : labels) n *= static_cast<double>(sizes_[l]);
    return n;
  }

  // The labels of the product of two terms: batches, then what only the first has, then only the second.
  struct Plan {
    Labels batch, left, inner, right;
  };
  Plan plan(std::size_t i, std::size_t j) const {
    Plan p;
    const Labels &a = terms_[i].labels, &b = terms_[j].labels;
    for (const Label l : a) {
      if (!has(b, l))
        p.left.push_back(l);
      else
        (needed(l, i, j) ? p.batch : p.inner).push_back(l);
    }
    for (const Label l : b) {
      if (!has(a, l)) p.right.push_back(l);
    }
    return p;
  }

  void contract_next() {
    std::size_t best_i = 0, best_j = 1;
    double best = 0;
    for (std::size_t i = 0; terms_.size() > 2 && i < terms_.size(); ++i) {
      for (std::size_t j = i + 1; j < terms_.size(); ++j) {
        const Plan p = plan(i, j);
        const double growth = elements(p.batch) * elements(p.left) * elements(p.right) -
                              elements(terms_[i].labels) - elements(terms_[j].labels);
        if ((i != 0 || j != 1) && growth >= best) continue;
        best = growth;
        best_i = i;
        best_j = j;
      }
    }
    Term product = contract(terms_[best_i], terms_[best_j], plan(best_i, best_j));
    terms_.erase(terms_.begin() + static_cast<std::ptrdiff_t>(best_j));
    terms_[best_i] = std::move(product);
  }

  // The axes in the order of the groups, each group as one axis; a first one of no labels is left out.
  Tensor grouped(const Term& term, const Labels& batch, const Labels& rows, const Labels& cols) const {
    Dims order;
    Shape shape;
    for (const Labels* group : {&batch, &rows, &cols}) {
      std::int64_t n = 1;
      for (const Label l : *group) {
        order.push_back(term.axis(l));
        n *= sizes_[l];
      }
      if (group != &batch || !batch.empty()) shape.push_back(n);
    }
    const bool in_order = std::is_sorted(order.begin(), order.end());
    const Tensor moved = in_order ? term.t : permute(at(term.t), order);
    return moved.shape() == shape ? moved : reshape(at(moved), shape);
  }

  Term contract(const Term& a, const Term& b, const Plan& p) const {
    const Tensor left = grouped(a, p.batch, p.left, p.inner), right = grouped(b, p.batch, p.inner, p.right);
    Term out;
    // Without an inner size it is an elementwise product.
    out.t = p.inner.empty() ? mul(at(left), at(right)) : matmul(at(left), at(right));
    Shape shape;
    for (const Labels* group : {&p.batch, &p.left, &p.right}) {
      for (const Label l : *group) {
        if (out.labels.size() == kMaxRank) {
          throw_error<ShapeError>(where_, "einsum",
                                  "\"{}\": an intermediate result would have more than {} axes", text_,
                                  kMaxRank);
        }
        out.labels.push_back(l);
        shape.push_back(sizes_[l]);
      }
    }
    if (!(out.t.shape() == shape)) out.t = reshape(at(out.t), shape);
    return out;
  }

  // The axes in the result's order, those of size 1 again among them.
  Tensor finish(const Term& term) const {
    Dims order;
    Shape shape;
    for (const Label l : result_) {
      const std::int64_t size = sizes_[l];
      shape.push_back(size);
      if (size != 1) order.push_back(term.axis(l));
    }
    const bool in_order = std::is_sorted(order.begin(), order.end());
    const Tensor moved = in_order ? term.t : permute(at(term.t), order);
    return moved.shape() == shape ? moved : reshape(at(moved), shape);
  }

  std::string_view text_;
  std::span<const Tensor> operands_;
  Location where_;
  Equation equation_;
  int dots_ = 0;  // axes of the longest "..."
  Labels result_;
  std::vector<Term> terms_;
  std::int64_t sizes_[kLabels];
  std::size_t from_[kLabels] = {};  // the operand that gave the size
};

}  // namespace

Tensor einsum(std::string_view equation, std::span<const Tensor> operands, Location where) {
  return Contraction(equation, operands, where).run();
}

}  // namespace gradus
