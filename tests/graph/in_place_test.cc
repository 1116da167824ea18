// Changes in place: when they are refused, and that a saved tensor's change is caught.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gradus/graph/backward.h"
#include "gradus/graph/recording.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/graph/test_ops.h"

namespace gradus::test_ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string at(int line) { return "in_place_test.cc:" + std::to_string(line); }

TEST(InPlace, AChangedSavedInputIsCaught) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor w = leaf({3.0, 4.0}).name("w2");
  const int recorded = __LINE__ + 1;
  const Tensor y = sum(mul(x, w));
  const int recorded_mul = recorded;
  int changed = 0;
  {
    const NoGrad guard;
    changed = __LINE__ + 1;
    mutate(w, "AdamW::step", Location::current());
  }
  const int walked = __LINE__ + 1;
  EXPECT_EQ(
      message_of<GraphError>([&] { y.backward(); }),
      at(walked) + ": backward of mul (recorded at " + at(recorded_mul) +
          "): input 1 \"w2\" [2] f64 was changed in place after it was saved (version 1, now 2, last by "
          "AdamW::step at " +
          at(changed) + "); change it after the backward, or compute a new tensor");
  EXPECT_FALSE(x.grad().defined());
}

TEST(InPlace, AChangeThroughAnAliasOfASavedOutputIsCaught) {
  const Tensor x = leaf({1.0, 2.0});
  const Tensor y = exp(x);
  Tensor alias = y.detach();
  alias.fill_(7.0);
  EXPECT_THAT(
      message_of<GraphError>([&] { sum(y).backward(); }),
      HasSubstr("output 0 [2] f64 was changed in place after it was saved (version 0, now 1, last by fill_"));
}

TEST(InPlace, AChangeOfWhatNobodySavedIsFine) {
  const Tensor x = leaf({1.0, 2.0});
  Tensor c = vec({1.0, 1.0});
  const Tensor y = sum(add(x, c));
  c.fill_(5.0);
  y.backward();
  EXPECT_THAT(values(x.grad()), ElementsAre(1.0, 1.0));
}

TEST(InPlace, IsRefusedWhereItWouldBreakAGraph) {
  Tensor x = leaf({1.0, 2.0}).name("x");
  EXPECT_THAT(
      message_of<GraphError>([&] { x.fill_(0.0); }),
      HasSubstr("fill_: \"x\" [2] f64 requires a gradient and recording is on; put a gd::NoGrad guard"));
  const int recorded = __LINE__ + 1;
  Tensor y = exp(x);
  const NoGrad guard;
  EXPECT_THAT(message_of<GraphError>([&] { y.mutable_span<double>(); }),
              HasSubstr("was computed by exp at " + at(recorded) + " and is part of a graph"));
  x.fill_(3.0);
  EXPECT_THAT(values(x), ElementsAre(3.0, 3.0));
}

TEST(InPlace, CopyChecksShapeAndMayOverlap) {
  Tensor a = vec({1.0, 2.0, 3.0});
  a.copy_(reverse(a));
  EXPECT_THAT(values(a), ElementsAre(3.0, 2.0, 1.0));
  EXPECT_THAT(message_of<ShapeError>([&] { a.copy_(vec({1.0})); }), HasSubstr("another shape"));
}

}  // namespace
}  // namespace gradus::test_ops
