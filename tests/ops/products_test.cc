// The products that are made of matmul and others: values, gradients, refusals.
#include <cmath>

#include "gmock/gmock.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<double> read(const Tensor& t) { return t.to_vector<double>(); }
Tensor random(const Shape& shape) { return normal(shape, 0, 1, {.dtype = DType::f64}); }

template <class F>
void expect_gradients(F f, std::initializer_list<Tensor> inputs, const char* what) {
  const GradcheckResult first = gradcheck(f, inputs);
  EXPECT_TRUE(first) << what << ": " << first.message;
  const GradcheckResult second = gradgradcheck(f, inputs);
  EXPECT_TRUE(second) << what << ": " << second.message;
}

Tensor matrix() { return tensor<double>({{1, 2}, {3, 4}}); }

TEST(Products, Values) {
  const Tensor u = tensor<double>({1, 2}), v = tensor<double>({3, 4});
  EXPECT_EQ(dot(u, v).item(), 11);
  EXPECT_THAT(read(mv(matrix(), v)), ElementsAre(11, 25));
  EXPECT_THAT(read(outer(u, tensor<double>({1, 2, 3}))), ElementsAre(1, 2, 3, 2, 4, 6));
  EXPECT_THAT(read(bmm(unsqueeze(matrix(), 0), unsqueeze(matrix(), 0))), ElementsAre(7, 10, 15, 22));
  EXPECT_THAT(read(addmm(v, matrix(), matrix())), ElementsAre(10, 14, 18, 26));
  EXPECT_THAT(read(addmm(v, matrix(), matrix(), {.beta = 2, .alpha = 0.5})), ElementsAre(9.5, 13, 13.5, 19));
  EXPECT_EQ(trace(matrix()).item(), 5);
  EXPECT_THAT(read(kron(u, v)), ElementsAre(3, 4, 6, 8));
  EXPECT_THAT(read(cross(tensor<double>({1, 0, 0}), tensor<double>({0, 1, 0}))), ElementsAre(0, 0, 1));
  EXPECT_THAT(read(cross(tensor<double>({1, 2, 3}), tensor<double>({4, 5, 6}))), ElementsAre(-3, 6, -3));
}

TEST(Products, AddmmDoesNotReadAnInputOfFactorZero) {
  const Tensor y = addmm(full({2, 2}, NAN, DType::f64), matrix(), matrix(), {.beta = 0});
  EXPECT_THAT(read(y), ElementsAre(7, 10, 15, 22));
  const Tensor i = tensor({{1, 2}, {3, 4}}, DType::i64);
  EXPECT_THAT(addmm(i, i, i, {.beta = 2}).to_vector<std::int64_t>(), ElementsAre(9, 14, 21, 30));
}

TEST(Products, TraceOfAnyMatrix) {
  const Tensor x = reshape(arange(0, 12, 1, DType::f64), {3, 4});
  EXPECT_EQ(trace(x).item(), 15);
  EXPECT_EQ(trace(transpose(x, 0, 1)).item(), 15);
  EXPECT_EQ(trace(zeros({0, 3})).item(), 0);
  EXPECT_EQ(trace(tensor({{100, 1}, {1, 200}}, DType::u8)).item<std::int64_t>(), 300);
}

TEST(Products, KronOfBlocks) {
  const Tensor y = kron(matrix(), tensor<double>({{0, 1}}));
  EXPECT_EQ(y.shape(), (Shape{2, 4}));
  EXPECT_THAT(read(y), ElementsAre(0, 1, 0, 2, 0, 3, 0, 4));
  EXPECT_EQ(kron(ones({2}), ones({3, 4})).shape(), (Shape{3, 8}));
}

TEST(Products, TensordotIsEinsum) {
  manual_seed(1);
  const Tensor a = random({2, 3, 4}), b = random({3, 4, 5}), c = random({4, 2, 3});
  EXPECT_LE(amax(abs(tensordot(a, b) - einsum("ijk,jkl->il", {a, b}))).item(), 1e-12);
  EXPECT_LE(amax(abs(tensordot(a, c, {0, -1}, {1, 0}) - einsum("ijk,kil->jl", {a, c}))).item(), 1e-12);
  EXPECT_EQ(tensordot(a, c, 0).shape(), (Shape{2, 3, 4, 4, 2, 3}));
  EXPECT_EQ(tensordot(a, a, 3).shape(), (Shape{}));
}

