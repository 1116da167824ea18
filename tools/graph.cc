// gradus graph MODEL|FILE.json|FILE.onnx: draws the graph that one step of a model records.
// gradus graph diff A B: what differs between two of them.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "gradus/base/file.h"
#include "gradus/graph/diff.h"
#include "gradus/graph/dot.h"
#include "gradus/graph/part.h"
#include "gradus/graph/snapshot.h"
#include "gradus/graph/write_graph.h"
#include "gradus/tools/command.h"
#include "gradus/tools/graph_source.h"
#include "gradus/tools/model_step.h"
#include "gradus/tools/validators.h"

namespace gradus::tools {
namespace {

constexpr int kDiffers = 1;

struct Options {
  std::vector<std::string> what;
  GraphSource source;
  std::string pass = "forward";
  std::string format;
  std::string out;
  std::string depth = "auto";
  std::string views = "auto", fold = "auto", parameters = "auto";
  std::string heat = "none";
  std::string direction = "down";
  std::string filter, around, reaching;
  int radius = 1;
  bool no_legend = false;
  DotOptions dot;
};

const std::vector<std::string> kFormats = {"dot", "svg", "png", "pdf", "html", "json", "text"};
const std::vector<std::string> kTexts = {"dot", "json", "text"};  // what a terminal shows

template <class E>
struct Word {
  const char* word;
  E value;
};
constexpr Word<Choice> kChoices[] = {{"auto", Choice::kAuto}, {"no", Choice::kNo}, {"yes", Choice::kYes}};
constexpr Word<ParameterStyle> kParameters[] = {{"auto", ParameterStyle::kAuto},
                                                {"boxes", ParameterStyle::kBoxes},
                                                {"lines", ParameterStyle::kLines},
                                                {"none", ParameterStyle::kNone}};
constexpr Word<Heat> kHeats[] = {
    {"none", Heat::kNone}, {"memory", Heat::kMemory}, {"flops", Heat::kFlops}, {"time", Heat::kTime}};
constexpr Word<GraphPass> kPasses[] = {
    {"forward", GraphPass::forward}, {"backward", GraphPass::backward}, {"both", GraphPass::both}};

template <class E, std::size_t n>
std::vector<std::string> words(const Word<E> (&table)[n]) {
  std::vector<std::string> out;
  for (const Word<E>& w : table) out.emplace_back(w.word);
  return out;
}
// The word is one of them.
template <class E, std::size_t n>
E value_of(const Word<E> (&table)[n], const std::string& word) {
  return std::find_if(std::begin(table), std::end(table), [&](const Word<E>& w) { return word == w.word; })
      ->value;
}

bool is_one_of(const std::vector<std::string>& all, const std::string& s) {
  return std::find(all.begin(), all.end(), s) != all.end();
}

// What --format says, else what --out ends in, else dot. Errors: UsageError.
std::string format_of(const Options& o) {
  const std::string extension = std::filesystem::path(o.out).extension().string();
  if (!o.format.empty()) {
    if (!o.out.empty() && o.format != "text" && extension != "." + o.format) {
      throw UsageError(fmt::format("--out {} does not end in .{}, the format asked for", o.out, o.format));
    }
    return o.format;
  }
  if (o.out.empty()) return "dot";
  std::string format = extension.empty() ? "" : extension.substr(1);
  if (!is_one_of(kFormats, format)) {
    throw UsageError(fmt::format("--out {}: {}", o.out, unknown_name("format", format, kFormats)));
  }
  return format;
}

std::vector<int> nodes_named(const GraphSnapshot& graph, const std::string& name) {
  std::vector<int> nodes = find_nodes(graph, name);
  if (nodes.empty()) {
    throw UsageError(unknown_name("node", name, node_names(graph),
                                  "--format text shows all nodes with their names and numbers"));
  }
  return nodes;
}

// Leaves that a node of the mask reads.
void add_leaves(const GraphSnapshot& graph, NodeMask& keep) {
  const NodeMask ops = keep;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!ops[i]) continue;
    for (const GraphSnapshot::Input& in : graph.nodes[i].inputs) {
      if (in.node >= 0 && graph.nodes[static_cast<std::size_t>(in.node)].is_leaf())
        keep[static_cast<std::size_t>(in.node)] = true;
    }
  }
}

GraphSnapshot asked_part(GraphSnapshot graph, const Options& o) {
  if (!o.reaching.empty()) graph = part(graph, reaching(graph, nodes_named(graph, o.reaching)));
  if (!o.around.empty()) graph = part(graph, around(graph, nodes_named(graph, o.around), o.radius));
  if (!o.filter.empty()) {
    NodeMask keep = matching(graph, o.filter, Location{});
    if (std::none_of(keep.begin(), keep.end(), [](bool k) { return k; })) {
      throw UsageError(fmt::format("--filter {}: no name, op or module matches", o.filter));
    }
    add_leaves(graph, keep);
    graph = part(graph, keep);
  }
  return graph;
}

GraphSource source_of(const Options& o, const std::string& name) {
  GraphSource s = o.source;
  s.name = name;
  s.pass = value_of(kPasses, o.pass);
  return s;
}

void run_diff(const Options& o) {
  if (o.what.size() != 3) throw UsageError("diff takes two models or files: gradus graph diff A B");
  const GraphSnapshot a = take_graph(source_of(o, o.what[1]));
  const GraphSnapshot b = take_graph(source_of(o, o.what[2]));
  const GraphDiff d = diff(a, b);
  fmt::print("{}", to_string(d, a, b));
  if (!d.same()) throw CLI::RuntimeError(kDiffers);
}

