// NumPy's files: those that NumPy wrote (tests/data/make_files.py) and those written here, and what is none.
#include "gradus/data/format/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <numeric>

#include "gradus/data/format/zip.h"
#include "gradus/ops/creation.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/view.h"
#include "gradus/tests/data/damage.h"

namespace gradus::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string file(const std::string& name) { return GRADUS_SOURCE_DIR "/tests/data/files/" + name; }

std::string temporary(const std::string& name) {
  return (std::filesystem::temp_directory_path() / ("gradus_" + std::to_string(getpid()) + "_" + name))
      .string();
}

Tensor load(const std::string& name) {
  absl::StatusOr<Tensor> t = load_npy(file(name));
  EXPECT_TRUE(t.ok()) << t.status();
  return t.ok() ? *t : Tensor();
}

template <class T>
std::vector<T> counting(int n) {
  std::vector<T> v(static_cast<std::size_t>(n));
  std::iota(v.begin(), v.end(), T{});
  return v;
}

std::string npy(const std::string& header, const std::string& data) {
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}
std::string error(const std::string& content) {
  const auto t = parse_npy(content, "a.npy");
  EXPECT_FALSE(t.ok());
  return std::string(t.status().message());
}

TEST(NpyTest, ReadsWhatNumpyWrote) {
  const Tensor plain = load("plain.npy");
  EXPECT_EQ(plain.shape(), Shape({2, 3}));
  EXPECT_EQ(plain.to_vector<float>(), counting<float>(6));
  const Tensor fortran = load("fortran.npy");
  EXPECT_EQ(fortran.shape(), Shape({2, 3, 4}));
  EXPECT_EQ(fortran.dtype(), DType::i16);
  EXPECT_TRUE(fortran.is_contiguous());
  EXPECT_EQ(fortran.to_vector<std::int16_t>(), counting<std::int16_t>(24));
  EXPECT_EQ(load("big_endian.npy").to_vector<double>(), counting<double>(5));
  const Tensor scalar = load("scalar.npy");
  EXPECT_EQ(scalar.rank(), 0);
  EXPECT_EQ(scalar.item(), 2.5);
}

TEST(NpyTest, ReadsArchivesStoredAndCompressed) {
  const auto stored = load_npz(file("stored.npz"));
  ASSERT_TRUE(stored.ok()) << stored.status();
  ASSERT_EQ(stored->size(), 2U);
  EXPECT_EQ((*stored)[0].name, "a");
  EXPECT_EQ((*stored)[0].tensor.to_vector<float>(), counting<float>(6));
  EXPECT_EQ((*stored)[1].name, "b.c");
  EXPECT_THAT((*stored)[1].tensor.to_vector<std::uint8_t>(), ElementsAre(1, 0));
  const auto compressed = load_npz(file("compressed.npz"));
  ASSERT_TRUE(compressed.ok()) << compressed.status();
  ASSERT_EQ(compressed->size(), 4U);
  EXPECT_EQ((*compressed)[1].tensor.dtype(), DType::f16);
  EXPECT_EQ((*compressed)[2].tensor.shape(), Shape({0, 2}));
  EXPECT_THAT((*compressed)[3].tensor.to_vector<std::uint64_t>(), ElementsAre(1, 2));
}

TEST(NpyTest, RoundTripsEveryDtypeAndStrides) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32, DType::i64, DType::u8, DType::boolean,
                            DType::i8, DType::i16, DType::u16, DType::u32, DType::u64, DType::f16}) {
    const Tensor x = full({2, 3}, 1, dtype);
    ASSERT_TRUE(save_npy(temporary("x.npy"), x).ok());
    const auto back = load_npy(temporary("x.npy"));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->dtype(), dtype);
    EXPECT_EQ(astype(*back, DType::f64).to_vector<double>(), std::vector<double>(6, 1));
  }
  const Tensor x = reshape(arange(6), {2, 3});
  const NamedTensors all = {
      {"t", transpose(x, 0, 1)}, {"one", full({3}, 2)}, {"scalar", full({}, 7)}, {"none", zeros({0})}};
  ASSERT_TRUE(save_npz(temporary("x.npz"), all).ok());
  const auto back = load_npz(temporary("x.npz"));
  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_EQ(back->size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ((*back)[i].name, all[i].name);
    EXPECT_EQ((*back)[i].tensor.shape(), all[i].tensor.shape());
    EXPECT_EQ(astype((*back)[i].tensor, DType::f64).to_vector<double>(),
              astype(all[i].tensor, DType::f64).to_vector<double>());
  }
  ASSERT_TRUE(save_npz(temporary("x.npz"), {}).ok());
  EXPECT_TRUE(load_npz(temporary("x.npz"))->empty());
  std::filesystem::remove(temporary("x.npy"));
  std::filesystem::remove(temporary("x.npz"));
}

// The bytes that numpy.save of NumPy writes for the same array.
TEST(NpyTest, WritesTheBytesThatNumpyWrites) {
  const std::string path = temporary("same.npy");
  ASSERT_TRUE(save_npy(path, reshape(arange(0, 6, 1, DType::f32), {2, 3})).ok());
  EXPECT_EQ(*read_file(path), *read_file(file("plain.npy")));
  ASSERT_TRUE(save_npy(path, full({}, 2.5, DType::f64)).ok());
  EXPECT_EQ(*read_file(path), *read_file(file("scalar.npy")));
  std::filesystem::remove(path);
}

