// A command of `gradus`: it adds a sub-command with its options to the command line; the sub-command's
// callback does the work. Whatever the user got wrong is thrown as UsageError or comes as a gradus::Error;
// run_command_line() prints it in one line.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it
class App;
}

namespace gradus::tools {

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The user stopped the run; what() says what that left behind.
class Interrupted : public std::runtime_error {
 public:
  explicit Interrupted(const std::string& left = "no file was changed") : std::runtime_error(left) {}
};

void add_train(CLI::App& app);
void add_eval(CLI::App& app);
void add_graph(CLI::App& app);
void add_ops(CLI::App& app);
void add_check(CLI::App& app);
void add_onnx(CLI::App& app);
void add_profile(CLI::App& app);
void add_why_nan(CLI::App& app);
void add_lecture(CLI::App& app);
void add_search(CLI::App& app);

// The whole program. Exit codes: 0 done, 1 a check found a fault, 2 the input was wrong, 130 stopped.
int run_command_line(int argc, const char* const* argv);

// "unknown op 'sofmax'; did you mean softmax?" Where nothing is near: the whole list, or `otherwise` for one
// that is too long.
std::string unknown_name(std::string_view what, std::string_view name, const std::vector<std::string>& known,
                         std::string_view otherwise = "");

// Makes the folder and proves that these files can be written there; none of them is touched.
// Errors: UsageError.
void prepare_folder(const std::string& path, std::span<const char* const> files);

// Writes the file whole or not at all. Errors: UsageError.
void save_text(const std::string& path, std::string_view text);

}  // namespace gradus::tools
