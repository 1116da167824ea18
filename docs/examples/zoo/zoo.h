// The model zoo: each file of this folder is one example, a model and the loop that trains it, with the
// figures that it reaches. `gradus train NAME` runs it with its options on the command line, `gradus graph
// NAME` draws one step of it, and the tests run each one on a small budget. An example is data, so that the
// options, their checks and these commands need no code in it: docs/examples/zoo/gpt.cc defines `const
// Example gpt`, and the list of them is made from the files' names ("char_lstm" is `gradus train char-lstm`).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/gradus.h"

namespace gradus::zoo {

// An option of an example: --name VALUE.
struct Option {
  const char* name;  // in words joined by '-'
  const char* doc;
  double value;  // the default; the defaults of all are the full budget
  double least;
  double most;
  bool whole = false;  // a whole number
};

// Which value each option has in a run.
class Values {
 public:
  // Errors: ValueError for a name that is no option, or a value outside its range.
  explicit Values(std::span<const Option> options,
                  std::span<const std::pair<const char*, double>> changed = {});
  void set(std::string_view name, double value);

  // Errors: ValueError for a name that is no option.
  double number(std::string_view name) const;
  std::int64_t count(std::string_view name) const { return static_cast<std::int64_t>(number(name)); }

 private:
  std::size_t index(std::string_view name) const;
  std::span<const Option> options_;
  std::vector<double> values_;
};

using Figures = std::vector<std::pair<std::string, double>>;  // {"test accuracy", 0.91}

// What an example may ask of whoever runs it. Random numbers come from the default generator, which is seeded
// before the run.
class Run {
 public:
  Run(Values values, std::string data) : values_(std::move(values)), data_(std::move(data)) {}
  virtual ~Run() = default;
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  double number(std::string_view option) const { return values_.number(option); }
  std::int64_t count(std::string_view option) const { return values_.count(option); }
  // The folder or file of the data set; empty: where its Debian package puts it.
  const std::string& data() const { return data_; }

  // After each step, counted from 1: shows how far the run is. Ends it by an exception where the loss is not
  // finite and where the user asked for that. `total` steps in all.
  virtual void step(std::int64_t step, std::int64_t total, double loss) = 0;
  // A row of history.csv and a line on the terminal: the same names each time. `x` is an epoch or a step.
  virtual void row(const char* unit, std::int64_t x, const Figures& figures) = 0;
  // Text for the reader, such as a sample of what a model writes; also kept as `name`.txt.
  virtual void text(std::string_view name, std::string_view text) = 0;
  // Kept as `name`.png: u8 [H, W] or [C, H, W].
  virtual void image(std::string_view name, const Tensor& pixels) = 0;
  // Kept as `name`.safetensors.
  virtual void weights(std::string_view name, const nn::Module& model) = 0;

 private:
  Values values_;
  std::string data_;
};

// One step on a small made-up batch, with names on inputs and parameters.
struct Step {
  NamedTensors inputs;  // of the prediction
  Tensor prediction;
  Tensor loss;  // recorded
};

// What a figure of a run must lie between.
struct Bound {
  const char* figure;
  double least;
  double most;
};

struct Example {
  const char* title;  // one line: what learns what
  const char* data;   // the Debian package that its data comes from; "" where it is generated
  std::span<const Option> options;
  std::span<const std::pair<const char*, double>>
      small;                      // options of a run of at most a few seconds, for the tests
  std::span<const Bound> bounds;  // what that run must reach; it must be able to fail
  Figures (*train)(Run& run);
  Step (*step)(const Values& values, std::int64_t batch);  // null: nothing to draw
};

// All of them, by name in alphabetical order. Names as on the command line.
struct Entry {
  const char* name;
  const Example* example;
};
std::span<const Entry> examples();

}  // namespace gradus::zoo
