// A generative adversarial network on Fashion-MNIST: `gradus train gan`.
//
// The generator G makes images of random numbers z, the discriminator D scores images, high for those of the
// data set. D learns to tell them apart, G learns to be taken for real (the "non-saturating" loss, which has
// a gradient where D is sure):
//   D: softplus(-D(x)) + softplus(D(G(z)))      G: softplus(-D(G(z)))
// Source: Goodfellow et al.: "Generative adversarial nets", 2014; layers and rates after Radford, Metz,
// Chintala: "Unsupervised representation learning with deep convolutional generative adversarial networks",
// 2015.
//
// Neither loss says how good the images are. That is measured by the Frechet distance of two normal
// distributions, fitted to the data and to what G makes, of images of 7 x 7 pixels (means of 4 x 4):
//   |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2))
// as Heusel et al. ("GANs trained by a two time-scale update rule", 2017) do with a network's features. Five
// epochs reach 0.29; an untrained generator has 7.
#include "gradus/docs/examples/zoo/images.h"

namespace gradus::zoo {
namespace {

constexpr std::int64_t kNoise = 64;  // numbers that an image is made of

struct Generator : nn::UnaryModule {
  std::int64_t width;
  nn::Linear fc;
  nn::BatchNorm2d norm1, norm2;
  nn::ConvTranspose2d conv1, conv2;
  GRADUS_MEMBERS(fc, norm1, conv1, norm2, conv2)

  explicit Generator(std::int64_t w)
      : width(w),
        fc(kNoise, 2 * w * 7 * 7, {.bias = false}),
        norm1(2 * w),
        norm2(w),
        conv1(2 * w, w, 4, {.stride = 2, .padding = 1, .bias = false}),
        conv2(w, 1, 4, {.stride = 2, .padding = 1}) {}

  Tensor forward(Operand z) const override {
    const Tensor a = relu(norm1(reshape(fc(z), {-1, 2 * width, 7, 7})));
    return sigmoid(flatten(conv2(relu(norm2(conv1(a)))), 1));  // [N, 784]
  }
};

struct Discriminator : nn::UnaryModule {
  nn::Conv2d conv1, conv2;
  nn::BatchNorm2d norm;
  nn::Linear fc;
  GRADUS_MEMBERS(conv1, conv2, norm, fc)

  explicit Discriminator(std::int64_t w)
      : conv1(1, w, 4, {.stride = 2, .padding = 1}),
        conv2(w, 2 * w, 4, {.stride = 2, .padding = 1, .bias = false}),
        norm(2 * w),
        fc(2 * w * 7 * 7, 1) {}

