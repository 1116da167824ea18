#include "gradus/docs/examples/lecture/optimizers_training.h"

#include <algorithm>
#include <cmath>

#include "gradus/data/fashion_mnist.h"

namespace gradus::lecture {
namespace {

struct Network : nn::UnaryModule {
  nn::Linear fc1{784, 64}, fc2{64, 64}, fc3{64, 10};
  GRADUS_MEMBERS(fc1, fc2, fc3)

  Tensor forward(Operand x) const override { return fc3(relu(fc2(relu(fc1(x))))); }
  Parameters parts() const {
    return {.matrices = {fc1.weight, fc2.weight}, .others = {fc1.bias, fc2.bias, fc3.weight, fc3.bias}};
  }
};

data::FashionMnist read(const Lab& lab, data::Split split, std::int64_t most) {
  auto all = data::load_fashion_mnist(split, lab.data());
  if (!all.ok()) throw ValueError(std::string(all.status().message()));
  if (all->labels.numel() < most) {
    throw ValueError("the data set has " + std::to_string(all->labels.numel()) + " images for this, and " +
                     std::to_string(most) + " are asked for; lower --images or --held-out");
  }
  return *std::move(all);
}

Images copied(const data::FashionMnist& all, std::int64_t begin, std::int64_t end) {
  return {contiguous(slice(all.images, 0, begin, end)), contiguous(slice(all.labels, 0, begin, end))};
}

Score score(const Network& model, const Images& images) {
  const NoGrad no_grad;
  const Tensor logits = model(images.x);
  const double loss = cross_entropy(logits, images.y).item();
  return {.loss = loss < kLost ? loss : kLost,  // a NaN too
          .accuracy = mean(astype(eq(argmax(logits, 1), images.y), DType::f64)).item()};
}

}  // namespace

ImageParts load_parts(const Lab& lab) {
  const std::int64_t n = lab.count("images"), held_out = lab.count("held-out");
  if (lab.count("batch-size") > n) throw ValueError("--batch-size must be at most --images");
  const data::FashionMnist all = read(lab, data::Split::train, n + held_out);
  return {.train = copied(all, 0, n),
          .validation = copied(all, n, n + held_out),
          .test = copied(read(lab, data::Split::test, held_out), 0, held_out)};
}

std::vector<Score> train_network(const NetworkTraining& t, const Method& method, Setting setting) {
  const GeneratorScope scope({.seed = t.seed});
  const Network model;
  const auto optimizer = method.make(model.parts(), setting);
  const std::int64_t n = t.images->y.numel();
  std::vector<Score> scores;
  Tensor order;
  std::int64_t at = n;
  for (std::int64_t step = 0; step <= t.steps; ++step) {
    if (std::ranges::binary_search(t.score_at, step)) scores.push_back(score(model, *t.scored));
    if (step == t.steps) break;
    if (at + t.batch > n) {
      order = permutation(n);
      at = 0;
    }
    const Tensor picked = slice(order, 0, at, at + t.batch);
    at += t.batch;
    optimizer->zero_grad();
    const Tensor loss =
        cross_entropy(model(index_select(t.images->x, 0, picked)), index_select(t.images->y, 0, picked));
    if (!(loss.item() < 1e3)) break;  // it has diverged
    loss.backward();
    optimizer->step();
  }
  scores.resize(t.score_at.size(), {.loss = kLost, .accuracy = 0.1});
  return scores;
}

}  // namespace gradus::lecture
