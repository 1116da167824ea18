// gradus onnx export MODEL: writes what a built-in model or an example of the zoo computes as an ONNX file.
#include "gradus/tools/onnx_export.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "gradus/base/file.h"
#include "gradus/base/format.h"
#include "gradus/data/format/onnx/save.h"
#include "gradus/tools/command.h"
#include "gradus/tools/model_step.h"

namespace gradus::tools {
namespace {

struct Options {
  ModelStep step;
  std::string out;
  std::string data;
};

void require(const absl::Status& s) {
  if (!s.ok()) throw UsageError(std::string(s.message()));
}

void run(const Options& o) {
  if (std::filesystem::is_directory(o.out)) throw UsageError(fmt::format("--out {} is a folder", o.out));
  Trace trace;
  const Example step = o.step.run();
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
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
