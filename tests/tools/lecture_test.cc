// gradus lecture: what it lists, leaves and refuses. That the claims hold is tested in tests/zoo.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tool.h"

namespace gradus::tools {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

TEST(Lecture, ListNamesTheLessonsInOrder) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"lecture", "list"});
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, StartsWith("one-variable "));
  EXPECT_LT(o.out.find("\nmany-variables "), o.out.find("\nsum-or-mean "));
}

TEST(Lecture, LeavesTablesPicturesAndChecks) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"lecture", "one-variable", "--start", "-4"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, AllOf(HasSubstr("holds "), Not(HasSubstr("FAILS")),
                           HasSubstr("written to out/lecture/one-variable")));
  EXPECT_THAT(files_in(folder / "out/lecture/one-variable"),
              ElementsAre("checks.csv", "descents.csv", "descents.html", "descents.png", "descents.svg",
                          "errors.csv", "path.csv", "path.png", "path.svg", "rates.csv"));
  EXPECT_THAT(read_all(folder / "out/lecture/one-variable/path.csv"), StartsWith("step,x,y\n0,-4,18\n"));
  EXPECT_THAT(read_all(folder / "out/lecture/one-variable/path.svg"), HasSubstr("</svg>"));
  EXPECT_THAT(read_all(folder / "out/lecture/one-variable/path.png"), StartsWith("\x89PNG"));
  // A frame for each of 20 steps and one for the start.
  const std::string moving = read_all(folder / "out/lecture/one-variable/descents.html");
  EXPECT_THAT(moving, AllOf(HasSubstr("max=\"20\""), HasSubstr("const frames = [\n'"),
                            HasSubstr("data:image/svg+xml;base64,")));
}

TEST(Lecture, WithoutGnuplotTheNumbersStay) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"lecture", "one-variable", "--out", "out"},
                             /*path_variable=*/folder.path());
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.err, HasSubstr("no path.svg: gnuplot is not installed (package gnuplot-nox)"));
  EXPECT_THAT(files_in(folder / "out"),
              ElementsAre("checks.csv", "descents.csv", "errors.csv", "path.csv", "rates.csv"));
}

TEST(Lecture, WrongInputIsOneLineAndNoFile) {
  const TemporaryFolder folder;
  const auto refuses = [&](const std::vector<std::string>& args, const std::string& message) {
    const Outcome o = run_tool(folder.path(), args);
    EXPECT_EQ(o.code, 2);
    EXPECT_THAT(o.err, StartsWith(message));
    EXPECT_THAT(files_in(folder.path()), IsEmpty());
  };
  refuses({"lecture"}, "gradus lecture: which command? One of list, all, one-variable, ");
  refuses({"lecture", "one-varaible"},
          "gradus lecture: unknown command 'one-varaible'; did you mean one-variable?");
  refuses({"lecture", "one-variable", "--strat", "1"},
          "gradus lecture one-variable: unknown option '--strat'; did you mean --start?");
  refuses({"lecture", "one-variable", "--lr", "9"},
          "gradus lecture one-variable: --lr: '9' is not a number from ");
  refuses({"lecture", "sum-or-mean", "--data", "/nowhere"}, "gradus lecture sum-or-mean: /nowhere: neither ");
  refuses({"lecture", "sum-or-mean", "--batch-size", "7"},
          "gradus lecture sum-or-mean: --images must be a multiple of --batch-size");
}

TEST(Lecture, AllWritesAPage) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), {"lecture", "all", "--quick", "--out", "all"});
  EXPECT_EQ(o.code, 0) << o.err;
  const std::string page = read_all(folder / "all/index.html");
  EXPECT_THAT(page, AllOf(HasSubstr("<h2 id=\"one-variable\">"), HasSubstr("src=\"one-variable/path.svg\""),
                          Not(HasSubstr("NO</td>"))));
  EXPECT_TRUE(std::filesystem::exists(folder / "all/many-variables/basins.svg"));
}

}  // namespace
}  // namespace gradus::tools
