// The `gradus` command: dispatches to one file a sub-command. Exit codes: 0 done, 1 a check found a fault,
// 2 the input was wrong.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "gradus/tools/command.h"

int main(int argc, char** argv) {
  using namespace gradus::tools;
  CLI::App app("gradus: train models, draw and check the graphs that training records", "gradus");
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  add_train(app);
  add_eval(app);
  add_graph(app);
  add_ops(app);
  add_check(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return app.exit(e);
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    fmt::print(stderr, "gradus: {}\n", e.what());
    const auto chosen = app.get_subcommands();
    fmt::print(stderr, "See gradus {}--help\n", chosen.empty() ? "" : chosen[0]->get_name() + " ");
    return 2;
  } catch (const std::exception& e) {
    fmt::print(stderr, "gradus: {}\n", e.what());
    return 2;
  }
  return 0;
}
