// Layout: the loops over several arrays of one shape, brought to a normal form. Dimensions of size 1 go, the
// rest is ordered by the first array's strides (outermost first) and neighbours are merged where every array
// allows it. What remains is the fewest loops; the last one is the inner one.
#pragma once

#include <cstdint>

#include "gradus/graph/view.h"

namespace gradus::kernels {

inline constexpr int kMaxOperands = 6;

struct Layout {
  int rank = 0;  // 0: one element (or none)
  int operands = 0;
  std::int64_t numel = 0;
  std::int64_t dims[kMaxRank];
  std::int64_t strides[kMaxOperands][kMaxRank];  // in elements
};

// Walks the linear range [begin, end) of a layout (rank >= 1) in runs along its inner dimension:
//   for (Runs run(layout, begin, end); run.n > 0; run.next()) use run.offset[k], run.n
class Runs {
 public:
  Runs(const Layout& layout, std::int64_t begin, std::int64_t end)
      : Runs(layout, begin, end, 0, layout.operands) {}
  // Keeps the offsets of the operands [first, last) only.
  Runs(const Layout& layout, std::int64_t begin, std::int64_t end, int first, int last);

  void next() {
    rest_ -= n;
    if (rest_ > 0)
      step();
    else
      n = 0;
  }

  std::int64_t n;                     // elements of this run; 0: the end
  std::int64_t offset[kMaxOperands];  // of its first element

 private:
  void step();

  const Layout& layout_;
  int first_, last_;
  std::int64_t rest_;
  std::int64_t at_[kMaxRank];
};

// The strides of a contiguous array.
void contiguous_strides(const std::int64_t* dims, int rank, std::int64_t* strides);

// True where the elements lie in order and without gaps, whatever `strides` says.
bool is_contiguous(const View& v);

// `v` as an array of dims[0..rank): sizes aligned to the right, stride 0 where v has size 1 or lacks the
// dimension. The strides go to `storage` (at least `rank` elements), which the result refers to, as it does
// to `dims`.
View broadcast_view(const View& v, const std::int64_t* dims, int rank, std::int64_t numel,
                    std::int64_t* storage);

// The layout of `n` arrays. All have the dims of the first one, or broadcast to them as in broadcast_view.
Layout make_layout(const View* const* views, int n);

}  // namespace gradus::kernels
