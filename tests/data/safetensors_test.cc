// safetensors: what is written is read back, byte for byte as the format says, and nothing in a file is
// trusted.
#include "gradus/data/format/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "gradus/ops/view.h"

namespace gradus::data {
namespace {

using ::testing::HasSubstr;

class SafetensorsTest : public ::testing::Test {
 protected:
  SafetensorsTest()
      : path_(
            (std::filesystem::temp_directory_path() / ("gradus_" + std::to_string(getpid()) + ".safetensors"))
                .string()) {}
  ~SafetensorsTest() override { std::filesystem::remove(path_); }
  std::string path_;
};

template <class T>
Tensor make(const Shape& shape, const std::vector<T>& values) {
  Tensor t = empty(shape, dtype_of<T>);
  std::copy(values.begin(), values.end(), t.mutable_span<T>().begin());
  return t;
}

std::string file_of(std::string header, const std::string& data) {
  const std::uint64_t n = header.size();
  return std::string(reinterpret_cast<const char*>(&n), 8) + header + data;
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::string error(const std::string& content) {
  const auto t = parse_safetensors(content, "m.safetensors");
  EXPECT_FALSE(t.ok());
  return std::string(t.status().message());
}

TEST_F(SafetensorsTest, RoundTripsEveryDtype) {
  Tensor flags = empty({3}, DType::boolean);
  const std::uint8_t bits[] = {1, 0, 1};
  std::memcpy(flags.impl()->data, bits, 3);
  const NamedTensors tensors = {
      {"flags", flags},
      {"fc.weight", make<float>({2, 3}, {1, -2, 3.5, 0, 1e-40F, INFINITY})},
      {"big", make<double>({2}, {1e300, -0.0})},
      {"ids", make<std::int64_t>({2}, {-5, std::int64_t{1} << 60})},
      {"small", make<std::int32_t>({}, {-7})},
      {"bytes", make<std::uint8_t>({5}, {0, 1, 2, 254, 255})},
      {"none", empty({0, 4})},
      {"f16", make<float16>({3}, {float16(1.5), float16(-0.0), float16::from_bits(0x7E01)})},
      {"bf16", make<bfloat16>({2}, {bfloat16(1e38), bfloat16::from_bits(1)})},
      {"i8", make<std::int8_t>({3}, {-128, 0, 127})},
      {"i16", make<std::int16_t>({2}, {-32768, 5})},
      {"u16", make<std::uint16_t>({1}, {65535})},
      {"u32", make<std::uint32_t>({1}, {4294967295U})},
      {"u64", make<std::uint64_t>({1}, {~std::uint64_t{0}})},
      {"quote \" and \n \xC3\xA9", make<float>({1}, {2})},
  };
  ASSERT_TRUE(save_safetensors(path_, tensors, {{"format", "pt"}, {"note", "x"}}).ok());
  const auto all = read_safetensors(path_);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->metadata, (Metadata{{"format", "pt"}, {"note", "x"}}));
  ASSERT_EQ(all->tensors.size(), tensors.size());
  for (const NamedTensor& t : tensors) {
    const auto it = std::find_if(all->tensors.begin(), all->tensors.end(),
                                 [&](const NamedTensor& r) { return r.name == t.name; });
    ASSERT_NE(it, all->tensors.end()) << t.name;
    EXPECT_EQ(it->tensor.dtype(), t.tensor.dtype());
    EXPECT_TRUE(it->tensor.shape() == t.tensor.shape());
    EXPECT_EQ(std::memcmp(it->tensor.impl()->data, t.tensor.impl()->data,
                          static_cast<std::size_t>(t.tensor.numel()) * size_of(t.tensor.dtype())),
              0)
        << t.name;
  }
}

TEST_F(SafetensorsTest, TheBytesAreThoseOfTheFormat) {
  ASSERT_TRUE(save_safetensors(path_, {{"a", make<float>({1}, {1.5F})}}).ok());
  const std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  std::string padded = header;
  while ((8 + padded.size()) % 8 != 0) padded += ' ';
  EXPECT_EQ(*read_file(path_), file_of(padded, std::string("\0\0\xC0\x3F", 4)));
}

TEST_F(SafetensorsTest, TheCodesOfHalvesAreThoseOfTheFormat) {
  const auto t = parse_safetensors(
      file_of(R"({"a":)" + entry("F16", "[2]", "[0,4]") + R"(,"b":)" + entry("BF16", "[1]", "[4,6]") +
                  R"(,"c":)" + entry("I8", "[1]", "[6,7]") + "}",
              std::string("\x00\x3C\x00\xC0\x80\x3F\xFE", 7)),
      "m");
  ASSERT_TRUE(t.ok()) << t.status();
  EXPECT_EQ(t->tensors[0].tensor.span<float16>()[0], 1.0F);
  EXPECT_EQ(t->tensors[0].tensor.span<float16>()[1], -2.0F);
  EXPECT_EQ(t->tensors[1].tensor.span<bfloat16>()[0], 1.0F);
  EXPECT_EQ(t->tensors[2].tensor.span<std::int8_t>()[0], -2);
}

TEST_F(SafetensorsTest, StridedTensorsAreWrittenRowMajor) {
  const Tensor t = transpose(make<float>({2, 2}, {1, 2, 3, 4}), 0, 1);
  ASSERT_TRUE(save_safetensors(path_, {{"t", t}}).ok());
  EXPECT_EQ((*load_safetensors(path_))[0].tensor.to_vector<float>(), (std::vector<float>{1, 3, 2, 4}));
}

TEST_F(SafetensorsTest, RefusesToWriteWhatCouldNotBeRead) {
  const Tensor t = make<float>({1}, {1});
  EXPECT_TRUE(absl::IsInvalidArgument(save_safetensors(path_, {{"a", t}, {"a", t}})));
  EXPECT_TRUE(absl::IsInvalidArgument(save_safetensors(path_, {{"a", Tensor()}})));
  EXPECT_TRUE(absl::IsInvalidArgument(save_safetensors(path_, {{"__metadata__", t}})));
  EXPECT_TRUE(absl::IsInvalidArgument(save_safetensors(path_, {{"\xFF\xFE", t}})));
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_FALSE(save_safetensors("/no/such/folder/x.safetensors", {{"a", t}}).ok());
  EXPECT_TRUE(absl::IsNotFound(load_safetensors(path_).status()));
}

TEST_F(SafetensorsTest, EveryCutIsNoticed) {
  ASSERT_TRUE(save_safetensors(path_, {{"a", make<float>({2}, {1, 2})}, {"b", make<double>({1}, {3})}}).ok());
  const std::string whole = *read_file(path_);
  ASSERT_TRUE(parse_safetensors(whole, "x").ok());
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_TRUE(absl::IsDataLoss(parse_safetensors(whole.substr(0, n), "x").status())) << n;
  EXPECT_TRUE(absl::IsDataLoss(parse_safetensors(whole + "x", "x").status()));
}

TEST_F(SafetensorsTest, BadHeaders) {
  const std::string four = "abcd";
  EXPECT_THAT(error(std::string(8, '\xFF')), HasSubstr("at byte 0: a header of 18446744073709551615 bytes"));
  EXPECT_THAT(error(file_of("[]", "")), HasSubstr("at byte 8: the header does not begin with '{'"));
  EXPECT_THAT(error(file_of("{\"a\":", "")), HasSubstr("the header is no JSON: error at byte 1"));
  EXPECT_THAT(error(file_of("{\"a\":7}", "")), HasSubstr("tensor \"a\": its entry is no JSON object"));
  const auto with = [&](const std::string& e) { return file_of("{\"a\":" + e + "}", four); };
  EXPECT_TRUE(parse_safetensors(with(entry("F32", "[1]", "[0,4]")), "x").ok());
  EXPECT_THAT(error(with(entry("F32", "[2]", "[0,4]"))),
              HasSubstr("[2] of F32 needs 8 bytes, \"data_offsets\" gives 4"));
  EXPECT_THAT(error(with(entry("F32", "[-1]", "[0,4]"))), HasSubstr("no natural number"));
  EXPECT_THAT(error(with(entry("F32", "[1.0]", "[0,4]"))), HasSubstr("no natural number"));
  EXPECT_THAT(error(with(entry("F32", "[4611686018427387904,8]", "[0,4]"))),
              HasSubstr("more elements than any file"));
  EXPECT_THAT(error(with(entry("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"))), HasSubstr("9 axes"));
  EXPECT_THAT(error(with(entry("F32", "1", "[0,4]"))), HasSubstr("\"shape\" is missing or no list"));
  EXPECT_THAT(error(with(entry("F32", "[1]", "[4,0]"))), HasSubstr("no range of bytes"));
  EXPECT_THAT(error(with(entry("F32", "[1]", "[0]"))), HasSubstr("no list of two"));
  EXPECT_THAT(error(with(R"({"shape":[1],"data_offsets":[0,4]})")), HasSubstr("\"dtype\" is missing"));
  EXPECT_THAT(error(with(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1})")),
              HasSubstr("other members"));
  EXPECT_THAT(error(with(entry("BOOL", "[4]", "[0,4]"))), HasSubstr("neither 0 nor 1"));
  const auto unknown = parse_safetensors(with(entry("F8_E4M3", "[4]", "[0,4]")), "x");
  EXPECT_TRUE(absl::IsUnimplemented(unknown.status()));
  EXPECT_THAT(
      std::string(unknown.status().message()),
      HasSubstr(
          "gradus has no dtype F8_E4M3; it reads F32, F64, I32, I64, U8, BOOL, I8, I16, U16, U32, U64, F16, "
          "BF16"));
}

TEST_F(SafetensorsTest, GapsOverlapsAndDuplicates) {
  const std::string one = entry("F32", "[1]", "[0,4]"), two = entry("F32", "[1]", "[4,8]"),
                    late = entry("F32", "[1]", "[8,12]"), over = entry("F32", "[1]", "[2,6]");
  EXPECT_TRUE(parse_safetensors(file_of("{\"b\":" + two + ",\"a\":" + one + "}", "abcdefgh"), "x").ok());
  EXPECT_THAT(error(file_of("{\"a\":" + one + ",\"b\":" + late + "}", "abcdefghijkl")),
              HasSubstr("tensor \"b\" begins at byte 8 of the data, the one before ends at 4"));
  EXPECT_THAT(error(file_of("{\"a\":" + one + ",\"b\":" + over + "}", "abcdef")),
              HasSubstr("begins at byte 2"));
  EXPECT_THAT(error(file_of("{\"a\":" + one + ",\"a\":" + two + "}", "abcdefgh")),
              HasSubstr("has \"a\" twice"));
  EXPECT_THAT(error(file_of("{\"a\":" + two + "}", "abcdefgh")), HasSubstr("begins at byte 4"));
  EXPECT_THAT(error(file_of("{\"a\":" + one + "}", "abcdefgh")), HasSubstr("something follows them"));
  EXPECT_THAT(error(file_of("{\"a\":" + one + "}", "abc")), HasSubstr("the file is cut off"));
  EXPECT_THAT(error(file_of(R"({"__metadata__":{"k":1}})", "")), HasSubstr("\"k\" is no text"));
  EXPECT_TRUE(parse_safetensors(file_of("{}", ""), "x").ok());
}

Tensor named(const NamedTensors& all, const std::string& name) {
  for (const NamedTensor& t : all) {
    if (t.name == name) return t.tensor;
  }
  ADD_FAILURE() << "there is no " << name;
  return empty({0});
}

TEST_F(SafetensorsTest, MappedTensorsAreThoseOfTheFile) {
  const NamedTensors tensors = {{"w", make<float>({2, 3}, {1, 2, 3, 4, 5, 6})},
                                {"d", make<double>({1}, {7})},
                                {"u", make<std::uint8_t>({3}, {1, 2, 3})},
                                {"none", empty({0, 4})}};
  ASSERT_TRUE(save_safetensors(path_, tensors).ok());
  const std::string before = *read_file(path_);
  {
    const auto mapped = map_safetensors(path_);
    ASSERT_TRUE(mapped.ok()) << mapped.status();
    ASSERT_EQ(mapped->size(), 4U);
    Tensor w = named(*mapped, "w");
    EXPECT_EQ(w.shape(), Shape({2, 3}));
    EXPECT_EQ(w.to_vector<float>(), tensors[0].tensor.to_vector<float>());
    EXPECT_EQ(named(*mapped, "d").item(), 7);
    EXPECT_EQ(named(*mapped, "none").shape(), Shape({0, 4}));

    // A change in place is seen by whoever shares the tensor, not by another one and never by the file.
    const Tensor same = w;
    const std::uint32_t version = named(*mapped, "d").impl()->storage->version;
    w.fill_(-1);
    EXPECT_EQ(same.span<float>()[5], -1);
    EXPECT_EQ(named(*mapped, "d").impl()->storage->version, version);
    EXPECT_EQ(named(*map_safetensors(path_), "w").span<float>()[0], 1);
    EXPECT_EQ(*read_file(path_), before);
  }
  EXPECT_EQ(*read_file(path_), before);
}

TEST_F(SafetensorsTest, AMappedFileMayBeReplaced) {
  ASSERT_TRUE(save_safetensors(path_, {{"a", make<float>({2}, {1, 2})}}).ok());
  Tensor kept;
  {
    const auto mapped = map_safetensors(path_);
    ASSERT_TRUE(mapped.ok());
    kept = (*mapped)[0].tensor;
  }
  // As training does: what was mapped is saved under the same name.
  kept.mutable_span<float>()[0] = 5;
  ASSERT_TRUE(save_safetensors(path_, {{"a", kept}}).ok());
  ASSERT_TRUE(save_safetensors(path_, {{"a", make<float>({1}, {9})}}).ok());
  EXPECT_EQ(kept.to_vector<float>(), (std::vector<float>{5, 2}));
  std::filesystem::remove(path_);
  EXPECT_EQ(kept.to_vector<float>(), (std::vector<float>{5, 2}));
}

TEST_F(SafetensorsTest, UnalignedTensorsAreCopied) {
  const float values[] = {1.5F, -2};
  const std::string data = "x" + std::string(reinterpret_cast<const char*>(values), 8);
  ASSERT_TRUE(write_file(path_, file_of(R"({"b":)" + entry("U8", "[1]", "[0,1]") + R"(,"f":)" +
                                            entry("F32", "[2]", "[1,9]") + "}",
                                        data))
                  .ok());
  const auto mapped = map_safetensors(path_);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  const Tensor f = named(*mapped, "f");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(f.impl()->data) % alignof(float), 0U);
  EXPECT_EQ(f.to_vector<float>(), (std::vector<float>{1.5F, -2}));
}

// Of a gigabyte that nobody touches nearly nothing is in memory.
TEST_F(SafetensorsTest, MappingReadsNothingAhead) {
  constexpr std::int64_t kCount = std::int64_t{1} << 28;
  const std::string size = std::to_string(kCount), bytes = std::to_string(4 * kCount);
  std::string text = "{\"a\":" + entry("F32", "[" + size + "]", "[0," + bytes + "]") + "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::string header = file_of(text, "");
  ASSERT_TRUE(write_file(path_, header).ok());
  std::filesystem::resize_file(path_, header.size() + static_cast<std::uintmax_t>(4 * kCount));  // a hole
  const auto resident = [] {
    long pages = 0, ours = 0;
    std::ifstream("/proc/self/statm") >> pages >> ours;
    return ours * sysconf(_SC_PAGESIZE);
  };
  const long before = resident();
  const auto mapped = map_safetensors(path_);
  ASSERT_TRUE(mapped.ok()) << mapped.status();
  const Tensor a = (*mapped)[0].tensor;
  EXPECT_EQ(a.numel(), kCount);
  ASSERT_EQ(reinterpret_cast<std::uintptr_t>(a.impl()->data) % alignof(float), 0U);
  EXPECT_EQ(a.span<float>()[kCount - 1], 0);
  EXPECT_LT(resident() - before, 32 << 20);
}

TEST_F(SafetensorsTest, MappingTrustsNothing) {
  EXPECT_TRUE(absl::IsNotFound(map_safetensors(path_).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(map_safetensors("/dev/null").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(map_safetensors("/tmp").status()));
  ASSERT_TRUE(write_file(path_, "").ok());
  EXPECT_TRUE(absl::IsDataLoss(map_safetensors(path_).status()));
  ASSERT_TRUE(write_file(path_, file_of("{\"a\":" + entry("BOOL", "[2]", "[0,2]") + "}", "\1\2")).ok());
  EXPECT_THAT(map_safetensors(path_).status().ToString(), HasSubstr("neither 0 nor 1"));
  ASSERT_TRUE(save_safetensors(path_, {{"a", make<float>({2}, {1, 2})}, {"b", make<double>({1}, {3})}}).ok());
  const std::string whole = *read_file(path_);
  for (std::size_t n = 0; n < whole.size(); n += 7) {
    ASSERT_TRUE(write_file(path_, whole.substr(0, n)).ok());
    EXPECT_TRUE(absl::IsDataLoss(map_safetensors(path_).status())) << n;
  }
}

// Any change of one byte of the header: an error or a file, never a crash.
TEST_F(SafetensorsTest, FlippedBytesAreSurvived) {
  ASSERT_TRUE(save_safetensors(path_, {{"a", make<float>({2}, {1, 2})}, {"b", make<double>({1}, {3})}}).ok());
  const std::string whole = *read_file(path_);
  int refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int bit : {1, 2, 16, 64, 128}) {
      std::string bad = whole;
      bad[i] = static_cast<char>(bad[i] ^ bit);
      refused += parse_safetensors(bad, "x").ok() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace gradus::data
