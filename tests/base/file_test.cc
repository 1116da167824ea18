// base/file.h: nothing half-written is ever seen, and each kind of damage has a message of its own.
#include "gradus/base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace gradus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / ("gradus_file_test_" + std::to_string(::getpid()) + info->name());
    fs::create_directories(folder_);
  }
  ~FileTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const auto& entry : fs::directory_iterator(folder_))
      result.push_back(entry.path().filename().string());
    std::sort(result.begin(), result.end());
    return result;
  }

  fs::path folder_;
};

std::string gzip(const std::string& data) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, data.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// Bytes that compress a little, with zeros among them.
std::string some_bytes(std::size_t n) {
  std::string s(n, '\0');
  std::uint32_t x = 1;
  for (char& c : s) c = static_cast<char>((x = x * 1664525 + 1013904223) >> 29);
  return s;
}

TEST_F(FileTest, WritesAndReadsBack) {
  for (const std::size_t n : {0, 1, 4095, 4096, 4097, 300000}) {
    const std::string data = some_bytes(n);
    ASSERT_TRUE(write_file(path("a.bin"), data).ok());
    const auto back = read_file(path("a.bin"));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, data);
  }
  EXPECT_EQ(names(), std::vector<std::string>{"a.bin"});
}

TEST_F(FileTest, ReadErrorsNameThePath) {
  const auto missing = read_file(path("missing"));
  EXPECT_TRUE(absl::IsNotFound(missing.status()));
  EXPECT_THAT(std::string(missing.status().message()),
              AllOf(HasSubstr("cannot open"), HasSubstr(path("missing"))));
  const auto folder = read_file(folder_.string());
  EXPECT_TRUE(absl::IsFailedPrecondition(folder.status()));
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("it is a folder"));
}

TEST_F(FileTest, SizeLimitIsExact) {
  ASSERT_TRUE(write_file(path("a"), "12345").ok());
  EXPECT_TRUE(read_file(path("a"), 5).ok());
  const auto result = read_file(path("a"), 4);
  EXPECT_TRUE(absl::IsResourceExhausted(result.status()));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("more than the 4 bytes allowed"));
}

TEST_F(FileTest, SizeLimitHoldsForPipes) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(path("pipe")) << std::string(20000, 'x'); });
  const auto result = read_file(path("pipe"), 20000);
  writer.join();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->size(), 20000U);
}

