// Memory for large buffers, taken from the system in regions that are backed by huge pages where the kernel
// has them: a pass over a few arrays then misses the table of pages some hundred times less. A region goes
// back to the system when nothing of it is in use. No thread safety: the allocator's lock is around every
// call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace gradus {

class Arena {
 public:
  // Aligned to 64 bytes. Null where the system has no memory.
  void* allocate(std::size_t bytes);
  // With the size that it was asked for.
  void free(void* p, std::size_t bytes);

  std::size_t regions() const { return regions_.size(); }

 private:
  using Block =
      std::pair<std::size_t, std::byte*>;  // size first: the set is searched for the smallest that fits

  bool add_region(std::size_t bytes);
  void add_free(std::byte* at, std::size_t bytes);
  void remove_free(std::map<std::byte*, std::size_t>::iterator block);

  std::map<std::byte*, std::size_t> regions_;
  std::map<std::byte*, std::size_t> free_;  // by address, to join neighbours
  std::set<Block> by_size_;
};

}  // namespace gradus
