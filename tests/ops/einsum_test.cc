// einsum against loops over all labels, its gradients, and what it says about equations that are none.
#include <cctype>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gradus/graph/gradcheck.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/matmul.h"
#include "gradus/ops/random.h"
#include "gradus/ops/reduction.h"
#include "gradus/ops/view.h"
#include "gradus/tests/graph/message.h"
#include "gradus/tests/ops/reference.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using test_ops::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The definition: for every value of every letter the product of all operands, added to its place of the
// result. Letters only; an axis of size 1 repeats.
Tensor slow(const std::string& equation, std::span<const Tensor> operands) {
  const std::size_t arrow = equation.find("->");
  const std::string result = equation.substr(arrow + 2);
  std::vector<std::string> names(1);
  for (const char c : equation.substr(0, arrow)) {
    if (c == ',')
      names.emplace_back();
    else
      names.back() += c;
  }
  std::map<char, std::int64_t> sizes;
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t k = 0; k < names[i].size(); ++k) {
      std::int64_t& size = sizes[names[i][k]];
      size = std::max(size, operands[i].size(static_cast<int>(k)));
    }
  }
  Shape shape, all;
  for (const char c : result) shape.push_back(sizes[c]);
  std::string letters;
  for (const auto& [c, size] : sizes) {
    letters += c;
    all.push_back(size);
  }
  std::vector<double> out(static_cast<std::size_t>(shape.numel()), 0.0);
  for (std::int64_t flat = 0; flat < all.numel(); ++flat) {
    const reference::Place at = reference::place_of(static_cast<std::size_t>(flat), all);
    const auto element = [&](const std::string& labels, const Shape& shape) {
      reference::Place place;
      for (std::size_t k = 0; k < labels.size(); ++k) {
        place.push_back(shape[static_cast<int>(k)] == 1 ? 0 : at[letters.find(labels[k])]);
      }
      return reference::flat_of(place, shape);
    };
    double product = 1;
    for (std::size_t i = 0; i < names.size(); ++i) {
      product *= reference::read(operands[i].clone_detached())[element(names[i], operands[i].shape())];
    }
    out[element(result, shape)] += product;
  }
  return reference::make(shape, out);
}

// Operands with the given sizes of the letters.
std::vector<Tensor> operands_of(const std::string& equation, std::map<char, std::int64_t> sizes) {
  std::vector<Shape> shapes(1);
  for (const char c : equation.substr(0, equation.find("->"))) {
    if (c == ',')
      shapes.emplace_back();
    else
      shapes.back().push_back(sizes[c]);
  }
  std::vector<Tensor> out;
  for (const Shape& s : shapes) out.push_back(normal(s, 0, 1, {.dtype = DType::f64}));
  return out;
}

void expect_close(const Tensor& a, const Tensor& b, const std::string& what) {
  ASSERT_EQ(a.shape(), b.shape()) << what;
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 1e-12) << what << " at " << i;
}

const char* const kEquations[] = {
    "ij,jk->ik",   "ij,jk->ki",  "ji,jk->ik",       "ij,kj->ik",   "bij,bjk->bik", "bij,bkj->kbi",
    "ij,ij->",     "ij,ij->ij",  "ij,ij->i",        "i,j->ij",     "i,i->",        "i,i->i",
    "ij->ji",      "ij->",       "ij->j",           "ii->i",       "ii->",         "iij->j",
    "iji->ij",     "iii->i",     "ii,i->i",         "ii,ij->j",    "ij,j->i",      ",ij->ij",
    ",->",         "ijk,k->ji",  "ijk,jki->",       "ijk,jil->kl", "ij,jk,kl->il", "ij,jk,kl,lm->im",
    "ij,ij,ij->i", "i,j,k->kji", "bhik,bhjk->bhij", "ij,k->j",     "ij,kl->ik",    "abcd,bcde,ea->d",
    "aB,Bc->ac",   "ijk->kij",   "i,ij,j->",
};

