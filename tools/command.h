// A command of `gradus`: it adds a sub-command with its options to the command line; the sub-command's
// callback does the work. Whatever the user got wrong is thrown as UsageError or comes as a gradus::Error;
// main() prints it in one line and exits with 2.
#pragma once

#include <CLI/CLI.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::tools {

class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

void add_train(CLI::App& app);
void add_eval(CLI::App& app);
void add_graph(CLI::App& app);
void add_ops(CLI::App& app);
void add_check(CLI::App& app);

// "unknown op 'sofmax'; did you mean softmax?" and the whole list where nothing is near.
std::string unknown_name(std::string_view what, std::string_view name, const std::vector<std::string>& known);

// Makes the folder and proves that a file can be written there. Errors: UsageError.
void prepare_folder(const std::string& path);

// Writes the file whole or not at all. Errors: UsageError.
void save_text(const std::string& path, std::string_view text);

}  // namespace gradus::tools
