// A loss that is summed over a batch of B has B times the gradient of one that is averaged. Under plain or
// heavy-ball gradient descent both train alike if the learning rate of the sum is divided by B: the steps are
// the same numbers, a / B times the sum. Without that a sum takes steps B times as long. Adam divides by the
// size of the gradient itself and hardly sees the difference. A last batch that is not full breaks the
// equality: B is then no constant.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "gradus/docs/examples/lecture/image_batches.h"

namespace gradus::lecture {
namespace {

using MakeOptimizer =
    std::function<std::unique_ptr<optim::Optimizer>(const std::vector<Tensor>& params, double rate)>;

struct Trained {
  std::vector<double> losses;  // the mean over all images, before each epoch and after the last one
  Tensor weights;
};

// Softmax regression from zeros, in the order of the images.
Trained train(const Images& images, std::int64_t batch, std::int64_t epochs, Reduction reduction, double rate,
              const MakeOptimizer& make) {
  const Tensor w = zeros({784, 10}, DType::f64).requires_grad(true);
  const auto optimizer = make({w}, rate);
  const auto total = [&] {
    const NoGrad no_grad;
    return cross_entropy(matmul(images.x, w), images.y).item<double>();
  };
  Trained result{{total()}, w};
  const std::int64_t n = images.y.numel();
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    for (std::int64_t at = 0; at < n; at += batch) {
      const std::int64_t end = std::min(at + batch, n);
      const Tensor scores = matmul(slice(images.x, 0, at, end), w);
      optimizer->zero_grad();
      cross_entropy(scores, slice(images.y, 0, at, end), {.reduction = reduction}).backward();
      optimizer->step();
    }
    result.losses.push_back(total());
  }
  return result;
}

double difference(const Trained& a, const Trained& b) {
  const NoGrad no_grad;
  return (amax(abs(a.weights - b.weights)) / amax(abs(a.weights))).item<double>();
}

void run(Lab& lab) {
  const Images images = load_images(lab, lab.count("images"), DType::f64);
  const std::int64_t batch = lab.count("batch-size"), epochs = lab.count("epochs");
  if (images.y.numel() % batch != 0 || images.y.numel() == batch) {
    throw ValueError(
        "--images must be a multiple of --batch-size, at least twice it, so that all batches are full");
  }
  const auto size = static_cast<double>(batch);
  const double rate = lab.number("lr");
  const MakeOptimizer plain = [](const auto& p, double lr) {
    return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = lr});
  };
  const MakeOptimizer heavy = [](const auto& p, double lr) {
    return std::make_unique<optim::SGD>(p, optim::SGDOptions{.lr = lr, .momentum = 0.9});
  };
  const MakeOptimizer adam = [](const auto& p, double lr) {
    return std::make_unique<optim::Adam>(p, optim::AdamOptions{.lr = lr});
  };
  constexpr std::int64_t kRuns = 9;
  std::int64_t done = 0;
  const auto trained = [&](std::int64_t b, Reduction reduction, double lr, const MakeOptimizer& make) {
    Trained t = train(images, b, epochs, reduction, lr, make);
    lab.progress(++done, kRuns);
    return t;
  };

  const Trained mean = trained(batch, Reduction::mean, rate, plain);
  const Trained scaled = trained(batch, Reduction::sum, rate / size, plain);
  const Trained unscaled = trained(batch, Reduction::sum, rate, plain);
  lab.check("gradient descent: mean with a and sum with a / B end at the same weights",
            difference(mean, scaled), 0, 1e-12);
  lab.check("with momentum too",
            difference(trained(batch, Reduction::mean, rate / 10, heavy),
                       trained(batch, Reduction::sum, rate / 10 / size, heavy)),
            0, 1e-12);
  lab.check_within("a sum with the rate of the mean overshoots: its loss at the end over that of the mean",
                   unscaled.losses.back() / mean.losses.back(), 2, HUGE_VAL);

  const Trained adam_mean = trained(batch, Reduction::mean, 1e-3, adam);
  const Trained adam_sum = trained(batch, Reduction::sum, 1e-3, adam);
  lab.check_within(
      "Adam takes nearly the same steps for both at one rate: relative difference of the weights",
      difference(adam_mean, adam_sum), 0, 0.05);

  const std::int64_t ragged = batch - batch / 4;  // leaves a rest
  lab.check_within("a last batch that is not full breaks it: relative difference of the weights",
                   difference(trained(ragged, Reduction::mean, rate, plain),
                              trained(ragged, Reduction::sum, rate / static_cast<double>(ragged), plain)),
                   images.y.numel() % ragged == 0 ? 0 : 1e-6, HUGE_VAL);

  Table table{"losses",
              {"epoch", "mean, rate a", "sum, rate a / B", "sum, rate a", "Adam, mean", "Adam, sum"}};
  for (std::size_t i = 0; i < mean.losses.size(); ++i) {
    table.rows.push_back({static_cast<double>(i), mean.losses[i], scaled.losses[i], unscaled.losses[i],
                          adam_mean.losses[i], adam_sum.losses[i]});
  }
  lab.table(std::move(table));
  lab.picture(
      {.name = "losses",
       .caption =
           "Softmax regression on Fashion-MNIST. The mean with rate a and the sum with a / B lie on each "
           "other; the sum with the rate of the mean overshoots. Adam needs no such care.",
       .script = R"(
set multiplot layout 1,2
set xlabel 'epoch'
set ylabel 'mean cross entropy (nats)'
set logscale y
set key top right
set title 'gradient descent'
plot $losses using 1:2 with lines lt 1 lw 3 title 'mean, rate a', \
     $losses using 1:3 with points lt 2 pt 6 ps 1 title 'sum, rate a / B', \
     $losses using 1:4 with linespoints lt 4 pt 5 ps 0.6 title 'sum, rate a'
set title 'Adam'
plot $losses using 1:5 with lines lt 1 lw 3 title 'mean', \
     $losses using 1:6 with points lt 2 pt 6 ps 1 title 'sum, the same rate'
unset multiplot
)"});
}

constexpr zoo::Option kOptions[] = {
    {"images", "Images, a multiple of the batch size", 4000, 40, 60000, true},
    {"batch-size", "Images a step, B", 100, 4, 30000, true},
    {"epochs", "Passes over the images", 20, 1, 1000, true},
    {"lr", "Learning rate a of the mean", 0.05, 1e-6, 1},
};
constexpr std::pair<const char*, double> kQuick[] = {{"images", 1000}, {"epochs", 10}};

}  // namespace

extern const Lesson sum_or_mean = {
    .number = 6,
    .title = "Sum or mean",
    .claim =
        "Summing a loss over a batch of B in place of averaging it is a learning rate B times as large, "
        "nothing "
        "else: with a / B both take the same steps.",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .quick = kQuick,
    .run = run,
};

}  // namespace gradus::lecture
