// A recursive network that learns to calculate: from an expression such as ((7 - 2) * (4 + 9)) it tells the
// value modulo `modulus`, from nothing but examples. The network has the shape of the expression: a digit is
// a row of a table, and an inner node makes its state out of those of its two parts,
//   i, f1, f2, o = sigmoid, g = tanh of W_op [h1; h2] + b_op
//   c = i g + f1 c1 + f2 c2;  h = o tanh(c)
// with weights of its own for each of +, - and *. So each sample records another graph, and which parameters
// take part depends on the data. Trained on expressions of up to `depth` operators on top of each other, and
// tested on deeper ones too, which it has never seen. Source: K. Tai, R. Socher, C. Manning: "Improved
// semantic representations from tree-structured long short-term memory networks", 2015, 3.2, with weights by
// the operator.
//
//   gradus train tree-lstm
//
// learns from 96,000 expressions modulo 7 (35 seconds of a busy core). It is right for all of 1,000 of depths
// 1 to 4 that are drawn anew and for 94.3 % of 1,000 of depths 5 to 7; the most frequent value is right for
// 22 and 24 %.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <vector>

#include "gradus/docs/examples/zoo/zoo.h"

namespace gradus::zoo {
namespace {

struct Expression {
  std::int64_t digit = 0;  // of a leaf
  std::int64_t op = 0;     // of an inner node, whose parts are there: one of +, -, *
  std::unique_ptr<Expression> left, right;
};

std::int64_t value_of(const Expression& e, std::int64_t modulus) {
  if (e.left == nullptr) return e.digit % modulus;
  const std::int64_t a = value_of(*e.left, modulus), b = value_of(*e.right, modulus);
  const std::int64_t value = e.op == 0 ? a + b : e.op == 1 ? a - b : a * b;
  return (value + modulus) % modulus;
}

std::int64_t random_below(std::int64_t n) {
  return static_cast<std::int64_t>(gradus::random_below(reserve_random(1), 0, static_cast<std::uint64_t>(n)));
}

// One that has `depth` operators on the longest way from its root to a digit.
std::unique_ptr<Expression> random_expression(std::int64_t depth) {
  auto e = std::make_unique<Expression>();
  if (depth == 0) {
    e->digit = random_below(10);
    return e;
  }
  e->op = random_below(3);
  e->left = random_expression(depth - 1);
  e->right = random_expression(random_below(depth));
  if (random_below(2) == 1) std::swap(e->left, e->right);
  return e;
}

struct State {
  Tensor h, c;  // [1, hidden]
};

struct TreeLstm : nn::Module {
  nn::Embedding digits;
  std::array<nn::Linear, 3> gates;  // of +, -, *
  nn::Linear head;
  GRADUS_MEMBERS(digits, gates, head)

  TreeLstm(std::int64_t hidden, std::int64_t modulus)
      : digits(10, 2 * hidden),
        gates{nn::Linear(2 * hidden, 5 * hidden), nn::Linear(2 * hidden, 5 * hidden),
              nn::Linear(2 * hidden, 5 * hidden)},
        head(hidden, modulus) {}

  State state_of(const Expression& e) const {
    if (e.left == nullptr) {
      const std::vector<Tensor> row = chunk(digits(full({1}, e.digit, DType::i64)), 2, 1);
      return {tanh(row[0]), row[1]};
    }
    const State a = state_of(*e.left), b = state_of(*e.right);
    const std::vector<Tensor> g =
        chunk(gates.at(static_cast<std::size_t>(e.op))(concat({a.h, b.h}, 1)), 5, 1);
    const Tensor c = sigmoid(g[0]) * tanh(g[1]) + sigmoid(g[2]) * a.c + sigmoid(g[3]) * b.c;
    return {sigmoid(g[4]) * tanh(c), c};
  }

  // Scores of the values, [expressions, modulus].
  Tensor operator()(const std::vector<std::unique_ptr<Expression>>& expressions) const {
    std::vector<Tensor> roots;
    roots.reserve(expressions.size());
    for (const auto& e : expressions) roots.push_back(state_of(*e).h);
    return head(concat(roots, 0));
  }
};

struct Batch {
  std::vector<std::unique_ptr<Expression>> expressions;
  Tensor values;  // i64 [expressions]

