#include "gradus/ops/kernels/layout.h"

#include <algorithm>
#include <utility>

namespace gradus::kernels {

Runs::Runs(const Layout& layout, std::int64_t begin, std::int64_t end, int first, int last)
    : n(0), layout_(layout), first_(first), last_(last), rest_(end - begin) {
  if (rest_ <= 0) return;  // there may be a dimension of size 0
  for (int k = first_; k < last_; ++k) offset[k] = 0;
  for (int i = layout.rank - 1; i >= 0; --i) {
    at_[i] = begin % layout.dims[i];
    begin /= layout.dims[i];
    for (int k = first_; k < last_; ++k) offset[k] += at_[i] * layout.strides[k][i];
  }
  n = std::min(rest_, layout.dims[layout.rank - 1] - at_[layout.rank - 1]);
}

void Runs::step() {
  const int inner = layout_.rank - 1;
  for (int k = first_; k < last_; ++k) offset[k] -= at_[inner] * layout_.strides[k][inner];
  at_[inner] = 0;
  for (int i = inner - 1; i >= 0; --i) {
    for (int k = first_; k < last_; ++k) offset[k] += layout_.strides[k][i];
    if (++at_[i] < layout_.dims[i]) break;
    for (int k = first_; k < last_; ++k) offset[k] -= at_[i] * layout_.strides[k][i];
    at_[i] = 0;
  }
  n = std::min(rest_, layout_.dims[inner]);
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
    if (k == 0 && first.strides == nullptr)
      contiguous_strides(first.dims, first.rank, strides);
    else
      broadcast_view(*views[k], first.dims, first.rank, first.numel, strides);
    for (int i = 0; i < rank; ++i) l.strides[k][i] = strides[kept[i]];
  }

  // Insertion sort by the strides of the first operand, larger ones outside; where they are equal (0:
  // broadcast) the order stays. The outermost are usually in order already.
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
