#include "gradus/graph/write_graph.h"

#include <cgraph.h>
#include <gvc.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "gradus/base/file.h"
#include "gradus/base/format.h"
#include "gradus/graph/html.h"

namespace gradus {
namespace {

constexpr std::string_view kFormats[] = {"svg", "png", "pdf", "dot", "html", "json"};

// A4 with margins of 12 mm, in points.
constexpr double kPageShort = 595 - 68;
constexpr double kPageLong = 842 - 68;
// Fewer boxes than this tell too little; a long picture is better.
constexpr std::size_t kFewBoxes = 8;
// Boxes and arrows. The layout of 1,000 takes Graphviz 2.5 s, and the time grows with more than their square.
constexpr std::size_t kMostElements = 1500;

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

// A text in DOT, laid out.
class Layout {
 public:
  Layout(const std::string& dot, Location where) : where_(where) {
    if (context_ == nullptr) fail("drawn");
    graph_.reset(agmemread(dot.c_str()));
    if (graph_ == nullptr) fail("read");
    if (gvLayout(context_.get(), graph_.get(), "dot") != 0) fail("laid out");
    laid_out_ = true;
  }
  ~Layout() {
    if (laid_out_) gvFreeLayout(context_.get(), graph_.get());
  }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  bool fits_page() const {
    const boxf& b = GD_bb(graph_.get());
    const double w = b.UR.x - b.LL.x, h = b.UR.y - b.LL.y;
    return std::min(w, h) <= kPageShort && std::max(w, h) <= kPageLong;
  }

  std::string render(const char* format) {
    char* data = nullptr;
    unsigned int length = 0;
    if (gvRenderData(context_.get(), graph_.get(), format, &data, &length) != 0 || data == nullptr)
      fail(format);
    const std::unique_ptr<char, void (*)(char*)> owner(data, gvFreeRenderData);
    return {data, length};
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    const std::string why = graphviz_says.empty() ? "it gives no reason" : graphviz_says;
    throw_error<ValueError>(where_, "write_graph", "Graphviz could not draw the graph ({}): {}", what, why);
  }

  const std::lock_guard<std::mutex> lock_{graphviz_mutex};
  const CollectMessages collecting_;
  Location where_;
  std::unique_ptr<GVC_t, int (*)(GVC_t*)> context_{gvContext(), gvFreeContext};
  std::unique_ptr<Agraph_t, int (*)(Agraph_t*)> graph_{nullptr, agclose};
  bool laid_out_ = false;
};

std::string draw(const GraphSnapshot& graph, const char* format, DotOptions options, Location where) {
  GraphPicture picture = make_picture(graph, options.picture);
  if (picture.arrows.size() + picture.boxes.size() > kMostElements) {
    options.picture.depth = PictureOptions::kFit;
    options.picture.max_boxes = PictureOptions().max_boxes;
    options.picture.fold = options.picture.views = Choice::kAuto;
    options.picture.parameters = ParameterStyle::kAuto;
    picture = make_picture(graph, options.picture);
  }
  const auto lay_out = [&](const GraphPicture& p) {
    std::string dot = to_dot(graph, p, options);
    // Screens show about twice Graphviz's 96 points an inch.
    if (std::string_view(format) == "png") dot.insert(dot.find('\n') + 1, "  dpi=160;\n");
    return std::make_unique<Layout>(dot, where);
  };
  std::unique_ptr<Layout> layout = lay_out(picture);
  if (options.picture.depth == PictureOptions::kFit && !layout->fits_page()) {
    layout.reset();
    PictureOptions less = options.picture;
    std::size_t boxes = picture.boxes.size();
    while (boxes > kFewBoxes) {
      less.max_boxes = static_cast<int>(boxes) - 1;
      GraphPicture next = make_picture(graph, less);
      if (next.boxes.size() < kFewBoxes || next.boxes.size() >= boxes) break;
      boxes = next.boxes.size();
      picture = std::move(next);
      layout = lay_out(picture);
      if (layout->fits_page()) return layout->render(format);
      layout.reset();  // Graphviz draws one at a time
    }
    layout = lay_out(picture);
  }
  return layout->render(format);
}

}  // namespace

std::string render_graph(const GraphSnapshot& graph, std::string_view format, const DotOptions& options,
                         Location where) {
  if (format == "dot") return to_dot(graph, options);
  if (format == "json") return to_json(graph);
  if (format == "html") return to_html(graph);
  for (const char* drawn : {"svg", "png", "pdf"}) {
    if (format == drawn) return draw(graph, drawn, options, where);
  }
  throw_error<ValueError>(where, "write_graph", "unknown format \"{}\"; there are {}", format,
                          fmt::join(kFormats, ", "));
}

void write_graph(const GraphSnapshot& graph, const std::string& path, const DotOptions& options,
                 Location where) {
  const std::size_t dot = path.rfind('.');
  const std::string_view format =
      dot == std::string::npos || dot == 0 ? std::string_view() : std::string_view(path).substr(dot + 1);
  if (std::find(std::begin(kFormats), std::end(kFormats), format) == std::end(kFormats)) {
    throw_error<ValueError>(where, "write_graph",
                            "\"{}\" does not end in .svg, .png, .pdf, .dot, .html or .json", path);
  }
  if (const absl::Status s = write_file(path, render_graph(graph, format, options, where)); !s.ok()) {
    throw_error<ValueError>(where, "write_graph", "{}", std::string(s.message()));
  }
}

void write_graph(const Tensor& root, const std::string& path, const DotOptions& options, Location where) {
  write_graph(snapshot(root, {}, where), path, options, where);
}

}  // namespace gradus
