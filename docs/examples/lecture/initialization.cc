// Where training begins decides where it ends. The descent is without chance: of nets for XOR that differ in
// their first weights alone some reach the loss 0, others stop at worse optima; with more units fewer do.
// Hidden units that begin equal stay equal, for they get the same gradient. What the size of the first
// weights does to a deep net is in deep_net.cc. Source: I. Goodfellow, Y. Bengio, A. Courville: "Deep
// learning", 2016, sections 8.2 and 8.4.
#include <algorithm>
#include <array>
#include <cmath>

#include "gradus/docs/examples/lecture/deep_net.h"
#include "gradus/docs/examples/lecture/lesson.h"

namespace gradus::lecture {
namespace {

constexpr std::array<std::int64_t, 5> kUnits = {2, 3, 4, 6, 10};
constexpr double kReached = 0.1;  // a loss below is on its way to 0
constexpr double kAtRest = 1e-8;  // a norm of the gradient below

struct Optimum {
  double loss, slope;  // the norm of the gradient
};

// XOR by a layer of relu units; plain gradient descent on the squared error of all four points.
Optimum learn_xor(std::int64_t units, std::int64_t steps) {
  const Tensor x = tensor<double>({{0.0, 0.0}, {0.0, 1.0}, {1.0, 0.0}, {1.0, 1.0}});
  const Tensor y = tensor<double>({{0.0}, {1.0}, {1.0}, {0.0}});
  nn::Linear hidden(2, units, {.dtype = DType::f64}), out(units, 1, {.dtype = DType::f64});
  const std::vector<Tensor> params = {hidden.weight, hidden.bias, out.weight, out.bias};
  optim::SGD optimizer(params, {.lr = 0.1});
  Tensor loss;
  for (std::int64_t i = 0; i < steps; ++i) {
    optimizer.zero_grad();
    loss = mse_loss(out(relu(hidden(x))), y);
    loss.backward();
    optimizer.step();
  }
  return {loss.item<double>(), optim::clip_grad_norm_(params, HUGE_VAL).total_norm};
}

void optima(Lab& lab, std::int64_t done, std::int64_t total) {
  const std::int64_t seeds = lab.count("seeds");
  const auto count = static_cast<std::size_t>(seeds);
  std::vector<Optimum> found(kUnits.size() * count);
  side_by_side(
      lab, static_cast<std::int64_t>(found.size()),
      [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        found[at] = learn_xor(kUnits[at / count], lab.count("steps"));
      },
      done, total);

  Table optima{"optima", {"units", "seed", "loss", "norm of the gradient"}};
  Table shares{"shares", {"units", "share of seeds that stop at a worse optimum"}};
  double farthest = 0;  // from the losses that the stops can have, where descent has come to rest
  double at_rest = 0;
  for (std::size_t u = 0; u < kUnits.size(); ++u) {
    double stuck = 0;
    for (std::size_t s = 0; s < count; ++s) {
      const Optimum& o = found[u * count + s];
      const auto units = static_cast<double>(kUnits[u]);
      optima.rows.push_back({units, static_cast<double>(s), o.loss, o.slope});
      if (o.loss < kReached) continue;
      stuck += 1 / static_cast<double>(seeds);
      const double distance =
          std::min({std::abs(o.loss - 1. / 8), std::abs(o.loss - 1. / 6), std::abs(o.loss - 1. / 4)});
      if (o.slope < kAtRest) farthest = std::max(farthest, distance), ++at_rest;
    }
    shares.rows.push_back({static_cast<double>(kUnits[u]), stuck});
  }
  const double few = shares.rows.front()[1], many = shares.rows.back()[1];
  lab.check_within("XOR, 2 hidden units: share of seeds that stop at a worse optimum", few, 0.3, 0.97);
  lab.check_within("with 10 units that share is smaller by", few - many, 0.2, 1);
  lab.check("those at rest have a loss of 1/8, 1/6 or 1/4: largest distance", farthest, 0, 1e-10);
  lab.check_within("how many are at rest there", at_rest, 1, HUGE_VAL);
  lab.table(std::move(optima));
  lab.table(std::move(shares));
  lab.picture({.name = "optima",
               .caption =
                   "Where gradient descent from different first weights ends on XOR. Left: nets of two "
                   "hidden units. Right: the wider the net, the fewer seeds stop short of 0.",
               .script = R"(
set multiplot layout 1,2
unset key
set style fill solid 0.8 noborder
set xlabel 'final loss (mean squared error)'
set ylabel 'seeds'
set xrange [-0.01:0.27]
set yrange [0:*]
bin = 0.005
set xtics ('0' 0, '1/8' 0.125, '1/6' 1/6., '1/4' 0.25)
set boxwidth 1.6*bin
plot $optima using ($1 == 2 ? bin*floor($3/bin + 0.5) : NaN):(1) smooth frequency with boxes lt 1
set xlabel 'hidden units'
set ylabel 'share at a worse optimum (%)'
set xrange [1:11]
set yrange [0:100]
set xtics 2, 2, 10
plot $shares using 1:(100*$2) with linespoints lt 2 lw 2.5 pt 7
unset multiplot
)"});
}

// One hidden layer of tanh units in f64 on all images at once; returns the loss before each step.
struct Layered {
  Tensor hidden, out, bias;  // [units, 784], [10, units], [10]

  std::vector<double> learn(const Images& images, std::int64_t steps) {
    const std::vector<Tensor> params = {hidden.requires_grad(true), out.requires_grad(true),
                                        bias.requires_grad(true)};
    optim::SGD optimizer(params, {.lr = 0.5});
    std::vector<double> losses;
    for (std::int64_t i = 0; i < steps; ++i) {
      optimizer.zero_grad();
      const Tensor h = tanh(matmul(images.x, transpose(hidden, 0, 1)));
      const Tensor loss = cross_entropy(matmul(h, transpose(out, 0, 1)) + bias, images.y);
      loss.backward();
      optimizer.step();
      losses.push_back(loss.item<double>());
    }
    return losses;
  }
};

// The loss of the best scores that do not look at the image: the entropy of the labels.
double entropy(const Tensor& labels) {
  std::array<double, 10> counts{};
  for (const std::int64_t label : labels.to_vector<std::int64_t>()) ++counts[static_cast<std::size_t>(label)];
  double result = 0;
  for (const double c : counts) {
    const double p = c / static_cast<double>(labels.numel());
    if (p > 0) result -= p * std::log(p);
  }
  return result;
}

void symmetry(Lab& lab) {
  constexpr std::int64_t kHidden = 16, kSteps = 200;
  const Images images = load_images(lab, 500, DType::f64);
  const auto constant = [](double v) {
    return Layered{full({kHidden, 784}, v, DType::f64), full({10, kHidden}, v, DType::f64),
                   zeros({10}, DType::f64)};
  };
  Layered zero = constant(0), equal = constant(0.01), random = constant(0);
  nn::init::xavier_normal_(random.hidden);
  nn::init::xavier_normal_(random.out);
  const auto z = zero.learn(images, kSteps), e = equal.learn(images, kSteps),
             r = random.learn(images, kSteps);

  const NoGrad no_grad;
  const auto largest = [](const Tensor& t) { return amax(abs(t)).item<double>(); };
  lab.check("zeros: the largest weight after training", std::max(largest(zero.hidden), largest(zero.out)), 0,
            0);
  lab.check("only the last bias learns: the loss ends at the entropy of the labels", z.back(),
            entropy(images.y), 1e-10);
  lab.check("all hidden weights equal: the largest difference between two units after training",
            largest(equal.hidden - slice(equal.hidden, 0, 0, 1)), 0, 1e-10);
  lab.check_within("though they have moved: the largest weight by then", largest(equal.hidden), 0.02,
                   HUGE_VAL);
  lab.check_within("random weights beat equal ones: ratio of the losses", r.back() / e.back(), 0, 0.8);

  Table table{"symmetry", {"step", "zeros", "all weights equal", "Xavier"}};
  for (std::size_t i = 0; i < z.size(); ++i) table.rows.push_back({static_cast<double>(i), z[i], e[i], r[i]});
  lab.table(std::move(table));
  lab.picture({.name = "symmetry",
               .caption = "A layer of 16 tanh units on Fashion-MNIST. From zeros nothing but the last bias "
                          "learns; 16 equal units learn as one; random ones learn different things.",
               .width = 560,
               .script = R"(
set xlabel 'step'
set ylabel 'cross entropy (nats)'
set yrange [0:3.2]
set key top right
plot $symmetry using 1:2 every 2 with lines lt 2 lw 2.5 title 'zeros', \
     $symmetry using 1:3 every 2 with lines lt 3 lw 2.5 title 'all weights equal', \
     $symmetry using 1:4 every 2 with lines lt 1 lw 2.5 title 'Xavier'
)"});
}

void run(Lab& lab) {
  const std::int64_t nets = static_cast<std::int64_t>(kUnits.size()) * lab.count("seeds");
  const std::int64_t trainings = deep_trainings(lab);
  const std::int64_t total = nets + trainings;
  symmetry(lab);
  optima(lab, 0, total);
  signals(lab);
  deep_curves(lab, nets, total);
}

constexpr zoo::Option kOptions[] = {
    {"seeds", "Nets of each width for XOR", 50, 10, 10000, true},
    {"steps", "Steps on XOR", 4000, 500, 1000000, true},
    {"nets", "Nets over which the norms of 20 layers are averaged", 40, 5, 10000, true},
    {"images", "Images to train the deep nets on", 10000, 100, 60000, true},
    {"deep-steps", "Steps of the deep nets", 300, 20, 100000, true},
    {"rates", "Learning rates from 0.01 on, two a decade, at which each deep net is trained", 5, 1, 5, true},
};
constexpr std::pair<const char*, double> kQuick[] = {{"seeds", 10},   {"steps", 800},     {"nets", 8},
                                                     {"images", 500}, {"deep-steps", 40}, {"rates", 3}};

}  // namespace

extern const Lesson initialization = {
    .number = 3,
    .title = "Initialization",
    .claim =
        "Training ends where its start leads it: equal units stay equal, some starts end at worse optima, "
        "and "
        "a deep net learns only if its first weights keep the size of signals and gradients.",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
};

}  // namespace gradus::lecture
