// A neural ordinary differential equation: the net f is the velocity, dy/dt = f(y), and what is compared with
// the data is the path that a solver makes of it. Gradients go through the solver (Runge and Kutta's method
// of order 4) like through any other ops; or, with --adjoint 1, by the adjoint method, which keeps nothing of
// the way forwards: it solves, backwards in time,
//   dy/dt = f(y),   da/dt = -(df/dy)^T a,   dg/dt = -(df/dw)^T a,
// where a, the gradient by y(t), jumps by the loss's own gradient at each observation, and g ends as the
// gradient by the weights. The data is one noisy path of the spiral dy/dt = A (y_1^3, y_2^3) in short pieces,
// the test the whole path from a start that was never seen.
// Source: Chen, Rubanova, Bettencourt, Duvenaud: "Neural ordinary differential equations", 2018.
//
// The full budget, one or two minutes, reaches a mean square error of 8e-4 over the whole test path, which
// has a variance of 0.29; the same by the adjoint method.
//   gradus train neural-ode
#include <algorithm>
#include <cmath>

#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {
namespace {

using State = std::vector<Tensor>;  // what moves in time

State moved(const State& y, double h, const State& velocity) {
  State out;
  for (std::size_t i = 0; i < y.size(); ++i) out.push_back(y[i] + h * velocity[i]);
  return out;
}

// One step of length h; backwards in time where h < 0.
template <class F>
State runge_kutta(const F& f, const State& y, double h) {
  const State k1 = f(y), k2 = f(moved(y, h / 2, k1)), k3 = f(moved(y, h / 2, k2)), k4 = f(moved(y, h, k3));
  State out;
  for (std::size_t i = 0; i < y.size(); ++i)
    out.push_back(y[i] + h / 6 * (k1[i] + 2 * (k2[i] + k3[i]) + k4[i]));
  return out;
}

template <class F>
State solve(const F& f, State y, double time, std::int64_t substeps) {
  for (std::int64_t i = 0; i < substeps; ++i) y = runge_kutta(f, y, time / static_cast<double>(substeps));
  return y;
}

struct Times {
  std::int64_t count;  // observations behind the start
  double step;         // between two of them
  std::int64_t substeps;
};

// The positions at all times, [count, N, 2], from y0 [N, 2].
template <class F>
Tensor path(const F& f, const Tensor& y0, const Times& t) {
  State y = {y0};
  std::vector<Tensor> seen;
  for (std::int64_t i = 0; i < t.count; ++i) {
    y = solve([&](const State& s) { return State{f(s[0])}; }, y, t.step, t.substeps);
    seen.push_back(y[0]);
  }
  return stack(seen);
}

struct Field : nn::Module {
  nn::Linear hidden, out;
  GRADUS_MEMBERS(hidden, out)

