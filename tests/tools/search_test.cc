// gradus search: what it leaves, that a trial depends on its number and the seed alone, how it goes on after
// it was stopped or killed, and what it refuses. The methods themselves are tested in tests/optim.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "tool.h"

namespace gradus::tools {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

using Words = std::vector<std::string>;

Words operator+(Words a, const Words& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const Words kSmall = {
    "search",  "matrix-factorization", "--epochs", "3",           "--users", "30", "--items", "20",
    "--space", "lr=log:1e-3:1",        "--space",  "rank=int:1:8"};

std::vector<Words> rows(const std::string& csv) {
  std::vector<Words> result;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    Words cells;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) cells.push_back(cell);
    result.push_back(cells);
  }
  return result;
}

// Without the seconds, which differ each time.
std::vector<Words> trials(const std::string& folder) {
  std::vector<Words> all = rows(read_all(folder + "/trials.csv"));
  const auto& names = all.at(0);
  const auto seconds = std::find(names.begin(), names.end(), "seconds") - names.begin();
  for (Words& row : all) row.erase(row.begin() + seconds);
  return all;
}

// The first number of the first row. Writes what a killed process left half-done back to what it was.
double query(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
  const double value = sqlite3_column_double(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return value;
}

TEST(Search, LeavesTrialsAsTableDatabaseAndPicture) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), kSmall + Words{"--trials", "6"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out,
              AllOf(StartsWith("matrix-factorization: random search of 6 trials for the lowest test rmse / "
                               "noise; results go to out/search/matrix-factorization\n"),
                    HasSubstr("\ntrial 5  lr "), HasSubstr("\nbest: trial ")));
  const std::string out = folder / "out/search/matrix-factorization";
  EXPECT_THAT(files_in(out), ElementsAre("trials.csv", "trials.sqlite", "trials.svg"));
  const auto table = trials(out);
  ASSERT_THAT(table, SizeIs(7));
  EXPECT_THAT(table[0], ElementsAre("trial", "status", "test rmse / noise", "lr", "rank", "seed", "failure"));
  EXPECT_EQ(table[1][1], "ended");
  EXPECT_THAT(read_all(out + "/trials.svg"), AllOf(HasSubstr("best so far"), HasSubstr(">rank<")));
  const std::string db = out + "/trials.sqlite";
  EXPECT_EQ(query(db, "SELECT count(*) FROM trials WHERE status = 'ended' AND rank BETWEEN 1 AND 8"), 6);
  EXPECT_EQ(query(db, "SELECT metric FROM trials WHERE number = 3"), std::stod(table[4][2]));
  EXPECT_EQ(query(db, "SELECT count(*) FROM figures WHERE name = 'test rmse'"), 6);
  EXPECT_EQ(query(db, "SELECT count(*) FROM search WHERE name = '--method' AND value = 'random'"), 1);
}

TEST(Search, ItsCommandTrainsToTheSameFigure) {
  const TemporaryFolder folder;
  for (const char* method : {"random", "hyperband"}) {
    const Outcome o =
        run_tool(folder.path(), kSmall + Words{"--method", method, "--trials", "3", "--out", method});
    ASSERT_EQ(o.code, 0) << o.err;
    const std::string mark = "train it again: gradus ";
    std::istringstream line(o.out.substr(o.out.find(mark) + mark.size()));
    Words words;
    for (std::string w; line >> w;) words.push_back(w);
    const Outcome again = run_tool(folder.path(), words);
    ASSERT_EQ(again.code, 0) << again.err;
    const std::string best = o.out.substr(o.out.find("\nbest: "));
    const std::string figure = again.out.substr(again.out.find("test rmse / noise: "));
    const std::string number = figure.substr(19, figure.find('\n') - 19);
    EXPECT_THAT(best, HasSubstr("test rmse / noise " + number + " with"));
  }
}