TEST(Products, Gradients) {
  manual_seed(2);
  expect_gradients([](const Tensor& a, const Tensor& b) { return dot(a, b); }, {random({3}), random({3})},
                   "dot");
  expect_gradients([](const Tensor& a, const Tensor& b) { return outer(a, b); }, {random({3}), random({2})},
                   "outer");
  expect_gradients([](const Tensor& x, const Tensor& a,
                      const Tensor& b) { return addmm(x, a, b, {.beta = 0.5, .alpha = 3}); },
                   {random({2}), random({3, 2}), random({2, 2})}, "addmm");
  expect_gradients([](const Tensor& x) { return square(trace(x)); }, {random({3, 4})}, "trace");
  expect_gradients([](const Tensor& a, const Tensor& b) { return tensordot(a, b, {1}, {0}); },
                   {random({2, 3}), random({3, 2})}, "tensordot");
  expect_gradients([](const Tensor& a, const Tensor& b) { return kron(a, b); },
                   {random({2, 1}), random({2, 2})}, "kron");
  expect_gradients([](const Tensor& a, const Tensor& b) { return cross(a, b); },
                   {random({2, 3}), random({1, 3})}, "cross");
}

TEST(Products, Refusals) {
  const Tensor v2 = ones({2}), v3 = ones({3}), m = ones({2, 3}).name("m");
  EXPECT_THAT(message_of<ShapeError>([&] { dot(v2, v3); }),
              HasSubstr("dot: sizes differ: a [2] f32, b [3] f32: 2 and 3"));
  EXPECT_THAT(message_of<ShapeError>([&] { dot(m, v3); }),
              HasSubstr("dot: takes vectors: a \"m\" [2, 3] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { mv(m, v2); }),
              HasSubstr("mv: inner sizes differ: a \"m\" [2, 3] f32, v [2] f32: 3 and 2"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                bmm(ones({2, 3, 4}), ones({1, 4, 3}));
              }),
              HasSubstr("bmm: batch sizes differ: a [2, 3, 4] f32, b [1, 4, 3] f32: 2 and 1"));
  EXPECT_THAT(message_of<ShapeError>([&] { outer(m, v2); }),
              HasSubstr("outer: takes vectors: a \"m\" [2, 3] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                addmm(ones({4}), m, ones({3, 5}));
              }),
              HasSubstr("addmm: input [4] f32 does not broadcast to the product's shape [2, 5]"));
  EXPECT_THAT(message_of<ShapeError>([&] { trace(v2); }), HasSubstr("trace: takes a matrix: input [2] f32"));
  EXPECT_THAT(
      message_of<ShapeError>([&] { tensordot(m, m, {0}, {1}); }),
      HasSubstr("tensordot: sizes differ: axis 0 of a \"m\" [2, 3] f32 has 2, axis 1 of b \"m\" [2, 3] f32 "
                "has 3"));
  EXPECT_THAT(message_of<ShapeError>([&] { tensordot(m, m, {0, 0}, {1, 0}); }), HasSubstr("is named twice"));
  EXPECT_THAT(message_of<ShapeError>([&] { tensordot(m, v2, 2); }),
              HasSubstr("2 axes cannot be summed over"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                kron(ones({1, 1, 1, 1, 1}), v2);
              }),
              HasSubstr("kron: takes at most 4 axes: a [1, 1, 1, 1, 1] f32, b [2] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { cross(v2, v2); }),
              HasSubstr("cross: vectors have 3 elements along axis 0: a [2] f32, b [2] f32"));
  EXPECT_THAT(message_of<DtypeError>([&] { cross(v3, ones({3}, DType::f64)); }),
              HasSubstr("cross: dtypes differ: a [3] f32, b [3] f64; convert one with astype()"));
}

}  // namespace
}  // namespace gradus
