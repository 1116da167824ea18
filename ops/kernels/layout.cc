#include "gradus/ops/kernels/layout.h"

#include <utility>

namespace gradus::kernels {

void Layout::offsets(std::int64_t index, std::int64_t* offset) const {
  for (int k = 0; k < operands; ++k) offset[k] = 0;
  for (int i = rank - 1; i >= 0; --i) {
    const std::int64_t at = index % dims[i];
    index /= dims[i];
    for (int k = 0; k < operands; ++k) offset[k] += at * strides[k][i];
  }
}

void contiguous_strides(const std::int64_t* dims, int rank, std::int64_t* strides) {
  std::int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= dims[i];
  }
}

bool is_contiguous(const View& v) {
  if (v.strides == nullptr || v.numel == 0) return true;
  std::int64_t stride = 1;
  for (int i = v.rank - 1; i >= 0; --i) {
    if (v.dims[i] == 1) continue;
    if (v.strides[i] != stride) return false;
    stride *= v.dims[i];
  }
  return true;
}

View broadcast_view(const View& v, const std::int64_t* dims, int rank, std::int64_t numel,
                    std::int64_t* storage) {
  std::int64_t own[kMaxRank];
  const std::int64_t* strides = v.strides;
  if (strides == nullptr) {
    contiguous_strides(v.dims, v.rank, own);
    strides = own;
  }
  const int lead = rank - v.rank;
  for (int i = 0; i < rank; ++i) {
    storage[i] = i < lead || v.dims[i - lead] == 1 ? 0 : strides[i - lead];
  }
  return View{v.data, dims, storage, numel, static_cast<std::uint8_t>(rank), v.dtype};
}

Layout make_layout(const View* const* views, int n) {
  Layout l;
  const View& first = *views[0];
  l.operands = n;
  l.numel = first.numel;

  // Strides of every operand in the first one's dimensions, without those of size 1.
  int kept[kMaxRank];
  int rank = 0;
  for (int i = 0; i < first.rank; ++i) {
    if (first.dims[i] != 1) {
      kept[rank] = i;
      l.dims[rank++] = first.dims[i];
    }
  }
  for (int k = 0; k < n; ++k) {
    std::int64_t strides[kMaxRank];
    if (k == 0 && first.strides == nullptr) contiguous_strides(first.dims, first.rank, strides);
    else broadcast_view(*views[k], first.dims, first.rank, first.numel, strides);
    for (int i = 0; i < rank; ++i) l.strides[k][i] = strides[kept[i]];
  }

  // Insertion sort by the strides of the first operand, larger ones outside; where they are equal (0: broadcast)
  // the order stays. The outermost are usually in order already.
  for (int i = 1; i < rank; ++i) {
    for (int j = i; j > 0; --j) {
      if (l.strides[0][j - 1] >= l.strides[0][j]) break;
      std::swap(l.dims[j - 1], l.dims[j]);
      for (int k = 0; k < n; ++k) std::swap(l.strides[k][j - 1], l.strides[k][j]);
    }
  }

  // Merge neighbours that are one run in every operand.
  int last = 0;
  for (int i = 1; i < rank; ++i) {
    bool merge = true;
    for (int k = 0; k < n; ++k) merge = merge && l.strides[k][last] == l.strides[k][i] * l.dims[i];
    if (merge) {
      l.dims[last] *= l.dims[i];
    } else {
      ++last;
      l.dims[last] = l.dims[i];
    }
    for (int k = 0; k < n; ++k) l.strides[k][last] = l.strides[k][i];
  }
  l.rank = rank == 0 ? 0 : last + 1;
  return l;
}

}  // namespace gradus::kernels
