// Storage: a reference-counted run of bytes that tensors view, with the version that in-place changes bump.
// It knows nothing of shapes or graphs. A small tensor's storage lies in the same block as its header.
#pragma once

#include <cstddef>
#include <cstdint>

#include "gradus/base/location.h"
#include "gradus/base/ref.h"
#include "gradus/base/unique_function.h"

namespace gradus {

struct Storage {
  enum class Kind : std::uint8_t {
    kPooled,    // header (perhaps a tensor's before it) and data in one block of the pool
    kBuffer,    // data from the caching allocator, header from the pool
    kExternal,  // data of the user's, released by `owner`
  };

  RefCount refs;
  std::uint32_t version = 0;  // in-place changes so far
  void* data = nullptr;
  std::size_t bytes = 0;
  union {
    void* block = nullptr;          // kPooled, kBuffer: what goes back to the pool
    UniqueFunction<void()>* owner;  // kExternal; the block is this header
  };
  std::uint32_t block_bytes = 0;
  std::uint32_t last_write_line = 0;
  const char* last_write_file = nullptr;
  const char* last_writer = nullptr;  // name of the function that changed it last
  Kind kind = Kind::kPooled;
};
static_assert(sizeof(Storage) == 64);

void destroy(Storage* s);

using StorageRef = Ref<Storage>;

// Storage of its own block, data aligned to 64 bytes, contents undefined. Errors: std::bad_alloc.
StorageRef allocate_storage(std::size_t bytes);

// Storage over memory of the user's; `release` runs when the last tensor over it is gone.
StorageRef external_storage(void* data, std::size_t bytes, UniqueFunction<void()> release);

}  // namespace gradus