TEST(NpyTest, RefusesWhatGradusLacks) {
  EXPECT_THAT(load_npy(file("objects.npy")).status().ToString(), HasSubstr("pickled Python objects"));
  EXPECT_THAT(load_npy(file("structures.npy")).status().ToString(), HasSubstr("array of structures"));
  EXPECT_THAT(load_npy(file("complex.npy")).status().ToString(), HasSubstr("no dtype '<c8'"));
  EXPECT_EQ(load_npy(file("complex.npy")).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(save_npy("/nowhere/x.npy", zeros({2}, DType::bf16)).message(), HasSubstr("astype"));
  EXPECT_THAT(save_npz("/nowhere/x.npz", {{"a", zeros({1})}, {"a", zeros({1})}}).message(),
              HasSubstr("two tensors"));
  EXPECT_THAT(save_npz("/nowhere/x.npz", {{"a", Tensor()}}).message(), HasSubstr("empty handle"));
  EXPECT_EQ(save_npy("/nowhere/x.npy", zeros({2})).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(load_npy("/nowhere/x.npy").status().code(), absl::StatusCode::kNotFound);
}

TEST(NpyTest, SaysWhatIsWrongAndWhere) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  EXPECT_TRUE(parse_npy(npy(good, "12345678"), "a.npy").ok());
  EXPECT_EQ(error("PK"), "a.npy: at byte 0: no .npy array: it does not begin with \\x93NUMPY");
  EXPECT_EQ(error("\x93NUMPY\x01"), "a.npy: at byte 7: cut off in the header");
  EXPECT_THAT(error(npy(good, "1234567")), HasSubstr("shape [2] of '<f4' needs 8 bytes, 7 are there"));
  EXPECT_THAT(error(npy(good, "123456789")), HasSubstr("needs 8 bytes, 9 are there"));
  EXPECT_THAT(error(npy("{'descr': '<f4', 'shape': (2,)}", "")), HasSubstr("is missing"));
  EXPECT_THAT(error(npy("{'descr': '<f4', 'descr': '<f4'}", "")), HasSubstr("\"descr\" is not expected"));
  EXPECT_THAT(error(npy("{'descr': '<f4', 'fortran_order': 0}", "")), HasSubstr("neither True nor False"));
  EXPECT_THAT(error(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "")),
              HasSubstr("natural number"));
  EXPECT_THAT(error(npy("{'shape': (1,1,1,1,1,1,1,1,1)}", "")), HasSubstr("more than the 8 axes"));
  EXPECT_THAT(error(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", "")),
              HasSubstr("more than 2^64"));
  EXPECT_THAT(error(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", "\x02")),
              HasSubstr("neither 0 nor 1"));
  EXPECT_THAT(error(npy("{'descr': '<f4'", "")), HasSubstr("a comma is expected"));
}

TEST(NpyTest, AnArchiveIsNotTrusted) {
  // 2 MB of zeros in 2 kB.
  const auto zeros = load_npz(file("zeros.npz"));
  EXPECT_TRUE(zeros.ok()) << zeros.status();
  EXPECT_EQ(load_npz(file("zeros.npz"), 1'000'000).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(load_npz(file("plain.npy")).status().ToString(), HasSubstr("no whole zip archive"));
  EXPECT_THAT(load_npz(file("tensor.pt")).status().ToString(), HasSubstr("is no .npy array"));
  const std::string whole = *read_file(file("compressed.npz"));
  parse_damaged(whole, 1, [](const std::string& copy) { (void)parse_npz(copy, "damaged.npz"); });
  parse_damaged(*read_file(file("fortran.npy")), 1,
                [](const std::string& copy) { (void)parse_npy(copy, "damaged.npy"); });
}

TEST(ZipTest, RefusesAnArchiveThatUnpacksToMoreThanAThousandTimesItsSize) {
  // The size of the entry, in both of its places, is made a thousand times as large.
  std::string archive = *write_zip({{"a", std::string(1000, 'x')}}, "a.zip");
  for (std::size_t i = 0; i + 4 <= archive.size(); ++i) {
    if (archive.compare(i, 4, std::string("\xE8\x03\x00\x00", 4)) == 0) archive[i + 2] = '\x7F';
  }
  const auto zip = ZipReader::open(archive, "a.zip");
  EXPECT_FALSE(zip.ok());
  EXPECT_FALSE(ZipReader::open(*write_zip({{"a", "x"}}, "a.zip") + "more", "a.zip").ok());
}

TEST(ZipTest, TheSameEntriesGiveTheSameBytes) {
  const std::vector<ZipContent> entries = {{"a/b", "12"}, {"c", ""}};
  const auto archive = write_zip(entries, "a.zip");
  EXPECT_EQ(*archive, *write_zip(entries, "a.zip"));
  const auto zip = ZipReader::open(*archive, "a.zip");
  ASSERT_TRUE(zip.ok()) << zip.status();
  ASSERT_EQ(zip->entries().size(), 2U);
  EXPECT_EQ(*zip->read(zip->find("a/b")), "12");
  EXPECT_EQ(*zip->read(1), "");
  EXPECT_EQ(zip->find("d"), -1);
}

}  // namespace
}  // namespace gradus::data
