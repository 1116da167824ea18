#include "gradus/tools/classifier.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/data/fashion_mnist.h"
#include "gradus/data/format/safetensors.h"
#include "gradus/docs/examples/zoo/classifiers.h"
#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

struct Choice {
  const char* name;
  std::unique_ptr<nn::UnaryModule> (*make)();
};

template <class Model>
std::unique_ptr<nn::UnaryModule> make() {
  return std::make_unique<Model>();
}

constexpr Choice kClassifiers[] = {
    {"logistic-regression", make<zoo::LogisticRegression>},
    {"mlp", make<zoo::Mlp>},
    {"lenet", make<zoo::LeNet>},
    {"resnet", make<zoo::ResNet>},
};

}  // namespace

std::vector<std::string> dataset_names() { return {"fashion-mnist"}; }

std::vector<std::string> classifier_names() {
  std::vector<std::string> names;
  for (const Choice& c : kClassifiers) names.emplace_back(c.name);
  return names;
}

std::unique_ptr<nn::UnaryModule> make_classifier(const std::string& name) {
  for (const Choice& c : kClassifiers) {
    if (name == c.name) return c.make();
  }
  throw UsageError(unknown_name("model", name, classifier_names()));
}

std::string classifier_of(const NamedTensors& state) {
  const auto has = [&](const NamedTensor& t) {
    return std::ranges::any_of(state, [&](const NamedTensor& s) { return s.name == t.name; });
  };
  std::string best = "mlp";
  double best_share = 0.0;
  for (const Choice& c : kClassifiers) {
    const NamedTensors own = c.make()->state_dict();
    // Of all names, here and there, those that both have.
    const auto common = static_cast<double>(std::ranges::count_if(own, has));
    const double share = common / (static_cast<double>(own.size() + state.size()) - common);
    if (share > best_share) best = c.name, best_share = share;
  }
  return best;
}

std::unique_ptr<nn::UnaryModule> load_classifier(const std::string& name, const std::string& path) {
  auto state = data::load_safetensors(path);
  if (absl::IsNotFound(state.status())) {
    throw UsageError(fmt::format("{}; `gradus train` writes it, --weights names another file",
                                 std::string(state.status().message())));
  }
  if (!state.ok()) throw UsageError(std::string(state.status().message()));
  const std::string like = classifier_of(*state);
  std::unique_ptr<nn::UnaryModule> model = make_classifier(name.empty() ? like : name);
  try {
    model->load_state_dict(*state, Location{});
  } catch (const Error& e) {
    const bool other = !name.empty() && name != like;
    throw UsageError(fmt::format("{}: {}{}", path, e.what(),
                                 other ? fmt::format("; its names are those of --model {}", like) : ""));
  }
  return model;
}

Split load_split(const std::string& dataset, const std::string& folder, Part part) {
  if (dataset != "fashion-mnist") throw UsageError(unknown_name("data set", dataset, dataset_names()));
  auto read = data::load_fashion_mnist(part == Part::train ? data::Split::train : data::Split::test, folder);
  if (!read.ok()) throw UsageError(std::string(read.status().message()));
  if (read->labels.numel() == 0) {
    throw UsageError(fmt::format("{}: the {} set holds no images", folder.empty() ? dataset : folder,
                                 part == Part::train ? "training" : "test"));
  }
  return {std::move(read->images), std::move(read->labels)};
}

Split first_rows(const Split& split, std::int64_t n) {
  n = std::min(n, split.labels.numel());
  return {slice(split.images, 0, 0, n), slice(split.labels, 0, 0, n)};
}

Score evaluate(nn::UnaryModule& model, const Split& split) {
  const nn::EvalMode eval_mode(model);
  const NoGrad no_grad;
  constexpr std::int64_t kRows = 1000;
  Score score;
  std::array<std::int64_t, 10> right{};
  std::array<std::int64_t, 10> seen{};
  const std::int64_t n = split.labels.numel();
  for (std::int64_t at = 0; at < n; at += kRows) {
    const std::int64_t end = std::min(at + kRows, n);
    const Tensor labels = slice(split.labels, 0, at, end);
    const Tensor logits = model(slice(split.images, 0, at, end));
    score.loss += cross_entropy(logits, labels).item() * static_cast<double>(end - at);
    const Tensor predicted = argmax(logits, 1);
    for (std::size_t i = 0; i < static_cast<std::size_t>(end - at); ++i) {
      const auto label = static_cast<std::size_t>(labels.span<std::int64_t>()[i]);
      ++seen[label];
      if (predicted.span<std::int64_t>()[i] == static_cast<std::int64_t>(label)) ++right[label];
    }
  }
  std::int64_t all = 0;
  for (std::size_t c = 0; c < 10; ++c) {
    all += right[c];
    score.class_accuracy[c] =
        seen[c] > 0 ? static_cast<double>(right[c]) / static_cast<double>(seen[c]) : 0.0;
  }
  score.loss /= static_cast<double>(n);
  score.accuracy = static_cast<double>(all) / static_cast<double>(n);
  return score;
}

}  // namespace gradus::tools
