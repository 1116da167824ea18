// A physics-informed network: a net u(x, t) that is never shown the solution, only Burgers' equation
//   u_t + u u_x = nu u_xx,   x in [-1, 1], t in [0, 1],   u(x, 0) = -sin(pi x),   u(-1, t) = u(1, t) = 0.
// Its loss is the mean square of the equation's residual at random points, plus that of what is missing from
// u at the border. u_x, u_t and u_xx are derivatives by the input, recorded (create_graph), so that the loss
// can be differentiated by the weights: through second derivatives. Adam finds the neighbourhood, L-BFGS the
// minimum; f64, since the residual is a difference of large numbers.
// Sources: Raissi, Perdikaris, Karniadakis: "Physics-informed neural networks", 2019, appendix A; the exact
// solution by the formula of Cole and Hopf: Basdevant et al.: "Spectral and finite difference solutions of
// the Burgers equation", 1986.
//
// The full budget reaches a relative error of 0.4 % of the exact solution; Adam alone stands at 18 %.
// Minutes.
//   gradus train pinn
#include <algorithm>
#include <cmath>
#include <numbers>

#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {
namespace {

struct Net : nn::Module {
  std::vector<nn::Linear> hidden;
  nn::Linear out;
  GRADUS_MEMBERS(hidden, out)

  Net(std::int64_t layers, std::int64_t width) : out(width, 1, {.dtype = DType::f64}) {
    for (std::int64_t i = 0; i < layers; ++i)
      hidden.emplace_back(i == 0 ? 2 : width, width, nn::LinearOptions{.dtype = DType::f64});
    for (nn::Linear& layer : hidden) nn::init::xavier_normal_(layer.weight);
  }
  Tensor operator()(const Tensor& x, const Tensor& t) const {
    Tensor h = concat({x, t}, 1);
    for (const nn::Linear& layer : hidden) h = tanh(layer(h));
    return out(h);
  }
};

Net make_net(const Values& v) { return {v.count("layers"), v.count("width")}; }
Net make_net(const Run& r) { return {r.count("layers"), r.count("width")}; }

Tensor points(std::int64_t n, double low, double high) {
  return uniform({n, 1}, low, high, {.dtype = DType::f64});
}

// Where the equation must hold, and where u is given.
struct Problem {
  Tensor x, t;                          // [points, 1], inside
  Tensor border_x, border_t, border_u;  // [n, 1]
  double viscosity;

  Problem(std::int64_t inside, std::int64_t border, double nu)
      : x(points(inside, -1, 1).name("x").requires_grad(true)),
        t(points(inside, 0, 1).name("t").requires_grad(true)),
        viscosity(nu) {
    const Tensor start = points(border, -1, 1);  // at t = 0
    const Tensor time = points(border, 0, 1);    // at both ends
    const Tensor end = full({border, 1}, 1.0, DType::f64);
    border_x = concat({start, -end, end});
    border_t = concat({zeros_like(start), time, time});
    border_u = concat({-sin(std::numbers::pi * start), zeros({2 * border, 1}, DType::f64)});
  }

