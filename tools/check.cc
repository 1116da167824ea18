// gradus check [OP]: compares the derivatives of ops, of first and second order, with finite differences at
// the ops' own samples.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>

#include "gradus/ops/all_ops.h"
#include "gradus/tools/check_op.h"
#include "gradus/tools/command.h"
#include "gradus/tools/find_op.h"

namespace gradus::tools {
namespace {

struct Counts {
  int right = 0;
  int wrong = 0;
  int unchecked = 0;  // without derivative, or without a sample that differences can check
};

// Prints the op's line as soon as it is known: checking all takes a while.
void report(const OpDef& op, std::size_t width, Counts& counts) {
  if (op.rule == nullptr) {
    ++counts.unchecked;
    fmt::print("{:<{}}  -      no derivative: {}\n", op.name, width,
               op.no_gradient != nullptr ? op.no_gradient : "not given");
  } else if (const DerivativeCheck c = check_op(op); !c.fault.empty()) {
    ++counts.wrong;
    fmt::print("{:<{}}  WRONG  {}\n", op.name, width, c.fault);
  } else if (c.samples == 0) {
    ++counts.unchecked;
    fmt::print("{:<{}}  -      no sample that differences can check\n", op.name, width);
  } else {
    ++counts.right;
    fmt::print("{:<{}}  ok     {:2} sample{}, largest error {:.0e}\n", op.name, width, c.samples,
               c.samples == 1 ? " " : "s", c.max_error);
  }
  std::fflush(stdout);
}

void run(const std::string& name) {
  Counts counts;
  if (!name.empty()) {
    report(find_op(name), name.size(), counts);
  } else {
    std::size_t width = 0;
    for (const OpDef* op : all_ops()) width = std::max(width, std::string_view(op->name).size());
    for (const OpDef* op : all_ops()) report(*op, width, counts);
    fmt::print("{} ops: derivatives of {} right, of {} wrong; {} not checked\n", all_ops().size(),
               counts.right, counts.wrong, counts.unchecked);
  }
  if (counts.wrong > 0) throw CLI::RuntimeError(1);
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
