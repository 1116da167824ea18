#include "gradus/graph/dot.h"

#include <algorithm>
#include <cmath>

#include "gradus/base/format.h"
#include "gradus/graph/dot_text.h"

namespace gradus {
namespace {

using namespace dot_text;

// Of a frame in lists that begin with -1, the picture itself.
std::size_t slot(int frame) { return static_cast<std::size_t>(frame) + 1; }

using Snap = GraphSnapshot;
using Box = GraphPicture::Box;

struct Look {
  const char* word;  // in the legend
  const char* attributes;
  const char* fill;
  const char* line;
};
// That of operations is what a node of the file has by itself.
constexpr Look kOpLook = {"operation", "", "#e3effc", "#3f7fc4"};
constexpr Look kParameterLook = {"parameter", ",shape=box,style=filled", "#ffe8c7", "#d9820b"};
constexpr Look kInputLook = {"input", ",shape=box,style=filled", "#e6ebf1", "#7a8899"};
constexpr Look kModuleLook = {"module", ",shape=box,style=\"rounded,filled\",peripheries=2", "#eae6f8",
                              "#7a64b8"};
constexpr Look kRootLook = {"result", ",style=\"rounded,filled,bold\"", "#d9f2dd", "#2f9e4f"};
constexpr Look kBackwardLook = {"backward", "", "#fbe6ee", "#c04f7d"};
constexpr Look kReleasedLook = {"released", ",style=\"rounded,filled,dashed\"", "#f4f4f4", "#9a9a9a"};
constexpr const Look* kLooks[] = {&kParameterLook, &kInputLook,    &kOpLook,  &kModuleLook,
                                  &kBackwardLook,  &kReleasedLook, &kRootLook};

const Look& look_of(const Box& b) {
  switch (b.kind) {
    case GraphPicture::Kind::kParameter:
      return kParameterLook;
    case GraphPicture::Kind::kInput:
      return kInputLook;
    case GraphPicture::Kind::kModule:
      return kModuleLook;
    case GraphPicture::Kind::kOp:
      break;
  }
  if (b.is_root) return kRootLook;
  if (b.released) return kReleasedLook;
  return b.is_backward ? kBackwardLook : kOpLook;
}

constexpr std::size_t kLongText = 40;     // a longer attribute list goes to the tooltip only
constexpr std::size_t kLongTitle = 40;    // a longer title is cut off
constexpr std::size_t kMostLines = 4;     // parameters that are told in a box
constexpr std::size_t kLargeFile = 1000;  // boxes; above it the text is kept short

std::string shortened(std::string_view s) {
  if (s.size() <= kLongTitle) return std::string(s);
  std::size_t end = kLongTitle - 1;
  while (end > 0 && (static_cast<unsigned char>(s[end]) & 0xC0) == 0x80) --end;
  return std::string(s.substr(0, end)) + "\u2026";
}

class Writer {
 public:
  Writer(const Snap& graph, const GraphPicture& picture, const DotOptions& options)
      : g_(graph), p_(picture), o_(options), large_(picture.boxes.size() > kLargeFile) {
    for (const Box& b : p_.boxes) most_ = std::max(most_, heat(b));
    for (const Box& b : p_.boxes) all_ += heat(b);
    out_.reserve(4096 + (large_ ? 320 : 900) * p_.boxes.size());
  }

  std::string write() {
    out_ += "digraph gradus {\n  charset=\"UTF-8\";\n  bgcolor=white; rankdir=";
    out_ += o_.left_to_right ? "LR" : "TB";
    out_ +=
        "; nodesep=0.15; ranksep=0.12; pad=0.1; compound=true; newrank=true;\n"
        "  fontname=\"Helvetica\"; fontsize=9; fontcolor=\"#55606e\";\n"
        "  node [fontname=\"Helvetica\", fontsize=11, fontcolor=\"#1f2933\", penwidth=1.2, height=0.26, "
        "margin=\"0.1,0.02\", shape=box, style=\"rounded,filled\", fillcolor=\"#e3effc\", "
        "color=\"#3f7fc4\"];\n"
        "  edge [fontname=\"Helvetica\", fontsize=9, fontcolor=\"#6b7785\", color=\"#8b97a5\", "
        "arrowsize=0.6];\n";
    legend();
    std::vector<std::vector<int>> boxes(p_.frames.size() + 1), frames(p_.frames.size() + 1);
    for (std::size_t i = 0; i < p_.boxes.size(); ++i)
      boxes[slot(p_.boxes[i].frame)].push_back(static_cast<int>(i));
    for (std::size_t i = 0; i < p_.frames.size(); ++i)
      frames[slot(p_.frames[i].parent)].push_back(static_cast<int>(i));
    frame(-1, 0, boxes, frames);
    for (const GraphPicture::Arrow& a : p_.arrows) arrow(a);
    out_ += "}\n";
    return std::move(out_);
  }

