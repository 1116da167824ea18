// IDX: every type, and every kind of damage with the byte at which it shows.
#include "gradus/data/idx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>

#include "gradus/base/file.h"

namespace gradus::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string bytes(std::initializer_list<int> values) {
  std::string s;
  for (const int v : values) s.push_back(static_cast<char>(v));
  return s;
}

std::string error(const std::string& content) {
  const auto t = parse_idx(content, "f.idx");
  EXPECT_TRUE(absl::IsDataLoss(t.status())) << t.status();
  return std::string(t.status().message());
}

const std::string kMatrix = bytes({0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255});

TEST(Idx, Bytes) {
  const auto t = parse_idx(kMatrix, "x");
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_TRUE((t->shape() == Shape{2, 3}));
  EXPECT_EQ(t->to_vector<std::uint8_t>(), (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 255}));
}

TEST(Idx, EveryType) {
  const auto i8 = parse_idx(bytes({0, 0, 9, 1, 0, 0, 0, 2, 0xFF, 7}), "x");
  EXPECT_EQ(i8->to_vector<std::int32_t>(), (std::vector<std::int32_t>{-1, 7}));
  const auto i16 = parse_idx(bytes({0, 0, 0x0B, 1, 0, 0, 0, 2, 0xFF, 0xFE, 1, 2}), "x");
  EXPECT_EQ(i16->to_vector<std::int32_t>(), (std::vector<std::int32_t>{-2, 258}));
  const auto i32 = parse_idx(bytes({0, 0, 0x0C, 1, 0, 0, 0, 1, 0x80, 0, 0, 1}), "x");
  EXPECT_EQ(i32->to_vector<std::int32_t>(), (std::vector<std::int32_t>{-2147483647}));
  const auto f32 = parse_idx(bytes({0, 0, 0x0D, 1, 0, 0, 0, 1, 0x3F, 0xC0, 0, 0}), "x");
  EXPECT_EQ(f32->to_vector<float>(), (std::vector<float>{1.5F}));
  const auto f64 = parse_idx(bytes({0, 0, 0x0E, 0, 0xC0, 0x04, 0, 0, 0, 0, 0, 0}), "x");
  EXPECT_EQ(f64->rank(), 0);
  EXPECT_EQ(f64->item(), -2.5);
}

TEST(Idx, EmptyIsFine) {
  const auto t = parse_idx(bytes({0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 3}), "x");
  ASSERT_TRUE(t.ok());
  EXPECT_TRUE((t->shape() == Shape{0, 3}));
}

TEST(Idx, EveryCutIsNoticed) {
  for (std::size_t n = 0; n < kMatrix.size(); ++n) {
    EXPECT_THAT(error(kMatrix.substr(0, n)),
                AllOf(HasSubstr("f.idx: at byte " + std::to_string(n)), HasSubstr("cut off")))
        << n;
  }
}

TEST(Idx, WrongHeaders) {
  EXPECT_THAT(error("PK\x03\x04"), HasSubstr("at byte 0: not an IDX file: it begins with 0x504b"));
  std::string bad = kMatrix;
  bad[2] = 0x0A;
  EXPECT_THAT(error(bad), HasSubstr("at byte 2: 0x0a is no element type"));
  bad = kMatrix;
  bad[3] = 9;
  EXPECT_THAT(error(bad), HasSubstr("at byte 3: 9 axes"));
  EXPECT_THAT(error(kMatrix + "xy"), HasSubstr("at byte 18: 2 bytes follow the elements"));
}

// A header that promises a lot must not make us take the memory for it.
TEST(Idx, LyingSizes) {
  EXPECT_THAT(error(bytes({0, 0, 8, 2, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 1})),
              HasSubstr("at byte 13: the file is cut off: its sizes ask for 4611686014132420609 bytes"));
  EXPECT_THAT(
      error(bytes({0, 0, 0x0E, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})),
      HasSubstr("axis 1 of size 4294967295 makes more elements than any file holds"));
}

TEST(Idx, FilesPlainAndGzip) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("gradus_idx_" + std::to_string(getpid()))).string();
  ASSERT_TRUE(write_file(path, kMatrix).ok());
  EXPECT_TRUE(read_idx(path).ok());
  const gzFile z = gzopen(path.c_str(), "wb");
  gzwrite(z, kMatrix.data(), static_cast<unsigned>(kMatrix.size()));
  gzclose(z);
  const auto t = read_idx(path);
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ(t->numel(), 6);
  EXPECT_TRUE(absl::IsResourceExhausted(read_idx(path, 17).status()));
  // A cut gzip file.
  const auto whole = read_file(path);
  ASSERT_TRUE(write_file(path, whole->substr(0, whole->size() - 5)).ok());
  EXPECT_TRUE(absl::IsDataLoss(read_idx(path).status()));
  std::filesystem::remove(path);
  EXPECT_TRUE(absl::IsNotFound(read_idx(path).status()));
}

}  // namespace
}  // namespace gradus::data