TEST(Einsum, IsTheSumOfProductsOverAllLabels) {
  manual_seed(1);
  const std::map<char, std::int64_t> sizes = {{'i', 3}, {'j', 2}, {'k', 4}, {'l', 2}, {'m', 3}, {'b', 2},
                                              {'h', 3}, {'a', 2}, {'c', 3}, {'d', 2}, {'e', 3}, {'B', 4}};
  for (const std::string equation : kEquations) {
    const std::vector<Tensor> x = operands_of(equation, sizes);
    expect_close(einsum(equation, x), slow(equation, x), equation);
    const auto f = [&](std::span<const Tensor> v) { return std::vector<Tensor>{einsum(equation, v)}; };
    const GradcheckResult first = gradcheck(f, x);
    EXPECT_TRUE(first) << equation << ": " << first.message;
  }
}

TEST(Einsum, SecondDerivatives) {
  manual_seed(2);
  for (const std::string equation : {"ij,jk->ki", "ii,ij->j", "ij,jk,kl->il", "bij,bkj->kbi", "ij,ij->i"}) {
    const std::vector<Tensor> x = operands_of(equation, {{'i', 2}, {'j', 3}, {'k', 2}, {'l', 2}, {'b', 2}});
    const auto f = [&](std::span<const Tensor> v) { return std::vector<Tensor>{einsum(equation, v)}; };
    const GradcheckResult second = gradgradcheck(f, x);
    EXPECT_TRUE(second) << equation << ": " << second.message;
  }
}

TEST(Einsum, SizesOfOneAndZero) {
  manual_seed(3);
  for (const std::string equation : kEquations) {
    for (const char changed : {'i', 'j', 'k'}) {
      for (const std::int64_t size : {0, 1}) {
        std::map<char, std::int64_t> sizes = {{'i', 3}, {'j', 2}, {'k', 4}, {'l', 2}, {'m', 3}, {'b', 2},
                                              {'h', 3}, {'a', 2}, {'c', 3}, {'d', 2}, {'e', 3}, {'B', 4}};
        sizes[changed] = size;
        const std::vector<Tensor> x = operands_of(equation, sizes);
        expect_close(einsum(equation, x), slow(equation, x), equation);
      }
    }
  }
  const Tensor row = normal({1, 3}, 0, 1, {.dtype = DType::f64}),
               a = normal({2, 3}, 0, 1, {.dtype = DType::f64});
  for (const std::string equation : {"ij,ij->ij", "ij,ij->i", "ij,ij->", "ij,ij->j"}) {
    const std::vector<Tensor> x = {row, a};
    expect_close(einsum(equation, x), slow(equation, x), equation + " broadcast");
  }
}

TEST(Einsum, WithoutAnArrow) {
  manual_seed(4);
  const RandomOptions f64{.dtype = DType::f64};
  const Tensor a = normal({3, 2}, 0, 1, f64), b = normal({2, 4}, 0, 1, f64), s = normal({3, 3}, 0, 1, f64);
  expect_close(einsum("ij,jk", {a, b}), matmul(a, b), "ij,jk");
  expect_close(einsum("ba", {a}), transpose(a, 0, 1), "ba");
  expect_close(einsum("ii", {s}), trace(s), "ii");
  expect_close(einsum(" i j , j k -> i k ", {a, b}), matmul(a, b), "with spaces");
  // Capital letters come first.
  expect_close(einsum("aB", {a}), transpose(a, 0, 1), "aB");
}

TEST(Einsum, DotsBroadcast) {
  manual_seed(5);
  const RandomOptions f64{.dtype = DType::f64};
  const Tensor a = normal({5, 1, 3, 2}, 0, 1, f64), b = normal({4, 2, 3}, 0, 1, f64);
  expect_close(einsum("...ij,...jk->...ik", {a, b}), matmul(a, b), "batches");
  expect_close(einsum("...ij,...jk", {a, b}), matmul(a, b), "batches without an arrow");
  expect_close(einsum("...ij->...ji", {a}), transpose(a, 2, 3), "transposition");
  expect_close(einsum("i...->...i", {b}), permute(b, {1, 2, 0}), "to the end");
  expect_close(einsum("...ij,...jk->ik", {a, b}), sum(matmul(a, b), {0, 1}), "summed over");
  expect_close(einsum("...,...->...", {b, b}), b * b, "no letters");
  expect_close(einsum("...ij->...", {b}), sum(b, {1, 2}), "only dots stay");
  const auto f = [](const Tensor& a, const Tensor& b) { return einsum("...ij,...jk->...ik", {a, b}); };
  const GradcheckResult first = gradcheck(f, {a, b});
  EXPECT_TRUE(first) << first.message;
}

