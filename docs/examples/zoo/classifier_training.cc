#include "gradus/docs/examples/zoo/classifier_training.h"

#include "gradus/docs/examples/zoo/images.h"

namespace gradus::zoo {
namespace {

// Each image moved by up to `most` pixels along each axis, with zeros at the edges, and half of them mirrored
// where `flip` says so.
Tensor augmented(const Tensor& images, std::int64_t most, bool flip) {
  if (most == 0 && !flip) return images;
  const std::int64_t n = images.size(0);
  const std::vector<std::int64_t> moves = randint(-most, most + 1, {2 * n}).to_vector<std::int64_t>();
  const std::vector<std::int64_t> mirrored = randint(0, flip ? 2 : 1, {n}).to_vector<std::int64_t>();
  Tensor result = zeros({n, 784});
  const auto from = images.span<float>();
  const auto to = result.mutable_span<float>();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t down = moves[2 * at], right = moves[2 * at + 1];
    for (std::int64_t y = std::max<std::int64_t>(0, down); y < std::min<std::int64_t>(28, 28 + down); ++y) {
      for (std::int64_t x = std::max<std::int64_t>(0, right); x < std::min<std::int64_t>(28, 28 + right);
           ++x) {
        const std::int64_t source = mirrored[at] != 0 ? 27 - (x - right) : x - right;
        to[at * 784 + static_cast<std::size_t>(28 * y + x)] =
            from[at * 784 + static_cast<std::size_t>(28 * (y - down) + source)];
      }
    }
  }
  return result;
}

struct Score {
  double loss = 0.0;
  double accuracy = 0.0;
};

Score evaluate(nn::UnaryModule& model, const data::FashionMnist& test) {
  const nn::EvalMode guard(model);
  const NoGrad no_grad;
  data::DataLoader loader(data::TensorDataset({test.images, test.labels}), {.batch_size = 500});
  Score score;
  for (auto&& [images, labels] : loader) {
    const Tensor logits = model(images);
    score.loss += cross_entropy(logits, labels, {.reduction = Reduction::sum}).item();
    score.accuracy += static_cast<double>(sum(eq(argmax(logits, 1), labels)).item());
  }
  const auto n = static_cast<double>(test.labels.numel());
  return {score.loss / n, score.accuracy / n};
}

}  // namespace

Figures train_classifier(Run& run, nn::UnaryModule& model, optim::Optimizer& optimizer) {
  const data::FashionMnist train = load_images(run, data::Split::train, run.count("images"));
  const data::FashionMnist test = load_images(run, data::Split::test, run.count("test-images"));
  data::DataLoader loader(data::TensorDataset({train.images, train.labels}),
                          {.batch_size = run.count("batch-size"), .shuffle = true});
  const std::int64_t epochs = run.count("epochs"), total = epochs * loader.size();
  optim::Scheduler schedule(optimizer, optim::one_cycle_lr(run.number("lr"), total));

  Figures figures;
  std::int64_t step = 0;
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    double loss_sum = 0.0;
    for (auto&& [images, labels] : loader) {
      const Tensor input = augmented(images, run.count("shift"), run.count("flip") == 1);
      const Tensor loss = cross_entropy(model(input), labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      schedule.step();
      const double value = loss.item();
      loss_sum += value * static_cast<double>(labels.numel());
      run.step(++step, total, value);
    }
    const Score score = evaluate(model, test);
    figures = {{"train loss", loss_sum / static_cast<double>(train.labels.numel())},
               {"test loss", score.loss},
               {"test accuracy", score.accuracy}};
    run.row("epoch", epoch, figures);
  }
  run.weights("weights", model);
  return figures;
}

}  // namespace gradus::zoo