TEST_F(FileTest, NothingAppearsBeforeCommit) {
  {
    auto file = AtomicFile::create(path("a.txt"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write("half").ok());
    EXPECT_FALSE(fs::exists(path("a.txt")));
    EXPECT_EQ(fs::path(file->temporary_path()).extension(), ".txt");
    EXPECT_EQ(fs::path(file->temporary_path()).parent_path(), folder_);
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(FileTest, OldContentStaysUntilCommit) {
  ASSERT_TRUE(write_file(path("a"), "old").ok());
  ASSERT_EQ(::chmod(path("a").c_str(), 0640), 0);
  {
    auto file = AtomicFile::create(path("a"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write("new").ok());
    EXPECT_EQ(*read_file(path("a")), "old");
    AtomicFile moved = *std::move(file);
    ASSERT_TRUE(moved.commit().ok());
    EXPECT_FALSE(moved.write("more").ok());
    EXPECT_FALSE(moved.commit().ok());
  }
  EXPECT_EQ(*read_file(path("a")), "new");
  struct stat info {};
  ASSERT_EQ(::stat(path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(FileTest, AnotherProgramMayWriteTheTemporaryFile) {
  auto file = AtomicFile::create(path("plot.svg"));
  ASSERT_TRUE(file.ok());
  fs::remove(file->temporary_path());
  std::ofstream(file->temporary_path()) << "<svg/>";
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(*read_file(path("plot.svg")), "<svg/>");
}

TEST_F(FileTest, FailedCommitLeavesNothing) {
  auto file = AtomicFile::create(path("a"));
  ASSERT_TRUE(file.ok());
  fs::create_directories(path("a/in_the_way"));
  EXPECT_FALSE(file->commit().ok());
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

// A disk that is full, by the limit on a file's size.
TEST_F(FileTest, FailedWriteKeepsTheOldFile) {
  ASSERT_TRUE(write_file(path("a"), "old").ok());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = write_file(path("a"), std::string(5000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write " + path("a")));
  EXPECT_EQ(*read_file(path("a")), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(FileTest, RefusesWhatIsNoPlaceForAFile) {
  EXPECT_FALSE(write_file("", "x").ok());
  EXPECT_THAT(std::string(write_file(folder_.string(), "x").message()), HasSubstr("it is a folder"));
  EXPECT_THAT(std::string(write_file("/dev/null", "x").message()), HasSubstr("no regular file"));
  EXPECT_TRUE(absl::IsNotFound(write_file(path("no/such/folder"), "x")));
  ASSERT_TRUE(write_file(path("plain"), "x").ok());
  EXPECT_FALSE(make_folder(path("plain")).ok());
  EXPECT_FALSE(make_folder(path("plain/below")).ok());
  EXPECT_TRUE(make_folder(path("some/deep/folder")).ok());
  EXPECT_TRUE(make_folder(path("some/deep/folder")).ok());
  EXPECT_TRUE(fs::is_directory(path("some/deep/folder")));
}

TEST_F(FileTest, ReadsGzipAndPlain) {
  const std::string data = some_bytes(100000);
  ASSERT_TRUE(write_file(path("a"), data).ok());
  ASSERT_TRUE(write_file(path("a.gz"), gzip(data)).ok());
  EXPECT_EQ(*read_file_maybe_gzip(path("a")), data);
  EXPECT_EQ(*read_file_maybe_gzip(path("a.gz")), data);
}

TEST(Gunzip, RoundTrips) {
  for (const std::size_t n : {0, 1, 100, 4096, 70000, 1000000}) {
    const std::string data = some_bytes(n);
    const auto result = gunzip(gzip(data), 1 << 30, "x");
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, data);
  }
  // Far smaller than what it holds.
  EXPECT_EQ(gunzip(gzip(std::string(10000000, 'a')), 1 << 30, "x")->size(), 10000000U);
  // RFC 1952: members may follow each other.
  EXPECT_EQ(*gunzip(gzip("one ") + gzip("") + gzip("two"), 100, "x"), "one two");
}

TEST(Gunzip, EveryCutIsNoticed) {
  const std::string whole = gzip("a text that is worth compressing, worth compressing");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto result = gunzip(whole.substr(0, n), 1000, "t.gz");
    ASSERT_TRUE(absl::IsDataLoss(result.status())) << n << ": " << result.status();
    EXPECT_THAT(std::string(result.status().message()),
                HasSubstr("t.gz: the gzip data is cut off after " + std::to_string(n) + " bytes"));
  }
}

TEST(Gunzip, EveryFlippedByteIsNoticed) {
  const std::string text = some_bytes(200);
  const std::string whole = gzip(text);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string bad = whole;
    bad[i] = static_cast<char>(bad[i] ^ 0x5A);
    const auto result = gunzip(bad, 1000, "t.gz");
    // Bytes 4 to 9 of the header are a date, a hint and a system; nothing depends on them.
    if (i >= 4 && i < 10) {
      EXPECT_EQ(*result, text);
    } else {
      EXPECT_FALSE(result.ok()) << "byte " << i;
    }
  }
}

TEST(Gunzip, GarbageAfterTheEndIsNoticed) {
  const auto result = gunzip(gzip("x") + "garbage", 1000, "t.gz");
  EXPECT_TRUE(absl::IsDataLoss(result.status()));
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("7 bytes follow"));
}

TEST(Gunzip, SizeLimitIsExact) {
  const std::string bomb = gzip(std::string(100000, 'a'));
  EXPECT_TRUE(gunzip(bomb, 100000, "x").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(gunzip(bomb, 99999, "x").status()));
  EXPECT_TRUE(absl::IsResourceExhausted(gunzip(bomb, 0, "x").status()));
  EXPECT_TRUE(gunzip(gzip(""), 0, "x").ok());
}

}  // namespace
}  // namespace gradus
