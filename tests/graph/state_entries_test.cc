// The reader of saved states: every check, with its words.
#include "gradus/graph/state_entries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "gradus/tests/graph/message.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::HasSubstr;

Tensor pair_of(double a, double b) {
  Tensor t = empty({2}, DType::f64);
  t.mutable_span<double>()[0] = a;
  t.mutable_span<double>()[1] = b;
  return t;
}

StateEntries entries_of(const NamedTensors& state) { return StateEntries(state, "load", {}); }

TEST(StateEntriesTest, ReadsWhatIsThere) {
  const NamedTensors state = {{"x", state_scalar(1.5)},
                              {"n", state_scalar(std::int64_t{3})},
                              {"u", state_scalar(~std::uint64_t{0})},
                              {"t", pair_of(1, 2)}};
  StateEntries e = entries_of(state);
  EXPECT_EQ(e.number<double>("x"), 1.5);
  EXPECT_EQ(e.count("n"), 3);
  EXPECT_EQ(e.number<std::uint64_t>("u"), ~std::uint64_t{0});
  EXPECT_EQ(e.find("none"), nullptr);
  EXPECT_THAT(message_of<ValueError>([&] { e.refuse_rest("do so"); }),
              HasSubstr("load: the state holds \"t\", which belongs to nothing here; do so"));
  Tensor copy = e.tensor("t", {2}, DType::f64);
  copy.fill_(0);
  EXPECT_EQ(state[3].tensor.span<double>()[1], 2);
  e.refuse_rest();
}

TEST(StateEntriesTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of<ValueError>([] {
                entries_of({{"a", Tensor()}});
              }),
              HasSubstr("\"a\" is an empty handle"));
  EXPECT_THAT(message_of<ValueError>([] {
                entries_of({{"a", state_scalar(1.0)}, {"a", state_scalar(2.0)}});
              }),
              HasSubstr("the state holds \"a\" twice"));
  const NamedTensors state = {
      {"nan", state_scalar(NAN)}, {"less", state_scalar(std::int64_t{-1})}, {"pair", pair_of(1, NAN)}};
  StateEntries e = entries_of(state);
  EXPECT_THAT(message_of<ValueError>([&] { (void)e.number<double>("b"); }),
              HasSubstr("the state lacks \"b\""));
  EXPECT_THAT(message_of<ValueError>([&] { (void)e.number<double>("nan"); }),
              HasSubstr("\"nan\" is nan; it must be a finite number"));
  EXPECT_THAT(message_of<ValueError>([&] { (void)e.count("less"); }), HasSubstr("it must be >= 0"));
  EXPECT_THAT(message_of<DtypeError>([&] { (void)e.number<double>("less"); }), HasSubstr("it must be f64"));
  EXPECT_THAT(message_of<ShapeError>([&] { (void)e.number<double>("pair"); }),
              HasSubstr("it must be one number"));
  EXPECT_THAT(message_of<ShapeError>([&] { (void)e.tensor("pair", {3}, DType::f64); }),
              HasSubstr("it must have shape [3]"));
  EXPECT_THAT(message_of<DtypeError>([&] { (void)e.tensor("pair", {2}, DType::f32); }),
              HasSubstr("it must be f32"));
  EXPECT_THAT(message_of<ValueError>([&] { (void)e.tensor("pair", {2}, DType::f64); }),
              HasSubstr("holds a NaN"));
}

}  // namespace
}  // namespace gradus
