// gradus onnx export MODEL: writes what a built-in model or an example of the zoo computes as an ONNX file.
#include "gradus/tools/onnx_export.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "gradus/base/file.h"
#include "gradus/base/format.h"
#include "gradus/data/format/onnx/save.h"
#include "gradus/tools/classifier.h"
#include "gradus/tools/command.h"
#include "gradus/tools/model_step.h"

namespace gradus::tools {
namespace {

struct Options {
  ModelStep step;
  std::string out;
  std::string data;
  std::string weights;  // empty: new ones
};

void require(const absl::Status& s) {
  if (!s.ok()) throw UsageError(std::string(s.message()));
}

std::unique_ptr<nn::UnaryModule> trained_classifier(const Options& o) {
  const std::vector<std::string> names = classifier_names();
  if (std::ranges::find(names, o.step.model()) == names.end()) {
    throw UsageError(
        fmt::format("--weights: {} is none of the classifiers {}", o.step.model(), fmt::join(names, ", ")));
  }
  std::unique_ptr<nn::UnaryModule> model = load_classifier(o.step.model(), o.weights);
  model->named_parameters();  // a parameter gets its name when it is asked for it
  return model;
}

// As the classifier is used.
Example step_in_eval_mode(nn::UnaryModule& model, std::int64_t batch) {
  const nn::EvalMode guard(model);
  const Tensor images = uniform({batch, 784}).name("images");
  const Tensor logits = model.forward(images).name("logits");
  return {{{"images", images}}, logits, logits};
}

void run(const Options& o) {
  if (std::filesystem::is_directory(o.out)) throw UsageError(fmt::format("--out {} is a folder", o.out));
  std::unique_ptr<nn::UnaryModule> model;
  if (!o.weights.empty()) model = trained_classifier(o);
  Trace trace;
  const Example step = model == nullptr ? o.step.run() : step_in_eval_mode(*model, o.step.batch());
  trace.stop();
  const NamedTensors outputs = {{std::string(step.prediction.name()), step.prediction}};
  require(onnx::save(o.out, trace, outputs, {.inputs = step.inputs, .name = o.step.model()}));
  if (!o.data.empty()) {
    require(make_folder(o.data));
    for (std::size_t i = 0; i < step.inputs.size(); ++i) {
      require(onnx::save_tensor(fmt::format("{}/input_{}.pb", o.data, i), step.inputs[i]));
    }
    require(onnx::save_tensor(o.data + "/output_0.pb", outputs[0]));
  }
  fmt::print("{}\n", o.out);
}

}  // namespace

void add_onnx_export(CLI::App& onnx) {
  CLI::App* cmd = onnx.add_subcommand("export", "Write a model as an ONNX file");
  auto o = std::make_shared<Options>();
  o->step.add_to(*cmd);
  cmd->add_option("--out", o->out, "The file")->required()->type_name("FILE");
  cmd->add_option("--data", o->data, "Also write the batch and what the model gives, for `gradus onnx run`")
      ->default_str("")
      ->type_name("DIR");
  cmd->add_option(
         "--weights", o->weights,
         "The safetensors file that train wrote, of a classifier; without it the weights are new ones")
      ->default_str("")
      ->type_name("FILE");
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
