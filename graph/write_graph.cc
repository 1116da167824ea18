#include "gradus/graph/write_graph.h"

#include <cgraph.h>
#include <gvc.h>

#include <memory>
#include <mutex>

#include "gradus/base/file.h"
#include "gradus/base/format.h"
#include "gradus/graph/dot.h"

namespace gradus {
namespace {

// Graphviz reports through a process-wide callback and is not safe from two threads.
std::mutex graphviz_mutex;
std::string graphviz_says;

int collect(char* text) {
  graphviz_says += text;
  return 0;
}

struct CollectMessages {
  CollectMessages() : before(agseterrf(collect)) { graphviz_says.clear(); }
  ~CollectMessages() { agseterrf(before); }
  CollectMessages(const CollectMessages&) = delete;
  CollectMessages& operator=(const CollectMessages&) = delete;
  agusererrf before;
};

std::string render(const std::string& dot, const char* format, Location where) {
  const std::lock_guard lock(graphviz_mutex);
  const CollectMessages collecting;
  auto fail = [&]() {
    const std::string why = graphviz_says.empty() ? "it gives no reason" : graphviz_says;
    throw_error<ValueError>(where, "write_graph", "Graphviz could not draw the graph as {}: {}", format, why);
  };

  const std::unique_ptr<GVC_t, int (*)(GVC_t*)> context(gvContext(), gvFreeContext);
  if (context == nullptr) fail();
  const std::unique_ptr<Agraph_t, int (*)(Agraph_t*)> graph(agmemread(dot.c_str()), agclose);
  if (graph == nullptr) fail();
  if (gvLayout(context.get(), graph.get(), "dot") != 0) fail();
  auto free_layout = [&context](Agraph_t* g) { gvFreeLayout(context.get(), g); };
  const std::unique_ptr<Agraph_t, decltype(free_layout)> layout(graph.get(), free_layout);
  char* data = nullptr;
  unsigned int length = 0;
  if (gvRenderData(context.get(), graph.get(), format, &data, &length) != 0 || data == nullptr) fail();
  const std::unique_ptr<char, void (*)(char*)> owner(data, gvFreeRenderData);
  return {data, length};
}

bool ends_with(std::string_view s, std::string_view end) {
  return s.size() > end.size() && s.substr(s.size() - end.size()) == end;
}

}  // namespace

void write_graph(const Tensor& root, const std::string& path, const WriteGraphOptions& options,
                 Location where) {
  const char* format = ends_with(path, ".dot")   ? "dot"
                       : ends_with(path, ".svg") ? "svg"
                       : ends_with(path, ".png") ? "png"
                                                 : nullptr;
  if (format == nullptr) {
    throw_error<ValueError>(where, "write_graph", "\"{}\" does not end in .dot, .svg or .png", path);
  }
  const GraphSnapshot graph = snapshot(root, where);
  const bool draws = !ends_with(path, ".dot");
  if (draws && static_cast<std::int64_t>(graph.nodes.size()) > options.max_nodes) {
    throw_error<ValueError>(
        where, "write_graph",
        "the graph has {} nodes, more than max_nodes = {}: its layout would take very long "
        "and could not be read; write a .dot file, or draw a smaller part",
        graph.nodes.size(), options.max_nodes);
  }
  std::string data = to_dot(graph, {.title = options.title});
  if (draws) {
    // Screens show about twice Graphviz's 96 points an inch.
    if (ends_with(path, ".png")) data.insert(data.find('\n') + 1, "  dpi=160;\n");
    data = render(data, format, where);
  }
  if (const absl::Status s = write_file(path, data); !s.ok()) {
    throw_error<ValueError>(where, "write_graph", "{}", std::string(s.message()));
  }
}

}  // namespace gradus
