// Drawings: what a snapshot becomes as DOT text, that Graphviz takes it, and files that cannot be written.
#include "gradus/graph/dot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "gradus/base/file.h"
#include "gradus/graph/write_graph.h"
#include "message.h"
#include "test_ops.h"

namespace gradus {
namespace {

using test_ops::message_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

GraphSnapshot leaf(GraphSnapshot::Kind kind, std::string name) {
  GraphSnapshot graph;
  GraphSnapshot::Node n;
  n.kind = kind;
  n.is_root = true;
  n.outputs.push_back({Shape{2, 3}, DType::f32, std::move(name)});
  graph.nodes.push_back(std::move(n));
  return graph;
}

// w [2, 3] --> op "name", the result
GraphSnapshot one_op() {
  GraphSnapshot graph = leaf(GraphSnapshot::Kind::kParameter, "w");
  graph.nodes[0].is_root = false;
  GraphSnapshot::Node op;
  op.op = "sum";
  op.attributes.push_back({"keepdim", AttrType::boolean, "true", 1, 0, {}});
  op.inputs.push_back({0, 0});
  op.where = "model.cc:31";
  op.is_root = true;
  op.outputs.push_back({Shape{}, DType::f32, "loss"});
  graph.nodes.push_back(std::move(op));
  return graph;
}

TEST(Dot, NodesSayNameSizeAndDtype) {
  EXPECT_THAT(to_dot(one_op()),
              AllOf(StartsWith("digraph gradus {\n"), HasSubstr("<b>w</b>"), HasSubstr("2 × 3 f32"),
                    HasSubstr("<b>sum</b> <i>loss</i>"), HasSubstr("keepdim=true"), HasSubstr("scalar f32"),
                    HasSubstr("recorded at model.cc:31"), HasSubstr("n1 -> n0 ")));
}

TEST(Dot, LeavesWithoutANameSayWhatTheyAre) {
  EXPECT_THAT(to_dot(leaf(GraphSnapshot::Kind::kParameter, "")), HasSubstr("<b>parameter</b>"));
  EXPECT_THAT(to_dot(leaf(GraphSnapshot::Kind::kConstant, "")), HasSubstr("<b>input</b>"));
}

TEST(Dot, TheLegendHasWhatOccurs) {
  EXPECT_THAT(to_dot(one_op()), AllOf(HasSubstr("> parameter <"), HasSubstr("> result <"),
                                      Not(HasSubstr("> input <")), Not(HasSubstr("> released <"))));
  EXPECT_THAT(to_dot(one_op(), {.legend = false}), Not(HasSubstr("> parameter <")));
  EXPECT_THAT(to_dot(one_op(), {.title = "a < b"}), HasSubstr("a &lt; b"));
}

class Drawing : public testing::Test {
 protected:
  Drawing()
      : folder_(
            (std::filesystem::temp_directory_path() / ("gradus_dot_" + std::to_string(getpid()))).string()) {
    std::filesystem::create_directories(folder_);
  }
  ~Drawing() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::size_t files() const {
    const std::filesystem::directory_iterator all(folder_);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

  std::string folder_;
};

// A name is text of the user's: nothing in it may end the label or break the file.
TEST_F(Drawing, AnyNameIsDrawn) {
  for (const std::string name : {"a\"b", "<b>", "x & y", "back\\slash", "two\nlines", "\x01", "\xff\xfe",
                                 "größe", "\\N", "]; }", "-->"}) {
    const Tensor t = empty({2}).name(name);
    write_graph(t, path("name.svg"));
    const absl::StatusOr<std::string> svg = read_file(path("name.svg"));
    ASSERT_TRUE(svg.ok()) << svg.status();
    EXPECT_THAT(
        *svg, AllOf(HasSubstr("<svg"), HasSubstr("</svg>"), Not(HasSubstr("\x01")), Not(HasSubstr("\xff"))));
  }
  write_graph(empty({2}).name("größe <1> & \"2\""), path("name.svg"));
  EXPECT_THAT(*read_file(path("name.svg")), HasSubstr("größe &lt;1&gt; &amp; &quot;2&quot;"));
}

TEST_F(Drawing, EveryFormat) {
  const Tensor t = empty({2}).name("t");
  const std::pair<const char*, const char*> kBegins[] = {{"a.svg", "<?xml"},
                                                         {"a.png", "\x89PNG"},
                                                         {"a.pdf", "%PDF"},
                                                         {"a.dot", "digraph"},
                                                         {"a.json", "{\"format\""}};
  for (const auto& [name, begin] : kBegins) {
    write_graph(t, path(name));
    EXPECT_THAT(*read_file(path(name)), StartsWith(begin)) << name;
  }
}

TEST_F(Drawing, ErrorsLeaveNoFile) {
  const Tensor t = empty({2});
  EXPECT_THAT(message_of<ValueError>([&] { write_graph(t, path("a.gif")); }),
              HasSubstr("write_graph: \"" + path("a.gif") +
                        "\" does not end in .svg, .png, .pdf, .dot, .html or .json"));
  EXPECT_THAT(message_of<ValueError>([&] { write_graph(t, path("none/a.svg")); }),
              HasSubstr("cannot write " + path("none/a.svg") + ": No such file or directory"));
  EXPECT_THAT(message_of<ValueError>([&] { write_graph(Tensor(), path("a.svg")); }),
              HasSubstr("an empty handle"));
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace gradus
