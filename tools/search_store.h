// The trials of a search on disk: trials.sqlite, to which each trial is added as it ends, whole or not at
// all, whatever then happens to the process. Tables:
//   search(name, value)           what decides the trials: example, method, seed, space, options
//   trials(number, status, metric, resource, seed, seconds, failure, "<option>"...)   status: ended, failed
//   figures(trial, name, value)   all that the example reports at its end
// For one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gradus/tools/search_task.h"

struct sqlite3;

namespace gradus::tools {

class SearchStore {
 public:
  static constexpr const char* kFile = "trials.sqlite";

  // Makes a new one, or opens that of the same search. Errors: UsageError where it is of another search, says
  // in what, or where the file cannot be used.
  SearchStore(const std::string& folder, const SearchTask& task, bool resume);

  void add(const TrialResult& result);
  // By number.
  std::vector<TrialResult> load();

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  void create();
  void check_same();
  void run(const std::string& sql);
  [[noreturn]] void fail() const;

  const SearchTask& task_;
  std::string path_;
  std::unique_ptr<sqlite3, Close> db_;
};

// trial,status,<metric>,<options>...,seed,seconds,failure
std::string to_csv(const SearchTask& task, const std::vector<TrialResult>& results);

}  // namespace gradus::tools
