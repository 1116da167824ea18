#include "gradus/graph/storage.h"

#include <new>

#include "gradus/base/pool.h"
#include "gradus/graph/allocator.h"

namespace gradus {

namespace {
// Data behind the header stays aligned to 64 bytes, as the header's size is.
constexpr std::size_t kHeaderBytes = sizeof(Storage);
}  // namespace

StorageRef allocate_storage(std::size_t bytes) {
  if (bytes + kHeaderBytes <= kMaxPoolBytes) {
    void* block = pool_allocate(kHeaderBytes + bytes);
    auto* s = new (block) Storage;
    s->data = static_cast<std::byte*>(block) + kHeaderBytes;
    s->bytes = bytes;
    s->block = block;
    s->block_bytes = static_cast<std::uint32_t>(kHeaderBytes + bytes);
    return StorageRef::adopt(s);
  }
  void* data = allocate_buffer(bytes);
  auto* s = new (pool_allocate(sizeof(Storage))) Storage;
  s->data = data;
  s->bytes = bytes;
  s->block = s;
  s->block_bytes = sizeof(Storage);
  s->kind = Storage::Kind::kBuffer;
  return StorageRef::adopt(s);
}

StorageRef external_storage(void* data, std::size_t bytes, UniqueFunction<void()> release) {
  auto* owner = release ? new UniqueFunction<void()>(std::move(release)) : nullptr;
  auto* s = new (pool_allocate(sizeof(Storage))) Storage;
  s->data = data;
  s->bytes = bytes;
  s->owner = owner;
  s->block_bytes = sizeof(Storage);
  s->kind = Storage::Kind::kExternal;
  return StorageRef::adopt(s);
}

void destroy(Storage* s) {
  void* block = s->block;
  if (s->kind == Storage::Kind::kBuffer) {
    free_buffer(s->data, s->bytes);
  } else if (s->kind == Storage::Kind::kExternal) {
    block = s;
    if (s->owner != nullptr) {
      (*s->owner)();
      delete s->owner;
    }
  }
  pool_free(block, s->block_bytes);
}

}  // namespace gradus
