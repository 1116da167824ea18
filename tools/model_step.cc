#include "gradus/tools/model_step.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "gradus/docs/examples/zoo/zoo.h"
#include "gradus/tools/command.h"
#include "gradus/tools/graph_source.h"
#include "gradus/tools/validators.h"

namespace gradus::tools {

Example model_step(const std::string& model, std::int64_t batch,
                   const std::map<std::string, double>& options) {
  for (const zoo::Entry& e : zoo::examples()) {
    if (model != e.name || e.example->step == nullptr) continue;
    zoo::Values values(e.example->options);
    for (const auto& [name, value] : options) values.set(name, value);
    return e.example->step(values, batch);
  }
  if (!options.empty()) {
    throw UsageError(fmt::format("option '--{}' is one of the zoo's examples; {} has none",
                                 options.begin()->first, model));
  }
  return example_step(model, batch);
}

void add_model_options(CLI::App& command, std::map<std::string, double>& options) {
  for (const std::string& name : graph_model_options()) {
    if (command.get_option_no_throw("--" + name) != nullptr) continue;
    command
        .add_option_function<double>(
            "--" + name, [&options, name](const double& v) { options[name] = v; },
            "Option of an example of the zoo")
        ->default_str("")
        ->type_name("X")
        ->group("");  // not in the help: see the footer
  }
  command.footer(
      "An example of the zoo also takes the options of its model, such as --layers 12 of gpt: see gradus "
      "train "
      "NAME --help");
}

void ModelStep::add_to(CLI::App& command) {
  command.add_option("model", model_, fmt::format("{}", fmt::join(graph_model_names(), ", ")))
      ->required()
      ->check(one_of("model", graph_model_names()))
      ->type_name("");
  command.add_option("--batch-size", batch_, "Rows of the made-up batch")
      ->check(whole_number(1, 100'000))
      ->type_name("N");
  command.add_option("--seed", seed_, "Of weights and inputs")->check(whole_number(0))->type_name("N");
  add_model_options(command, options_);
}

Example ModelStep::run() const {
  manual_seed(seed_);
  return model_step(model_, batch_, options_);
}

}  // namespace gradus::tools