TEST(Search, ResultsDoNotDependOnJobs) {
  const TemporaryFolder folder;
  for (const char* method : {"grid", "random", "hyperband", "bayes"}) {
    const auto search = [&](const char* jobs) {
      const std::string out = std::string(method) + jobs;
      const Outcome o = run_tool(
          folder.path(), kSmall + Words{"--method", method, "--trials", "9", "--jobs", jobs, "--out", out});
      EXPECT_EQ(o.code, 0) << o.err;
      return trials(folder / out);
    };
    const auto one = search("1");
    EXPECT_THAT(one, SizeIs(10));
    EXPECT_EQ(search("4"), one) << method;
  }
  const Outcome o = run_tool(folder.path(), kSmall + Words{"--trials", "9", "--seed", "1", "--out", "other"});
  EXPECT_EQ(o.code, 0);
  EXPECT_NE(trials(folder / "other"), trials(folder / "random1"));
}

// A search that lasts until it is stopped.
const Words kLong = {"search",   "matrix-factorization",
                     "--epochs", "20",
                     "--users",  "200",
                     "--items",  "100",
                     "--space",  "lr=log:1e-3:1",
                     "--method", "bayes",
                     "--trials", "14",
                     "--jobs",   "2",
                     "--out",    "out"};

void wait_for(const Tool& tool, const std::string& text) {
  for (int i = 0; i < 6000 && tool.out().find(text) == std::string::npos; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST(Search, GoesOnAfterItWasKilledOrStopped) {
  const TemporaryFolder folder, whole;
  {
    Tool tool(folder.path(), kLong);
    wait_for(tool, "trial 2 ");
    tool.send(SIGKILL);
    EXPECT_EQ(tool.wait().code, -1);
  }
  const double kept = query(folder / "out/trials.sqlite", "SELECT count(*) FROM trials");
  EXPECT_GE(kept, 2);
  {
    Tool tool(folder.path(), kLong + Words{"--resume"});
    wait_for(tool, "trial 6 ");
    tool.send(SIGINT);
    const Outcome o = tool.wait();
    EXPECT_EQ(o.code, 130);
    EXPECT_THAT(o.err, AllOf(StartsWith("gradus search matrix-factorization: stopped; "),
                             HasSubstr(" of 14 trials are in out; the same command with --resume goes on")));
    EXPECT_TRUE(std::filesystem::exists(folder / "out/trials.csv"));
  }
  const Outcome rest = run_tool(folder.path(), kLong + Words{"--resume"});
  ASSERT_EQ(rest.code, 0) << rest.err;
  EXPECT_THAT(rest.out, AllOf(HasSubstr(" trials are there\n"), Not(HasSubstr("\ntrial 0 "))));
  ASSERT_EQ(run_tool(whole.path(), kLong).code, 0);
  EXPECT_EQ(trials(folder / "out"), trials(whole / "out"));
}

TEST(Search, OneAtATimeInAFolder) {
  const TemporaryFolder folder, other;
  Words args = kLong;
  args.back() = folder / "out";
  args[3] = "10000";  // epochs
  Tool first(folder.path(), args);
  wait_for(first, "results go to");
  const Outcome second = run_tool(other.path(), args + Words{"--resume"});
  EXPECT_EQ(second.code, 2);
  EXPECT_THAT(second.err, HasSubstr("another search is writing to "));
  first.send(SIGINT);
  EXPECT_EQ(first.wait().code, 130);
}

TEST(Search, GrowsByMoreTrials) {
  const TemporaryFolder folder;
  for (const char* method : {"random", "hyperband"}) {
    const Words args = kSmall + Words{"--method", method};
    const std::string out = method, all = out + "-all";
    ASSERT_EQ(run_tool(folder.path(), args + Words{"--trials", "3", "--out", out}).code, 0);
    const Outcome o = run_tool(folder.path(), args + Words{"--trials", "6", "--out", out, "--resume"});
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_THAT(o.out, HasSubstr("\n3 trials are there\n"));
    ASSERT_EQ(run_tool(folder.path(), args + Words{"--trials", "6", "--out", all}).code, 0);
    EXPECT_EQ(trials(folder / out), trials(folder / all));
  }
}

TEST(Search, AFailedTrialCountsAndTheSearchGoesOn) {
  const TemporaryFolder folder;
  const Words args = {
      "search", "matrix-factorization", "--epochs", "1", "--users", "30", "--items", "20", "--method",
      "grid"};
  Outcome o = run_tool(folder.path(), args + Words{"--space", "known=choice:0.001,0.4", "--out", "some"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, AllOf(HasSubstr("trial 0  known 0.001  failed: "),
                           HasSubstr("no ratings are held out of so few"),
                           HasSubstr("\n1 of 2 trials failed\nbest: trial 1: ")));
  EXPECT_EQ(trials(folder / "some")[1][1], "failed");
  EXPECT_EQ(query(folder / "some/trials.sqlite", "SELECT metric IS NULL FROM trials WHERE number = 0"), 1);

  o = run_tool(folder.path(), args + Words{"--space", "known=choice:0.001,0.002", "--out", "none"});
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(
      o.err, AllOf(HasSubstr("all 2 trials failed; the first says: "), HasSubstr("no ratings are held out")));
  EXPECT_THAT(files_in(folder / "none"), ElementsAre("trials.csv", "trials.sqlite"));
}

TEST(Search, ALossThatIsNotFiniteIsAFailure) {
  const TemporaryFolder folder;
  write_small_data(folder / "data");
  const Outcome o =
      run_tool(folder.path(), {"search", "mlp", "--data", "data", "--space", "lr=choice:0.001,1000",
                               "--method", "grid", "--epochs", "4", "--batch-size", "10", "--out", "out"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, AllOf(HasSubstr("trial 1  lr 1000  failed: "), HasSubstr("the loss is "),
                           HasSubstr("best: trial 0: test accuracy "), HasSubstr(" --data data --seed ")));
}

TEST(Search, WithoutGnuplotTheNumbersStay) {
  const TemporaryFolder folder;
  const Outcome o = run_tool(folder.path(), kSmall + Words{"--trials", "2", "--out", "out"}, folder.path());
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.err, HasSubstr("no trials.svg: gnuplot is not installed (package gnuplot-nox)"));
  EXPECT_THAT(files_in(folder / "out"), ElementsAre("trials.csv", "trials.sqlite"));
}

TEST(Search, WrongInputIsOneLineAndNoFile) {
  const TemporaryFolder folder;
  const auto refuses = [&](const Words& args, const std::string& message) {
    const Outcome o = run_tool(folder.path(), args);
    EXPECT_EQ(o.code, 2) << message;
    EXPECT_THAT(o.err, AllOf(StartsWith("gradus search"), HasSubstr(message)));
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_THAT(files_in(folder.path()), IsEmpty());
  };
  refuses({"search"}, "which command? One of ");
  refuses({"search", "matrix-factorisation"}, "did you mean matrix-factorization?");
  const Words m = {"search", "matrix-factorization"};
  refuses(m, "what is to be searched? Give --space NAME=SCALE:FROM:TO");
  const auto space = [&](const std::string& text, const std::string& message) {
    refuses(m + Words{"--space", text}, "--space " + text + ": " + message);
  };
  space("rnak=int:1:8", "unknown option 'rnak'; did you mean rank?");
  space("lr", "write NAME=SCALE:FROM:TO");
  space("lr=lgo:1e-4:1", "unknown scale 'lgo'; did you mean log?");
  space("lr=log:1e-4", "write both ends as log:FROM:TO");
  space("lr=log:1e-4:x", "'x' is not a number");
  space("lr=log:1e-4:inf", "'inf' is not a number");
  space("lr=log:0:1", "lr: a logarithmic range must begin above 0, not at 0");
  space("lr=log:0.1:0.1", "lr: the range from 0.1 to 0.1 is empty");
  space("lr=log:1:0.1", "lr: the range from 1 to 0.1 is empty");
  space("lr=log:0.1:5", "--lr is 5, but must be from 0 to 1");
  space("rank=linear:1.5:8", "rank: the range from 1.5 to 8 must begin and end at whole numbers");
  space("rank=choice:1,2.5", "--rank is 2.5, but must be a whole number");
  space("rank=choice:2,2", "rank: the choice 2 is there twice");
  space("rank=choice:", "'' is not a number");
  refuses(kSmall + Words{"--space", "lr=log:1e-3:1"}, "lr is searched already");
  refuses(kSmall + Words{"--lr", "0.1"}, "--lr is both given and searched");
  refuses(kSmall + Words{"--rnk", "1"}, "unknown option '--rnk'");
  refuses(kSmall + Words{"--method", "randon"}, "unknown method 'randon'; did you mean random?");
  refuses(kSmall + Words{"--metric", "test rmes"}, "unknown metric 'test rmes'; did you mean test rmse");
  refuses(kSmall + Words{"--trials", "0"}, "'0' is not a whole number");
  refuses(kSmall + Words{"--jobs", "0"}, "'0' is not a whole number");
  refuses(kSmall + Words{"--seed", "-1"}, "'-1' is not a whole number");
  refuses(kSmall + Words{"--eta", "4"}, "--eta is for --method hyperband, not random");
  refuses(kSmall + Words{"--lag", "4"}, "--lag is for --method bayes, not random");
  refuses(kSmall + Words{"--method", "hyperband", "--eta", "4"}, "give at least --eta, 4");
  refuses(kSmall + Words{"--method", "hyperband", "--resource", "rank"},
          "rank is searched, and Hyperband shares it out");
  refuses(kSmall + Words{"--method", "hyperband", "--resource", "lr"},
          "unknown whole-numbered option of --resource 'lr'");
  refuses(kSmall + Words{"--method", "grid", "--space", "noise=choice:1,2,3", "--trials", "2"},
          "the choices alone make more than 2 points");
  refuses({"search", "maml", "--space", "lr=log:1e-4:1e-1", "--metric", "gain after 1 step", "--maximize",
           "--minimize"},
          " excludes ");
  refuses({"search", "mlp", "--space", "lr=log:1e-4:1", "--data", "/nowhere"}, "/nowhere: neither ");
  refuses(kSmall + Words{"--out", "/proc/none"}, "/proc/none");
  refuses(kSmall + Words{"--out", "nowhere", "--resume"}, "there is no search in nowhere to go on with");
}

TEST(Search, DoesNotMixSearches) {
  const TemporaryFolder folder;
  const Words small = kSmall + Words{"--trials", "2", "--out", "out"};
  ASSERT_EQ(run_tool(folder.path(), small).code, 0);
  const std::string before = read_all(folder / "out/trials.sqlite");
  const auto refuses = [&](const Words& args, const std::string& message) {
    const Outcome o = run_tool(folder.path(), args);
    EXPECT_EQ(o.code, 2);
    EXPECT_THAT(o.err, HasSubstr(message));
    EXPECT_EQ(read_all(folder / "out/trials.sqlite"), before);
  };
  refuses(small, "out holds a search already; go on with it by --resume, or give another --out");
  refuses(small + Words{"--resume", "--seed", "5"}, "holds another search: --seed is 0 there and 5 here");
  refuses(small + Words{"--resume", "--method", "bayes"}, "--method is random there and bayes here");
  refuses(small + Words{"--resume", "--noise", "0.5"}, "--noise is 0.3 there and 0.5 here");
  refuses(small + Words{"--resume", "--space", "noise=linear:0.1:1"}, "noise");
  refuses({"search", "maml", "--space", "lr=log:1e-4:1e-1", "--out", "out", "--resume"},
          "the example is matrix-factorization there and maml here");
  write_all(folder / "out/trials.sqlite",
            "no database, but some text that is long enough to be taken for one");
  const Outcome o = run_tool(folder.path(), small + Words{"--resume"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("out/trials.sqlite: file is not a database"));
}

}  // namespace
}  // namespace gradus::tools