 private:
  const Snap::Node& at(int i) const { return g_.nodes[static_cast<std::size_t>(i)]; }

  double heat(const Box& b) const {
    switch (o_.picture.heat) {
      case Heat::kMemory:
        return static_cast<double>(b.saved_bytes);
      case Heat::kFlops:
        return b.flops;
      case Heat::kTime:
        return static_cast<double>(b.nanoseconds);
      case Heat::kNone:
        break;
    }
    return 0;
  }

  std::string heat_text(const Box& b) const {
    const std::string share = all_ > 0 ? fmt::format(", {:.0f} %", 100 * heat(b) / all_) : "";
    switch (o_.picture.heat) {
      case Heat::kMemory:
        return "keeps " + bytes(b.saved_bytes) + share;
      case Heat::kFlops:
        return count(b.flops) + "FLOP" + share;
      case Heat::kTime:
        return milliseconds(b.nanoseconds) + share;
      case Heat::kNone:
        break;
    }
    return "";
  }

  // White to red by the share of the largest.
  std::string heat_colour(const Box& b) const {
    const double x = most_ > 0 ? std::sqrt(heat(b) / most_) : 0;
    const auto mixed = [x](int from, int to) {
      return from + static_cast<int>(std::lround(x * (to - from)));
    };
    return fmt::format("#{:02x}{:02x}{:02x}", mixed(250, 240), mixed(250, 128), mixed(250, 100));
  }

  void frame(int f, int depth, const std::vector<std::vector<int>>& boxes,
             const std::vector<std::vector<int>>& frames) {
    if (f >= 0) {
      const GraphPicture::Frame& fr = p_.frames[static_cast<std::size_t>(f)];
      out_ += fmt::format("  subgraph cluster_{} {{\n  label=<", f);
      add_html(out_, shortened(fr.title));
      if (fr.repeats > 1) {
        out_ += fmt::format("{}<b>\u00D7 {}</b>", fr.title.empty() ? "" : " ", fr.repeats);
      }
      out_ += fmt::format(
          ">; labelloc=t; labeljust=l; fontsize=10; margin=6; style=\"rounded,filled\"; "
          "color=\"{}\"; penwidth={}; fillcolor=\"{}\"; tooltip=\"",
          fr.repeats > 1 ? "#7a64b8" : "#c3cad3", fr.repeats > 1 ? "1.4" : "0.8",
          depth % 2 == 1 ? "#f7f8fa" : "#fdfdfe");
      add_quoted(out_, fr.path.empty() ? fr.title : fr.path);
      if (fr.repeats > 1) out_ += fmt::format("\\nthe same {} times, drawn once", fr.repeats);
      out_ += "\";\n";
    }
    for (const int b : boxes[slot(f)]) box(b);
    for (const int k : frames[slot(f)]) frame(k, depth + 1, boxes, frames);
    if (f >= 0) out_ += "  }\n";
  }

  void line(std::string_view text, const char* fill = nullptr) {
    if (fill != nullptr) {
      rows_ +=
          fmt::format("<tr><td bgcolor=\"{}\"><font point-size=\"9\" color=\"#5a4a2f\">{}</font></td></tr>",
                      fill, html(text));
    } else {
      rows_ +=
          fmt::format("<tr><td><font point-size=\"9\" color=\"#55606e\">{}</font></td></tr>", html(text));
    }
  }