  explicit Field(std::int64_t width)
      : hidden(2, width, {.dtype = DType::f64}), out(width, 2, {.dtype = DType::f64}) {}
  Tensor operator()(const Tensor& y) const { return out(tanh(hidden(y * y * y))); }
};

// path(), with gradients by the adjoint method.
Tensor adjoint_path(const Field& f, const Tensor& y0, const Times& t) {
  const State weights = f.parameters();
  Tensor seen = [&] {
    const NoGrad guard;
    return path(f, y0, t);
  }();
  const auto backward = [&f, t, weights, seen](const CustomInputs& in, const Tensor& gradient,
                                               CustomGrads& out) {
    const auto velocity = [&](const State& s) {  // of y, a, and g of each weight
      const EnableGrad guard;
      State at = {s[0].detach().requires_grad(true)};
      const Tensor v = f(at[0]);
      at.insert(at.end(), weights.begin(), weights.end());
      State result = {v.detach()};
      for (const Tensor& product : grad(v, at, {.seeds = {&s[1], 1}})) result.push_back(-product);
      return result;
    };
    State s = {select(seen, 0, t.count - 1), zeros_like(in[0])};
    for (const Tensor& w : weights) s.push_back(zeros_like(w));
    for (std::int64_t i = t.count - 1; i >= 0; --i) {
      s[1] = s[1] + select(gradient, 0, i);
      s = solve(velocity, s, -t.step, t.substeps);
    }
    for (int i = 0; i < out.size(); ++i) out[i] = s[1 + static_cast<std::size_t>(i)];
  };
  State inputs = {y0};
  inputs.insert(inputs.end(), weights.begin(), weights.end());
  return custom(
      "adjoint_path", inputs, [&](const CustomInputs&) { return seen; }, backward);
}

Tensor spiral(const Tensor& y) { return matmul(y * y * y, tensor({{-0.1, 2.0}, {-2.0, -0.1}}, DType::f64)); }

// Pieces of the noisy path: where each begins, and where it goes on.
struct Pieces {
  Tensor start;   // [N, 2]
  Tensor target;  // [count, N, 2]
};
Pieces draw(const Tensor& data, std::int64_t n, std::int64_t count) {
  const Tensor first = randint(0, data.size(0) - count, {n});
  std::vector<Tensor> target;
  for (std::int64_t i = 1; i <= count; ++i) target.push_back(index_select(data, 0, first + i));
  return {index_select(data, 0, first), stack(target)};
}

Figures train(Run& run) {
  constexpr double kTime = 25;  // of the whole path
  const std::int64_t observations = run.count("observations");
  const Times whole{observations, kTime / static_cast<double>(observations), run.count("substeps")};
  const Times piece{run.count("piece"), whole.step, whole.substeps};
  if (piece.count >= observations) {
    throw ValueError("a piece is as long as the whole path: lower --piece or raise --observations");
  }
  const auto truth = [&](double x, double y) {
    const Tensor start = tensor({{x, y}}, DType::f64);
    return concat(
        {unsqueeze(start, 0), path(spiral, start, {whole.count, whole.step, 16})});  // [n + 1, 1, 2]
  };
  const Tensor clean = squeeze(truth(2, 0), {1});
  const Tensor data = clean + normal(clean.shape(), 0, run.number("noise"), {.dtype = DType::f64});
  const Tensor test = truth(-1.2, 1);
  const auto test_path = [&](const Field& f) {
    const NoGrad guard;
    return concat({slice(test, 0, 0, 1), path(f, select(test, 0, 0), whole)});
  };

  const Field f(run.count("width"));
  const bool adjoint = run.count("adjoint") == 1;
  optim::Adam opt(f.parameters(), {.lr = run.number("lr")});
  const std::int64_t steps = run.count("steps"), every = std::max<std::int64_t>(1, steps / 10);
  optim::Scheduler schedule(opt, optim::cosine_annealing_lr(steps));
  for (std::int64_t step = 1; step <= steps; ++step) {
    const Pieces p = draw(data, run.count("batch"), piece.count);
    const Tensor loss =
        mse_loss(adjoint ? adjoint_path(f, p.start, piece) : path(f, p.start, piece), p.target);
    opt.zero_grad();
    loss.backward();
    opt.step();
    schedule.step();
    run.step(step, steps, loss.item());
    if (step % every == 0 || step == steps) {
      run.row("step", step, {{"train loss", loss.item()}, {"test mse", mse_loss(test_path(f), test).item()}});
    }
  }

  // Both ways to the gradient, on one batch: how far they are apart, in units of the largest number in it.
  const Pieces p = draw(data, run.count("batch"), piece.count);
  const State through = grad(mse_loss(path(f, p.start, piece), p.target), f.parameters());
  const State by_adjoint = grad(mse_loss(adjoint_path(f, p.start, piece), p.target), f.parameters());
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < through.size(); ++i) {
    difference = std::max(difference, max(abs(through[i] - by_adjoint[i])).item());
    largest = std::max(largest, max(abs(through[i])).item());
  }
  run.weights("field", f);
  const Tensor velocity = spiral(test);
  const NoGrad guard;
  return {{"test velocity error", (norm(f(test) - velocity) / norm(velocity)).item()},
          {"test variance", mean(square(test)).item()},
          {"test mse", mse_loss(test_path(f), test).item()},
          {"gradient difference", difference / largest}};
}

Step step(const Values& values, std::int64_t batch) {
  const Field f(values.count("width"));
  f.named_parameters();  // names them
  const Tensor start = normal({batch, 2}, 0, 1, {.dtype = DType::f64}).name("start");
  const Times times{2, 0.1, 1};  // two observations show all there is
  const Tensor prediction = path(f, start, times);
  return {{{"start", start}}, prediction, mse_loss(prediction, path(spiral, start, times))};
}

constexpr Option kOptions[] = {
    {"steps", "Steps of Adam", 3000, 1, 1e6, true},
    {"batch", "Pieces of the path a step", 64, 1, 1e4, true},
    {"piece", "Observations in a piece, behind its start", 40, 1, 1e4, true},
    {"lr", "Learning rate, falling to 0", 0.01, 0, 1},
    {"adjoint", "1: gradients by the adjoint method", 0, 0, 1, true},
    {"substeps", "Steps of the solver between two observations", 1, 1, 1000, true},
    {"observations", "Observations of the whole path, in 25 units of time", 1000, 10, 1e5, true},
    {"noise", "Standard deviation of their noise", 0.01, 0, 1},
    {"width", "Units of the hidden layer", 64, 1, 1024, true},
};
constexpr std::pair<const char*, double> kSmall[] = {
    {"steps", 300}, {"batch", 16}, {"piece", 3}, {"substeps", 4}, {"width", 24}};
constexpr Bound kBounds[] = {{"test velocity error", 0, 0.2}, {"gradient difference", 0, 1e-6}};

}  // namespace

extern const Example neural_ode = {
    .title = "A net learns the velocity field of a spiral through a solver of differential equations",
    .data = "",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = step,
};

}  // namespace gradus::zoo
