// A multi-layer perceptron as a plain struct, trained with two parameter groups on points of two spirals, and
// the graph of its loss drawn to mlp.dot.
#include <gradus/gradus.h>

#include <cmath>
#include <cstdio>
#include <vector>

namespace gd = gradus;

struct Mlp : gd::nn::Module {
  gd::nn::Linear fc1{2, 32};
  gd::nn::Linear fc2{32, 32};
  gd::nn::Linear fc3{32, 2};
  GRADUS_MEMBERS(fc1, fc2, fc3)

  gd::Tensor operator()(const gd::Tensor& x) const { return fc3(relu(fc2(relu(fc1(x))))); }
};

int main() {
  gd::manual_seed(3);
  std::vector<float> points;
  std::vector<std::int64_t> labels;
  for (int i = 0; i < 200; ++i) {
    const float angle = 0.05f * static_cast<float>(i % 100);
    const float turn = i < 100 ? 0.0f : 3.14159265f;
    points.push_back(0.2f * angle * std::cos(angle + turn));
    points.push_back(0.2f * angle * std::sin(angle + turn));
    labels.push_back(i < 100 ? 0 : 1);
  }
  const gd::Tensor x = gd::tensor(points, {200, 2}).name("points");
  const gd::Tensor y = gd::tensor(labels, {200}).name("classes");

  Mlp model;
  gd::optim::AdamW opt(
      {{.params = model.weights(), .weight_decay = 1e-4}, {.params = model.biases(), .lr = 1e-2}},
      {.lr = 5e-3});
  gd::Tensor loss;
  for (int step = 0; step < 400; ++step) {
    loss = cross_entropy(model(x), y).name("loss");
    opt.zero_grad();
    loss.backward({.retain_graph = step == 399});
    opt.step();
  }
  gd::write_graph(loss, "mlp.dot");
  const double right = mean(astype(eq(argmax(model(x), 1), y), gd::DType::f32)).item();
  std::printf("loss %.4f, %.1f %% of the points in the right class; graph in mlp.dot\n", loss.item(),
              100 * right);
  return right > 0.95 ? 0 : 1;
}
