// Claim: a profile costs less than 5 % on a training step of a small convolutional network. Plain and
// profiled steps alternate, so that both see the same machine; the medians and their ratio are printed.
// usage: gradus_bench_profile [STEPS]
#include <gradus/gradus.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

namespace gd = gradus;

namespace {

struct Cnn : gd::nn::Module {
  gd::nn::Conv2d conv1{1, 16, 3, {.padding = 1}};
  gd::nn::Conv2d conv2{16, 32, 3, {.padding = 1}};
  gd::nn::Linear fc{32 * 7 * 7, 10};
  GRADUS_MEMBERS(conv1, conv2, fc)

  gd::Tensor operator()(const gd::Tensor& x) const {
    const gd::Tensor h = max_pool2d(relu(conv1(x)), 2);
    return fc(flatten(max_pool2d(relu(conv2(h)), 2), 1));
  }
};

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 200;
  if (steps < 1) {
    std::fprintf(stderr, "usage: gradus_bench_profile [STEPS]\n");
    return 2;
  }
  gd::set_threads(1);
  gd::manual_seed(1);
  Cnn model;
  gd::optim::Adam optimizer(model.parameters(), {.lr = 1e-3});
  const gd::Tensor x = gd::uniform({32, 1, 28, 28}), y = gd::randint(0, 10, {32});
  std::vector<double> plain, profiled;
  std::size_t calls = 0;
  for (int i = 0; i < 2 * steps + 4; ++i) {
    const bool on = i % 2 == 1;
    std::optional<gd::Profile> profile;
    const auto begin = std::chrono::steady_clock::now();
    if (on) profile.emplace();
    const gd::Tensor loss = cross_entropy(model(x), y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (i < 4) continue;  // memory is fetched, kernels are chosen
    (on ? profiled : plain).push_back(seconds);
    if (on) calls = profile->calls().size();
  }
  std::printf("cnn step: %.3f ms, profiled %.3f ms (%zu calls): %+.2f %%\n", 1e3 * median(plain),
              1e3 * median(profiled), calls, 100 * (median(profiled) / median(plain) - 1));
  return 0;
}
