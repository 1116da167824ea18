#include "gradus/tools/models.h"

#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

struct XorNet : nn::Module {
  nn::Linear hidden{2, 8};
  nn::Linear out{8, 1};
  GRADUS_MEMBERS(hidden, out)

  Tensor operator()(const Tensor& x) const { return sigmoid(out(tanh(hidden(x)))); }
};

// A module names its parameters when it is asked for them, and a drawing shows the names.
void name_parameters(const nn::Module& model) { model.named_parameters(); }

// y = x^2 - x - 2
Tensor scalar_loss(std::int64_t) {
  Tensor x = full({}, 3.0, DType::f64).requires_grad(true).name("x");
  return (x * x - x - 2.0).name("y");
}

Tensor regression_loss(std::int64_t batch) {
  const Tensor x = uniform({batch, 4}, -1.0, 1.0).name("x");
  const Tensor y = uniform({batch, 1}, -1.0, 1.0).name("y");
  const nn::Linear line(4, 1);
  name_parameters(line);
  return mse_loss(line(x).name("prediction"), y).name("loss");
}

Tensor xor_loss(std::int64_t) {
  const Tensor x = tensor({{0.0f, 0.0f}, {0.0f, 1.0f}, {1.0f, 0.0f}, {1.0f, 1.0f}}).name("x");
  const Tensor y = tensor({{0.0f}, {1.0f}, {1.0f}, {0.0f}}).name("y");
  const XorNet model;
  name_parameters(model);
  return mse_loss(model(x).name("prediction"), y).name("loss");
}

Tensor mlp_loss(std::int64_t batch) {
  const Tensor x = uniform({batch, 784}, 0.0, 1.0).name("images");
  const Tensor y = randint(0, 10, {batch}).name("labels");
  const Mlp model;
  name_parameters(model);
  return cross_entropy(model(x).name("logits"), y).name("loss");
}

struct Entry {
  const char* name;
  Tensor (*loss)(std::int64_t batch);
};

constexpr Entry kModels[] = {
    {"scalar", scalar_loss},
    {"linear-regression", regression_loss},
    {"xor", xor_loss},
    {"mlp", mlp_loss},
};

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Entry& e : kModels) names.emplace_back(e.name);
  return names;
}

Tensor example_loss(const std::string& model, std::int64_t batch) {
  for (const Entry& e : kModels) {
    if (model == e.name) return e.loss(batch);
  }
  throw UsageError(unknown_name("model", model, model_names()));
}

}  // namespace gradus::tools
