#include "gradus/graph/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <iterator>

namespace gradus {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kRegion = 16 * kHugePage;
constexpr std::size_t kLine = 64;

// Arrays of one size that a loop walks side by side must not begin at the same place of a page: a load would
// wait for stores to others whose addresses end in the same 12 bits.
constexpr std::size_t kStagger = 3 * kLine;

std::size_t block_size(std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine + kStagger; }

}  // namespace

bool Arena::add_region(std::size_t bytes) {
  const std::size_t size = std::max(kRegion, (bytes + kHugePage - 1) / kHugePage * kHugePage);
  if (size < bytes) return false;
  // A huge page more, to cut the region out at a multiple of one.
  void* mapped = mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return false;
  auto* const begin = static_cast<std::byte*>(mapped);
  const std::size_t skip = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (skip > 0) munmap(begin, skip);
  munmap(begin + skip + size, kHugePage - skip);
#ifdef MADV_HUGEPAGE
  madvise(begin + skip, size, MADV_HUGEPAGE);  // a wish: without huge pages nothing is lost
#endif
  regions_.emplace(begin + skip, size);
  add_free(begin + skip, size);
  return true;
}

void Arena::add_free(std::byte* at, std::size_t bytes) {
  free_.emplace(at, bytes);
  by_size_.emplace(bytes, at);
}

void Arena::remove_free(std::map<std::byte*, std::size_t>::iterator block) {
  by_size_.erase({block->second, block->first});
  free_.erase(block);
}

void* Arena::allocate(std::size_t bytes) {
  const std::size_t size = block_size(bytes);
  if (size < bytes) return nullptr;
  auto fit = by_size_.lower_bound({size, nullptr});
  if (fit == by_size_.end()) {
    if (!add_region(size)) return nullptr;
    fit = by_size_.lower_bound({size, nullptr});
  }
  const auto [found, at] = *fit;
  remove_free(free_.find(at));
  if (found > size) add_free(at + size, found - size);
  return at;
}

void Arena::free(void* p, std::size_t bytes) {
  auto* at = static_cast<std::byte*>(p);
  std::size_t size = block_size(bytes);
  const auto region = std::prev(regions_.upper_bound(at));
  std::byte* const region_end = region->first + region->second;
  // Regions may lie side by side; blocks are joined within one only.
  if (const auto next = free_.find(at + size); next != free_.end() && next->first != region_end) {
    size += next->second;
    remove_free(next);
  }
  if (const auto after = free_.lower_bound(at); after != free_.begin()) {
    const auto before = std::prev(after);
    if (before->first >= region->first && before->first + before->second == at) {
      at = before->first;
      size += before->second;
      remove_free(before);
    }
  }
  if (size == region->second) {
    munmap(region->first, region->second);
    regions_.erase(region);
  } else {
    add_free(at, size);
  }
}

}  // namespace gradus
