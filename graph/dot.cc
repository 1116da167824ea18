#include "gradus/graph/dot.h"

#include <algorithm>

#include "gradus/base/format.h"

namespace gradus {
namespace {

struct Look {
  const char* word;  // in the legend
  const char* shape;
  const char* style;
  const char* fill;
  const char* line;
};
constexpr Look kParameterLook = {"parameter", "box", "filled", "#ffe8c7", "#d9820b"};
constexpr Look kConstantLook = {"input", "ellipse", "filled", "#e6ebf1", "#7a8899"};
constexpr Look kOpLook = {"operation", "box", "rounded,filled", "#e3effc", "#3f7fc4"};
constexpr Look kRootLook = {"result", "box", "rounded,filled,bold", "#d9f2dd", "#2f9e4f"};
constexpr Look kReleasedLook = {"released", "box", "rounded,filled,dashed", "#f4f4f4", "#9a9a9a"};

const Look& look_of(const GraphSnapshot::Node& n) {
  if (n.kind == GraphSnapshot::Kind::kParameter) return kParameterLook;
  if (n.kind == GraphSnapshot::Kind::kConstant) return kConstantLook;
  if (n.is_root) return kRootLook;
  return n.released ? kReleasedLook : kOpLook;
}

// The length of the UTF-8 sequence at s[i], 0 where it is none.
std::size_t utf8_length(std::string_view s, std::size_t i) {
  const auto c = static_cast<unsigned char>(s[i]);
  const std::size_t n = c < 0x80 ? 1 : (c >> 5) == 6 ? 2 : (c >> 4) == 14 ? 3 : (c >> 3) == 30 ? 4 : 0;
  if (n == 0 || i + n > s.size() || c == 0xC0 || c == 0xC1 || c > 0xF4) return 0;
  for (std::size_t k = 1; k < n; ++k) {
    if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return 0;
  }
  return n;
}

// `special` gives the replacement of an ASCII character, or nullptr.
template <class F>
std::string escape(std::string_view s, F special) {
  std::string out;
  for (std::size_t i = 0; i < s.size();) {
    const std::size_t n = utf8_length(s, i);
    if (n == 0) {
      out += "\xEF\xBF\xBD";  // U+FFFD for a byte that is no text
      ++i;
      continue;
    }
    const char* replacement = n == 1 ? special(s[i]) : nullptr;
    if (replacement != nullptr) {
      out += replacement;
    } else if (n == 1 && (static_cast<unsigned char>(s[i]) < 0x20 || s[i] == 0x7F)) {
      out += ' ';
    } else {
      out += s.substr(i, n);
    }
    i += n;
  }
  return out;
}

// Inside a label <...>.
std::string html(std::string_view s) {
  return escape(s, [](char c) -> const char* {
    switch (c) {
      case '&':
        return "&amp;";
      case '<':
        return "&lt;";
      case '>':
        return "&gt;";
      case '"':
        return "&quot;";
      case '\n':
        return "<br/>";
      default:
        return nullptr;
    }
  });
}

// Inside "...", where Graphviz also reads backslashes.
std::string quoted(std::string_view s) {
  return escape(s, [](char c) -> const char* {
    switch (c) {
      case '"':
        return "\\\"";
      case '\\':
        return "\\\\";
      case '\n':
        return "\\n";
      default:
        return nullptr;
    }
  });
}

// "32 × 784"
std::string sizes(const GraphSnapshot::Value& v) {
  if (v.shape.empty()) return "scalar";
  return fmt::format("{}", fmt::join(v.shape.begin(), v.shape.end(), " \u00D7 "));
}

std::string bytes(std::int64_t n) {
  if (n < 1024) return fmt::format("{} B", n);
  if (n < 1024 * 1024) return fmt::format("{:.1f} KiB", static_cast<double>(n) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(n) / (1024 * 1024));
}

// What the node is, where it has no name.
std::string word_of(const GraphSnapshot::Node& n) {
  switch (n.kind) {
    case GraphSnapshot::Kind::kParameter:
      return "parameter";
    case GraphSnapshot::Kind::kConstant:
      return "input";
    case GraphSnapshot::Kind::kOp:
      break;
  }
  return n.label;
}

constexpr std::size_t kLongText = 48;  // a longer attribute list goes to the tooltip only

std::string label(const GraphSnapshot::Node& n) {
  std::string small;
  auto line = [&small](std::string_view text) {
    small += fmt::format("<br/><font point-size=\"9\" color=\"#55606e\">{}</font>", html(text));
  };
  if (n.kind != GraphSnapshot::Kind::kOp) {
    line(fmt::format("{} {}", sizes(n.outputs[0]), name(n.outputs[0].dtype)));
    const std::string title = n.name.empty() ? word_of(n) : n.name;
    return fmt::format("<b>{}</b>{}", html(title), small);
  }
  if (!n.attrs.empty() && n.attrs.size() <= kLongText) line(n.attrs);
  if (n.is_root) line(fmt::format("{} {}", sizes(n.outputs[0]), name(n.outputs[0].dtype)));
  std::string title = fmt::format("<b>{}</b>", html(n.label));
  if (!n.name.empty()) title += fmt::format(" <i>{}</i>", html(n.name));
  return title + small;
}

std::string tooltip(const GraphSnapshot::Node& n) {
  std::string text = word_of(n);
  if (!n.name.empty()) text += fmt::format(" \"{}\"", n.name);
  if (!n.attrs.empty()) text += fmt::format("\n{}", n.attrs);
  for (const GraphSnapshot::Value& v : n.outputs) text += fmt::format("\n{} {}", sizes(v), name(v.dtype));
  if (!n.where.empty()) text += fmt::format("\nrecorded at {}", n.where);
  if (n.saved_bytes > 0) text += fmt::format("\nkeeps {} for backward", bytes(n.saved_bytes));
  if (n.released) text += "\nreleased by a backward: what came before is no longer known";
  return text;
}

// One row of coloured cells, below the drawing: only what occurs.
std::string legend(const GraphSnapshot& graph, const DotOptions& options) {
  std::string cells;
  for (const Look* look : {&kParameterLook, &kConstantLook, &kOpLook, &kRootLook, &kReleasedLook}) {
    const bool used = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                  [&](const GraphSnapshot::Node& n) { return &look_of(n) == look; });
    if (!used) continue;
    cells += fmt::format("<td bgcolor=\"{}\" border=\"1\" color=\"{}\"> {} </td>", look->fill, look->line,
                         look->word);
  }
  std::string rows;
  if (!options.title.empty()) {
    rows += fmt::format(
        "<tr><td height=\"30\" valign=\"bottom\"><font point-size=\"13\" "
        "color=\"#1f2933\">{}</font></td></tr>",
        html(options.title));
  }
  if (options.legend && !cells.empty()) {
    rows += fmt::format(
        "<tr><td><table border=\"0\" cellborder=\"0\" cellspacing=\"6\" cellpadding=\"3\"><tr>{}</tr></table>"
        "</td></tr>",
        cells);
  }
  if (rows.empty()) return "";
  return fmt::format(
      "  labelloc=b;\n"
      "  label=<<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"2\">{}</table>>;\n",
      rows);
}

}  // namespace

