// Headers of tensors: where they lie, and how they are taken apart.
#include "gradus/graph/tensor_impl.h"

#include <cstring>
#include <new>

#include "gradus/base/pool.h"
#include "gradus/graph/describe.h"
#include "gradus/graph/node.h"

namespace gradus {
namespace {

constexpr std::size_t kHeaderBytes = sizeof(TensorImpl) + sizeof(Storage);

void init_header(TensorImpl* t, DType dtype, int rank, std::int64_t numel) {
  new (t) TensorImpl;
  t->dtype = dtype;
  t->rank = static_cast<std::uint8_t>(rank);
  t->leaf_requires_grad = false;
  t->owns_storage_block = false;
  t->strides = nullptr;
  t->numel = numel;
  t->node = nullptr;
  t->output = 0;
  t->walk_hint.store(0, std::memory_order_relaxed);
  t->extras = nullptr;
  t->name = nullptr;
}

constexpr std::size_t kListBytes = kMaxRank * sizeof(std::int64_t);

void set_dims(TensorImpl* t, const std::int64_t* dims) {
  if (t->rank > 6) t->spilled_dims = static_cast<std::int64_t*>(pool_allocate(kListBytes));
  std::int64_t* d = t->dims();
  for (int i = 0; i < t->rank; ++i) d[i] = dims[i];
}

void set_strides(TensorImpl* t, const std::int64_t* strides) {
  t->strides = static_cast<std::int64_t*>(pool_allocate(kListBytes));
  for (int i = 0; i < t->rank; ++i) t->strides[i] = strides[i];
}

constexpr std::int64_t kMaxBytes = std::int64_t{1} << 47;  // what a process can address

[[noreturn, gnu::cold, gnu::noinline]] void fail_size(const OutputMeta& meta, Location where,
                                                      const char* op) {
  for (int i = 0; i < meta.rank; ++i) {
    if (meta.dims[i] >= 0) continue;
    throw_error<ShapeError>(where, op, "axis {} of the result would have the size {}; sizes are not negative",
                            i, meta.dims[i]);
  }
  throw_error<ShapeError>(where, op, "{} {} has too many elements for the memory of any machine",
                          format_shape({meta.dims, meta.rank}), name(meta.dtype));
}

}  // namespace

TensorImpl* new_tensor(const OutputMeta& meta, Location where, const char* op) {
  std::int64_t numel = 1;
  bool wrong = false;
  for (int i = 0; i < meta.rank; ++i) {
    wrong |= meta.dims[i] < 0;
    wrong |= __builtin_mul_overflow(numel, meta.dims[i], &numel);
  }
  if (wrong || numel > kMaxBytes / 8) [[unlikely]]
    fail_size(meta, where, op);
  const std::int64_t bytes = numel * static_cast<std::int64_t>(size_of(meta.dtype));
  TensorImpl* t = nullptr;
  const auto data_bytes = static_cast<std::size_t>(bytes);
  if (kHeaderBytes + data_bytes <= kMaxPoolBytes) {
    const std::size_t block_bytes = kHeaderBytes + data_bytes;
    auto* block = static_cast<std::byte*>(pool_allocate(block_bytes));
    t = reinterpret_cast<TensorImpl*>(block);
    init_header(t, meta.dtype, meta.rank, numel);
    auto* s = new (block + sizeof(TensorImpl)) Storage;
    s->data = block + kHeaderBytes;
    s->bytes = data_bytes;
    s->block = block;
    s->block_bytes = static_cast<std::uint32_t>(block_bytes);
    t->storage = s;
    t->data = s->data;
    t->owns_storage_block = true;
  } else {
    StorageRef s = allocate_storage(data_bytes);
    t = static_cast<TensorImpl*>(pool_allocate(sizeof(TensorImpl)));
    init_header(t, meta.dtype, meta.rank, numel);
    t->data = s->data;
    t->storage = s.release();
  }
  set_dims(t, meta.dims);
  if (meta.has_strides) set_strides(t, meta.strides);
  return t;
}

TensorImpl* new_view(DType dtype, const std::int64_t* dims, int rank, const std::int64_t* strides, void* data,
                     Storage* storage, std::int64_t numel) {
  auto* t = static_cast<TensorImpl*>(pool_allocate(sizeof(TensorImpl)));
  init_header(t, dtype, rank, numel);
  t->data = data;
  storage->refs.acquire();
  t->storage = storage;
  set_dims(t, dims);
  if (strides != nullptr) set_strides(t, strides);
  return t;
}

void destroy(TensorImpl* t) {
  if (t->node != nullptr) release_node(t->node);
  if (t->extras != nullptr && t->extras->refs.release()) destroy(t->extras);
  if (t->rank > 6) pool_free(t->spilled_dims, kListBytes);
  if (t->strides != nullptr) pool_free(t->strides, kListBytes);
  if (t->name != nullptr) delete[] t->name;
  Storage* s = t->storage;
  // Read before the storage may take this header's block with it.
  const bool own_block = t->owns_storage_block;
  if (s->refs.release()) {
    // The way of every small tensor: header, storage and data go as one.
    if (own_block) return pool_free(t, s->block_bytes);
    destroy(s);
  }
  if (!own_block) pool_free(t, sizeof(TensorImpl));
}

void destroy(Extras* e) { delete e; }

bool is_contiguous_layout(const std::int64_t* dims, const std::int64_t* strides, int rank) {
  std::int64_t expected = 1;
  for (int i = rank - 1; i >= 0; --i) {
    if (dims[i] == 0) return true;
    if (dims[i] != 1 && strides[i] != expected) return false;
    expected *= dims[i];
  }
  return true;
}

bool is_dense_layout(const std::int64_t* dims, const std::int64_t* strides, int rank) {
  int order[kMaxRank];
  int n = 0;
  for (int i = 0; i < rank; ++i) {
    if (dims[i] == 0) return true;
    if (dims[i] == 1) continue;
    int k = n++;
    for (; k > 0 && strides[order[k - 1]] > strides[i]; --k) order[k] = order[k - 1];
    order[k] = i;
  }
  std::int64_t expected = 1;
  for (int k = 0; k < n; ++k) {
    if (strides[order[k]] != expected) return false;
    expected *= dims[order[k]];
  }
  return true;
}

}  // namespace gradus