  // Side by side where there is room. Names are those inside of the op's module.
  void parameter_lines(const Box& b, std::string_view module) {
    std::string text;
    std::size_t told = 0;
    for (const int p : b.parameters) {
      if (told == kMostLines) {
        text += fmt::format(", {} more", b.parameters.size() - told);
        break;
      }
      ++told;
      std::string_view name = at(p).name();
      if (!module.empty() && name.starts_with(module) && name[module.size()] == '.')
        name.remove_prefix(module.size() + 1);
      const std::string next = fmt::format("{} {}", shortened(name), sizes(at(p).outputs[0]));
      if (!text.empty() && text.size() + next.size() > kLongText) {
        line(text, kParameterLook.fill);
        text.clear();
      }
      text += text.empty() ? next : ", " + next;
    }
    if (!text.empty()) line(text, kParameterLook.fill);
  }

  void label(const Box& b) {
    rows_.clear();
    std::string title;
    const bool is_leaf = b.kind == GraphPicture::Kind::kParameter || b.kind == GraphPicture::Kind::kInput;
    if (is_leaf) {
      const Snap::Node& n = at(b.node);
      const bool has_name = !n.name().empty();
      const char* word = b.kind == GraphPicture::Kind::kParameter ? "parameter" : "input";
      title = fmt::format("<b>{}</b>", html(shortened(has_name ? std::string_view(n.name()) : word)));
      line(fmt::format("{} {}", sizes(n.outputs[0]), gradus::name(n.outputs[0].dtype)));
    } else if (b.kind == GraphPicture::Kind::kModule) {
      title = fmt::format("<b>{}</b>", html(shortened(b.title)));
      std::string text = fmt::format("{} operation{}", b.operations, b.operations == 1 ? "" : "s");
      if (b.parameter_elements > 0)
        text += fmt::format(" \u00B7 {} parameters", count(static_cast<double>(b.parameter_elements)));
      line(text);
    } else {
      const Snap::Node& n = at(b.node);
      title = fmt::format("<b>{}</b>", html(shortened(b.title)));
      if (!b.module.empty())
        title += fmt::format(" <font color=\"#7a64b8\">{}</font>", html(shortened(b.module)));
      if (!n.name().empty()) title += fmt::format(" <i>{}</i>", html(shortened(n.name())));
      if (!p_.compact) {
        const std::string attributes = attributes_text(n);
        if (!attributes.empty() && attributes.size() <= kLongText) line(attributes);
      }
      if (n.is_root) line(fmt::format("{} {}", sizes(n.outputs[0]), gradus::name(n.outputs[0].dtype)));
      parameter_lines(b, n.module);
      for (std::size_t i = 0; i < std::min<std::size_t>(p_.compact ? 0 : 2, b.constants.size()); ++i)
        line(fmt::format("constant {}", sizes(at(b.constants[i]).outputs[0])), kInputLook.fill);
      if (o_.call_sites && !n.where.empty()) line(n.where);
    }
    if (!is_leaf && o_.picture.heat != Heat::kNone) line(heat_text(b));
    if (b.repeats > 1) title += fmt::format(" <font color=\"#7a64b8\"><b>\u00D7 {}</b></font>", b.repeats);
    if (rows_.empty()) {
      out_ += title;
    } else {
      out_ += "<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"";
      out_ += p_.compact ? '0' : '1';  // a deep model is a long column
      out_ += "\"><tr><td>";
      out_ += title;
      out_ += "</td></tr>";
      out_ += rows_;
      out_ += "</table>";
    }
  }

