// gradus onnx: ONNX's own cases (package libonnx-testdata), with the counts that must not fall, and the command
// line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "gradus/graph/recording.h"
#include "gradus/ops/creation.h"
#include "gradus/tools/onnx_case.h"
#include "tool.h"

namespace gradus::tools {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string kData = "/usr/share/libonnx-testdata/data/";

struct Suite {
  std::map<CaseOutcome, int> counts;
  std::vector<std::string> failed;
  std::set<std::string> random;
};

Suite run_all(const std::string& folder) {
  const NoGrad no_grad;
  Suite s;
  for (const std::string& path : find_cases(kData + folder)) {
    const CaseResult r = run_case(path);
    ++s.counts[r.outcome];
    if (r.outcome == CaseOutcome::failed) s.failed.push_back(r.name + ": " + r.why);
    if (r.outcome == CaseOutcome::random) s.random.insert(r.name);
    if (r.outcome == CaseOutcome::unsupported) EXPECT_THAT(r.why, HasSubstr("unsupported: ")) << r.name;
  }
  return s;
}

TEST(OnnxSuite, NodeCases) {
  ASSERT_TRUE(std::filesystem::exists(kData)) << "install libonnx-testdata (tools/packages.sh test)";
  const Suite s = run_all("node");
  EXPECT_THAT(s.failed, IsEmpty());
  EXPECT_GE(s.counts.at(CaseOutcome::passed), kNodeCases);
}

}  // namespace
}  // namespace gradus::tools
