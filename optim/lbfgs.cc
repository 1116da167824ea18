// L-BFGS. With the gradient g, pairs y = g - g_before, s = w - w_before of the last history_size iterations
// with y s > 1e-10, and H0 = (y s) / (y y) of the newest pair, an iteration goes along d = -H g, by the two
// loops:
//   q = -g;  newest to oldest:  a_i = (s_i q) / (y_i s_i),  q = q - a_i y_i
//   d = H0 q;  oldest to newest:  b_i = (y_i d) / (y_i s_i),  d = d + (a_i - b_i) s_i
// by the length lr (at the very first iteration min(1, 1 / |g|_1) lr), or one that meets the strong Wolfe
// conditions with c1 = 1e-4, c2 = 0.9, found from there by bracketing and cubic interpolation.
// Source: torch.optim.LBFGS (PyTorch 2); Nocedal, Wright: "Numerical optimization", 2nd edition,
// algorithms 7.4, 7.5 and 3.5, 3.6, equation (3.59). Bounds of the interpolation as torch's.
#include "gradus/optim/lbfgs.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/recording.h"
#include "gradus/graph/state_entries.h"

namespace gradus::optim {
namespace {

using Vector = std::vector<double>;

constexpr double kSufficientDecrease = 1e-4;  // c1
constexpr double kCurvature = 0.9;            // c2
constexpr double kNarrowest = 1e-9;           // a bracket below it is not divided any more
constexpr double kLeastCurvature = 1e-10;     // a pair below it is not remembered

double dot(const Vector& a, const Vector& b) {
  double total = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) total += a[i] * b[i];
  return total;
}
void add(Vector& to, double factor, const Vector& x) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * x[i];
}
Vector negative(const Vector& x) {
  Vector out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = -x[i];
  return out;
}
double largest(const Vector& x) {
  double most = 0.0;
  for (const double v : x) most = std::abs(v) > most || std::isnan(v) ? std::abs(v) : most;
  return most;
}

Tensor as_tensor(const std::vector<Vector>& rows, std::int64_t columns) {
  Tensor t = empty({static_cast<std::int64_t>(rows.size()), columns}, DType::f64);
  double* out = t.mutable_span<double>().data();
  for (const Vector& row : rows) out = std::copy(row.begin(), row.end(), out);
  return t;
}
Tensor as_tensor(const Vector& v) {
  Tensor t = empty({static_cast<std::int64_t>(v.size())}, DType::f64);
  std::copy(v.begin(), v.end(), t.mutable_span<double>().begin());
  return t;
}

}  // namespace

// A place on the line: how far along the direction, the loss, the gradient and the slope along the direction.
struct LBFGS::Point {
  double length, loss, slope;
  Vector gradient;
};

namespace {

// Where the cubic through two points with these values and slopes has its minimum, within [low, high].
template <class Point>
double cubic_minimum(const Point& p, const Point& q, double low, double high) {
  const Point& a = p.length <= q.length ? p : q;
  const Point& b = p.length <= q.length ? q : p;
  const double d1 = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.length - b.length);
  const double square = d1 * d1 - a.slope * b.slope;
  if (!(square >= 0.0)) return (low + high) / 2.0;
  const double d2 = std::sqrt(square);
  const double at = b.length - (b.length - a.length) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
  return std::min(std::max(at, low), high);
}

}  // namespace

template <class Evaluate>
LBFGS::Point LBFGS::search(const Evaluate& evaluate, double length, const Point& begin, double widest,
                           std::int64_t most_evaluations, std::int64_t& evaluations) const {
  const auto decreases = [&](const Point& p) {
    return p.loss <= begin.loss + kSufficientDecrease * p.length * begin.slope;
  };
  const auto is_flat = [&](const Point& p) { return std::abs(p.slope) <= -kCurvature * begin.slope; };

  // Longer and longer steps, until a bracket holds a point that meets the conditions.
  Point before = begin, now = evaluate(length);
  evaluations = 1;
  std::int64_t rounds = 0;
  std::array<Point, 2> bracket;
  for (;; ++rounds) {
    if (rounds >= most_evaluations) {
      bracket = {begin, now};
      break;
    }
    if (!decreases(now) || (rounds > 1 && now.loss >= before.loss)) {
      bracket = {before, now};
      break;
    }
    if (is_flat(now)) return now;
    if (now.slope >= 0.0) {
      bracket = {before, now};
      break;
    }
    const double low = now.length + 0.01 * (now.length - before.length), high = now.length * 10.0;
    const double next = cubic_minimum(before, now, low, high);
    before = std::move(now);
    now = evaluate(next);
    ++evaluations;
  }

  // The bracket is divided; its lower end stays the best point so far.
  // A loss that is NaN is never the lower one.
  std::size_t best = bracket[1].loss < bracket[0].loss ? 1 : 0;
  bool little_progress = false;
  for (; rounds < most_evaluations; ++rounds) {
    const double low = std::min(bracket[0].length, bracket[1].length);
    const double high = std::max(bracket[0].length, bracket[1].length);
    if ((high - low) * widest < kNarrowest) break;
    double at = cubic_minimum(bracket[0], bracket[1], low, high);
    // Twice in a row close to an end, or on it: a tenth of the bracket away from that end.
    const double margin = 0.1 * (high - low);
    if (std::min(high - at, at - low) < margin) {
      if (little_progress || at >= high || at <= low) {
        at = std::abs(at - high) < std::abs(at - low) ? high - margin : low + margin;
        little_progress = false;
      } else {
        little_progress = true;
      }
    } else {
      little_progress = false;
    }
    Point p = evaluate(at);
    ++evaluations;
    const std::size_t other = 1 - best;
    if (!decreases(p) || p.loss >= bracket[best].loss) {
      bracket[other] = std::move(p);
      best = bracket[1].loss < bracket[0].loss ? 1 : 0;
      continue;
    }
    const bool done = is_flat(p);
    if (!done && p.slope * (bracket[other].length - bracket[best].length) >= 0.0) {
      bracket[other] = bracket[best];
    }
    bracket[best] = std::move(p);
    if (done) break;
  }
  return bracket[best];
}