  Tensor loss(const Net& net) const {
    const Tensor u = net(x, t);
    const std::vector<Tensor> first = grad(sum(u), {x, t}, {.create_graph = true});
    const std::vector<Tensor> second = grad(sum(first[0]), {x}, {.create_graph = true});
    const Tensor residual = first[1] + u * first[0] - viscosity * second[0];
    return mean(square(residual)) + mse_loss(net(border_x, border_t), border_u);
  }
};

// The solution, by Cole and Hopf's formula: with f(y) = exp(-cos(pi y) / (2 pi nu)),
//   u(x, t) = -int sin(pi (x - s z)) f(x - s z) e^(-z^2) dz / int f(x - s z) e^(-z^2) dz,   s = sqrt(4 nu t).
// The integrands fall off like e^(-z^2), so that the plain sum over equal steps is exact to all digits.
double exact(double x, double t, double nu) {
  constexpr double kPi = std::numbers::pi, kEnd = 8, kStep = 1.0 / 32;
  const double s = std::sqrt(4 * nu * t);
  double above = 0, below = 0;
  for (double z = -kEnd; z <= kEnd; z += kStep) {
    const double y = x - s * z;
    const double f = std::exp(-(1 + std::cos(kPi * y)) / (2 * kPi * nu) - z * z);
    above -= std::sin(kPi * y) * f;
    below += f;
  }
  return above / below;
}

Figures train(Run& run) {
  const double nu = run.number("viscosity");
  const Net net = make_net(run);
  const Problem problem(run.count("points"), run.count("border"), nu);
  const std::vector<Tensor> parameters = net.parameters();

  // A grid over the whole domain: x across, t downwards.
  const std::int64_t rows = run.count("grid") / 2 + 1, columns = run.count("grid");
  const std::vector<Tensor> grid = meshgrid(
      {linspace(0, 1, rows, {.dtype = DType::f64}), linspace(-1, 1, columns, {.dtype = DType::f64})}, "ij");
  const Tensor grid_t = reshape(grid[0], {-1, 1}), grid_x = reshape(grid[1], {-1, 1});
  std::vector<double> solution;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j)
      solution.push_back(exact(-1 + 2.0 * j / (columns - 1), 1.0 * i / (rows - 1), nu));
  }
  const Tensor truth = tensor(solution, {rows * columns, 1});
  const auto relative_error = [&] {
    const NoGrad guard;
    return (norm(net(grid_x, grid_t) - truth) / norm(truth)).item();
  };

  // Loss and gradients by the weights only: the points need none.
  const auto loss_and_gradients = [&] {
    Tensor loss = problem.loss(net);
    std::vector<Tensor> gradients = grad(loss, parameters);
    for (std::size_t i = 0; i < parameters.size(); ++i) Tensor(parameters[i]).set_grad(gradients[i]);
    return loss;
  };
  const std::int64_t adam_steps = run.count("steps"), rounds = run.count("rounds");
  const std::int64_t total = adam_steps + rounds;
  optim::Adam adam(parameters, {.lr = run.number("lr")});
  optim::LBFGS lbfgs(
      parameters,
      {.tolerance_grad = 0, .tolerance_change = 0, .line_search_fn = optim::LineSearch::strong_wolfe});
  double loss = 0;
  for (std::int64_t step = 1; step <= total; ++step) {
    if (step <= adam_steps) {
      loss = loss_and_gradients().item();
      adam.step();
    } else {
      loss = lbfgs.step(loss_and_gradients);  // 20 iterations
    }
    run.step(step, total, loss);
    const std::int64_t tenth = std::max<std::int64_t>(1, (step <= adam_steps ? adam_steps : rounds) / 10);
    if (step % tenth == 0 || step == total) {
      run.row("step", step, {{"train loss", loss}, {"relative error", relative_error()}});
    }
  }

  const NoGrad guard;
  const Tensor u = reshape(net(grid_x, grid_t), {rows, columns});
  run.image("solution", astype(clamp(127.5 * (u + 1), 0, 255), DType::u8));
  run.weights("net", net);
  return {{"loss", loss}, {"relative error", relative_error()}};
}

Step step(const Values& values, std::int64_t batch) {
  const Net net = make_net(values);
  net.named_parameters();  // names them
  const Problem problem(batch, batch, values.number("viscosity"));
  return {{{"x", problem.x}, {"t", problem.t}}, net(problem.x, problem.t), problem.loss(net)};
}

constexpr Option kOptions[] = {
    {"steps", "Steps of Adam", 2000, 0, 1e6, true},
    {"rounds", "Rounds of L-BFGS behind them, of 20 iterations each", 300, 0, 1e5, true},
    {"lr", "Learning rate of Adam", 2e-3, 0, 1},
    {"viscosity", "nu; the smaller, the steeper the shock at x = 0", 0.01 / std::numbers::pi, 1e-3, 1},
    {"points", "Points inside the domain", 4000, 1, 1e6, true},
    {"border", "Points on each part of its border", 100, 1, 1e5, true},
    {"layers", "Hidden layers", 4, 1, 32, true},
    {"width", "Units of each", 20, 1, 1024, true},
    {"grid", "Places along x at which the error is measured", 256, 2, 4096, true},
};
constexpr std::pair<const char*, double> kSmall[] = {{"steps", 200},     {"rounds", 30},  {"lr", 0.01},
                                                     {"viscosity", 0.1}, {"points", 200}, {"border", 25},
                                                     {"layers", 2},      {"width", 12},   {"grid", 32}};
constexpr Bound kBounds[] = {{"relative error", 0, 0.03}};

}  // namespace

extern const Example pinn = {
    .title = "A net solves Burgers' equation from the equation alone (second derivatives)",
    .data = "",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = step,
};

}  // namespace gradus::zoo
