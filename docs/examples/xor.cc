// The smallest problem that needs a hidden layer: exclusive or, learned by 2-8-1 units with tanh.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>

namespace gd = gradus;

int main() {
  gd::manual_seed(1);
  const gd::Tensor x = gd::tensor({{0.0f, 0.0f}, {0.0f, 1.0f}, {1.0f, 0.0f}, {1.0f, 1.0f}});
  const gd::Tensor y = gd::tensor({{0.0f}, {1.0f}, {1.0f}, {0.0f}});
  gd::nn::Linear hidden(2, 8);
  gd::nn::Linear out(8, 1);
  gd::optim::Adam opt({hidden.weight, hidden.bias, out.weight, out.bias}, {.lr = 0.05});

  gd::Tensor prediction;
  for (int step = 0; step < 500; ++step) {
    prediction = sigmoid(out(tanh(hidden(x))));
    const gd::Tensor loss = mse_loss(prediction, y);
    opt.zero_grad();
    loss.backward();
    opt.step();
    if (step % 100 == 0) std::printf("step %3d  loss %.5f\n", step, loss.item());
  }
  for (int i = 0; i < 4; ++i) {
    const float p = prediction.span<float>()[i];
    std::printf("%g xor %g = %.3f\n", x.span<float>()[2 * i], x.span<float>()[2 * i + 1], p);
    if (std::abs(p - y.span<float>()[i]) > 0.1f) return 1;
  }
  return 0;
}