std::vector<Optimizer::Option> LBFGS::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"max_iter", &o.max_iter},
          {"max_eval", &o.max_eval},
          {"tolerance_grad", &o.tolerance_grad, Range::not_negative},
          {"tolerance_change", &o.tolerance_change, Range::not_negative},
          {"history_size", &o.history_size},
          {"line_search_fn", &o.line_search_fn, 2},
          {"maximize", &o.maximize}};
}

std::int64_t LBFGS::numel() const {
  std::int64_t n = 0;
  for (const Tensor& p : members_[0].params) n += p.numel();
  return n;
}

LBFGS::Vector LBFGS::gather_weights() const {
  Vector out;
  out.reserve(static_cast<std::size_t>(numel()));
  for (const Tensor& p : members_[0].params) {
    Tensor wide = empty(p.shape(), DType::f64);
    wide.copy_(p);
    const auto values = wide.span<double>();
    out.insert(out.end(), values.begin(), values.end());
  }
  return out;
}

LBFGS::Vector LBFGS::gather_gradient() const {
  Vector out;
  out.reserve(static_cast<std::size_t>(numel()));
  for (const Tensor& p : members_[0].params) {
    if (!p.grad().defined()) {
      out.resize(out.size() + static_cast<std::size_t>(p.numel()));
      continue;
    }
    Tensor wide = empty(p.shape(), DType::f64);
    wide.copy_(p.grad());
    const auto values = wide.span<double>();
    out.insert(out.end(), values.begin(), values.end());
  }
  return groups_[0].maximize ? negative(out) : out;
}

void LBFGS::set_weights(const Vector& from, double length, const Vector& direction, Location where) const {
  std::size_t next = 0;
  for (Tensor p : members_[0].params) {
    Tensor wide = empty(p.shape(), DType::f64);
    for (double& x : wide.mutable_span<double>()) {
      x = from[next] + length * direction[next];
      ++next;
    }
    p.copy_(wide, where);
  }
}

// Takes the pair of the last iteration into the memory.
void LBFGS::remember(const Vector& gradient) {
  Memory& m = memory_;
  Vector change = gradient, step = m.direction;
  add(change, -1.0, m.gradient);
  for (double& x : step) x *= m.length;
  const double product = dot(change, step);
  if (!(product > kLeastCurvature)) return;
  const auto room = static_cast<std::size_t>(groups_[0].history_size);
  if (room == 0) return;
  while (m.changes.size() >= room) {
    m.changes.erase(m.changes.begin());
    m.steps.erase(m.steps.begin());
    m.inverse.erase(m.inverse.begin());
  }
  m.diagonal = product / dot(change, change);
  m.inverse.push_back(1.0 / product);
  m.changes.push_back(std::move(change));
  m.steps.push_back(std::move(step));
}

LBFGS::Vector LBFGS::direction_for(const Vector& gradient) const {
  const Memory& m = memory_;
  Vector d = negative(gradient), a(m.changes.size());
  for (std::size_t i = m.changes.size(); i-- > 0;) {
    a[i] = dot(m.steps[i], d) * m.inverse[i];
    add(d, -a[i], m.changes[i]);
  }
  for (double& x : d) x *= m.diagonal;
  for (std::size_t i = 0; i < m.changes.size(); ++i)
    add(d, a[i] - dot(m.changes[i], d) * m.inverse[i], m.steps[i]);
  return d;
}

