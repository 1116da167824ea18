// The slow paths of the pool: refilling a thread's list, giving back its surplus, and what happens when a
// thread ends. All central state sits behind one mutex; it is taken once in tens of blocks.
#include "gradus/base/pool.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace gradus {
namespace pool_internal {

thread_local constinit Cache cache{};

namespace {

// A chunk serves several blocks; chunks live as long as the process.
constexpr std::size_t kChunkBytes = 256 * 1024;
// What a thread may keep per class before it gives half of it to the central list.
constexpr std::size_t kThreadBytes = 256 * 1024;
constexpr std::uint32_t kMinBlocks = 16;

struct Central {
  std::mutex mutex;
  Block* head[kClasses] = {};
  std::byte* bump = nullptr;
  std::byte* bump_end = nullptr;
  std::vector<Cache*> threads;
  std::int64_t ended_blocks = 0;  // balances of threads that ended
  std::int64_t ended_bytes = 0;
};

Central& central() {
  static Central* c = new Central;  // outlives every thread-local destructor
  return *c;
}

std::uint32_t blocks_for(int c) {
  return std::max<std::uint32_t>(kMinBlocks, static_cast<std::uint32_t>(kThreadBytes / class_bytes(c)));
}

// Registers the thread on its first slow path; on exit returns its lists.
struct ThreadEntry {
  ThreadEntry() {
    Central& z = central();
    std::lock_guard lock(z.mutex);
    z.threads.push_back(&cache);
    for (int c = 0; c < kClasses; ++c) cache.limit[c] = blocks_for(c);
  }
  ~ThreadEntry() {
    Central& z = central();
    std::lock_guard lock(z.mutex);
    for (int c = 0; c < kClasses; ++c) {
      while (Block* b = cache.head[c]) {
        cache.head[c] = b->next;
        b->next = z.head[c];
        z.head[c] = b;
      }
      cache.count[c] = cache.limit[c] = 0;
    }
    z.ended_blocks += cache.live_blocks.exchange(0);
    z.ended_bytes += cache.live_bytes.exchange(0);
    std::erase(z.threads, &cache);
    cache.ended = true;
  }
};

void enter_thread() {
  if (!cache.ended) thread_local ThreadEntry entry;
}

}  // namespace

#ifdef GRADUS_NO_POOL

void* allocate_slow(int c) {
  enter_thread();
  void* p = std::aligned_alloc(64, class_bytes(c));
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

void free_slow(void* p, int) {
  enter_thread();
  std::free(p);
}

#else

void* allocate_slow(int c) {
  enter_thread();
  Central& z = central();
  std::lock_guard lock(z.mutex);
  const std::size_t size = class_bytes(c);
  // One block for the caller; a batch for its list, small so that a short thread does not hoard.
  const std::uint32_t batch = std::min<std::uint32_t>(cache.limit[c] / 4, 64);
  void* result = nullptr;
  for (std::uint32_t i = 0; i <= batch; ++i) {
    void* p = nullptr;
    if (z.head[c] != nullptr) {
      p = z.head[c];
      z.head[c] = z.head[c]->next;
    } else {
      if (static_cast<std::size_t>(z.bump_end - z.bump) < size) {
        if (result != nullptr) break;
        auto* chunk = static_cast<std::byte*>(std::aligned_alloc(64, kChunkBytes));
        if (chunk == nullptr) throw std::bad_alloc();
        z.bump = chunk;
        z.bump_end = chunk + kChunkBytes;
      }
      p = z.bump;
      z.bump += size;
    }
    if (result == nullptr) {
      result = p;
    } else {
      auto* b = static_cast<Block*>(p);
      b->next = cache.head[c];
      cache.head[c] = b;
      ++cache.count[c];
    }
  }
  return result;
}

void free_slow(void* p, int c) {
  enter_thread();
  auto* first = static_cast<Block*>(p);
  Block* last = first;
  first->next = nullptr;
  for (std::uint32_t n = cache.limit[c] / 2; n > 0 && cache.head[c] != nullptr; --n) {
    Block* b = cache.head[c];
    cache.head[c] = b->next;
    --cache.count[c];
    b->next = first;
    first = b;
  }
  Central& z = central();
  std::lock_guard lock(z.mutex);
  last->next = z.head[c];
  z.head[c] = first;
}

#endif

}  // namespace pool_internal

PoolStats pool_stats() {
  using namespace pool_internal;
  Central& z = central();
  std::lock_guard lock(z.mutex);
  PoolStats s{z.ended_blocks, z.ended_bytes};
  bool own = false;
  for (const Cache* t : z.threads) {
    s.live_blocks += t->live_blocks.load(std::memory_order_relaxed);
    s.live_bytes += t->live_bytes.load(std::memory_order_relaxed);
    own |= t == &cache;
  }
  if (!own) {
    s.live_blocks += cache.live_blocks.load(std::memory_order_relaxed);
    s.live_bytes += cache.live_bytes.load(std::memory_order_relaxed);
  }
  return s;
}

}  // namespace gradus
