// The real files where the package is installed (tests that need them fail without: they are a dependency of
// the tests), and folders that are wrong.
#include "gradus/data/fashion_mnist.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "gradus/base/file.h"

namespace gradus::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FashionMnist, TheRealFiles) {
  const auto test = load_fashion_mnist(Split::test);
  ASSERT_TRUE(test.ok()) << test.status();
  EXPECT_TRUE((test->images.shape() == Shape{10000, 784}));
  std::array<int, 10> count{};
  for (const std::int64_t label : test->labels.span<std::int64_t>()) ++count[static_cast<std::size_t>(label)];
  for (const int n : count) EXPECT_EQ(n, 1000);
  float low = 1, high = 0;
  double sum = 0;
  for (const float x : test->images.span<float>()) {
    low = std::min(low, x);
    high = std::max(high, x);
    sum += x;
  }
  EXPECT_EQ(low, 0.0F);
  EXPECT_EQ(high, 1.0F);
  EXPECT_NEAR(sum / 7840000, 0.2868, 1e-3);
}

class Folder : public ::testing::Test {
 protected:
  Folder()
      : folder_(std::filesystem::temp_directory_path() / ("gradus_fashion_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~Folder() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(write_file((folder_ / name).string(), content).ok());
  }
  std::string error() {
    return std::string(load_fashion_mnist(Split::train, folder_.string()).status().message());
  }

  static std::string images(int n, int side) {
    std::string s{0, 0, 8, 3,
                  0, 0, 0, static_cast<char>(n),
                  0, 0, 0, static_cast<char>(side),
                  0, 0, 0, static_cast<char>(side)};
    s.append(static_cast<std::size_t>(n * side * side), '\x33');
    return s;
  }
  static std::string labels(std::initializer_list<char> values) {
    return std::string{0, 0, 8, 1, 0, 0, 0, static_cast<char>(values.size())} + std::string(values);
  }
  std::filesystem::path folder_;
};

TEST_F(Folder, Missing) {
  const auto missing = load_fashion_mnist(Split::train, folder_.string());
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(std::string(missing.status().message()),
              AllOf(HasSubstr(folder_.string()), HasSubstr("train-images-idx3-ubyte"),
                    HasSubstr("dataset-fashion-mnist")));
}

TEST_F(Folder, PlainFilesOfOnesOwn) {
  write("train-images-idx3-ubyte", images(2, 28));
  write("train-labels-idx1-ubyte", labels({3, 9}));
  const auto read = load_fashion_mnist(Split::train, folder_.string());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->images.to_vector<float>()[5], 51.0F / 255.0F);
  EXPECT_EQ(read->labels.to_vector<std::int64_t>(), (std::vector<std::int64_t>{3, 9}));
}

TEST_F(Folder, FilesThatDoNotFit) {
  write("train-images-idx3-ubyte", images(2, 28));
  write("train-labels-idx1-ubyte", labels({3, 9, 1}));
  EXPECT_THAT(error(), HasSubstr("it holds 3 labels for 2 images"));
  write("train-labels-idx1-ubyte", labels({3, 10}));
  EXPECT_THAT(error(), HasSubstr("label 1 is 10; there are 10 classes"));
  write("train-labels-idx1-ubyte", images(2, 28));
  EXPECT_THAT(error(), HasSubstr("it does not hold one byte a label"));
  write("train-images-idx3-ubyte", images(2, 27));
  EXPECT_THAT(error(), HasSubstr("28 x 28"));
  write("train-images-idx3-ubyte", images(2, 28).substr(0, 500));
  EXPECT_THAT(error(), HasSubstr("at byte 500: the file is cut off"));
}

}  // namespace
}  // namespace gradus::data