void run(Options& o) {
  if (!o.what.empty() && o.what[0] == "diff") return run_diff(o);
  if (o.what.size() > 1) throw UsageError(fmt::format("one model at a time; what is '{}'?", o.what[1]));
  const std::string format = format_of(o);
  PictureOptions& picture = o.dot.picture;
  picture.depth = o.depth == "auto"  ? PictureOptions::kFit
                  : o.depth == "all" ? PictureOptions::kAll
                                     : std::stoi(o.depth);
  picture.views = value_of(kChoices, o.views);
  picture.fold = value_of(kChoices, o.fold);
  picture.parameters = value_of(kParameters, o.parameters);
  picture.heat = value_of(kHeats, o.heat);
  o.dot.left_to_right = o.direction == "right";
  o.dot.legend = !o.no_legend;

  const std::string& name = o.what[0];
  const GraphSnapshot graph = asked_part(take_graph(source_of(o, name)), o);
  if (picture.heat == Heat::kTime && std::none_of(graph.nodes.begin(), graph.nodes.end(), [](const auto& n) {
        return n.forward_ns.has_value() || n.backward_ns.has_value();
      })) {
    throw UsageError("--heat time: no times were measured in this graph; draw the snapshot of a profile");
  }
  const std::string text =
      format == "text" ? to_string(graph) : render_graph(graph, format, o.dot, Location{});
  if (o.out.empty() && is_one_of(kTexts, format)) {
    fmt::print("{}", text);
    return;
  }
  const std::string path = o.out.empty() ? std::filesystem::path(name).stem().string() + "." + format : o.out;
  save_text(path, text);
  fmt::print("{}\n", path);
}

CLI::Validator depth_check() {
  return CLI::Validator(
      [](std::string& text) {
        if (text == "auto" || text == "all") return std::string();
        const bool digits =
            !text.empty() && text.size() <= 4 &&
            std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
        return digits ? std::string() : fmt::format("'{}' is neither auto, all nor a number of levels", text);
      },
      "");
}

template <class E, std::size_t n>
void add_choice(CLI::App& cmd, const char* name, std::string& to, const Word<E> (&table)[n],
                const char* doc) {
  cmd.add_option(name, to, fmt::format("{}: {}", doc, fmt::join(words(table), ", ")))
      ->check(one_of(std::string(name).substr(2), words(table)))
      ->type_name("WORD");
}

}  // namespace

void add_graph(CLI::App& app) {
  CLI::App* cmd =
      app.add_subcommand("graph", "Draw the graph of a model, or compare two (gradus graph diff A B)");
  auto o = std::make_shared<Options>();
  cmd->add_option("model", o->what,
                  fmt::format("{}; a snapshot (.json) or an ONNX file (.onnx); or diff and two of these",
                              fmt::join(graph_model_names(), ", ")))
      ->required()
      ->expected(1, 3)
      ->type_name("");
  cmd->add_option("--format", o->format,
                  "dot, svg, png, pdf, html, json or text (a tree); by default what --out ends in, else dot")
      ->check(one_of("format", kFormats))
      ->default_str("")
      ->type_name("NAME");
  cmd->add_option("--out", o->out,
                  "The file; by default dot, json and text go to the terminal, a picture to MODEL.FORMAT")
      ->default_str("")
      ->type_name("FILE");
  cmd->add_option("--batch-size", o->source.batch, "Rows of the made-up batch")
      ->check(whole_number(1, 100'000))
      ->type_name("N");
  cmd->add_option("--depth", o->depth,
                  "Levels of modules that are opened: auto (what fits a page), all, 0, 1, ...")
      ->check(depth_check())
      ->type_name("N");
  cmd->add_option("--boxes", o->dot.picture.max_boxes, "About how many boxes a page holds, for what is auto")
      ->check(whole_number(1, 1'000'000))
      ->type_name("N");
  add_choice(*cmd, "--fold", o->fold, kChoices, "Draw repeated blocks and steps once");
  add_choice(*cmd, "--views", o->views, kChoices, "Draw reshape, transpose and the like as boxes");
  add_choice(*cmd, "--parameters", o->parameters, kParameters, "Parameters are");
  add_choice(*cmd, "--heat", o->heat, kHeats, "Colour boxes by their share of");
  add_choice(*cmd, "--pass", o->pass, kPasses, "Which ops");
  cmd->add_option("--direction", o->direction, "Where the data flows: down, right")
      ->check(one_of("direction", {"down", "right"}))
      ->type_name("WORD");
  cmd->add_option("--filter", o->filter, "Only nodes with a name, op or module that matches")
      ->default_str("")
      ->type_name("REGEX");
  cmd->add_option("--around", o->around, "Only what is near a node: a name, an op, a module or #NUMBER")
      ->default_str("")
      ->type_name("NODE");
  cmd->add_option("--radius", o->radius, "How near: arrows from it")
      ->check(whole_number(0, 1000))
      ->type_name("N");
  cmd->add_option("--reaching", o->reaching,
                  "Only the way from a node to the result: where its gradient comes from")
      ->default_str("")
      ->type_name("NODE");
  cmd->add_flag("--call-sites", o->dot.call_sites, "Write file and line into the boxes");
  cmd->add_flag("--no-legend", o->no_legend, "Leave the legend out");
  add_model_options(*cmd, o->source.options);
  cmd->callback([o] { run(*o); });
}

}  // namespace gradus::tools
