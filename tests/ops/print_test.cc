// Tensors as text: layout, the common format of a tensor's numbers, shortening, what is said of the graph.
#include "gradus/ops/print.h"

#include <cmath>
#include <sstream>

#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/view.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

TEST(Print, NestedAsLists) {
  EXPECT_EQ(to_string(tensor({{1, 2.5}, {3, 40}})),
            "tensor([[ 1.0000,  2.5000],\n"
            "        [ 3.0000, 40.0000]], [2, 2] f32)");
  EXPECT_EQ(to_string(tensor({{{1, 2}}, {{3, 4}}}, DType::i64)),
            "tensor([[[1, 2]],\n"
            "\n"
            "        [[3, 4]]], [2, 1, 2] i64)");
  EXPECT_EQ(to_string(tensor(2.5)), "tensor(2.5000, [] f32)");
  EXPECT_EQ(to_string(zeros({0})), "tensor([], [0] f32)");
  EXPECT_EQ(to_string(zeros({2, 0})),
            "tensor([[],\n"
            "        []], [2, 0] f32)");
  EXPECT_EQ(to_string(Tensor()), "tensor(undefined)");
}

TEST(Print, OneFormatForAllNumbers) {
  EXPECT_EQ(to_string(tensor({1, -2, 30})), "tensor([ 1., -2., 30.], [3] f32)");
  EXPECT_EQ(to_string(tensor<double>({1e-6, 1})), "tensor([1.0000e-06, 1.0000e+00], [2] f64)");
  EXPECT_EQ(to_string(tensor<double>({1e9, 2e9})), "tensor([1.0000e+09, 2.0000e+09], [2] f64)");
  EXPECT_EQ(to_string(tensor({1.5, NAN, INFINITY, -INFINITY})),
            "tensor([1.5000,    nan,    inf,   -inf], [4] f32)");
  EXPECT_EQ(to_string(tensor({-7, 10}, DType::i32)), "tensor([-7, 10], [2] i32)");
  EXPECT_EQ(to_string(tensor({200}, DType::u8)), "tensor([200], [1] u8)");
  EXPECT_EQ(to_string(tensor({1, 0}, DType::boolean)), "tensor([ True, False], [2] bool)");
  EXPECT_EQ(to_string(tensor({0.125}), {.precision = 2}), "tensor([0.12], [1] f32)");
}

TEST(Print, LongRowsWrapAndLargeTensorsAreShortened) {
  EXPECT_EQ(to_string(arange(6), {.line_width = 20}),
            "tensor([0, 1, 2, 3,\n"
            "        4, 5], [6] i64)");
  EXPECT_EQ(to_string(arange(2000)), "tensor([   0,    1,    2, ..., 1997, 1998, 1999], [2000] i64)");
  EXPECT_EQ(to_string(reshape(arange(9), {3, 3}), {.threshold = 8, .edge_items = 1}),
            "tensor([[0, ..., 2],\n"
            "        ...,\n"
            "        [6, ..., 8]], [3, 3] i64)");
  EXPECT_EQ(to_string(arange(9), {.threshold = 8, .edge_items = 0}), "tensor([...], [9] i64)");
}

TEST(Print, ViewsAreReadThroughTheirStrides) {
  const Tensor t = reshape(arange(6), {2, 3});
  EXPECT_EQ(to_string(transpose(t, 0, 1)),
            "tensor([[0, 3],\n"
            "        [1, 4],\n"
            "        [2, 5]], [3, 2] i64)");
  EXPECT_EQ(to_string(slice(arange(9), 0, 1, kEnd, 3)), "tensor([1, 4, 7], [3] i64)");
}

TEST(Print, TellsNameAndHistory) {
  Tensor w = tensor({1.5}, {.requires_grad = true});
  EXPECT_EQ(to_string(w), "tensor([1.5000], [1] f32, requires_grad)");
  w.name("w1");
  EXPECT_EQ(to_string(w), "tensor([1.5000], [1] f32, name=\"w1\", requires_grad)");
  std::ostringstream os;
  os << w * w;
  EXPECT_EQ(os.str(), "tensor([2.2500], [1] f32, grad_fn=mul)");
}

}  // namespace
}  // namespace gradus
