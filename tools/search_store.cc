#include "gradus/tools/search_store.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cmath>

#include "gradus/tools/command.h"
#include "gradus/tools/csv.h"

namespace gradus::tools {
namespace {

// "Grad", in the file's header, so that other programs' files are known from ours.
constexpr int kApplication = 0x47726164;

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

// A statement, whose parameters are bound in order.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& sql) {
    failed_ = sqlite3_prepare_v2(db, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK;
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  void bind(double value) { note(sqlite3_bind_double(statement_, ++bound_, value)); }
  void bind(std::int64_t value) { note(sqlite3_bind_int64(statement_, ++bound_, value)); }
  void bind(const std::string& value) {
    note(sqlite3_bind_text(statement_, ++bound_, value.data(), static_cast<int>(value.size()),
                           SQLITE_TRANSIENT));
  }
  // Whether there is a row.
  bool step() {
    if (failed_) return false;
    const int code = sqlite3_step(statement_);
    failed_ = code != SQLITE_ROW && code != SQLITE_DONE;
    return code == SQLITE_ROW;
  }
  bool failed() const { return failed_; }

  // What is no number there, as NaN is kept, comes as NaN.
  double number(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL ? std::nan("")
                                                                  : sqlite3_column_double(statement_, column);
  }
  std::int64_t count(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    const unsigned char* t = sqlite3_column_text(statement_, column);
    return t == nullptr ? "" : reinterpret_cast<const char*>(t);
  }

 private:
  void note(int code) { failed_ = failed_ || code != SQLITE_OK; }
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  bool failed_ = false;
};

}  // namespace

void SearchStore::Close::operator()(sqlite3* db) const { sqlite3_close(db); }

void SearchStore::fail() const { throw UsageError(fmt::format("{}: {}", path_, sqlite3_errmsg(db_.get()))); }

void SearchStore::run(const std::string& sql) {
  if (sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail();
}

SearchStore::SearchStore(const std::string& folder, const SearchTask& task, bool resume)
    : task_(task), path_(folder + "/" + kFile) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE | (resume ? 0 : SQLITE_OPEN_CREATE), nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) fail();
  // Somebody may read the file while trials are added.
  sqlite3_busy_timeout(db_.get(), 10000);
  resume ? check_same() : create();
}

void SearchStore::create() {
  std::string columns;
  for (const std::string& name : task_.searched) columns += ", " + quoted(name) + " REAL";
  run(fmt::format(
      "BEGIN IMMEDIATE; PRAGMA application_id = {};"
      "CREATE TABLE search(name TEXT PRIMARY KEY, value TEXT);"
      "CREATE TABLE trials(number INTEGER PRIMARY KEY, status TEXT, metric REAL, resource INTEGER,"
      " seed INTEGER, seconds REAL, failure TEXT{});"
      "CREATE TABLE figures(trial INTEGER, name TEXT, value REAL, PRIMARY KEY(trial, name));",
      kApplication, columns));
  for (const auto& [name, value] : task_.description) {
    Statement insert(db_.get(), "INSERT INTO search VALUES(?, ?)");
    insert.bind(name);
    insert.bind(value);
    insert.step();
    if (insert.failed()) fail();
  }
  run("COMMIT");
}

void SearchStore::check_same() {
  {
    Statement id(db_.get(), "PRAGMA application_id");
    const bool row = id.step();
    if (id.failed()) fail();
    if (!row || id.count(0) != kApplication)
      throw UsageError(fmt::format("{}: this is no file of gradus search", path_));
  }
  std::vector<std::pair<std::string, std::string>> there;
  Statement select(db_.get(), "SELECT name, value FROM search");
  while (select.step()) there.emplace_back(select.text(0), select.text(1));
  if (select.failed()) fail();
  const auto value = [](const auto& list, const std::string& name) -> const std::string* {
    const auto at = std::ranges::find_if(list, [&](const auto& entry) { return entry.first == name; });
    return at == list.end() ? nullptr : &at->second;
  };
  const auto refuse = [&](const std::string& name, const std::string* old, const std::string* mine) {
    throw UsageError(
        fmt::format("{} holds another search: {} is {} there and {} here; give the same options, or "
                    "another folder by --out",
                    path_, name, old == nullptr ? "not given" : *old, mine == nullptr ? "not given" : *mine));
  };
  for (const auto& [name, mine] : task_.description) {
    const std::string* old = value(there, name);
    if (old == nullptr || *old != mine) refuse(name, old, &mine);
  }
  for (const auto& [name, old] : there) {
    if (value(task_.description, name) == nullptr) refuse(name, &old, nullptr);
  }
}

void SearchStore::add(const TrialResult& r) {
  run("BEGIN IMMEDIATE");
  std::string marks;
  for (std::size_t i = 0; i < task_.searched.size(); ++i) marks += ", ?";
  {
    Statement insert(db_.get(), fmt::format("INSERT INTO trials VALUES(?, ?, ?, ?, ?, ?, ?{})", marks));
    insert.bind(r.number);
    insert.bind(std::string(r.failed() ? "failed" : "ended"));
    insert.bind(r.metric);
    insert.bind(r.trial.resource);
    insert.bind(static_cast<std::int64_t>(r.seed));
    insert.bind(r.seconds);
    insert.bind(r.failure);
    for (const double v : r.trial.point) insert.bind(v);
    insert.step();
    if (insert.failed()) fail();
  }
  for (const auto& [name, value] : r.figures) {
    Statement insert(db_.get(), "INSERT OR REPLACE INTO figures VALUES(?, ?, ?)");
    insert.bind(r.number);
    insert.bind(name);
    insert.bind(value);
    insert.step();
    if (insert.failed()) fail();
  }
  run("COMMIT");
}

std::vector<TrialResult> SearchStore::load() {
  std::string columns;
  for (const std::string& name : task_.searched) columns += ", " + quoted(name);
  std::vector<TrialResult> results;
  Statement select(db_.get(), fmt::format("SELECT number, metric, resource, seed, seconds, failure{} "
                                          "FROM trials ORDER BY number",
                                          columns));
  while (select.step()) {
    TrialResult r{.number = select.count(0)};
    r.metric = select.number(1);
    r.trial.resource = select.count(2);
    r.seed = static_cast<std::uint64_t>(select.count(3));
    r.seconds = select.number(4);
    r.failure = select.text(5);
    for (std::size_t i = 0; i < task_.searched.size(); ++i)
      r.trial.point.push_back(select.number(6 + static_cast<int>(i)));
    results.push_back(std::move(r));
  }
  if (select.failed()) fail();
  return results;
}

std::string to_csv(const SearchTask& task, const std::vector<TrialResult>& results) {
  std::string csv = "trial,status," + csv_field(task.metric);
  for (const std::string& name : task.searched) csv += "," + name;
  if (!task.resource.empty()) csv += "," + task.resource;
  csv += ",seed,seconds,failure\n";
  for (const TrialResult& r : results) {
    csv += fmt::format("{},{},", r.number, r.failed() ? "failed" : "ended");
    if (!r.failed()) csv += fmt::format("{}", r.metric);
    for (const double v : r.trial.point) csv += fmt::format(",{}", v);
    if (!task.resource.empty()) csv += fmt::format(",{}", r.trial.resource);
    csv += fmt::format(",{},{:.3f},{}\n", r.seed, r.seconds, csv_field(r.failure));
  }
  return csv;
}

}  // namespace gradus::tools
