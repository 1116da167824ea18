#include "tool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>

namespace gradus::tools {
namespace {

namespace fs = std::filesystem;

void redirect(const std::string& path, int to) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  dup2(fd, to);
  close(fd);
}

std::string big_endian(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}

void write_part(const std::string& stem, int n, unsigned seed) {
  std::mt19937 random(seed);
  std::string images = std::string("\0\0\x08\x03", 4) + big_endian(n) + big_endian(28) + big_endian(28);
  std::string labels = std::string("\0\0\x08\x01", 4) + big_endian(n);
  for (int i = 0; i < n; ++i) {
    const auto label = static_cast<int>(random() % 10);
    labels += static_cast<char>(label);
    // A bright band whose height tells the class, in noise.
    for (int y = 0; y < 28; ++y) {
      for (int x = 0; x < 28; ++x) {
        const bool band = y >= 2 * label + 3 && y < 2 * label + 6;
        images += static_cast<char>(random() % 60 + (band ? 150 : 0));
      }
    }
  }
  write_all(stem + "-images-idx3-ubyte", images);
  write_all(stem + "-labels-idx1-ubyte", labels);
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (fs::temp_directory_path() / "gradus-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() { fs::remove_all(path_); }

Tool::Tool(const std::string& folder, const std::vector<std::string>& args, const std::string& path_variable)
    : folder_(folder) {
  fs::create_directories(folder);
  std::vector<std::string> words = {"gradus"};
  words.insert(words.end(), args.begin(), args.end());
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  const std::string out = folder + "/out.txt";
  const std::string err = folder + "/err.txt";
  child_ = fork();
  if (child_ == 0) {
    redirect(out, 1);
    redirect(err, 2);
    if (!path_variable.empty()) setenv("PATH", path_variable.c_str(), 1);
    if (chdir(folder.c_str()) == 0) execv(GRADUS_TOOL_PATH, argv.data());
    _exit(127);
  }
}

Outcome Tool::wait() {
  int status = 0;
  waitpid(child_, &status, 0);
  Outcome result{WIFEXITED(status) ? WEXITSTATUS(status) : -1, out(), read_all(folder_ + "/err.txt")};
  fs::remove(folder_ + "/out.txt");
  fs::remove(folder_ + "/err.txt");
  return result;
}

void Tool::send(int signal) const { kill(child_, signal); }

std::string Tool::out() const { return read_all(folder_ + "/out.txt"); }

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_all(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void write_small_data(const std::string& folder, int train, int test) {
  fs::create_directories(folder);
  write_part(folder + "/train", train, 1);
  write_part(folder + "/t10k", test, 2);
}

std::string xml_root(const std::string& path) {
  const std::string command =
      "python3 -c 'import sys, xml.etree.ElementTree as e; print(e.parse(sys.argv[1]).getroot().tag)' '" +
      path + "' 2>&1";
  std::string text;
  std::FILE* pipe = popen(command.c_str(), "r");
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  pclose(pipe);
  text.resize(text.find_last_not_of('\n') + 1);
  return text;
}

}  // namespace gradus::tools