std::string to_dot(const GraphSnapshot& graph, const DotOptions& options) {
  std::string out =
      "digraph gradus {\n"
      "  charset=\"UTF-8\";\n"
      "  bgcolor=white; rankdir=TB; nodesep=0.3; ranksep=0.35; pad=0.2;\n"
      "  fontname=\"Helvetica\"; fontsize=9; fontcolor=\"#55606e\";\n"
      "  node [fontname=\"Helvetica\", fontsize=11, fontcolor=\"#1f2933\", penwidth=1.2, height=0.3, "
      "margin=\"0.12,0.05\"];\n"
      "  edge [fontname=\"Helvetica\", fontsize=9, fontcolor=\"#6b7785\", color=\"#8b97a5\", "
      "arrowsize=0.6];\n";
  out += legend(graph, options);
  for (const GraphSnapshot::Node& n : graph.nodes) {
    const Look& look = look_of(n);
    out += fmt::format(
        "  n{} [label=<{}>, shape={}, style=\"{}\", fillcolor=\"{}\", color=\"{}\", tooltip=\"{}\"];\n", n.id,
        label(n), look.shape, look.style, look.fill, look.line, quoted(tooltip(n)));
  }
  for (const GraphSnapshot::Edge& e : graph.edges) {
    const std::string text = sizes(e.value);
    const GraphSnapshot::Node& from = graph.nodes[static_cast<std::size_t>(e.from)];
    const bool from_op = from.kind == GraphSnapshot::Kind::kOp;
    // Leaves say their sizes themselves. Graphviz keeps heavy edges short and straight: the way of the data
    // through the ops is a column, with the leaves beside it.
    out += fmt::format("  n{} -> n{} [label=\"{}\", weight={}, tooltip=\"{} {}, input {} of {}\"];\n", e.from,
                       e.to, from_op ? " " + text + " " : "", from_op ? 8 : 1, text, name(e.value.dtype),
                       e.input, quoted(graph.nodes[static_cast<std::size_t>(e.to)].label));
  }
  return out + "}\n";
}

}  // namespace gradus
