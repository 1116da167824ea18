// Policy gradient: a net learns to keep a pole upright on a cart by pushing it left or right, from nothing
// but the reward of 1 for each step that the pole stands. REINFORCE with a baseline: whole episodes are
// played by the present policy pi, and its weights follow
//   grad mean( (R_t - V(s_t)) log pi(a_t | s_t) ),   R_t = r_t + gamma r_(t+1) + gamma^2 r_(t+2) + ...,
// where V, a second net, learns to predict R_t by least squares. An episode ends where the pole falls, where
// the cart leaves the track, or after 500 steps.
// Sources: Williams: "Simple statistical gradient-following algorithms for connectionist reinforcement
// learning", 1992; the cart: Barto, Sutton, Anderson: "Neuronlike adaptive elements that can solve difficult
// learning control problems", 1983, with the constants of Gym's CartPole-v1, which counts as solved at a mean
// return of 475 over 100 episodes.
//
// The full budget, 1,500 episodes in some seconds, reaches a mean return of 490 of 500; pushing at random 21.
//   gradus train cart-pole
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {
namespace {

struct Cart {
  // Gym's constants, in SI units.
  static constexpr double kGravity = 9.8, kCartMass = 1, kPoleMass = 0.1, kHalfLength = 0.5, kForce = 10,
                          kTime = 0.02;
  static constexpr double kTrack = 2.4, kAngle = 12 * std::numbers::pi / 180;
  static constexpr std::int64_t kMostSteps = 500;

  double x = 0, velocity = 0, angle = 0, turn = 0;

  // The equations of motion, by one step of Euler's method.
  void push(bool right) {
    constexpr double kMass = kCartMass + kPoleMass;
    const double cos = std::cos(angle), sin = std::sin(angle);
    const double force = ((right ? kForce : -kForce) + kPoleMass * kHalfLength * turn * turn * sin) / kMass;
    const double angular =
        (kGravity * sin - cos * force) / (kHalfLength * (4.0 / 3 - kPoleMass * cos * cos / kMass));
    const double linear = force - kPoleMass * kHalfLength * angular * cos / kMass;
    x += kTime * velocity;
    velocity += kTime * linear;
    angle += kTime * turn;
    turn += kTime * angular;
  }
  bool fallen() const { return std::abs(x) > kTrack || std::abs(angle) > kAngle; }
  std::array<float, 4> state() const {
    return {static_cast<float>(x), static_cast<float>(velocity), static_cast<float>(angle),
            static_cast<float>(turn)};
  }
};

struct Net : nn::Module {  // of the state: the score of pushing right, or the value
  nn::Linear hidden, out;
  GRADUS_MEMBERS(hidden, out)

  explicit Net(std::int64_t width) : hidden(4, width), out(width, 1) {}
  Tensor operator()(const Tensor& state) const { return squeeze(out(tanh(hidden(state))), {-1}); }
};

// What some episodes have shown, one row a step.
struct Experience {
  std::vector<float> states;    // 4 a step
  std::vector<float> actions;   // 1: right
  std::vector<float> returns;   // R_t
  std::vector<double> lengths;  // of the episodes
};

void play(const Net& policy, double gamma, Experience& e) {
  const NoGrad guard;
  const std::vector<double> start = uniform({4}, -0.05, 0.05, {.dtype = DType::f64}).to_vector<double>();
  const std::vector<float> chance = uniform({Cart::kMostSteps}).to_vector<float>();
  Cart cart{start[0], start[1], start[2], start[3]};
  std::int64_t steps = 0;
  while (steps < Cart::kMostSteps && !cart.fallen()) {
    const std::array<float, 4> state = cart.state();
    const bool right = chance[steps++] < sigmoid(policy(tensor(std::span(state)))).item<float>();
    e.states.insert(e.states.end(), state.begin(), state.end());
    e.actions.push_back(right ? 1 : 0);
    cart.push(right);
  }
  e.returns.resize(e.returns.size() + steps);
  double sum = 0;
  for (auto r = e.returns.rbegin(); r != e.returns.rbegin() + steps; ++r)
    *r = static_cast<float>(sum = 1 + gamma * sum);
  e.lengths.push_back(static_cast<double>(steps));
}

struct Losses {
  Tensor score, policy, value;
};
// -log pi(a | s) is the binary cross entropy of the score with the action as target.
Losses losses(const Net& policy, const Net& value, const Tensor& states, const Tensor& actions,
              const Tensor& returns) {
  Losses l;
  const Tensor predicted = value(states);
  Tensor advantage = returns - predicted.detach();
  advantage = (advantage - mean(advantage)) / (std(advantage, {}, {.correction = 0}) + 1e-6);
  l.score = policy(states);
  l.policy = binary_cross_entropy_with_logits(l.score, actions, {.weight = advantage});
  l.value = mse_loss(predicted, returns);
  return l;
}

Figures train(Run& run) {
  const Net policy(run.count("width")), value(run.count("width"));
  const double gamma = run.number("gamma"), lr = run.number("lr");
  // The value is a number near 1 / (1 - gamma), far from what a net starts with: it takes larger steps.
  optim::Adam opt({{.params = policy.parameters()}, {.params = value.parameters(), .lr = 5 * lr}},
                  {.lr = lr});
  const std::int64_t updates = run.count("updates"), episodes = run.count("episodes");
  optim::Scheduler schedule(
      opt, optim::linear_lr({.start_factor = 1, .end_factor = 0.05, .total_iters = updates}));
  std::vector<double> history;  // the return of each episode
  const auto recent = [&] {
    const auto n = std::min<std::ptrdiff_t>(100, std::ssize(history));
    return std::accumulate(history.end() - n, history.end(), 0.0) / static_cast<double>(n);
  };
  for (std::int64_t update = 1; update <= updates; ++update) {
    Experience e;
    for (std::int64_t i = 0; i < episodes; ++i) play(policy, gamma, e);
    history.insert(history.end(), e.lengths.begin(), e.lengths.end());

    const auto n = static_cast<std::int64_t>(e.actions.size());
    const Losses l = losses(policy, value, tensor(e.states, {n, 4}), tensor(e.actions), tensor(e.returns));
    opt.zero_grad();
    (l.policy + l.value).backward();
    opt.step();
    schedule.step();
    run.step(update, updates, l.value.item());
    if (update % std::max<std::int64_t>(1, updates / 20) == 0 || update == updates) {
      run.row("update", update, {{"value loss", l.value.item()}, {"mean return", recent()}});
    }
  }
  run.weights("policy", policy);
  return {{"episodes", static_cast<double>(history.size())}, {"mean return", recent()}};
}

Step step(const Values& values, std::int64_t batch) {
  const Net policy(values.count("width")), value(values.count("width"));
  policy.named_parameters();  // names them
  value.named_parameters();
  const Tensor states = normal({batch, 4}).name("states");
  const Losses l = losses(policy, value, states, bernoulli({batch}, 0.5), uniform({batch}, 0, 100));
  return {{{"states", states}}, l.score, l.policy + l.value};
}

constexpr Option kOptions[] = {
    {"updates", "Updates of the nets", 150, 1, 1e6, true},
    {"episodes", "Episodes played before each", 10, 1, 1e4, true},
    {"lr", "Learning rate of the policy, of Adam, falling to a twentieth", 1e-2, 0, 1},
    {"gamma", "Discount of later rewards", 0.99, 0, 1},
    {"width", "Units of the hidden layer", 64, 1, 1024, true},
};
constexpr std::pair<const char*, double> kSmall[] = {
    {"updates", 36}, {"episodes", 10}, {"lr", 0.02}, {"width", 32}};
constexpr Bound kBounds[] = {{"mean return", 50, 500}};

}  // namespace

extern const Example cart_pole = {
    .title = "A policy learns to balance a pole on a cart by trial and error (REINFORCE)",
    .data = "",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = step,
};

}  // namespace gradus::zoo
