// The memory of large buffers: blocks do not overlap, what is freed is joined and handed out again, and an
// arena of which nothing is in use holds nothing.
#include "gradus/graph/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace gradus {
namespace {

struct Held {
  unsigned char* at;
  std::size_t bytes;
  unsigned char mark;
};

void expect_marks(const Held& h) {
  for (const std::size_t i : {std::size_t{0}, h.bytes / 2, h.bytes - 1}) EXPECT_EQ(h.at[i], h.mark);
}

TEST(Arena, BlocksAreAlignedAndDoNotOverlap) {
  Arena arena;
  std::mt19937 random(1);
  std::vector<Held> held;
  for (int step = 0; step < 3000; ++step) {
    if (!held.empty() && random() % 2 == 0) {
      std::swap(held[random() % held.size()], held.back());
      expect_marks(held.back());
      arena.free(held.back().at, held.back().bytes);
      held.pop_back();
    } else {
      const std::size_t bytes = 1 + random() % (step % 50 == 0 ? 40'000'000 : 300'000);
      Held h{static_cast<unsigned char*>(arena.allocate(bytes)), bytes, static_cast<unsigned char>(random())};
      ASSERT_NE(h.at, nullptr);
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(h.at) % 64, 0U);
      // The ends and the middle are enough to find a neighbour that reaches into it.
      for (const std::size_t i : {std::size_t{0}, bytes / 2, bytes - 1}) h.at[i] = h.mark;
      held.push_back(h);
    }
  }
  std::vector<Held> by_address = held;
  std::ranges::sort(by_address, {}, &Held::at);
  for (std::size_t i = 1; i < by_address.size(); ++i)
    EXPECT_LE(by_address[i - 1].at + by_address[i - 1].bytes, by_address[i].at);
  for (const Held& h : held) {
    expect_marks(h);
    arena.free(h.at, h.bytes);
  }
  EXPECT_EQ(arena.regions(), 0U);
}

TEST(Arena, JoinsWhatIsFreed) {
  constexpr std::size_t kMega = std::size_t{1} << 20;
  Arena arena;
  void* const keep = arena.allocate(kMega);
  std::vector<void*> small;
  for (int i = 0; i < 20; ++i) small.push_back(arena.allocate(kMega));
  EXPECT_EQ(arena.regions(), 1U);
  for (const std::size_t i : {1U, 3U, 2U, 0U}) arena.free(small[i], kMega);
  // Fits into the four that were freed only as one.
  EXPECT_EQ(arena.allocate(4 * kMega), small[0]);
  EXPECT_EQ(arena.regions(), 1U);
  arena.free(small[0], 4 * kMega);
  for (std::size_t i = 4; i < small.size(); ++i) arena.free(small[i], kMega);
  EXPECT_EQ(arena.regions(), 1U);
  arena.free(keep, kMega);
  EXPECT_EQ(arena.regions(), 0U);
}

TEST(Arena, SameSizesBeginAtDifferentPlacesOfAPage) {
  Arena arena;
  std::vector<std::uintptr_t> places;
  for (int i = 0; i < 4; ++i)
    places.push_back(reinterpret_cast<std::uintptr_t>(arena.allocate(std::size_t{1} << 16)) % 4096);
  std::ranges::sort(places);
  EXPECT_EQ(std::ranges::adjacent_find(places), places.end());
}

TEST(Arena, RefusesWhatTheSystemCannotGive) {
  Arena arena;
  EXPECT_EQ(arena.allocate(SIZE_MAX - 100), nullptr);
  EXPECT_EQ(arena.allocate(std::size_t{1} << 62), nullptr);
  EXPECT_EQ(arena.regions(), 0U);
}

}  // namespace
}  // namespace gradus
