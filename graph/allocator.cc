#include "gradus/graph/allocator.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "gradus/base/pool.h"
#include "gradus/graph/arena.h"

namespace gradus {
namespace {

// Kept buffers may take as much as the live ones, and at least this much: a training step frees and asks for
// about the same set again, anything far above it is left over from another phase.
constexpr std::int64_t kKeepBytes = std::int64_t{64} << 20;

// Eight classes a power of two: at most an eighth is wasted.
std::size_t round_up(std::size_t bytes) {
  const int log2 = 63 - __builtin_clzll(bytes | 4096);
  const std::size_t step = std::size_t{1} << (log2 - 3);
  const std::size_t rounded = (bytes + step - 1) & ~(step - 1);
  if (rounded < bytes) throw std::bad_alloc();
  return rounded;
}

// Smaller ones are left to malloc: they would only cut the regions of the arena into pieces.
constexpr std::size_t kArenaBytes = std::size_t{64} << 10;

struct Cache {
  std::mutex mutex;
  Arena arena;
  std::map<std::size_t, std::vector<void*>> free;
  std::int64_t live = 0;
  std::int64_t peak = 0;
  std::int64_t cached = 0;
};

Cache& cache() {
  static Cache* c = new Cache;  // outlives static destructors that still hold tensors
  return *c;
}

// Tools that watch each block see malloc's.
#ifdef GRADUS_NO_POOL
constexpr bool kUseArena = false;
#else
constexpr bool kUseArena = true;
#endif

void* get_memory(Cache& c, std::size_t size) {
  return kUseArena && size >= kArenaBytes ? c.arena.allocate(size) : std::aligned_alloc(64, size);
}

void give_back(Cache& c, void* p, std::size_t size) {
  kUseArena&& size >= kArenaBytes ? c.arena.free(p, size) : std::free(p);
}

void release_all(Cache& c) {
  for (auto& [size, list] : c.free) {
    for (void* p : list) give_back(c, p, size);
    list.clear();
  }
  c.cached = 0;
}

}  // namespace

void* allocate_buffer(std::size_t bytes) {
  const std::size_t size = round_up(bytes);
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  void* p = nullptr;
  auto it = c.free.find(size);
  if (it != c.free.end() && !it->second.empty()) {
    p = it->second.back();
    it->second.pop_back();
    c.cached -= static_cast<std::int64_t>(size);
  } else {
    p = get_memory(c, size);
    if (p == nullptr) {
      release_all(c);
      p = get_memory(c, size);
    }
    if (p == nullptr) throw std::bad_alloc();
  }
  c.live += static_cast<std::int64_t>(size);
  c.peak = std::max(c.peak, c.live);
  return p;
}

void free_buffer(void* p, std::size_t bytes) {
  const std::size_t size = round_up(bytes);
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  c.live -= static_cast<std::int64_t>(size);
  if (!kUseArena || c.cached + static_cast<std::int64_t>(size) > std::max(c.live, kKeepBytes)) {
    give_back(c, p, size);
    return;
  }
  c.free[size].push_back(p);
  c.cached += static_cast<std::int64_t>(size);
}

MemoryStats memory_stats() {
  const PoolStats pool = pool_stats();
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  return {pool.live_blocks, pool.live_bytes + c.live, c.cached, c.peak};
}

void reset_peak_memory() {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  c.peak = c.live;
}

void empty_cache() {
  Cache& c = cache();
  std::lock_guard lock(c.mutex);
  release_all(c);
}

}  // namespace gradus
