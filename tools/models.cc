#include "gradus/tools/models.h"

#include "gradus/docs/examples/zoo/classifiers.h"
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
Example scalar_step(std::int64_t) {
  Tensor x = full({}, 3.0, DType::f64).requires_grad(true).name("x");
  const Tensor y = (x * x - x - 2.0).name("y");
  return {{{"x", x}}, y, y};
}

Example regression_step(std::int64_t batch) {
  const Tensor x = uniform({batch, 4}, -1.0, 1.0).name("x");
  const Tensor y = uniform({batch, 1}, -1.0, 1.0).name("y");
  const nn::Linear line(4, 1);
  name_parameters(line);
  const Tensor prediction = line(x).name("prediction");
  return {{{"x", x}}, prediction, mse_loss(prediction, y).name("loss")};
}

Example xor_step(std::int64_t) {
  const Tensor x = tensor({{0.0f, 0.0f}, {0.0f, 1.0f}, {1.0f, 0.0f}, {1.0f, 1.0f}}).name("x");
  const Tensor y = tensor({{0.0f}, {1.0f}, {1.0f}, {0.0f}}).name("y");
  const XorNet model;
  name_parameters(model);
  const Tensor prediction = model(x).name("prediction");
  return {{{"x", x}}, prediction, mse_loss(prediction, y).name("loss")};
}

Example mlp_step(std::int64_t batch) {
  const Tensor x = uniform({batch, 784}, 0.0, 1.0).name("images");
  const Tensor y = randint(0, 10, {batch}).name("labels");
  const zoo::Mlp model;
  name_parameters(model);
  const Tensor logits = model(x).name("logits");
  return {{{"images", x}}, logits, cross_entropy(logits, y).name("loss")};
}

struct Entry {
  const char* name;
  Example (*step)(std::int64_t batch);
};

constexpr Entry kModels[] = {
    {"scalar", scalar_step},
    {"linear-regression", regression_step},
    {"xor", xor_step},
    {"mlp", mlp_step},
};

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Entry& e : kModels) names.emplace_back(e.name);
  return names;
}

Example example_step(const std::string& model, std::int64_t batch) {
  for (const Entry& e : kModels) {
    if (model == e.name) return e.step(batch);
  }
  throw UsageError(unknown_name("model", model, model_names()));
}

}  // namespace gradus::tools