  void tooltip(const Box& b) {
    std::string text;
    if (b.node >= 0) {
      const Snap::Node& n = at(b.node);
      text = b.kind == GraphPicture::Kind::kParameter ? "parameter"
             : b.kind == GraphPicture::Kind::kInput   ? "input"
                                                      : n.op;
      if (!n.name().empty()) text += fmt::format(" \"{}\"", n.name());
      if (!n.module.empty()) text += fmt::format("\nin {}", n.module);
      const std::string attributes = attributes_text(n);
      if (!attributes.empty()) text += "\n" + attributes;
      for (const Snap::Value& v : n.outputs) text += fmt::format("\n{} {}", sizes(v), gradus::name(v.dtype));
      for (const int p : b.parameters)
        text += fmt::format("\nreads {} {}", at(p).name(), sizes(at(p).outputs[0]));
      if (!n.where.empty()) text += fmt::format("\nrecorded at {}", n.where);
      if (n.released) text += "\nreleased by a backward: what came before is no longer known";
    } else {
      text = b.module.empty() ? b.title : b.module;
      text += fmt::format("\n{} operations", b.operations);
      if (b.parameter_elements > 0) text += fmt::format("\n{} parameters", b.parameter_elements);
    }
    if (b.repeats > 1) text += fmt::format("\nthe same {} times, drawn once", b.repeats);
    if (b.flops > 0) text += fmt::format("\n{}FLOP", count(b.flops));
    if (b.saved_bytes > 0) text += fmt::format("\nkeeps {} for backward", bytes(b.saved_bytes));
    if (b.nanoseconds > 0) text += fmt::format("\n{} forward and backward", milliseconds(b.nanoseconds));
    add_quoted(out_, text);
  }

  void box(int i) {
    const Box& b = p_.boxes[static_cast<std::size_t>(i)];
    out_ += "  n";
    out_ += fmt::format_int(i).c_str();
    if (large_) return short_box(b);
    out_ += " [label=<";
    label(b);
    out_ += '>';
    const Look& look = look_of(b);
    const bool hot = o_.picture.heat != Heat::kNone && b.operations > 0;
    out_ += look.attributes;
    if (hot) {
      out_ += fmt::format(",fillcolor=\"{}\",color=\"{}\"", heat_colour(b), look.line);
    } else if (&look != &kOpLook) {
      out_ += fmt::format(",fillcolor=\"{}\",color=\"{}\"", look.fill, look.line);
    }
    out_ += ",tooltip=\"";
    tooltip(b);
    out_ += "\"];\n";
  }

  // What thousands of boxes need, without formatted text.
  void short_box(const Box& b) {
    const Look& look = look_of(b);
    out_ += " [label=\"";
    if (b.node >= 0) {
      const Snap::Node& n = at(b.node);
      add_quoted(out_, n.is_leaf() ? n.name() : b.title);
      if (!n.is_leaf() && !n.name().empty()) {
        out_ += ' ';
        add_quoted(out_, n.name());
      }
      if (b.repeats > 1) {
        out_ += " \u00D7 ";
        out_ += fmt::format_int(b.repeats).c_str();
      }
      if (n.is_leaf() || n.is_root) {
        out_ += "\\n";
        add_sizes(out_, n.outputs[0]);
        out_ += ' ';
        out_ += gradus::name(n.outputs[0].dtype);
      }
    } else {
      add_quoted(out_, b.title);
    }
    out_ += '"';
    if (&look != &kOpLook) {
      out_ += look.attributes;
      out_ += ",fillcolor=\"";
      out_ += look.fill;
      out_ += "\",color=\"";
      out_ += look.line;
      out_ += '"';
    }
    out_ += ",tooltip=\"";
    if (b.node >= 0) {
      const Snap::Node& n = at(b.node);
      add_quoted(out_, n.module.empty() ? n.op : n.module);
      for (const Snap::Attribute& a : n.attributes) {
        out_ += "\\n";
        add_quoted(out_, a.name);
        out_ += '=';
        add_quoted(out_, a.text);
      }
      if (!n.where.empty()) {
        out_ += "\\nrecorded at ";
        add_quoted(out_, n.where);
      }
    } else {
      add_quoted(out_, b.module);
    }
    out_ += "\"];\n";
  }

