// Runs the gradus command as a user does, in a folder that goes with the test.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace gradus::tools {

struct Outcome {
  int code = -1;  // -1: ended by a signal
  std::string out;
  std::string err;
};

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// A running command. Its working folder is `folder`, where out.txt and err.txt hold what it prints.
class Tool {
 public:
  Tool(const std::string& folder, const std::vector<std::string>& args,
       const std::string& path_variable = "");
  Outcome wait();
  void send(int signal) const;
  // What it has printed so far.
  std::string out() const;

 private:
  std::string folder_;
  pid_t child_ = 0;
};

inline Outcome run_tool(const std::string& folder, const std::vector<std::string>& args,
                        const std::string& path_variable = "") {
  return Tool(folder, args, path_variable).wait();
}

std::string read_all(const std::string& path);
void write_all(const std::string& path, const std::string& content);

// Names of the files in a folder, hidden ones too, sorted.
std::vector<std::string> files_in(const std::string& folder);

// The four IDX files of a data set like Fashion-MNIST with a few images that are easy to tell apart.
void write_small_data(const std::string& folder, int train = 400, int test = 100);

// The root element's name if a real parser takes the file as XML, otherwise what it complains of.
std::string xml_root(const std::string& path);

}  // namespace gradus::tools
