// gradus profile MODEL: where the time of a training step goes, by op and by module, and as a flame graph.
#include "gradus/graph/profile.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "gradus/base/file.h"
#include "gradus/graph/profile_export.h"
#include "gradus/graph/write_graph.h"
#include "gradus/tools/command.h"
#include "gradus/tools/csv.h"
#include "gradus/tools/model_step.h"
#include "gradus/tools/modules_of.h"
#include "gradus/tools/validators.h"

namespace gradus::tools {
namespace {

struct Options {
  ModelStep model;
  std::string format = "table";
  std::string speedscope, chrome, graph;
  std::int64_t repetitions = 10;
  std::int64_t depth = 0;
  std::int64_t threads = 0;
};

std::string op_name(const ProfiledCall& c) { return c.op->name; }

// The first `depth` parts of a path; all for 0.
std::string cut(const std::string& path, std::int64_t depth) {
  std::size_t end = 0;
  for (std::int64_t i = 0; i < depth; ++i) {
    end = path.find('.', end == 0 ? 0 : end + 1);
    if (end == std::string::npos) return path;
  }
  return depth == 0 ? path : path.substr(0, end);
}

std::int64_t median(std::vector<std::int64_t> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

// Of rows that each repetition has: counts of the last, medians of the times.
class Medians {
 public:
  void add(const std::vector<ProfileRow>& rows) {
    for (const ProfileRow& r : rows) {
      Times& t = times_[r.name];
      t.row = r;
      t.forward.push_back(r.forward_ns);
      t.backward.push_back(r.backward_ns);
    }
  }
  std::vector<ProfileRow> rows() const {
    std::vector<ProfileRow> out;
    for (const auto& [name, t] : times_) {
      ProfileRow& r = out.emplace_back(t.row);
      r.forward_ns = median(t.forward);
      r.backward_ns = median(t.backward);
    }
    return sorted_by_time(std::move(out));
  }

 private:
  struct Times {
    ProfileRow row;
    std::vector<std::int64_t> forward, backward;
  };
  std::map<std::string, Times> times_;
};

struct Result {
  std::vector<ProfileRow> ops, modules;
  ProfileRow total;
};

double gflops(double flops, std::int64_t ns) { return ns > 0 ? flops / static_cast<double>(ns) : 0; }

// "12.3 us"
std::string time_text(std::int64_t ns) {
  const double t = static_cast<double>(ns);
  if (t < 1e3) return fmt::format("{} ns", ns);
  if (t < 1e6) return fmt::format("{:.1f} us", t / 1e3);
  if (t < 1e9) return fmt::format("{:.2f} ms", t / 1e6);
  return fmt::format("{:.2f} s", t / 1e9);
}

std::string count_text(double n, const char* unit) {
  if (n < 1e3) return fmt::format("{:.0f} {}", n, unit);
  if (n < 1e6) return fmt::format("{:.1f} k{}", n / 1e3, unit);
  if (n < 1e9) return fmt::format("{:.1f} M{}", n / 1e6, unit);
  return fmt::format("{:.1f} G{}", n / 1e9, unit);
}

void print_table(const char* heading, const std::vector<ProfileRow>& rows, const ProfileRow& total) {
  std::size_t width = std::string_view(heading).size();
  for (const ProfileRow& r : rows) width = std::max(width, r.name.size());
  const double all = static_cast<double>(std::max<std::int64_t>(1, total.forward_ns + total.backward_ns));
  fmt::print("{:<{}}  calls     forward    backward      %       FLOPs  GFLOP/s       bytes\n", heading,
             width);
  const auto line = [&](const ProfileRow& r) {
    const std::int64_t ns = r.forward_ns + r.backward_ns;
    const double flops = r.forward_flops + r.backward_flops;
    fmt::print("{:<{}}  {:>5}  {:>10}  {:>10}  {:>5.1f}  {:>10}  {:>7.1f}  {:>10}\n", r.name, width, r.calls,
               time_text(r.forward_ns), time_text(r.backward_ns), 100 * static_cast<double>(ns) / all,
               count_text(flops, ""), gflops(flops, ns),
               count_text(static_cast<double>(r.forward_bytes + r.backward_bytes), "B"));
  };
  for (const ProfileRow& r : rows) line(r);
  line(total);
}

nlohmann::ordered_json to_json(const std::vector<ProfileRow>& rows) {
  auto out = nlohmann::ordered_json::array();
  for (const ProfileRow& r : rows) {
    out.push_back({{"name", r.name},
                   {"calls", r.calls},
                   {"forward_ns", r.forward_ns},
                   {"backward_ns", r.backward_ns},
                   {"forward_flops", r.forward_flops},
                   {"backward_flops", r.backward_flops},
                   {"forward_bytes", r.forward_bytes},
                   {"backward_bytes", r.backward_bytes}});
  }
  return out;
}

void print_csv(const char* kind, const std::vector<ProfileRow>& rows) {
  for (const ProfileRow& r : rows) {
    fmt::print("{},{},{},{},{},{:.0f},{:.0f},{},{}\n", kind, csv_field(r.name), r.calls, r.forward_ns,
               r.backward_ns, r.forward_flops, r.backward_flops, r.forward_bytes, r.backward_bytes);
  }
}

void print(const Options& o, const Result& r) {
  if (o.format == "json") {
    const nlohmann::ordered_json out = {{"model", o.model.model()},
                                        {"repetitions", o.repetitions},
                                        {"ops", to_json(r.ops)},
                                        {"modules", to_json(r.modules)},
                                        {"total", to_json({r.total})[0]}};
    fmt::print("{}\n", out.dump(1));
    return;
  }
  if (o.format == "csv") {
    fmt::print(
        "by,name,calls,forward_ns,backward_ns,forward_flops,backward_flops,forward_bytes,backward_bytes\n");
    print_csv("op", r.ops);
    print_csv("module", r.modules);
    print_csv("total", {r.total});
    return;
  }
  fmt::print("{}: medians of {} step{}, {} thread{}\n\n", o.model.model(), o.repetitions,
             o.repetitions == 1 ? "" : "s", gradus::threads(), gradus::threads() == 1 ? "" : "s");
  print_table("op", r.ops, r.total);
  fmt::print("\n");
  print_table("module", r.modules, r.total);
}

ProfileRow sum(const std::vector<ProfileRow>& rows) {
  ProfileRow total;
  total.name = "total";
  for (const ProfileRow& r : rows) {
    total.calls += r.calls;
    total.forward_ns += r.forward_ns;
    total.backward_ns += r.backward_ns;
    total.forward_flops += r.forward_flops;
    total.backward_flops += r.backward_flops;
    total.forward_bytes += r.forward_bytes;
    total.backward_bytes += r.backward_bytes;
  }
  return total;
}

// A step makes its model first; what comes before the first recorded op is no part of training.
std::span<const ProfiledCall> without_initialisation(std::span<const ProfiledCall> calls) {
  const auto first =
      std::find_if(calls.begin(), calls.end(), [](const ProfiledCall& c) { return c.sequence != 0; });
  return calls.subspan(static_cast<std::size_t>(first - calls.begin()));
}

// A step that is measured, then one whose numbers are looked at: that takes time which is not the model's.
// Both record the same ops in the same order.
void draw(const Options& o) {
  const auto step = [&o](ProfileOptions options) {
    const Profile profile(options);
    const Tensor loss = o.model.run().loss;
    loss.backward({.retain_graph = true});
    GraphSnapshot graph = snapshot(loss, {}, Location{});
    add_measurements(graph, profile);
    return graph;
  };
  const GraphSnapshot timed = step({});
  GraphSnapshot graph = step({.statistics = true});
  for (std::size_t i = 0; i < graph.nodes.size() && graph.nodes.size() == timed.nodes.size(); ++i) {
    graph.nodes[i].forward_ns = timed.nodes[i].forward_ns;
    graph.nodes[i].backward_ns = timed.nodes[i].backward_ns;
  }
  graph.title = o.model.model();
  DotOptions options;
  options.title = graph.title;
  options.picture.heat = Heat::kTime;
  save_text(o.graph, render_graph(graph, std::filesystem::path(o.graph).extension().string().substr(1),
                                  options, Location{}));
}

void run(const Options& o) {
  const std::vector<std::string> formats = {".html", ".json", ".svg", ".png", ".pdf", ".dot"};
  if (!o.graph.empty() && std::find(formats.begin(), formats.end(),
                                    std::filesystem::path(o.graph).extension()) == formats.end()) {
    throw UsageError(fmt::format("--graph {} does not end in {}", o.graph, fmt::join(formats, ", ")));
  }
  if (o.threads > 0) set_threads(static_cast<int>(o.threads));
  // The files are tried first: a profile may take long.
  for (const std::string& path : {o.speedscope, o.chrome, o.graph}) {
    if (path.empty()) continue;
    if (const auto trial = AtomicFile::create(path); !trial.ok())
      throw UsageError(std::string(trial.status().message()));
  }
  o.model.run().loss.backward();  // Memory is fetched and kernels are chosen the first time.
  Medians ops, modules;
  std::string speedscope, chrome;
  for (std::int64_t i = 0; i < o.repetitions; ++i) {
    Profile profile;
    const Example step = o.model.run();
    const ModulesOf paths(step.loss);  // a backward frees the graph
    step.loss.backward();
    const std::span<const ProfiledCall> calls = without_initialisation(profile.calls());
    const auto module_of = [&](const ProfiledCall& c) { return paths.of(c.sequence); };
    ops.add(sum_calls(calls, op_name));
    modules.add(sum_calls(calls, [&](const ProfiledCall& c) {
      const std::string path = cut(module_of(c), o.depth);
      return path.empty() ? std::string("(model)") : path;
    }));
    if (i + 1 < o.repetitions) continue;
    if (!o.speedscope.empty()) speedscope = to_speedscope(calls, module_of, {.title = o.model.model()});
    if (!o.chrome.empty()) chrome = to_chrome_trace(calls, module_of, {.title = o.model.model()});
  }
  if (!o.graph.empty()) draw(o);
  if (!o.speedscope.empty()) save_text(o.speedscope, speedscope);
  if (!o.chrome.empty()) save_text(o.chrome, chrome);
  Result r{ops.rows(), modules.rows(), {}};
  r.total = sum(r.ops);
  print(o, r);
}

}  // namespace

void add_profile(CLI::App& app) {
  CLI::App* cmd = app.add_subcommand("profile", "Measure where the time of a training step goes");
  auto o = std::make_shared<Options>();
  cmd->add_option("--format", o->format, "table, json or csv")
      ->check(one_of("format", {"table", "json", "csv"}))
      ->type_name("NAME");
  cmd->add_option("--repetitions", o->repetitions, "Steps; times are their medians")
      ->check(whole_number(1, 1'000'000))
      ->type_name("N");
  cmd->add_option("--depth", o->depth, "Parts of a module's path that make a row; 0: all")
      ->check(whole_number(0, 1'000))
      ->type_name("N");
  cmd->add_option("--threads", o->threads, "Threads to compute with; 0: as many as cores")
      ->check(whole_number(0, 4'096))
      ->type_name("N");
  cmd->add_option("--speedscope", o->speedscope, "Write the last step for https://www.speedscope.app")
      ->default_str("")
      ->type_name("FILE");
  cmd->add_option("--chrome", o->chrome, "Write the last step for chrome://tracing and ui.perfetto.dev")
      ->default_str("")
      ->type_name("FILE");
  cmd->add_option("--graph", o->graph,
                  "Draw the graph with times, values and gradients: .html, .json, .svg, .png, .pdf or .dot")
      ->default_str("")
      ->type_name("FILE");
  o->model.add_to(*cmd);
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