double LBFGS::step(FunctionRef<Tensor()> closure, Location where) {
  check_groups(where);
  const NoGrad guard;
  const Options o = groups_[0];
  const std::int64_t most = o.max_eval > 0 ? o.max_eval : o.max_iter * 5 / 4;
  Memory& m = memory_;
  const auto loss_here = [&] {
    const EnableGrad recording;
    const double loss = closure().item();
    return o.maximize ? -loss : loss;
  };

  double loss = loss_here();
  const double first_loss = o.maximize ? -loss : loss;
  std::int64_t evaluations = 1;
  ++m.evaluations;
  Vector gradient = gather_gradient();
  if (largest(gradient) <= o.tolerance_grad) return first_loss;

  for (std::int64_t k = 1; k <= o.max_iter; ++k) {
    if (++m.iterations > 1) remember(gradient);
    m.direction = direction_for(gradient);
    m.gradient = gradient;
    const double loss_before = loss;
    double absolute = 0.0;
    for (const double g : gradient) absolute += std::abs(g);
    m.length = m.iterations == 1 ? std::min(1.0, 1.0 / absolute) * o.lr : o.lr;
    const double slope = dot(gradient, m.direction);
    if (slope > -o.tolerance_change) break;

    const Vector from = gather_weights();
    std::int64_t used = 0;
    try {
      if (o.line_search_fn == LineSearch::strong_wolfe) {
        const auto evaluate = [&](double length) {
          set_weights(from, length, m.direction, where);
          Point p{length, loss_here(), 0.0, gather_gradient()};
          p.slope = dot(p.gradient, m.direction);
          return p;
        };
        Point found = search(evaluate, m.length, {0.0, loss, slope, gradient}, largest(m.direction),
                             most - evaluations, used);
        m.length = found.length;
        loss = found.loss;
        gradient = std::move(found.gradient);
        set_weights(from, m.length, m.direction, where);
      } else {
        set_weights(from, m.length, m.direction, where);
        // The gradient behind the last iteration is not needed here.
        if (k != o.max_iter) {
          loss = loss_here();
          gradient = gather_gradient();
          used = 1;
        }
      }
    } catch (...) {
      // As after the iteration before. A step of no length is not remembered.
      set_weights(from, 0.0, m.direction, where);
      m.length = 0.0;
      throw;
    }
    evaluations += used;
    m.evaluations += used;
    if (evaluations >= most || largest(gradient) <= o.tolerance_grad) break;
    if (largest(m.direction) * std::abs(m.length) <= o.tolerance_change) break;
    if (std::abs(loss - loss_before) < o.tolerance_change) break;
  }
  return first_loss;
}

void LBFGS::update(Location where) {
  throw_error<ValueError>(where, "LBFGS::step",
                          "a closure is needed, which computes loss and gradients: opt.step([&] {{ "
                          "opt.zero_grad(); auto loss = ...; loss.backward(); return loss; }})");
}

void LBFGS::save_more(NamedTensors& out) const {
  const Memory& m = memory_;
  out.push_back({"lbfgs.n_iter", state_scalar(m.iterations)});
  out.push_back({"lbfgs.func_evals", state_scalar(m.evaluations)});
  if (m.iterations == 0) return;
  out.push_back({"lbfgs.t", state_scalar(m.length)});
  out.push_back({"lbfgs.h_diag", state_scalar(m.diagonal)});
  out.push_back({"lbfgs.d", as_tensor(m.direction)});
  out.push_back({"lbfgs.prev_flat_grad", as_tensor(m.gradient)});
  out.push_back({"lbfgs.old_dirs", as_tensor(m.changes, numel())});
  out.push_back({"lbfgs.old_stps", as_tensor(m.steps, numel())});
  out.push_back({"lbfgs.ro", as_tensor(m.inverse)});
}

void LBFGS::check_more(StateEntries& entries, const char*, Location) {
  Memory m;
  m.iterations = entries.count("lbfgs.n_iter");
  m.evaluations = entries.count("lbfgs.func_evals");
  if (m.iterations > 0) {
    const std::int64_t n = numel();
    m.length = entries.number<double>("lbfgs.t");
    m.diagonal = entries.number<double>("lbfgs.h_diag");
    m.direction = entries.tensor("lbfgs.d", {n}, DType::f64).to_vector<double>();
    m.gradient = entries.tensor("lbfgs.prev_flat_grad", {n}, DType::f64).to_vector<double>();
    const Tensor* dirs = entries.find("lbfgs.old_dirs");
    const std::int64_t pairs = dirs != nullptr && dirs->rank() == 2 ? dirs->size(0) : 0;
    const auto rows = [&](const char* name) {
      const Vector all = entries.tensor(name, {pairs, n}, DType::f64).to_vector<double>();
      std::vector<Vector> out;
      for (std::int64_t i = 0; i < pairs; ++i)
        out.emplace_back(all.begin() + i * n, all.begin() + (i + 1) * n);
      return out;
    };
    m.changes = rows("lbfgs.old_dirs");
    m.steps = rows("lbfgs.old_stps");
    m.inverse = entries.tensor("lbfgs.ro", {pairs}, DType::f64).to_vector<double>();
  }
  loaded_ = std::move(m);
}

}  // namespace gradus::optim
