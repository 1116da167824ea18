// PNG of every kind, PGM and PPM; what is written is read back; damage and lies are refused before memory is
// taken. PNG files are put together here chunk by chunk, by the format's description.
#include "gradus/data/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "gradus/base/error.h"
#include "gradus/data/data_loader.h"
#include "gradus/data/image_folder.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/view.h"
#include "gradus/tests/data/damage.h"
#include "gradus/tests/graph/message.h"

namespace gradus::data {
namespace {

using test_ops::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

std::string bytes(std::initializer_list<int> values) {
  std::string s;
  for (const int v : values) s.push_back(static_cast<char>(v));
  return s;
}

std::string be32(std::uint32_t x) {
  return bytes({static_cast<int>(x >> 24), static_cast<int>(x >> 16 & 255), static_cast<int>(x >> 8 & 255),
                static_cast<int>(x & 255)});
}

std::string chunk(const std::string& name, const std::string& data) {
  const std::string body = name + data;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<unsigned>(body.size()));
  return be32(static_cast<std::uint32_t>(data.size())) + body + be32(static_cast<std::uint32_t>(crc));
}

std::string deflated(const std::string& raw) {
  uLongf size = compressBound(raw.size());
  std::string out(size, '\0');
  compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(raw.data()),
            raw.size(), 9);
  out.resize(size);
  return out;
}

enum Color { kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4, kRgba = 6 };

// `raw`: the rows, each with its byte of filter.
std::string png(std::uint32_t width, std::uint32_t height, int depth, int color, const std::string& raw,
                const std::string& before = "", int interlace = 0) {
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR", be32(width) + be32(height) + bytes({depth, color, 0, 0, interlace})) + before +
         chunk("IDAT", deflated(raw)) + chunk("IEND", "");
}

Bytes pixels(const std::string& content, ImageMode mode = ImageMode::as_is) {
  const auto t = parse_image(content, "i", {.mode = mode});
  EXPECT_TRUE(t.ok()) << t.status();
  return t.ok() ? t->to_vector<std::uint8_t>() : Bytes();
}

std::string error(const std::string& content, ImageOptions options = {}) {
  const auto t = parse_image(content, "i.png", options);
  EXPECT_FALSE(t.ok());
  return t.status().ToString();
}

TEST(Png, GreyOfEveryDepth) {
  EXPECT_THAT(pixels(png(9, 1, 1, kGrey, bytes({0, 0b10100001, 0b10000000}))),
              ElementsAre(255, 0, 255, 0, 0, 0, 0, 255, 255));
  EXPECT_THAT(pixels(png(4, 1, 2, kGrey, bytes({0, 0b00011011}))), ElementsAre(0, 85, 170, 255));
  EXPECT_THAT(pixels(png(2, 1, 4, kGrey, bytes({0, 0x1F}))), ElementsAre(17, 255));
  EXPECT_THAT(pixels(png(2, 2, 8, kGrey, bytes({0, 1, 2, 2, 10, 20}))), ElementsAre(1, 2, 11, 22));  // Up
  // 0x1234 * 255 / 65535 = 18.13; 0x80FF * 255 / 65535 = 128.498; 0x8101 * 255 / 65535 = 128.506.
  EXPECT_THAT(pixels(png(4, 1, 16, kGrey, bytes({0, 0x12, 0x34, 0x80, 0xFF, 0x81, 0x01, 0xFF, 0xFF}))),
              ElementsAre(18, 128, 129, 255));
}

TEST(Png, ColoursAreThreePlanes) {
  const std::string two = bytes({0, 1, 2, 3, 40, 50, 60});
  const auto t = parse_image(png(2, 1, 8, kRgb, two), "i");
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ(t->dtype(), DType::u8);
  EXPECT_EQ(t->shape(), Shape({3, 1, 2}));
  EXPECT_THAT(t->to_vector<std::uint8_t>(), ElementsAre(1, 40, 2, 50, 3, 60));
  EXPECT_THAT(pixels(png(1, 1, 16, kRgb, bytes({0, 1, 0, 2, 0, 255, 255}))), ElementsAre(1, 2, 255));
  const std::string palette = chunk("PLTE", bytes({1, 2, 3, 9, 8, 7}));
  EXPECT_THAT(pixels(png(2, 1, 1, kPalette, bytes({0, 0b01000000}), palette)), ElementsAre(1, 9, 2, 8, 3, 7));
}

