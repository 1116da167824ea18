// gradus why-nan MODEL: runs training steps of a model under an AnomalyGuard and names the first op that
// makes NaN or infinity, forward or backward, with its operands and the graph around it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "gradus/graph/anomaly.h"
#include "gradus/graph/op_def.h"
#include "gradus/graph/part.h"
#include "gradus/graph/write_graph.h"
#include "gradus/tools/command.h"
#include "gradus/tools/model_step.h"
#include "gradus/tools/validators.h"

namespace gradus::tools {
namespace {

constexpr int kFound = 1;

struct Options {
  ModelStep model;
  double scale = 1;
  double rate = 0;
  std::int64_t steps = 1;
  std::int64_t radius = 2;
  std::string out;
};

// A step makes its model and its inputs anew. This puts other numbers into them before the first op reads
// them: the weights of the step before, inputs times a factor.
class Substitute : Observer {
 public:
  Substitute(double scale, const std::unordered_set<std::string>& inputs,
             const std::unordered_map<std::string, Tensor>& weights)
      : scale_(scale), inputs_(inputs), weights_(weights) {}
  std::int64_t ops() const { return ops_; }

 private:
  void before_op(const ObservedOp& call) override {
    ++ops_;
    for (const Operand& o : call.in) {
      if (o.impl == nullptr || o.impl->node != nullptr || o.impl->name == nullptr) continue;
      if (!is_floating(o.impl->dtype) || !done_.insert(o.impl).second) continue;
      Tensor t = Tensor::share(o.impl);
      held_.push_back(t);  // so that no other tensor takes its place in memory
      const NoGrad off;
      if (const auto w = weights_.find(o.impl->name); w != weights_.end()) {
        t.copy_(w->second);
      } else if (scale_ != 1 && inputs_.contains(o.impl->name)) {
        t.copy_(t.detach() * scale_);
      }
    }
  }

  const double scale_;
  const std::unordered_set<std::string>& inputs_;
  const std::unordered_map<std::string, Tensor>& weights_;
  std::unordered_set<const void*> done_;
  std::vector<Tensor> held_;
  std::int64_t ops_ = 0;
};

std::string located(Location where) {
  return where.file == nullptr
             ? "an unknown place"
             : fmt::format("{}:{}", std::filesystem::path(where.file).filename().string(), where.line);
}

void print(const AnomalyError::Found& f, std::int64_t step) {
  fmt::print("step {}, {}: {} at {}\n", step, f.backward ? "backward" : "forward", f.op, located(f.where));
  const auto line = [](const AnomalyError::Value& v) {
    fmt::print("  {} {}: {}\n", v.name, v.tensor, to_string(v.statistics));
  };
  line(f.result);
  for (const AnomalyError::Value& v : f.operands) line(v);
}

// The op and what is near it, as a picture. `loss` is undefined where the step did not get so far.
void draw(const AnomalyError::Found& f, const Tensor& loss, const Options& o) {
  const Tensor& root = f.backward && loss.defined() ? loss : f.output;
  if (!root.defined()) throw UsageError(fmt::format("nothing to draw: {} was not recorded", f.op));
  GraphSnapshot graph = snapshot(root, {}, Location{});
  std::vector<int> culprit;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    GraphSnapshot::Node& n = graph.nodes[i];
    n.is_root = n.sequence == f.sequence && !n.is_leaf();
    if (!n.is_root) continue;
    culprit.push_back(static_cast<int>(i));
    const Statistics& s = f.result.statistics;
    n.outputs[0].name = fmt::format("{}: {} NaN, {} inf", f.result.name, s.nan, s.inf);
  }
  graph = part(graph, around(graph, culprit, static_cast<int>(o.radius)));
  graph.title = fmt::format("{}: first NaN or infinity, {} of {} at {}", o.model.model(),
                            f.backward ? "the derivative" : "the result", f.op, located(f.where));
  DotOptions options;
  options.title = graph.title;
  options.call_sites = true;
  options.picture.depth = PictureOptions::kAll;
  options.picture.fold = Choice::kNo;
  const std::string format = std::filesystem::path(o.out).extension().string();
  save_text(o.out, render_graph(graph, format.substr(1), options, Location{}));
  fmt::print("{}\n", o.out);
}

// w <- w - rate g, in f64's name: the largest numbers become infinite as they do in training.
void descend(const std::vector<Tensor>& parameters, double rate,
             std::unordered_map<std::string, Tensor>& weights) {
  const NoGrad off;
  for (const Tensor& p : parameters) {
    if (p.name().empty() || !p.grad().defined()) continue;
    weights.insert_or_assign(std::string(p.name()), (p.detach() - p.grad() * rate));
  }
}

void run(const Options& o) {
  const std::string format = std::filesystem::path(o.out).extension().string();
  const std::vector<std::string> formats = {".svg", ".png", ".pdf", ".dot", ".html", ".json"};
  if (!o.out.empty()) {
    if (std::find(formats.begin(), formats.end(), format) == formats.end())
      throw UsageError(fmt::format("--out {} does not end in {}", o.out, fmt::join(formats, ", ")));
  }
  std::unordered_set<std::string> inputs;
  for (const NamedTensor& t : o.model.run().inputs) inputs.insert(t.name);
  std::unordered_map<std::string, Tensor> weights;
  std::int64_t ops = 0;
  double last = 0;
  for (std::int64_t step = 1; step <= o.steps; ++step) {
    Tensor loss;
    try {
      // The guard begins with the step: what makes the model is no part of it.
      Substitute substitute(o.scale, inputs, weights);
      const AnomalyGuard guard;
      loss = o.model.run().loss;
      // Kept, so that the graph can be drawn.
      loss.backward({.retain_graph = true});
      ops += substitute.ops();
      last = loss.item();
    } catch (const AnomalyError& e) {
      print(e.found(), step);
      if (!o.out.empty()) draw(e.found(), loss, o);
      throw CLI::RuntimeError(kFound);
    }
    descend(recorded_parameters(loss), o.rate, weights);
  }
  fmt::print("clean: {} step{}, {} ops, loss {:.6g}\n", o.steps, o.steps == 1 ? "" : "s", ops, last);
}

}  // namespace

void add_why_nan(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("why-nan", "Find the first op that makes NaN or infinity");
  auto o = std::make_shared<Options>();
  cmd->add_option("--scale", o->scale, "Multiplies the inputs")->type_name("X");
  cmd->add_option("--lr", o->rate, "Rate of gradient descent from step to step")
      ->check(number_within(0, 1e308))
      ->type_name("X");
  cmd->add_option("--steps", o->steps, "At most so many steps")
      ->check(whole_number(1, 1'000'000))
      ->type_name("N");
  cmd->add_option("--out", o->out,
                  "Draw the op and what is around it: .svg, .png, .pdf, .dot, .html or .json")
      ->default_str("")
      ->type_name("FILE");
  cmd->add_option("--radius", o->radius, "How much around it: arrows from it")
      ->check(whole_number(0, 1'000))
      ->type_name("N");
  o->model.add_to(*cmd);
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
