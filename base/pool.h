// Thread-local free lists by size class for the small blocks that recording makes and drops by the million:
// tensor headers, nodes, small buffers. A block may be freed by another thread than the one that made it;
// what a thread holds is bounded, the surplus goes to a central list. Under GRADUS_NO_POOL every block is
// a malloc of its own, so that the address sanitizer sees each use after free.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gradus {

// Bytes of the largest block that the pool serves; larger ones belong to the caching allocator.
inline constexpr std::size_t kMaxPoolBytes = 32768;

namespace pool_internal {

// 16 classes of 64-byte steps up to 1 KiB, then 4 a power of two up to 32 KiB.
inline constexpr int kClasses = 16 + 5 * 4;

constexpr int class_of(std::size_t bytes) {
  if (bytes <= 1024) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
  const int log2 = 63 - __builtin_clzll(bytes - 1);  // 10 for 1025..2048
  return 16 + (log2 - 10) * 4 + static_cast<int>((bytes - 1) >> (log2 - 2)) - 4;
}

constexpr std::size_t class_bytes(int c) {
  if (c < 16) return 64 * (static_cast<std::size_t>(c) + 1);
  const int log2 = 10 + (c - 16) / 4;
  return (std::size_t{5} + static_cast<std::size_t>((c - 16) % 4)) << (log2 - 2);
}

struct Block {
  Block* next;
};

struct Cache {
  Block* head[kClasses];
  std::uint32_t count[kClasses];
  std::uint32_t limit[kClasses];  // zero until the thread's first slow path, and again after it ended
  // Written by the owning thread only; read by pool_stats().
  std::atomic<std::int64_t> live_blocks;
  std::atomic<std::int64_t> live_bytes;
  bool ended;  // the thread is past its destructor: nothing may be kept any more
};

extern thread_local constinit Cache cache;

void* allocate_slow(int c);
void free_slow(void* p, int c);

inline void account(int blocks, std::int64_t bytes) {
  Cache& t = cache;
  t.live_blocks.store(t.live_blocks.load(std::memory_order_relaxed) + blocks, std::memory_order_relaxed);
  t.live_bytes.store(t.live_bytes.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

}  // namespace pool_internal

// A block of at least `bytes` (1..kMaxPoolBytes), aligned to 64 bytes, contents undefined.
inline void* pool_allocate(std::size_t bytes) {
  using namespace pool_internal;
  const int c = class_of(bytes);
  account(1, static_cast<std::int64_t>(class_bytes(c)));
#ifndef GRADUS_NO_POOL
  if (Block* b = cache.head[c]) [[likely]] {
    cache.head[c] = b->next;
    --cache.count[c];
    return b;
  }
#endif
  return allocate_slow(c);
}

// Gives back a block of pool_allocate(bytes), from any thread.
inline void pool_free(void* p, std::size_t bytes) {
  using namespace pool_internal;
  const int c = class_of(bytes);
  account(-1, -static_cast<std::int64_t>(class_bytes(c)));
#ifndef GRADUS_NO_POOL
  if (cache.count[c] < cache.limit[c]) [[likely]] {
    Block* b = static_cast<Block*>(p);
    b->next = cache.head[c];
    cache.head[c] = b;
    ++cache.count[c];
    return;
  }
#endif
  free_slow(p, c);
}

struct PoolStats {
  std::int64_t live_blocks;  // handed out and not given back, over all threads
  std::int64_t live_bytes;
};

// Exact while no other thread allocates.
PoolStats pool_stats();

}  // namespace gradus
