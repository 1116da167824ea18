// base/parallel.h: every index once, the same cuts for blocks, exceptions, and one team for all of a
// program's threads.
#include "gradus/base/parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gradus/base/error.h"

namespace gradus {
namespace {

class ParallelTest : public ::testing::Test {
 protected:
  ~ParallelTest() override { set_threads(before_); }
  int before_ = threads();
};

using Ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;

Ranges ranges_of(std::int64_t n, std::int64_t grain) {
  std::mutex mutex;
  Ranges ranges;
  parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::lock_guard lock(mutex);
    ranges.emplace_back(begin, end);
  });
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

TEST_F(ParallelTest, CoversEveryIndexOnceAtMultiplesOfTheGrain) {
  for (const int t : {1, 2, 3, 8}) {
    set_threads(t);
    for (const std::int64_t n : {0, 1, 2, 7, 63, 64, 65, 1000}) {
      for (const std::int64_t grain : {0, 1, 3, 16, 64, 2000}) {
        std::int64_t next = 0;
        const Ranges ranges = ranges_of(n, grain);
        for (const auto& [begin, end] : ranges) {
          EXPECT_EQ(begin, next);
          EXPECT_LT(begin, end);
          EXPECT_EQ(begin % std::max<std::int64_t>(grain, 1), 0);
          next = end;
        }
        EXPECT_EQ(next, n);
        EXPECT_LE(ranges.size(), static_cast<std::size_t>(t));
      }
    }
  }
}

TEST_F(ParallelTest, LargeIndicesDoNotOverflow) {
  set_threads(3);
  const std::int64_t n = std::numeric_limits<std::int64_t>::max() - 1;
  const Ranges ranges = ranges_of(n, 1);
  ASSERT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges[0].first, 0);
  EXPECT_EQ(ranges[1].first, ranges[0].second);
  EXPECT_EQ(ranges[2].first, ranges[1].second);
  EXPECT_EQ(ranges[2].second, n);
}

TEST_F(ParallelTest, ReallyUsesSeveralThreads) {
  set_threads(2);
  std::latch both(2);  // a single thread would wait for ever
  parallel_for(2, 1, [&](std::int64_t, std::int64_t) { both.arrive_and_wait(); });
  set_threads(4);
  std::latch four(4);
  parallel_for(4, 1, [&](std::int64_t, std::int64_t) { four.arrive_and_wait(); });
}

TEST_F(ParallelTest, BelowTwoGrainsThereIsNoFork) {
  set_threads(4);
  EXPECT_EQ(ranges_of(199, 100).size(), 1U);
  EXPECT_EQ(ranges_of(200, 100).size(), 2U);
  EXPECT_EQ(ranges_of(399, 100).size(), 3U);
  set_threads(1);
  EXPECT_EQ(ranges_of(1000, 1).size(), 1U);
}

TEST_F(ParallelTest, InsideARegionThereIsNoFork) {
  set_threads(2);
  std::atomic<int> inner{0};
  parallel_for(2, 1, [&](std::int64_t, std::int64_t) {
    parallel_for(100, 1, [&](std::int64_t begin, std::int64_t end) {
      EXPECT_EQ(begin, 0);
      EXPECT_EQ(end, 100);
      ++inner;
    });
  });
  EXPECT_EQ(inner, 2);
}

TEST_F(ParallelTest, ExceptionsReachTheCaller) {
  set_threads(4);
  std::atomic<int> ran{0};
  for (int repeat = 0; repeat < 20; ++repeat) {
    ran = 0;
    try {
      parallel_for(4, 1, [&](std::int64_t begin, std::int64_t) {
        ++ran;
        if (begin > 0) throw std::out_of_range("range " + std::to_string(begin));
      });
      FAIL() << "nothing thrown";
    } catch (const std::out_of_range& e) {
      EXPECT_STREQ(e.what(), "range 1");  // of three, the lowest
    }
    EXPECT_EQ(ran, 4);
  }
  EXPECT_THROW(parallel_for(1, 1, [](std::int64_t, std::int64_t) { throw ValueError("x"); }), ValueError);
  EXPECT_EQ(ranges_of(4, 1).size(), 4U);  // and the team works on
}

TEST_F(ParallelTest, SetThreadsRefusesLessThanOne) {
  set_threads(3);
  try {
    set_threads(0);
    FAIL() << "nothing thrown";
  } catch (const ValueError& e) {
    EXPECT_THAT(e.what(), ::testing::MatchesRegex("parallel_test.cc:[0-9]+: set_threads: n is 0; .*"));
  }
  EXPECT_EQ(threads(), 3);
}

TEST_F(ParallelTest, SettingsOfTheProcessStayAsTheyWere) {
  const int before = omp_get_max_threads();
  set_threads(before + 3);
  EXPECT_EQ(omp_get_max_threads(), before);
  ranges_of(100, 1);
  EXPECT_EQ(omp_get_max_threads(), before);
  {
    const LibraryTeam team;
    EXPECT_EQ(team.size(), before + 3);
    EXPECT_EQ(omp_get_max_threads(), before + 3);
    int elsewhere = 0;
    std::thread([&] { elsewhere = omp_get_max_threads(); }).join();
    EXPECT_EQ(elsewhere, before);
    // The team is taken: no fork beside it.
    EXPECT_EQ(ranges_of(100, 1).size(), 1U);
  }
  EXPECT_EQ(omp_get_max_threads(), before);
  EXPECT_GT(ranges_of(100, 1).size(), 1U);
  set_threads(1);
  EXPECT_EQ(LibraryTeam().size(), 1);
}

// Eight threads of the user's, all busy: at most one of them forks at a time, and the right to does not
// wander.
TEST_F(ParallelTest, CallersOnTheirOwnThreadsShareOneTeam) {
  set_threads(2);
  std::atomic<int> forked_now{0};
  std::atomic<int> most{0};
  std::mutex mutex;
  std::set<std::thread::id> owners;
  {
    std::vector<std::jthread> users;
    for (int user = 0; user < 8; ++user) {
      users.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          std::vector<int> hits(1000);
          const auto me = std::this_thread::get_id();
          parallel_for(1000, 10, [&](std::int64_t begin, std::int64_t end) {
            const bool part = end - begin < 1000;
            if (part && std::this_thread::get_id() == me) {
              const int now = ++forked_now;
              int seen = most;
              while (seen < now && !most.compare_exchange_weak(seen, now)) {
              }
              const std::lock_guard lock(mutex);
              owners.insert(me);
            }
            for (std::int64_t k = begin; k < end; ++k) ++hits[static_cast<std::size_t>(k)];
            if (part && std::this_thread::get_id() == me) --forked_now;
          });
          EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), 1000);
        }
      });
    }
  }
  EXPECT_LE(most, 1);
}

// The owner turned to other work: after some refusals the next thread may fork. When a thread ends, at once.
TEST_F(ParallelTest, TheRightToForkMovesOn) {
  set_threads(2);
  ASSERT_EQ(ranges_of(2, 1).size(), 2U);  // ours now
  std::size_t first = 0;
  int needed = 0;
  std::thread([&] {
    first = ranges_of(2, 1).size();
    while (ranges_of(2, 1).size() == 1 && needed < 1000) ++needed;
  }).join();
  EXPECT_EQ(first, 1U);
  EXPECT_GT(needed, 10);
  EXPECT_LT(needed, 1000);
  EXPECT_EQ(ranges_of(2, 1).size(), 2U);  // the other thread has ended
}

}  // namespace
}  // namespace gradus
