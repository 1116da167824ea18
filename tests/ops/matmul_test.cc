// Products as users write them: shapes of vectors and batches, dtypes, transposed views, linear, refusals.
#include "gradus/ops/matmul.h"

#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "gradus/base/parallel.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
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

TEST(Matmul, ShapesOfVectorsMatricesAndBatches) {
  const auto shape = [](const Shape& a, const Shape& b) { return matmul(zeros(a), zeros(b)).shape(); };
  EXPECT_EQ(shape({3}, {3}), (Shape{}));
  EXPECT_EQ(shape({2, 3}, {3}), (Shape{2}));
  EXPECT_EQ(shape({3}, {3, 4}), (Shape{4}));
  EXPECT_EQ(shape({2, 3}, {3, 4}), (Shape{2, 4}));
  EXPECT_EQ(shape({7, 1, 2, 3}, {5, 3, 4}), (Shape{7, 5, 2, 4}));
  EXPECT_EQ(shape({5, 2, 3}, {3}), (Shape{5, 2}));
  EXPECT_EQ(shape({0, 3}, {3, 4}), (Shape{0, 4}));
}

TEST(Matmul, NothingToAddIsZero) {
  EXPECT_THAT(matmul(zeros({2, 0}), zeros({0, 2})).to_vector<float>(), ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(matmul(zeros({0}), zeros({0})).item(), 0);
}

// OpenBLAS shares out products of a matrix and a vector that are smaller than any other, to threads that then
// wait in a loop for more. In a process of its own, where no thread has been started before.
TEST(MatmulDeathTest, OneThreadStartsNoOther) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto threads_of_process = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  EXPECT_EXIT(
      {
        set_threads(1);
        const auto before = threads_of_process();
        for (const DType dtype : {DType::f32, DType::f64}) {
          for (const std::int64_t n : {64, 90, 96, 128, 400, 600}) {
            const Tensor m = ones({n, 2 * n}, dtype);
            matmul(ones({1, n}, dtype), m);
            matmul(m, ones({2 * n, 1}, dtype));
            matmul(ones({1, 2 * n}, dtype), transpose(m, 0, 1));
            matmul(m, transpose(m, 0, 1));
          }
        }
        std::exit(threads_of_process() == before ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(Matmul, EveryNumberDtype) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8}) {
    const Tensor y = matmul(tensor({{1, 2}, {3, 4}}, dtype), tensor({{5, 6}, {7, 8}}, dtype));
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_THAT(astype(y, DType::i64).to_vector<std::int64_t>(), ElementsAre(19, 22, 43, 50));
  }
}

TEST(Matmul, TransposedIsTheSameAsAFlag) {
  manual_seed(5);
  for (const std::int64_t n : {3, 20, 130}) {
    const Tensor a = normal({n + 1, n}), b = normal({n + 2, n});
    const Tensor by_view = matmul(a, transpose(b, 0, 1)), by_flag = matmul(a, b, {.trans_b = true});
    EXPECT_LE(amax(abs(by_view - by_flag)).item(), 1e-4);
    EXPECT_LE(amax(abs(by_view - matmul(a, contiguous(transpose(b, 0, 1))))).item(), 1e-4);
  }
}

TEST(Matmul, LargeProductsAgreeWithSumsOfProducts) {
  manual_seed(6);
  const Tensor a = normal({150, 90}, 0, 1, {.dtype = DType::f64}),
               b = normal({90, 110}, 0, 1, {.dtype = DType::f64});
  const Tensor slow = sum(unsqueeze(a, 2) * unsqueeze(b, 0), 1);
  EXPECT_LE(amax(abs(matmul(a, b) - slow)).item(), 1e-12);
  const Tensor f = matmul(astype(a, DType::f32), astype(b, DType::f32));
  EXPECT_LE(amax(abs(astype(f, DType::f64) - slow)).item(), 1e-4);
}

TEST(Matmul, RunToRunTheSame) {
  const Tensor a = normal({200, 300}), b = normal({300, 100});
  EXPECT_EQ(matmul(a, b).to_vector<float>(), matmul(a, b).to_vector<float>());
}

TEST(Matmul, GradientOfASharedMatrixSumsTheBatches) {
  Tensor w = ones({3, 2}, {.requires_grad = true});
  sum(matmul(ones({4, 5, 3}), w)).backward();
  EXPECT_THAT(w.grad().to_vector<float>(), ElementsAre(20, 20, 20, 20, 20, 20));
}

TEST(Linear, IsMatmulPlusBias) {
  const Tensor x = tensor<double>({{1, 2}, {3, 4}}), w = tensor<double>({{1, 0}, {0, 1}, {1, 1}});
  EXPECT_THAT(linear(x, w).to_vector<double>(), ElementsAre(1, 2, 3, 3, 4, 7));
  const Tensor bias = tensor<double>({10, 20, 30});
  EXPECT_THAT(linear(x, w, bias).to_vector<double>(), ElementsAre(11, 22, 33, 13, 24, 37));
  EXPECT_THAT(linear(select(x, 0, 0), w, bias).to_vector<double>(), ElementsAre(11, 22, 33));
  const auto f = [](const Tensor& a, const Tensor& b, const Tensor& c) {
    return linear(transpose(a, 0, 1), transpose(b, 0, 1), c);
  };
  const GradcheckResult r = gradgradcheck(f, {x, transpose(w, 0, 1), bias});
  EXPECT_TRUE(r) << r.message;
}

TEST(Matmul, RefusesWithTheCallersLine) {
  Tensor w = zeros({512, 256});
  w.name("w1");
  EXPECT_THAT(message_of<ShapeError>([&] { matmul(zeros({32, 784}), w); }), HasSubstr("matmul_test.cc:"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        matmul(zeros({32, 784}), w);
      }),
      HasSubstr(": matmul: inner sizes differ: a [32, 784] f32 has 784 columns, b \"w1\" [512, 256] f32 has "
                "512 rows"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                matmul(zeros({2, 512}, DType::f64), w);
              }),
              HasSubstr("matmul: dtypes differ: a [2, 512] f64, b \"w1\" [512, 256] f32"));
  EXPECT_THAT(message_of<ShapeError>([&] {
                linear(zeros({2, 3}), w, zeros({512}));
              }),
              HasSubstr("linear: inner sizes differ"));
  EXPECT_THAT(message_of<ValueError>([&] { matmul(Tensor(), w); }),
              HasSubstr("matmul: operand a is an empty handle"));
}

}  // namespace
}  // namespace gradus