  // Depths from `least` to `most` in turn.
  Batch(std::int64_t n, std::int64_t least, std::int64_t most, std::int64_t modulus) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < n; ++i) {
      expressions.push_back(random_expression(least + i % (most - least + 1)));
      numbers.push_back(value_of(*expressions.back(), modulus));
    }
    values = tensor(numbers, {n});
  }
};

double accuracy(const TreeLstm& model, const Batch& batch) {
  const NoGrad no_grad;
  return mean(astype(eq(argmax(model(batch.expressions), 1), batch.values), DType::f64)).item<double>();
}

// What always saying the most frequent value would reach.
double baseline(const Batch& batch) {
  std::map<std::int64_t, double> counts;
  double most = 0;
  for (const std::int64_t v : batch.values.to_vector<std::int64_t>()) most = std::max(most, ++counts[v]);
  return most / static_cast<double>(batch.values.numel());
}

Figures train(Run& run) {
  const std::int64_t depth = run.count("depth"), modulus = run.count("modulus"), steps = run.count("steps");
  const Batch test(run.count("tests"), 1, depth, modulus);
  const Batch deeper(run.count("tests"), depth + 1, depth + 3, modulus);
  TreeLstm model(run.count("hidden"), modulus);
  optim::Adam opt(model.parameters(), {.lr = run.number("lr")});
  optim::Scheduler schedule(opt, optim::cosine_annealing_lr(steps));

  double sum = 0, right = 0, right_deeper = 0;
  std::int64_t counted = 0;
  for (std::int64_t step = 1; step <= steps; ++step) {
    const Batch batch(run.count("batch-size"), 1, depth, modulus);
    const Tensor loss = cross_entropy(model(batch.expressions), batch.values);
    opt.zero_grad();
    loss.backward();
    optim::clip_grad_norm_(model.parameters(), 1);
    opt.step();
    schedule.step();
    sum += loss.item<double>();
    ++counted;
    run.step(step, steps, loss.item<double>());
    if (step % run.count("eval-interval") == 0 || step == steps) {
      right = accuracy(model, test), right_deeper = accuracy(model, deeper);
      run.row("step", step,
              {{"train loss", sum / static_cast<double>(counted)},
               {"test accuracy", right},
               {"accuracy on deeper ones", right_deeper}});
      sum = 0, counted = 0;
    }
  }
  run.weights("weights", model);
  return {{"test accuracy", right},
          {"accuracy on deeper ones", right_deeper},
          {"baseline", baseline(test)},
          {"baseline on deeper ones", baseline(deeper)}};
}

Step step(const Values& values, std::int64_t batch) {
  const std::int64_t depth = values.count("depth"), modulus = values.count("modulus");
  const Batch made_up(batch, depth, depth, modulus);
  const TreeLstm model(values.count("hidden"), modulus);
  model.named_parameters();  // gives them their names
  Tensor scores = model(made_up.expressions).name("scores");
  Tensor loss = cross_entropy(scores, made_up.values).name("loss");
  return {.inputs = {}, .prediction = std::move(scores), .loss = std::move(loss)};
}

constexpr Option kOptions[] = {
    {"modulus", "Values count modulo this number", 7, 2, 100, true},
    {"depth", "Deepest expressions to learn from", 4, 1, 8, true},
    {"hidden", "Numbers that a node says about its value", 64, 1, 4096, true},
    {"batch-size", "Expressions a step", 32, 1, 4096, true},
    {"steps", "Steps of the optimizer", 3000, 1, 1e9, true},
    {"lr", "Learning rate at the start; it falls as a cosine", 3e-3, 0, 10},
    {"tests", "Expressions of each test", 1000, 1, 1e6, true},
    {"eval-interval", "Steps between tests", 500, 1, 1e9, true},
};
constexpr std::pair<const char*, double> kSmall[] = {
    {"modulus", 3}, {"depth", 2},   {"hidden", 32},     {"steps", 400},
    {"lr", 1e-2},   {"tests", 300}, {"batch-size", 24}, {"eval-interval", 400}};
constexpr Bound kBounds[] = {{"test accuracy", 0.9, 1.0}, {"accuracy on deeper ones", 0.65, 1.0}};

}  // namespace

extern const Example tree_lstm = {.title = "A recursive network that learns to calculate modulo a number",
                                  .data = "",
                                  .options = kOptions,
                                  .small = kSmall,
                                  .bounds = kBounds,
                                  .train = train,
                                  .step = step};

}  // namespace gradus::zoo