  void arrow(const GraphPicture::Arrow& a) {
    const Box& from = p_.boxes[static_cast<std::size_t>(a.from)];
    const Box& to = p_.boxes[static_cast<std::size_t>(a.to)];
    const bool from_leaf =
        from.kind == GraphPicture::Kind::kParameter || from.kind == GraphPicture::Kind::kInput;
    out_ += "  n";
    out_ += fmt::format_int(a.from).c_str();
    out_ += " -> n";
    out_ += fmt::format_int(a.to).c_str();
    // Leaves say their sizes themselves. Graphviz keeps heavy edges short and straight: the way of the data
    // through the ops is a column, with the leaves beside it.
    out_ += " [";
    if (!from_leaf) {
      out_ += "label=\" ";
      add_sizes(out_, a.values[0]);
      if (a.tensors > 1 && a.values.size() == 1) {
        out_ += "  (";
        out_ += fmt::format_int(a.tensors).c_str();
        out_ += ')';
      } else if (a.values.size() > 1) {
        out_ += ", ";
        add_sizes(out_, a.values[1]);
        if (a.values.size() > 2) out_ += ", \u2026";
      }
      out_ += " \",weight=8";
    }
    if (a.indirect) out_ += from_leaf ? "style=dashed" : ",style=dashed";
    if (!large_) {
      if (!from_leaf || a.indirect) out_ += ',';
      out_ += "tooltip=\"";
      for (std::size_t i = 0; i < a.values.size(); ++i) {
        if (i > 0) out_ += "\\n";
        add_sizes(out_, a.values[i]);
        out_ += ' ';
        out_ += gradus::name(a.values[i].dtype);
      }
      if (a.tensors == 1) {
        out_ += ", input ";
        out_ += fmt::format_int(a.input).c_str();
        out_ += " of ";
      } else {
        out_ += fmt::format(", {} tensors to ", a.tensors);
      }
      add_quoted(out_, to.title);
      if (a.indirect) out_ += ", through ops that are not drawn";
      out_ += '"';
    }
    out_ += "];\n";
  }

  // One row of coloured cells, below the drawing: only what occurs.
  void legend() {
    std::string cells;
    for (const Look* look : kLooks) {
      const bool told =
          look == &kParameterLook &&
          std::any_of(p_.boxes.begin(), p_.boxes.end(), [](const Box& b) { return !b.parameters.empty(); });
      const bool used = told || std::any_of(p_.boxes.begin(), p_.boxes.end(),
                                            [&](const Box& b) { return &look_of(b) == look; });
      if (!used) continue;
      cells += fmt::format("<td bgcolor=\"{}\" border=\"1\" color=\"{}\"> {} </td>", look->fill, look->line,
                           look->word);
    }
    std::string rows;
    const auto text = [&rows](std::string_view s, int size, int height) {
      rows += fmt::format(
          "<tr><td height=\"{}\" valign=\"bottom\"><font point-size=\"{}\" "
          "color=\"#1f2933\">{}</font></td></tr>",
          height, size, html(s));
    };
    const std::string& title = o_.title.empty() ? g_.title : o_.title;
    const bool tells = o_.legend && p_.folded;
    if (!title.empty() || tells) {
      rows += "<tr><td height=\"20\" valign=\"bottom\">";
      if (!title.empty())
        rows += fmt::format("<font point-size=\"13\" color=\"#1f2933\">{}</font>  ", html(title));
      if (tells) {
        rows += fmt::format("{} operations in {} boxes; \u201C\u00D7 n\u201D: drawn once for n alike",
                            p_.operations, p_.boxes.size());
      }
      rows += "</td></tr>";
    }
    if (o_.legend) {
      if (o_.picture.heat != Heat::kNone && all_ > 0) {
        text(o_.picture.heat == Heat::kMemory  ? "colour: bytes kept for backward"
             : o_.picture.heat == Heat::kFlops ? "colour: floating-point operations"
                                               : "colour: time, forward and backward",
             9, 12);
      }
      if (!cells.empty()) {
        rows += fmt::format(
            "<tr><td><table border=\"0\" cellborder=\"0\" cellspacing=\"6\" cellpadding=\"2\"><tr>{}</tr>"
            "</table></td></tr>",
            cells);
      }
    }
    if (rows.empty()) return;
    out_ += fmt::format(
        "  labelloc=b;\n"
        "  label=<<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"1\">{}</table>>;\n",
        rows);
  }

  const Snap& g_;
  const GraphPicture& p_;
  const DotOptions& o_;
  bool large_;
  double most_ = 0, all_ = 0;
  std::string out_, rows_;
};

}  // namespace

std::string to_dot(const GraphSnapshot& graph, const GraphPicture& picture, const DotOptions& options) {
  return Writer(graph, picture, options).write();
}

std::string to_dot(const GraphSnapshot& graph, const DotOptions& options) {
  return to_dot(graph, make_picture(graph, options.picture), options);
}

}  // namespace gradus