TEST(Einsum, TransposedViewsAndIntegers) {
  manual_seed(6);
  const Tensor a = normal({4, 3, 2}, 0, 1, {.dtype = DType::f64});
  const std::vector<Tensor> x = {permute(a, {2, 0, 1}), transpose(a, 0, 1)};
  expect_close(einsum("kij,jil->kl", {x[0], transpose(x[1], 0, 0)}), slow("kij,jil->kl", x), "views");
  const Tensor i = tensor({{1, 2}, {3, 4}}, DType::i32);
  const Tensor y = einsum("ij,jk->i", {i, i});
  EXPECT_EQ(y.dtype(), DType::i32);
  EXPECT_THAT(y.to_vector<std::int32_t>(), ElementsAre(17, 37));
}

TEST(Einsum, SaysWhereTheMistakeIs) {
  const Tensor a = ones({2, 3}), b = ones({3, 4});
  const auto says = [&](const char* equation) {
    return message_of<ValueError>([&] { einsum(equation, {a, b}); });
  };
  EXPECT_EQ(says("ij,j1->i"),
            "einsum_test.cc:" + std::to_string(__LINE__ - 3) +
                ": einsum: \"ij,j1->i\", character 5 ('1'): an axis is one letter, a-z or A-Z");
  EXPECT_THAT(says("ij,jk->iz"), HasSubstr("\"ij,jk->iz\", character 9 ('z'): the letter is in no operand"));
  EXPECT_THAT(says("ij,jk->ii"), HasSubstr("character 9 ('i'): the letter is twice in the result"));
  EXPECT_THAT(says("ij,jk-ik"), HasSubstr("character 6 ('-'): the result stands behind \"->\""));
  EXPECT_THAT(says("ij,jk->i->k"), HasSubstr("character 9 ('-'): \"->\" is there twice"));
  EXPECT_THAT(says("ij,jk->i,k"), HasSubstr("character 9 (','): there is one result"));
  EXPECT_THAT(says("..ij,jk->ik"), HasSubstr("character 1 ('.'): three dots"));
  EXPECT_THAT(says("...i...,jk"), HasSubstr("character 5 ('.'): \"...\" is there twice"));
  EXPECT_THAT(says("ij,jk->...ik"), HasSubstr("character 8 ('.'): no operand has \"...\""));
  EXPECT_THAT(says("ij->i"), HasSubstr("\"ij->i\" names 1 operands, but 2 were given"));
  EXPECT_THAT(says(""), HasSubstr("\"\" names 1 operands, but 2 were given"));
}

TEST(Einsum, SaysWhichSizesClash) {
  const Tensor a = ones({2, 3}).name("a"), b = ones({4, 5}), c = ones({3, 4}, DType::f64);
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        einsum("ij,jk->ik", {a, b});
      }),
      HasSubstr("einsum: \"ij,jk->ik\": 'j' is 3 in operands[0] \"a\" [2, 3] f32 and 4 in operands[1] [4, 5] "
                "f32"));
  EXPECT_THAT(message_of<ShapeError>([&] { einsum("ijk->i", {a}); }),
              HasSubstr("einsum: \"ijk->i\" names 3 axes of operands[0] \"a\" [2, 3] f32, which has 2"));
  EXPECT_THAT(message_of<ShapeError>([&] { einsum("ijk...->i", {a}); }), HasSubstr("names at least 3 axes"));
  EXPECT_THAT(message_of<ShapeError>([&] { einsum("ii->i", {a}); }),
              HasSubstr("a diagonal takes equal sizes: 'i' is 2 and 3 in operands[0] \"a\" [2, 3] f32"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                einsum("ij,jk->ik", {a, c});
              }),
              HasSubstr("dtypes differ: operands[0]"));
  EXPECT_THAT(message_of<DtypeError>([&] {
                einsum("i", {tensor({1, 0}, DType::boolean)});
              }),
              HasSubstr("takes numbers: operands[0] [2] bool"));
  EXPECT_THAT(
      message_of<ShapeError>([&] {
        einsum("...,...", {ones({2, 3}), ones({2})});
      }),
      HasSubstr("axis 1 from the end of '...' is 3 in operands[0] [2, 3] f32 and 2 in operands[1] [2] f32"));
}

}  // namespace
}  // namespace gradus
