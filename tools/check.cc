// gradus check [OP]: compares the derivatives of ops, of first and second order, with finite differences at
// the ops' own samples.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "gradus/graph/apply.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/graph/samples.h"
#include "gradus/ops/all_ops.h"
#include "gradus/tools/command.h"

namespace gradus::tools {
namespace {

struct Outcome {
  int samples = 0;
  double max_error = 0.0;
  std::string fault;
};

Outcome check_op(const OpDef& op) {
  Outcome outcome;
  SampleSink sink;
  op.samples(sink);
  for (const Sample& sample : sink.good) {
    if (!sample.gradcheck) continue;
    // Integer inputs (indices, labels) stay as they are; the floating ones are what is differentiated.
    std::vector<Tensor> variables;
    for (const Tensor& t : sample.inputs) {
      if (t.dtype() == DType::f64) variables.push_back(t);
    }
    if (variables.empty()) continue;
    const auto run = [&](std::span<const Tensor> x) {
      std::vector<Operand> operands;
      std::size_t next = 0;
      for (const Tensor& t : sample.inputs) operands.emplace_back(t.dtype() == DType::f64 ? x[next++] : t);
      std::vector<Tensor> outs(static_cast<std::size_t>(op.outputs));
      apply(op, operands, sample.attr_bytes(), outs);
      std::erase_if(outs, [](const Tensor& t) { return !is_floating(t.dtype()); });
      return outs;
    };
    const NoGrad no_grad;
    for (const bool second : {false, true}) {
      const GradcheckResult r = second ? gradgradcheck(run, variables) : gradcheck(run, variables);
      outcome.max_error = std::max(outcome.max_error, r.max_error);
      if (!r.ok) {
        outcome.fault = fmt::format("{} order, sample {} {}: {}", second ? "second" : "first",
                                    outcome.samples + 1, sample.note, r.message);
        return outcome;
      }
    }
    ++outcome.samples;
  }
  return outcome;
}

void run(const std::string& name) {
  std::vector<std::string> known;
  int faults = 0;
  int checked = 0;
  for (const OpDef* op : all_ops()) {
    known.emplace_back(op->name);
    if (!name.empty() && name != op->name) continue;
    ++checked;
    if (op->rule == nullptr) {
      fmt::print("{:<24} no derivative: {}\n", op->name,
                 op->no_gradient != nullptr ? op->no_gradient : "not given");
      continue;
    }
    const Outcome o = check_op(*op);
    if (o.fault.empty()) {
      fmt::print("{:<24} ok    {:2} samples, largest error {:.1e}\n", op->name, o.samples, o.max_error);
    } else {
      ++faults;
      fmt::print("{:<24} WRONG {}\n", op->name, o.fault);
    }
  }
  if (checked == 0) throw UsageError(unknown_name("op", name, known));
  if (faults > 0) throw CLI::RuntimeError(1);
}

}  // namespace

void add_check(CLI::App& app) {
  CLI::App* cmd =
      app.add_subcommand("check", "Compare derivatives with finite differences at the ops' samples");
  auto name = std::make_shared<std::string>();
  cmd->add_option("op", *name, "The op to check; all if left out");
  cmd->callback([name] { run(*name); });
}

}  // namespace gradus::tools
