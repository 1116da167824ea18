// A variational autoencoder on Fashion-MNIST: `gradus train vae`.
//
// Each image x is thought to come from a few hidden numbers z with a standard normal distribution: the
// decoder gives p(x | z), a Bernoulli distribution for each pixel, whose grey value counts as its mean. The
// encoder gives q(z | x), a normal distribution with a mean and a variance for each number. Both learn to
// raise a lower bound of log p(x), in nats:
//   ELBO = E_q[log p(x | z)] - KL(q(z | x) || p(z)),   KL = sum(m^2 + v - log v - 1) / 2
// where z = m + sqrt(v) e with a standard normal e, so that gradients reach m and v ("reparametrisation").
// Ten epochs reach an ELBO of -244.3 nats on the test images.
// Source: Kingma, Welling: "Auto-encoding variational Bayes", arXiv 1312.6114, 2013.
#include "gradus/docs/examples/zoo/images.h"

namespace gradus::zoo {
namespace {

struct Vae : nn::Module {
  nn::Linear encode, mean, log_variance;
  nn::Linear decode, pixels;
  GRADUS_MEMBERS(encode, mean, log_variance, decode, pixels)

  Vae(std::int64_t hidden, std::int64_t latent)
      : encode(784, hidden),
        mean(hidden, latent),
        log_variance(hidden, latent),
        decode(latent, hidden),
        pixels(hidden, 784) {}

  Tensor logits(const Tensor& z) const { return pixels(relu(decode(z))); }
};

struct Elbo {
  Tensor logits, reconstruction, divergence;
  Tensor negative() const { return reconstruction + divergence; }  // a mean over the images, to be minimised
};

Elbo elbo(const Vae& model, const Tensor& x) {
  const Tensor h = relu(model.encode(x));
  const Tensor m = model.mean(h), log_v = model.log_variance(h);
  const Tensor z = m + exp(0.5 * log_v) * normal(m.shape());
  const Tensor logits = model.logits(z);
  const auto images = static_cast<double>(x.size(0));
  return {logits, binary_cross_entropy_with_logits(logits, x, {.reduction = Reduction::sum}) / images,
          sum(square(m) + exp(log_v) - log_v - 1.0) * (0.5 / images)};
}

Figures train(Run& run) {
  const data::FashionMnist train = load_images(run, data::Split::train, run.count("images"));
  const data::FashionMnist test = load_images(run, data::Split::test, run.count("test-images"));
  const Tensor noise = normal({64, run.count("latent")});
  Vae model(run.count("hidden"), run.count("latent"));
  optim::Adam optimizer(model.parameters(), {.lr = run.number("lr")});
  data::DataLoader loader(data::TensorDataset({train.images, train.labels}),
                          {.batch_size = run.count("batch-size"), .shuffle = true});
  const std::int64_t epochs = run.count("epochs"), total = epochs * loader.size();

  Figures figures;
  std::int64_t step = 0;
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    double loss_sum = 0.0;
    for (auto&& [images, labels] : loader) {
      const Tensor loss = elbo(model, images).negative();
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      const double value = loss.item();
      loss_sum += value * static_cast<double>(images.size(0));
      run.step(++step, total, value);
    }
    const NoGrad no_grad;
    const Elbo score = elbo(model, test.images);
    figures = {{"train loss", loss_sum / static_cast<double>(train.images.size(0))},
               {"test loss", score.negative().item()},
               {"test divergence", score.divergence.item()}};
    run.row("epoch", epoch, figures);
    run.image("samples", side_by_side(sigmoid(model.logits(noise))));
  }
  run.weights("weights", model);
  return figures;
}

Step one_step(const Values& values, std::int64_t batch) {
  const Tensor images = uniform({batch, 784}).name("images");
  const Vae model(values.count("hidden"), values.count("latent"));
  model.named_parameters();  // a parameter gets its name when it is asked for it
  Elbo e = elbo(model, images);
  return {{{"images", images}}, e.logits.name("logits"), e.negative().name("loss")};
}

constexpr Option kOptions[] = {
    {"epochs", "Passes over the training images", 10, 1, 1e6, true},
    {"batch-size", "Images a step", 128, 1, 60000, true},
    {"lr", "Learning rate of Adam", 1e-3, 0, 1e3},
    {"hidden", "Width of the hidden layers", 400, 1, 1e5, true},
    {"latent", "Hidden numbers an image", 20, 1, 1e5, true},
    {"images", "Training images", 60000, 1, 60000, true},
    {"test-images", "Test images", 10000, 1, 10000, true},
};
constexpr std::pair<const char*, double> kSmall[] = {
    {"epochs", 2}, {"batch-size", 20}, {"hidden", 200}, {"images", 2000}, {"test-images", 500}};
// What the images share alone costs about 400 nats; an encoder that says nothing has divergence 0.
constexpr Bound kBounds[] = {{"test loss", 200, 330}, {"test divergence", 4, 40}};

}  // namespace

extern const Example vae = {
    .title = "A variational autoencoder learns to draw clothes",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = one_step,
};

}  // namespace gradus::zoo
