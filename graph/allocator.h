// The caching allocator for large buffers. Fresh pages cost more than the addition that fills them, so freed
// buffers are kept by size class and handed out again. Any thread may allocate and free; one mutex.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus {

// A buffer of at least `bytes`, aligned to 64 bytes, contents undefined. Errors: std::bad_alloc.
void* allocate_buffer(std::size_t bytes);
// Gives back a buffer of allocate_buffer(bytes).
void free_buffer(void* p, std::size_t bytes);

struct MemoryStats {
  std::int64_t live_objects;  // tensors, nodes and storages, as blocks of the pool
  std::int64_t live_bytes;    // blocks and large buffers in use
  std::int64_t cached_bytes;  // large buffers kept for reuse
  std::int64_t peak_bytes;    // highest live_bytes of large buffers since the start or reset_peak_memory()
};

// A snapshot; exact while no other thread allocates.
MemoryStats memory_stats();
void reset_peak_memory();
// Returns all cached large buffers to the system.
void empty_cache();

}  // namespace gradus
