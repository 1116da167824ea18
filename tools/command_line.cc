// run_command_line(): finds the command, says what is mistyped with the names that are near, and turns every
// error into one line and an exit code.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "gradus/base/version.h"
#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

constexpr int kWrongInput = 2;
constexpr int kStopped = 130;  // as a shell reports a program that Ctrl-C ended

std::vector<const CLI::App*> commands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands(app)) names.push_back(command->get_name());
  return names;
}

struct OptionName {
  std::string name;
  bool takes_value = false;
  bool many = false;  // may be given several times
};

std::vector<OptionName> options_of(const CLI::App& app) {
  std::vector<OptionName> options;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames()) options.push_back({"-" + name});
    for (const std::string& name : option->get_lnames()) {
      options.push_back({"--" + name, option->get_expected_max() > 0,
                         option->get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll});
    }
  }
  return options;
}

// Those in the help; a command may take others.
std::string known_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return fmt::format("known: {}", fmt::join(names, ", "));
}

// Before the parser sees them: it would take the value of a mistyped option for an argument, and complain of
// that, and the next option for a value that is missing. An option given twice is a mistake in one of the two
// places. Errors: UsageError.
void check_options(const CLI::App& app, std::span<const char* const> args) {
  const auto options = options_of(app);
  std::vector<std::string_view> seen;
  std::string_view waiting;  // an option whose value comes next
  const auto check_waiting = [&waiting] {
    if (!waiting.empty()) throw UsageError(fmt::format("option '{}' needs a value", waiting));
  };
  for (const char* arg : args) {
    const std::string_view text = arg;
    const bool is_value = !text.starts_with("--") && !waiting.empty();  // "-1" is none of the options
    if (is_value || !text.starts_with('-')) {
      waiting = {};
      continue;
    }
    check_waiting();
    if (text == "--") return;
    const std::string_view name = text.substr(0, text.find('='));
    const auto option =
        std::find_if(options.begin(), options.end(), [&](const auto& o) { return o.name == name; });
    if (option == options.end()) {
      std::vector<std::string> known;
      known.reserve(options.size());
      for (const auto& o : options) known.push_back(o.name);
      throw UsageError(unknown_name("option", name, known, known_options(app)));
    }
    if (!option->many && std::find(seen.begin(), seen.end(), name) != seen.end()) {
      throw UsageError(fmt::format("option '{}' is given twice", name));
    }
    seen.push_back(name);
    if (option->takes_value && (name == text || name.size() + 1 == text.size())) waiting = name;
    if (name != text) check_waiting();
  }
  check_waiting();
}

bool is_help(std::string_view arg) { return arg == "-h" || arg == "--help"; }

std::string which_command(const CLI::App& app, std::string_view name) {
  return fmt::format("which command? One of {}; {} --help tells more", fmt::join(command_names(app), ", "),
                     name);
}

// The command that the line names. Errors: UsageError.
const CLI::App& find_command(const CLI::App& app, std::string_view name) {
  for (const CLI::App* command : commands(app)) {
    if (command->get_name() == name) return *command;
  }
  throw UsageError(unknown_name("command", name, command_names(app)));
}

int fail(std::string_view command, std::string_view what) {
  fmt::print(stderr, "{}: {}\n", command, what);
  return kWrongInput;
}

// What was printed must have arrived, or a full disk goes unnoticed.
int flushed(int code) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return fail("gradus", "cannot write the output");
  return code;
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  CLI::App app("gradus: train models, draw and check the graphs that training records", "gradus");
  app.require_subcommand(1);
  app.option_defaults()->always_capture_default();
  app.set_version_flag("--version", fmt::format("gradus {}.{}", kVersionMajor, kVersionMinor),
                       "Print the version and exit");
  add_train(app);
  add_eval(app);
  add_graph(app);
  add_ops(app);
  add_check(app);
  add_onnx(app);
  add_profile(app);
  add_why_nan(app);
  add_lecture(app);
  add_search(app);

  std::string name = "gradus";
  try {
    const std::span<const char* const> args(argv + 1, argv + (argc > 0 ? argc : 1));
    if (args.empty()) {
      throw UsageError(which_command(app, name));
    }
    if (args[0][0] != '-') {
      const CLI::App* command = &app;
      std::size_t words = 0;
      for (; !commands(*command).empty() && words < args.size() && args[words][0] != '-'; ++words) {
        command = &find_command(*command, args[words]);
        name += " " + command->get_name();
      }
      const std::span<const char* const> rest = args.subspan(words);
      // Options stand behind the last name.
      if (!commands(*command).empty() && (rest.empty() || !is_help(rest[0])))
        throw UsageError(which_command(*command, name));
      check_options(*command, rest);
    } else {
      check_options(app, args.first(1));
    }
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    return flushed(app.exit(e));
  } catch (const CLI::RuntimeError& e) {
    return flushed(e.get_exit_code());
  } catch (const CLI::ParseError& e) {
    return fail(name, fmt::format("{} (see {} --help)", e.what(), name));
  } catch (const Interrupted& e) {
    fmt::print(stderr, "{}: stopped; {}\n", name, e.what());
    return kStopped;
  } catch (const std::bad_alloc&) {
    return fail(name, "not enough memory");
  } catch (const std::exception& e) {
    return fail(name, e.what());
  }
  return flushed(0);
}

}  // namespace gradus::tools