  Tensor forward(Operand x) const override {
    const Tensor a = leaky_relu(conv1(reshape(x, {-1, 1, 28, 28})), 0.2);
    return fc(flatten(leaky_relu(norm(conv2(a)), 0.2), 1));  // [N, 1]
  }
};

struct Gaussian {
  Tensor mean, covariance;  // [49], [49, 49], f64
};

Gaussian fit(const Tensor& images) {
  const Tensor small = avg_pool2d(reshape(images, {-1, 1, 28, 28}), 4);
  const Tensor x = astype(reshape(small, {-1, 49}), DType::f64);
  const Tensor centred = x - mean(x, {0}, true);
  return {mean(x, {0}), matmul(transpose(centred, 0, 1), centred) / static_cast<double>(x.size(0))};
}

double frechet_distance(const Gaussian& a, const Gaussian& b) {
  // The trace of (A B)^(1/2) is that of (A^(1/2) B A^(1/2))^(1/2), whose matrix is symmetric.
  const auto [values, vectors] = linalg::eigh(a.covariance);
  const Tensor root = matmul(vectors * sqrt(relu(values)), transpose(vectors, 0, 1));
  const Tensor both = linalg::eigvalsh(matmul(matmul(root, b.covariance), root));
  const Tensor traces = sum(diagonal(a.covariance + b.covariance)) - 2.0 * sum(sqrt(relu(both)));
  return (sum(square(a.mean - b.mean)) + traces).item();
}

Figures train(Run& run) {
  const data::FashionMnist train = load_images(run, data::Split::train, run.count("images"));
  const data::FashionMnist test = load_images(run, data::Split::test, run.count("test-images"));
  const Gaussian real_images = fit(test.images);
  const Tensor noise = normal({test.images.size(0), kNoise});
  Generator generator(run.count("width"));
  Discriminator discriminator(run.count("width"));
  const optim::AdamOptions options{.lr = run.number("lr"), .betas = {0.5, 0.999}};
  optim::Adam generator_optimizer(generator.parameters(), options);
  optim::Adam discriminator_optimizer(discriminator.parameters(), options);
  data::DataLoader loader(data::TensorDataset({train.images, train.labels}),
                          {.batch_size = run.count("batch-size"), .shuffle = true, .drop_last = true});
  const std::int64_t epochs = run.count("epochs"), total = epochs * loader.size();
  if (total == 0) throw ValueError("--batch-size is larger than the number of --images");

  Figures figures;
  std::int64_t step = 0;
  for (std::int64_t epoch = 1; epoch <= epochs; ++epoch) {
    double generator_sum = 0.0, discriminator_sum = 0.0, right = 0.0;
    for (auto&& [images, labels] : loader) {
      const Tensor made = generator(normal({images.size(0), kNoise}));

      const Tensor real = discriminator(images), fake = discriminator(made.detach());
      const Tensor discriminator_loss = mean(softplus(-real)) + mean(softplus(fake));
      discriminator_optimizer.zero_grad();
      discriminator_loss.backward();
      discriminator_optimizer.step();

      discriminator.requires_grad(false);  // what follows needs the gradient of its input only
      const Tensor generator_loss = mean(softplus(-discriminator(made)));
      generator_optimizer.zero_grad();
      generator_loss.backward();
      generator_optimizer.step();
      discriminator.requires_grad(true);

      const auto images_in_all = static_cast<double>(2 * images.size(0));
      right += static_cast<double>(sum(gt(real, 0.0)).item() + sum(lt(fake, 0.0)).item()) / images_in_all;
      const double value = generator_loss.item();
      generator_sum += value;
      discriminator_sum += discriminator_loss.item();
      run.step(++step, total, value);
    }
    const nn::EvalMode eval_mode(generator);
    const NoGrad no_grad;
    const Tensor made = generator(noise);
    const auto steps = static_cast<double>(loader.size());
    figures = {{"generator loss", generator_sum / steps},
               {"discriminator loss", discriminator_sum / steps},
               {"discriminator accuracy", right / steps},
               {"frechet distance", frechet_distance(real_images, fit(made))}};
    run.row("epoch", epoch, figures);
    run.image("samples", side_by_side(slice(made, 0, 0, std::min<std::int64_t>(64, made.size(0)))));
  }
  run.weights("generator", generator);
  run.weights("discriminator", discriminator);
  return figures;
}

Step one_step(const Values& values, std::int64_t batch) {
  const Tensor noise = normal({batch, kNoise}).name("noise");
  const Generator generator(values.count("width"));
  Discriminator discriminator(values.count("width"));
  generator.named_parameters();  // a parameter gets its name when it is asked for it
  discriminator.requires_grad(false);
  const Tensor made = generator(noise).name("images");
  return {{{"noise", noise}}, made, mean(softplus(-discriminator(made))).name("loss")};
}

constexpr Option kOptions[] = {
    {"epochs", "Passes over the training images", 5, 1, 1e6, true},
    {"batch-size", "Images a step", 64, 2, 60000, true},
    {"lr", "Learning rate of both optimizers", 2e-4, 0, 1e3},
    {"width", "Channels of the last convolution of the generator", 16, 1, 1024, true},
    {"images", "Training images", 60000, 2, 60000, true},
    {"test-images", "Test images, and images made to compare them with", 5000, 8, 10000, true},
};
constexpr std::pair<const char*, double> kSmall[] = {{"epochs", 2}, {"batch-size", 10}, {"lr", 1e-3},
                                                     {"width", 8},  {"images", 1000},   {"test-images", 500}};
constexpr Bound kBounds[] = {{"discriminator accuracy", 0.5, 1.0}, {"frechet distance", 0, 2.5}};

}  // namespace

extern const Example gan = {
    .title = "Two networks that play against each other learn to draw clothes",
    .data = "dataset-fashion-mnist",
    .options = kOptions,
    .small = kSmall,
    .bounds = kBounds,
    .train = train,
    .step = one_step,
};

}  // namespace gradus::zoo
