// Adafactor. With the gradient g of step t (negated to maximize), weight w of n elements, decay l:
//   a = max(eps[1], |w| / sqrt(n)) min(lr, 1 / sqrt(t));   b = t^beta2_decay;   w = w (1 - lr l)
//   of rank 2 and more, over the last two axes:  R = R + b (row means of g^2 - R),  C = C + b (column means -
//   C), v = R C / max(mean of R over the rows, eps[0]);   of rank 0 and 1:  v = v + b (g^2 - v) u = g /
//   sqrt(max(v, eps[0]^2));   w = w - a / max(1, |u| / (sqrt(n) d)) u
// All sums are made in f64. Three passes over memory, since the step's size depends on all of it.
// Source: torch.optim.Adafactor (PyTorch 2), after Shazeer, Stern: "Adafactor: adaptive learning rates with
// sublinear memory cost", ICML 2018.
#include "gradus/optim/adafactor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/base/format.h"
#include "gradus/base/parallel.h"
#include "gradus/optim/flat_update.h"

namespace gradus::optim {
namespace {

enum Slot : std::size_t { kRow, kColumn, kVariance };

// Elements that are worth waking another thread for.
constexpr std::int64_t kGrain = 32 * 1024;

// 1 / sqrt(max(v, eps^2)) where `root` is 1 / sqrt(v) and `most` 1 / eps; NaN stays one.
double clamped(double root, double most) { return root > most ? most : root; }

template <class T>
double square_sum(const T* x, std::int64_t n) {
  double total = 0.0;
  for (std::int64_t i = 0; i < n; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

// The step of one parameter.
template <class T>
class Step {
 public:
  Step(const AdafactorOptions& o, const Tensor& param, const ParamState& s, const FlatUpdate& flat)
      : o_(o),
        s_(s),
        shape_(param.shape()),
        w_(flat.weights<T>()),
        g_(flat.gradient<T>()),
        n_(param.numel()),
        root_n_(std::sqrt(static_cast<double>(n_))),
        eps_(o.eps[0] > 0.0 ? o.eps[0] : static_cast<double>(std::numeric_limits<T>::epsilon())),
        fresh_(std::pow(static_cast<double>(s.steps + 1), o.beta2_decay)) {}

  void run() {
    if (n_ == 0) return;
    size_ = std::max(o_.eps[1], std::sqrt(square_sum(w_, n_)) / root_n_) *
            std::min(o_.lr, 1.0 / std::sqrt(static_cast<double>(s_.steps + 1)));
    shape_.rank() > 1 ? factored() : plain();
  }

 private:
  T* slot(Slot k) const { return static_cast<T*>(s_.slots[k].impl()->data); }

  void plain() {
    T* v = slot(kVariance);
    for (std::int64_t i = 0; i < n_; ++i) {
      const double g = static_cast<double>(g_[i]), before = static_cast<double>(v[i]);
      v[i] = static_cast<T>(before + fresh_ * (g * g - before));
    }
    finish([&](const auto& f) {
      for (std::int64_t i = 0; i < n_; ++i)
        f(i, clamped(1.0 / std::sqrt(static_cast<double>(v[i])), 1.0 / eps_));
    });
  }

  void factored() {
    const std::int64_t rows = shape_[shape_.rank() - 2], columns = shape_[shape_.rank() - 1];
    const std::int64_t matrices = n_ / (rows * columns);
    // 1 / sqrt of the row's and of the column's part of v.
    std::vector<double> row_root(static_cast<std::size_t>(matrices * rows));
    std::vector<double> column_root(static_cast<std::size_t>(matrices * columns));
    for (std::int64_t m = 0; m < matrices; ++m) {
      T* row = slot(kRow) + m * rows;
      T* column = slot(kColumn) + m * columns;
      double* of_column = column_root.data() + m * columns;  // first the sums
      double row_mean = 0.0;
      for (std::int64_t r = 0; r < rows; ++r) {
        const T* g = g_ + (m * rows + r) * columns;
        double total = 0.0;
        for (std::int64_t c = 0; c < columns; ++c) {
          const double square = static_cast<double>(g[c]) * static_cast<double>(g[c]);
          total += square;
          of_column[c] += square;
        }
        const double before = static_cast<double>(row[r]);
        row[r] = static_cast<T>(before + fresh_ * (total / static_cast<double>(columns) - before));
        row_mean += static_cast<double>(row[r]) / static_cast<double>(rows);
      }
      for (std::int64_t c = 0; c < columns; ++c) {
        const double before = static_cast<double>(column[c]);
        column[c] = static_cast<T>(before + fresh_ * (of_column[c] / static_cast<double>(rows) - before));
        of_column[c] = 1.0 / std::sqrt(static_cast<double>(column[c]));
      }
      const double divisor = row_mean < eps_ ? eps_ : row_mean;
      for (std::int64_t r = 0; r < rows; ++r) {
        row_root[static_cast<std::size_t>(m * rows + r)] =
            1.0 / std::sqrt(static_cast<double>(row[r]) / divisor);
      }
    }
    finish([&](const auto& f) {
      for (std::int64_t r = 0; r < matrices * rows; ++r) {
        const double of_row = row_root[static_cast<std::size_t>(r)];
        const double* of_column = column_root.data() + r / rows * columns;
        for (std::int64_t c = 0; c < columns; ++c)
          f(r * columns + c, clamped(of_row * of_column[c], 1.0 / eps_));
      }
    });
  }

  // walk(f) calls f(i, u_i / g_i) for every element.
  template <class Walk>
  void finish(const Walk& walk) {
    double squares = 0.0;
    walk([&](std::int64_t i, double root) {
      const double u = root * static_cast<double>(g_[i]);
      squares += u * u;
    });
    const double most = std::max(1.0, std::sqrt(squares) / (root_n_ * o_.d));
    const double step = (o_.maximize ? -size_ : size_) / most, keep = 1.0 - o_.lr * o_.weight_decay;
    walk([&](std::int64_t i, double root) {
      w_[i] = static_cast<T>(keep * static_cast<double>(w_[i]) - step * root * static_cast<double>(g_[i]));
    });
  }

  const AdafactorOptions& o_;
  const ParamState& s_;
  const Shape shape_;
  T* w_;
  const T* g_;
  std::int64_t n_;
  double root_n_, eps_, fresh_;
  double size_ = 0.0;
};

}  // namespace

Adafactor::Options Adafactor::resolve(const Group& g, const Options& defaults) {
  return {.lr = g.lr.value_or(defaults.lr),
          .beta2_decay = g.beta2_decay.value_or(defaults.beta2_decay),
          .eps = g.eps.value_or(defaults.eps),
          .d = g.d.value_or(defaults.d),
          .weight_decay = g.weight_decay.value_or(defaults.weight_decay),
          .maximize = g.maximize.value_or(defaults.maximize)};
}

std::vector<Optimizer::Option> Adafactor::table(Options& o) {
  return {{"lr", &o.lr, Range::not_negative},
          {"beta2_decay", &o.beta2_decay, Range::finite},
          {"eps1", &o.eps[0], Range::not_negative},
          {"eps2", &o.eps[1], Range::not_negative},
          {"d", &o.d, Range::finite},
          {"weight_decay", &o.weight_decay, Range::not_negative},
          {"maximize", &o.maximize}};
}

unsigned Adafactor::slots(const Options&, const Tensor& param) {
  return param.rank() > 1 ? 1U << kRow | 1U << kColumn : 1U << kVariance;
}

void Adafactor::check_options(const Options& o, const char* op, Location where) {
  if (o.beta2_decay > 0.0) {
    throw_error<ValueError>(where, op, "beta2_decay is {}; it must be <= 0", o.beta2_decay);
  }
  if (o.d < 1.0) throw_error<ValueError>(where, op, "d is {}; it must be >= 1", o.d);
}

Shape Adafactor::slot_shape(const Tensor& param, std::size_t slot) const {
  Shape shape = param.shape();
  if (slot == kRow) shape[shape.rank() - 1] = 1;
  if (slot == kColumn) shape[shape.rank() - 2] = 1;
  return shape;
}

void Adafactor::update(Location where) {
  struct Job {
    const Options* options;
    const Tensor* param;
    ParamState* state;
    FlatUpdate flat;
  };
  std::vector<Job> jobs;
  std::int64_t total = 0;
  for (std::size_t g = 0; g < members_.size(); ++g) {
    for (std::size_t i = 0; i < members_[g].params.size(); ++i) {
      const Tensor& p = members_[g].params[i];
      if (!p.grad().defined()) continue;
      ParamState& s = members_[g].states[i];
      for (std::size_t k = 0; k < kMaxSlots; ++k) {
        if ((slots(groups_[g], p) >> k & 1U) != 0 && !s.slots[k].defined())
          s.slots[k] = filled(slot_shape(p, k), p.dtype(), 0.0);
      }
      jobs.push_back({&groups_[g], &p, &s, FlatUpdate(p, "Adafactor::step", where)});
      total += p.numel();
    }
  }
  const auto count = static_cast<std::int64_t>(jobs.size());
  parallel_for(count, total < 2 * kGrain ? count : 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      const Job& job = jobs[static_cast<std::size_t>(j)];
      if (job.param->dtype() == DType::f32)
        Step<float>(*job.options, *job.param, *job.state, job.flat).run();
      else
        Step<double>(*job.options, *job.param, *job.state, job.flat).run();
    }
  });
  for (const Job& job : jobs) {
    job.flat.finish();
    ++job.state->steps;
  }
}

std::span<const char* const> Adafactor::slot_names() const {
  static constexpr const char* kSlots[] = {"row_var", "col_var", "variance"};
  return kSlots;
}

}  // namespace gradus::optim