TEST(Png, TransparencyIsLeftOut) {
  EXPECT_THAT(pixels(png(2, 1, 8, kGreyAlpha, bytes({0, 7, 0, 8, 255}))), ElementsAre(7, 8));
  EXPECT_THAT(pixels(png(1, 1, 8, kRgba, bytes({0, 1, 2, 3, 0}))), ElementsAre(1, 2, 3));
  EXPECT_THAT(pixels(png(1, 1, 8, kGrey, bytes({0, 7}), chunk("tRNS", bytes({0, 7})))), ElementsAre(7));
  const std::string palette = chunk("PLTE", bytes({1, 2, 3, 9, 8, 7})) + chunk("tRNS", bytes({0}));
  EXPECT_THAT(pixels(png(2, 1, 8, kPalette, bytes({0, 1, 0}), palette)), ElementsAre(9, 1, 8, 2, 7, 3));
}

TEST(Png, Interlaced) {
  // 3 x 3: pass 1 has pixel (0, 0), pass 4 column 2 of row 0, pass 5 columns 0 and 2 of row 2, pass 6 column
  // 1 of rows 0 and 2, pass 7 row 1.
  const std::string raw = bytes({0, 1, 0, 3, 0, 7, 9, 0, 2, 0, 8, 0, 4, 5, 6});
  EXPECT_THAT(pixels(png(3, 3, 8, kGrey, raw, "", 1)), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(Png, OtherChunksArePassedOver) {
  const std::string others = chunk("gAMA", be32(100'000)) + chunk("tEXt", std::string("a\0b", 3)) +
                             chunk("iCCP", "no profile at all") + chunk("prVt", "x");
  EXPECT_THAT(pixels(png(2, 1, 8, kGrey, bytes({0, 100, 200}), others)), ElementsAre(100, 200));
}

TEST(Image, Modes) {
  const std::string colour = png(2, 1, 8, kRgb, bytes({0, 255, 0, 0, 10, 20, 30}));
  // 0.299 * 255 = 76.2; 2.99 + 11.74 + 3.42 = 18.15.
  EXPECT_THAT(pixels(colour, ImageMode::grey), ElementsAre(76, 18));
  EXPECT_THAT(pixels(colour, ImageMode::rgb), ElementsAre(255, 10, 0, 20, 0, 30));
  EXPECT_THAT(pixels("P2 2 1 255 7 9", ImageMode::rgb), ElementsAre(7, 9, 7, 9, 7, 9));
  EXPECT_THAT(pixels("P2 2 1 255 7 9", ImageMode::grey), ElementsAre(7, 9));
}

TEST(Pnm, EveryKind) {
  EXPECT_THAT(pixels("P2\n# a comment\n3 1 # another\n4\n0 1\n4"), ElementsAre(0, 64, 255));
  EXPECT_THAT(pixels("P3\n1 2\n255\n1 2 3\n4 5 6\n"), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(pixels("P5 2 1 255\n" + bytes({0, 255})), ElementsAre(0, 255));
  EXPECT_THAT(pixels("P5 1 2 100\n" + bytes({50, 100})), ElementsAre(128, 255));
  EXPECT_THAT(pixels("P5 2 1 65535\n" + bytes({0x12, 0x34, 0xFF, 0xFF})), ElementsAre(18, 255));
  EXPECT_THAT(pixels("P6\r\n1 1\r\n255\n" + bytes({'#', 2, 3})), ElementsAre('#', 2, 3));
}

TEST(Pnm, SaysWhereItIsWrong) {
  EXPECT_THAT(error("P4 1 1\n0"), HasSubstr("at byte 0: neither P2, P3, P5 nor P6"));
  EXPECT_THAT(error("P51 1 1"), HasSubstr("at byte 2: something follows P5"));
  EXPECT_THAT(error("P5 0 1 255\n"), HasSubstr("at byte 3: the width is 0"));
  EXPECT_THAT(error("P5 1 -1 255\n"), HasSubstr("at byte 5: a height should stand here"));
  EXPECT_THAT(error("P5 1 1 65536\n1"), HasSubstr("at byte 7: the largest value is more than 65535"));
  EXPECT_THAT(error("P5 1 1 0\n1"), HasSubstr("at byte 7: the largest value is 0"));
  EXPECT_THAT(error("P5 1 1 9x1"), HasSubstr("at byte 8: something follows the largest value"));
  EXPECT_THAT(error("P5 1 1"), HasSubstr("at byte 6: the file is cut off; a largest value should follow"));
  EXPECT_THAT(
      error("P5 2 1 255\nx"),
      HasSubstr("at byte 12: the file is cut off: its sizes ask for 2 bytes of samples, 1 are there"));
  EXPECT_THAT(error("P5 1 1 255\nxy"), HasSubstr("at byte 12: 1 bytes follow the samples"));
  EXPECT_THAT(error("P5 2 1 9\n" + bytes({9, 10})),
              HasSubstr("at byte 10: a sample is 10; the largest value is 9"));
  EXPECT_THAT(error("P2 2 1 9 3 10"), HasSubstr("at byte 11: the sample is more than 9"));
  EXPECT_THAT(error("P2 2 1 9 3"), HasSubstr("at byte 10: the file is cut off"));
  EXPECT_THAT(error("P2 1 1 9 3 4"), HasSubstr("at byte 11: something follows the last sample"));
}

TEST(Image, OtherContentIsRefused) {
  EXPECT_THAT(error(""), HasSubstr("at byte 0: neither a PNG"));
  EXPECT_THAT(error("\xFF\xD8\xFF\xE0 JFIF"), HasSubstr("at byte 0: neither a PNG"));
  EXPECT_TRUE(absl::IsNotFound(read_image("/no/such/image.png").status()));
}

// A file of a few bytes must not make us take gigabytes.
TEST(Image, LyingSizesTakeNoMemory) {
  const std::string raw = bytes({0, 1});
  EXPECT_THAT(error(png(0x7FFF'FFFF, 0x7FFF'FFFF, 8, kGrey, raw)),
              HasSubstr("at byte 16: an image of 2147483647 x 2147483647"));
  EXPECT_THAT(error(png(0x7FFF'FFFF, 1, 16, kRgba, raw)), HasSubstr("cannot be in a file of"));
  EXPECT_THAT(error(png(1, 0x7FFF'FFFF, 1, kGrey, raw)), HasSubstr("cannot be in a file of"));
  EXPECT_THAT(error(png(0x8000'0000, 1, 8, kGrey, raw)), HasSubstr("no whole PNG image"));
  EXPECT_THAT(error(png(0, 1, 8, kGrey, raw)), HasSubstr("no whole PNG image"));
  EXPECT_THAT(error("P5 2147483647 2147483647 65535\nx"), HasSubstr("the file is cut off"));
  EXPECT_THAT(error("P3 2147483647 2147483647 65535\n1"),
              HasSubstr("at byte 3: an image of 2147483647 x 2147483647"));
  EXPECT_THAT(error("P5 2147483648 1 255\nx"), HasSubstr("at byte 3: the width is more than 2147483647"));
}

TEST(Image, UnpackingIsBounded) {
  // A blank page is small, and allowed to be: 2,000 x 2,000 in 4 KB.
  const std::string blank = png(2000, 2000, 8, kGrey, std::string(2001 * 2000, '\0'));
  EXPECT_LT(blank.size(), 5000U);
  EXPECT_TRUE(parse_image(blank, "i").ok());
  EXPECT_THAT(error(blank, {.max_bytes = 3'999'999}), HasSubstr("has more than the 3999999 bytes allowed"));
  // 10,000 x 10,000 of one bit: 100 MB of a file of 13 KB.
  const std::string bomb = png(10'000, 10'000, 1, kGrey, std::string(1251 * 10'000, '\0'));
  const auto t = parse_image(bomb, "i");
  EXPECT_TRUE(absl::IsResourceExhausted(t.status())) << t.status();
  EXPECT_THAT(std::string(t.status().message()), HasSubstr("more than 1000 times the"));
}

TEST(Image, DamagedCopiesAreSurvived) {
  const std::string palette = chunk("PLTE", bytes({1, 2, 3, 9, 8, 7})) + chunk("tRNS", bytes({0}));
  const std::string files[] = {
      png(3, 3, 8, kGrey, bytes({0, 1, 0, 3, 0, 7, 9, 0, 2, 0, 8, 0, 4, 5, 6}), "", 1),
      png(2, 1, 1, kPalette, bytes({0, 0b01000000}), palette),
      png(1, 1, 16, kRgb, bytes({0, 1, 0, 2, 0, 255, 255}), chunk("tEXt", "a")),
      "P3 1 2 255 1 2 3 4 5 6",
      "P6 1 1 255\nabc",
  };
  for (const std::string& whole : files) {
    parse_damaged(whole, 1, [](const std::string& copy) {
      const auto t = parse_image(copy, "damaged");
      EXPECT_LE(t.ok() ? t->numel() : 0, 1 << 20);
    });
  }
  // A PNG image that lacks its end is cut off, whatever of it there is.
  for (std::size_t n = 0; n < files[0].size(); ++n) {
    const auto t = parse_image(files[0].substr(0, n), "cut");
    EXPECT_TRUE(absl::IsDataLoss(t.status())) << n;
    EXPECT_THAT(std::string(t.status().message()), HasSubstr("cut: at byte ")) << n;
  }
}

// The same with sums that fit, so that the damage reaches what lies behind them.
TEST(Image, DamagedPixelsAreSurvived) {
  const std::string raw = deflated(bytes({0, 1, 2, 2, 10, 20}));
  int refused = 0;
  parse_damaged(raw, 1, [&](const std::string& copy) {
    const std::string file = "\x89PNG\r\n\x1a\n" +
                             chunk("IHDR", be32(2) + be32(2) + bytes({8, kGrey, 0, 0, 0})) +
                             chunk("IDAT", copy) + chunk("IEND", "");
    refused += parse_image(file, "damaged").ok() ? 0 : 1;
  });
  EXPECT_GT(refused, 20);
}

class ImageFiles : public ::testing::Test {
 protected:
  ImageFiles() : folder_(fs::temp_directory_path() / ("gradus_images_" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~ImageFiles() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  fs::path folder_;
};

Tensor counted(const Shape& shape) {
  Tensor t = empty(shape, DType::u8);
  std::uint8_t next = 250;
  for (std::uint8_t& x : t.mutable_span<std::uint8_t>()) x = next++;
  return t;
}

TEST_F(ImageFiles, RoundTrips) {
  for (const char* name : {"a.png", "a.PNG", "a.ppm", "a.pnm"}) {
    const Tensor t = counted({3, 5, 7});
    ASSERT_TRUE(save_image(path(name), t).ok()) << name;
    const auto back = read_image(path(name));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->shape(), t.shape());
    EXPECT_EQ(back->to_vector<std::uint8_t>(), t.to_vector<std::uint8_t>());
  }
  for (const char* name : {"g.png", "g.pgm", "g.pnm"}) {
    for (const Tensor& t : {counted({4, 3}), counted({1, 4, 3}), transpose(counted({3, 4}), 0, 1)}) {
      ASSERT_TRUE(save_image(path(name), t).ok()) << name;
      const auto back = read_image(path(name));
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_EQ(back->shape(), Shape({1, 4, 3}));
      EXPECT_EQ(back->to_vector<std::uint8_t>(), t.to_vector<std::uint8_t>());
    }
  }
}

TEST_F(ImageFiles, WhatCannotBeSavedLeavesTheFileAlone) {
  const auto message = [&](const char* name, const Tensor& t) {
    const absl::Status s = save_image(path(name), t);
    EXPECT_TRUE(absl::IsInvalidArgument(s)) << s;
    return std::string(s.message());
  };
  ASSERT_TRUE(save_image(path("a.png"), counted({2, 2})).ok());
  EXPECT_THAT(message("a.png", zeros({2, 2})), HasSubstr("the image is [2, 2] f32; u8 is needed"));
  EXPECT_THAT(message("a.png", counted({2, 2, 2})), HasSubstr("[H, W], [1, H, W] or [3, H, W] is needed"));
  EXPECT_THAT(message("a.png", counted({0, 2})), HasSubstr("sides are 1 to"));
  EXPECT_THAT(message("a.png", Tensor()), HasSubstr("empty handle"));
  EXPECT_THAT(message("a.jpg", counted({2, 2})), HasSubstr("the ending \".jpg\" is no format"));
  EXPECT_THAT(message("a.d/b", counted({2, 2})), HasSubstr("the ending \"\" is no format"));
  EXPECT_THAT(message("a.pgm", counted({3, 2, 2})), HasSubstr("with 3 channels; .pgm has one"));
  EXPECT_THAT(message("a.ppm", counted({2, 2})), HasSubstr("with 1 channels; .ppm has three"));
  EXPECT_FALSE(save_image("/no/such/folder/a.png", counted({2, 2})).ok());
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
  EXPECT_TRUE(read_image(path("a.png")).ok());
}

TEST(ImageGrid, PutsImagesSideBySide) {
  const Tensor images = reshape(arange(1, 7, 1, DType::i64), {3, 1, 1, 2});
  const Tensor grid = image_grid(images, {.columns = 2, .padding = 1, .pad_value = -1});
  EXPECT_EQ(grid.shape(), Shape({1, 5, 7}));
  EXPECT_THAT(grid.to_vector<std::int64_t>(), ElementsAre(-1, -1, -1, -1, -1, -1, -1,  //
                                                          -1, 1, 2, -1, 3, 4, -1,      //
                                                          -1, -1, -1, -1, -1, -1, -1,  //
                                                          -1, 5, 6, -1, -1, -1, -1,    //
                                                          -1, -1, -1, -1, -1, -1, -1));
  EXPECT_EQ(image_grid(counted({3, 3, 4, 5}), {.padding = 0}).shape(), Shape({3, 4, 15}));
  EXPECT_THAT(message_of<ShapeError>([] { (void)image_grid(zeros({2, 2, 2})); }), HasSubstr("[N, C, H, W]"));
  EXPECT_THAT(message_of<ValueError>([] { (void)image_grid(zeros({0, 1, 2, 2})); }), HasSubstr("no image"));
  EXPECT_THAT(message_of<ValueError>([] {
                (void)image_grid(zeros({1, 1, 2, 2}), {.columns = 0});
              }),
              HasSubstr("columns is 0"));
  EXPECT_THAT(message_of<ValueError>([] {
                (void)image_grid(zeros({1, 1, 2, 2}), {.padding = -1});
              }),
              HasSubstr("padding is -1"));
  EXPECT_THAT(message_of<ValueError>([] {
                (void)image_grid(zeros({1, 1, 2, 2}), {.padding = std::int64_t{1} << 62});
              }),
              HasSubstr("larger than any memory"));
}

class ImageFolderTest : public ImageFiles {
 protected:
  void add(const std::string& name, const Tensor& image) const {
    fs::create_directories(fs::path(path(name)).parent_path());
    ASSERT_TRUE(save_image(path(name), image).ok());
  }
  void add_two_classes() const {
    add("dog/b.ppm", full({3, 2, 2}, 51, DType::u8));
    add("dog/a.png", full({2, 2}, 102, DType::u8));
    add("cat/z.pgm", full({2, 2}, 255, DType::u8));
  }
};

TEST_F(ImageFolderTest, ListsClassesAndFilesByName) {
  add_two_classes();
  ASSERT_TRUE(write_file(path("dog/readme.txt"), "x").ok());
  ASSERT_TRUE(write_file(path("dog/.hidden.png"), "x").ok());
  const auto data = ImageFolder::open(folder_.string());
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_THAT(data->classes(), ElementsAre("cat", "dog"));
  EXPECT_EQ(data->size(), 3);
  EXPECT_EQ(data->path(1), path("dog/a.png"));
  EXPECT_EQ(data->label(1), 1);
  DataLoader loader(*data, {.batch_size = 2, .prefetch = 1});
  std::vector<float> first;
  std::vector<std::int64_t> labels;
  for (auto [x, y] : loader) {
    EXPECT_EQ(x.shape(), Shape({y.numel(), 3, 2, 2}));
    for (std::int64_t i = 0; i < y.numel(); ++i) first.push_back(select(x, 0, i).to_vector<float>()[0]);
    for (const std::int64_t l : y.to_vector<std::int64_t>()) labels.push_back(l);
  }
  EXPECT_THAT(first, ElementsAre(1.0F, 102.0F / 255, 51.0F / 255));
  EXPECT_THAT(labels, ElementsAre(0, 1, 1));
}

TEST_F(ImageFolderTest, Resizes) {
  Tensor halves = zeros({4, 4}, DType::u8);
  slice(halves, 1, 2, 4).fill_(255);
  add("a/large.png", halves);
  add("a/small.png", full({1, 1}, 255, DType::u8));
  const auto data = ImageFolder::open(folder_.string(), {.mode = ImageMode::grey, .height = 2, .width = 2});
  ASSERT_TRUE(data.ok()) << data.status();
  const std::int64_t all[] = {0, 1};
  const auto [x, y] = data->batch(all);
  EXPECT_EQ(x.shape(), Shape({2, 1, 2, 2}));
  EXPECT_THAT(x.to_vector<float>(), ElementsAre(0, 1, 0, 1, 1, 1, 1, 1));
  EXPECT_EQ(data->batch({})[0].shape(), Shape({0, 1, 2, 2}));
}

TEST_F(ImageFolderTest, ErrorsNameTheFile) {
  add_two_classes();
  add("dog/c.png", full({3, 2}, 1, DType::u8));
  ASSERT_TRUE(write_file(path("dog/d.png"), "\x89PNG\r\n\x1a\n").ok());
  const auto data = ImageFolder::open(folder_.string());
  ASSERT_TRUE(data.ok()) << data.status();
  const std::int64_t sizes[] = {0, 3}, broken[] = {4}, outside[] = {5};
  EXPECT_THAT(
      message_of<ShapeError>([&] { (void)data->batch(sizes); }),
      AllOf(HasSubstr(path("cat/z.pgm") + " is [3, 2, 2]"), HasSubstr(path("dog/c.png") + " is [3, 3, 2]")));
  EXPECT_THAT(message_of<ValueError>([&] { (void)data->batch(broken); }),
              HasSubstr(path("dog/d.png") + ": at byte 8: no whole PNG image: the file is cut off"));
  EXPECT_THAT(message_of<ValueError>([&] { (void)data->batch(outside); }),
              HasSubstr("index 5 is out of range"));
}

TEST_F(ImageFolderTest, RefusesFoldersThatAreNone) {
  const auto status = [&](const std::string& folder, const ImageFolderOptions& o = {}) {
    return ImageFolder::open(folder, o).status();
  };
  EXPECT_TRUE(absl::IsNotFound(status(path("none")))) << status(path("none"));
  EXPECT_THAT(status(folder_.string()).ToString(), HasSubstr("there is no subfolder"));
  fs::create_directories(folder_ / "empty");
  EXPECT_THAT(status(folder_.string()).ToString(), HasSubstr("empty: the class has no image"));
  EXPECT_TRUE(absl::IsInvalidArgument(status(folder_.string(), {.height = 3})));
  EXPECT_TRUE(absl::IsInvalidArgument(status(folder_.string(), {.height = -1, .width = -1})));
}

}  // namespace
}  // namespace gradus::data
