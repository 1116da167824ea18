#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gradus/ops/kernels/index.cc"
#include "gradus/ops/kernels/index.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/copy.h"
#include "gradus/ops/kernels/layout.h"
#include "gradus/ops/kernels/simd-inl.h"

GRADUS_SIMD_BEGIN

template <class T>
void add_run(T* HWY_RESTRICT to, const T* HWY_RESTRICT from, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, from + i)), d, to + i);
  for (; i < n; ++i) to[i] = static_cast<T>(to[i] + from[i]);
}

void add_run_f32(float* to, const float* from, std::int64_t n) { add_run(to, from, n); }
void add_run_f64(double* to, const double* from, std::int64_t n) { add_run(to, from, n); }
void add_run_i32(std::int32_t* to, const std::int32_t* from, std::int64_t n) { add_run(to, from, n); }
void add_run_i64(std::int64_t* to, const std::int64_t* from, std::int64_t n) { add_run(to, from, n); }
void add_run_u8(std::uint8_t* to, const std::uint8_t* from, std::int64_t n) { add_run(to, from, n); }

GRADUS_SIMD_END

#if HWY_ONCE

namespace gradus::kernels {

namespace {

GRADUS_EXPORT(add_run_f32);
GRADUS_EXPORT(add_run_f64);
GRADUS_EXPORT(add_run_i32);
GRADUS_EXPORT(add_run_i64);
GRADUS_EXPORT(add_run_u8);

constexpr std::int64_t kGrain = 32 * 1024;

template <class T>
void add_contiguous(T* to, const T* from, std::int64_t n) {
  if constexpr (std::is_same_v<T, float>)
    k_add_run_f32.get()(to, from, n);
  else if constexpr (std::is_same_v<T, double>)
    k_add_run_f64.get()(to, from, n);
  else if constexpr (std::is_same_v<T, std::int32_t>)
    k_add_run_i32.get()(to, from, n);
  else if constexpr (std::is_same_v<T, std::int64_t>)
    k_add_run_i64.get()(to, from, n);
  else
    k_add_run_u8.get()(to, from, n);
}

// f(T{}) with the element type of `dtype`; bool counts as u8.
template <class F>
void with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    case DType::i32:
      return f(std::int32_t{});
    case DType::i64:
      return f(std::int64_t{});
    default:
      return f(std::uint8_t{});
  }
}

// f with an unsigned type of the element's size, for moves.
template <class F>
void with_size(DType dtype, F f) {
  switch (size_of(dtype)) {
    case 1:
      return f(std::uint8_t{});
    case 2:
      return f(std::uint16_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

std::int64_t product(const std::int64_t* dims, int begin, int end) {
  std::int64_t n = 1;
  for (int i = begin; i < end; ++i) n *= dims[i];
  return n;
}

void get_strides(const View& v, std::int64_t* strides) {
  if (v.strides != nullptr)
    std::copy_n(v.strides, v.rank, strides);
  else
    contiguous_strides(v.dims, v.rank, strides);
}

// The part of v at position k of `axis`: v without that dimension. The arrays refer to `storage`.
struct Slice {
  std::int64_t dims[kMaxRank], strides[kMaxRank];
  View view;

  Slice(const View& v, int axis) {
    std::int64_t all[kMaxRank];
    get_strides(v, all);
    int rank = 0;
    for (int i = 0; i < v.rank; ++i) {
      if (i == axis) continue;
      dims[rank] = v.dims[i];
      strides[rank++] = all[i];
    }
    view = View{v.data, dims, strides, product(dims, 0, rank), static_cast<std::uint8_t>(rank), v.dtype};
    base_ = static_cast<char*>(v.data);
    step_ = all[axis] * static_cast<std::int64_t>(size_of(v.dtype));
  }
  const View& at(std::int64_t k) {
    view.data = base_ + k * step_;
    return view;
  }

 private:
  char* base_;
  std::int64_t step_;
};

// The index array's elements with the matching places in x (its offset without `axis`) and in the other
// array. Both walks are in row-major order of `index`; they are split between threads across the other axes,
// so that all indices along `axis` are handled by one thread in their order.
template <class F>
void for_each_index(const View& x, int axis, const View& index, const View& other, F f) {
  if (index.numel == 0) return;
  Layout l;
  l.operands = 3;
  l.rank = index.rank;
  l.numel = index.numel;
  std::copy_n(index.dims, index.rank, l.dims);
  get_strides(index, l.strides[0]);
  get_strides(x, l.strides[1]);
  get_strides(other, l.strides[2]);
  const std::int64_t axis_stride = index.rank == 0 ? 1 : l.strides[1][axis];
  if (l.rank == 0) {
    l.rank = 1;
    l.dims[0] = 1;
    for (int k = 0; k < 3; ++k) l.strides[k][0] = 0;
  } else {
    l.strides[1][axis] = 0;
  }
  int split = -1;
  for (int i = 0; i < l.rank; ++i) {
    if (i != axis && (split < 0 || l.dims[i] > l.dims[split])) split = i;
  }
  const std::int64_t parts = split < 0 ? 1 : l.dims[split];
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain * parts / l.numel);
  parallel_for(parts, grain, [&](std::int64_t begin, std::int64_t end) {
    Layout part = l;
    std::int64_t start[3] = {0, 0, 0};
    if (split >= 0) {
      part.dims[split] = end - begin;
      part.numel = l.numel / parts * (end - begin);
      for (int k = 0; k < 3; ++k) start[k] = begin * l.strides[k][split];
    }
    const int inner = part.rank - 1;
    const std::int64_t* indices = index.as<const std::int64_t>();
    for (Runs run(part, 0, part.numel); run.n > 0; run.next()) {
      const std::int64_t* at = indices + start[0] + run.offset[0];
      std::int64_t px = start[1] + run.offset[1], po = start[2] + run.offset[2];
      for (std::int64_t j = 0; j < run.n; ++j) {
        f(px + at[j * part.strides[0][inner]] * axis_stride, po);
        px += part.strides[1][inner];
        po += part.strides[2][inner];
      }
    }
  });
}

// Short runs cost more than their elements: the next dimension that is long becomes the inner one.
void make_runs_long(Layout& l) {
  constexpr std::int64_t kShort = 16;
  const int last = l.rank - 1;
  int at = last;
  while (at >= 0 && l.dims[at] < kShort) --at;
  if (at < 0 || at == last) return;
  std::swap(l.dims[at], l.dims[last]);
  for (int k = 0; k < l.operands; ++k) std::swap(l.strides[k][at], l.strides[k][last]);
}

// One after the other, so that `to` may hold an element at several places. Within a run whose steps are 1 it
// does not.
template <class T>
void accumulate_as(const View& to, const View& from) {
  const View* views[2] = {&to, &from};
  Layout l = make_layout(views, 2);
  make_runs_long(l);
  if (l.rank == 0) {
    *to.as<T>() = static_cast<T>(*to.as<T>() + *from.as<T>());
    return;
  }
  const std::int64_t step_to = l.strides[0][l.rank - 1], step_from = l.strides[1][l.rank - 1];
  for (Runs run(l, 0, l.numel); run.n > 0; run.next()) {
    T* a = to.as<T>() + run.offset[0];
    const T* b = from.as<const T>() + run.offset[1];
    if (step_to == 1 && step_from == 1) {
      add_contiguous(a, b, run.n);
      continue;
    }
    for (std::int64_t j = 0; j < run.n; ++j) {
      a[j * step_to] = static_cast<T>(a[j * step_to] + b[j * step_from]);
    }
  }
}

// The layout of arrays of dims[0..rank), or that broadcast to them, walked in row-major order.
Layout row_major_layout(std::initializer_list<const View*> views, const std::int64_t* dims, int rank) {
  Layout l;
  l.operands = static_cast<int>(views.size());
  l.rank = std::max(rank, 1);
  l.dims[0] = 1;
  std::copy_n(dims, rank, l.dims);
  l.numel = product(dims, 0, rank);
  int k = 0;
  for (const View* v : views) {
    l.strides[k][0] = 0;
    broadcast_view(*v, dims, rank, l.numel, l.strides[k++]);
  }
  return l;
}

}  // namespace

std::int64_t find_out_of_range(const View& index, std::int64_t size) {
  const std::int64_t* p = index.as<const std::int64_t>();
  const auto bad = [size](std::int64_t i) {
    return static_cast<std::uint64_t>(i) >= static_cast<std::uint64_t>(size);
  };
  if (is_contiguous(index)) {
    for (std::int64_t i = 0; i < index.numel; ++i) {
      if (bad(p[i])) return i;
    }
    return -1;
  }
  Layout l;
  l.operands = 1;
  l.rank = index.rank;
  std::copy_n(index.dims, index.rank, l.dims);
  get_strides(index, l.strides[0]);
  std::int64_t position = 0;
  for (Runs run(l, 0, index.numel); run.n > 0; run.next()) {
    for (std::int64_t j = 0; j < run.n; ++j, ++position) {
      if (bad(p[run.offset[0] + j * l.strides[0][l.rank - 1]])) return position;
    }
  }
  return -1;
}

void index_select(const View& x, int axis, const View& index, const View& out) {
  if (out.numel == 0) return;
  const std::int64_t n = index.numel;
  const std::int64_t* indices = index.as<const std::int64_t>();
  const std::int64_t step = index.strides != nullptr ? index.strides[0] : 1;
  if (!is_contiguous(x)) {
    Slice from(x, axis), to(out, axis);
    for (std::int64_t k = 0; k < n; ++k) copy(from.at(indices[k * step]), to.at(k));
    return;
  }
  const std::int64_t outer = product(x.dims, 0, axis), inner = product(x.dims, axis + 1, x.rank);
  const std::int64_t size = x.dims[axis];
  parallel_for(outer * n, std::max<std::int64_t>(1, kGrain / inner),
               [&](std::int64_t begin, std::int64_t end) {
                 with_size(x.dtype, [&](auto tag) {
                   using T = decltype(tag);
                   const T* from = x.as<const T>();
                   T* to = out.as<T>() + begin * inner;
                   std::int64_t o = begin / n, k = begin % n;
                   for (std::int64_t i = begin; i < end; ++i, to += inner) {
                     const T* row = from + (o * size + indices[k * step]) * inner;
                     if (inner == 1)
                       *to = *row;
                     else
                       std::memcpy(to, row, static_cast<std::size_t>(inner) * sizeof(T));
                     if (++k == n) {
                       k = 0;
                       ++o;
                     }
                   }
                 });
               });
}

void index_add(const View& x, int axis, const View& index, const View& source) {
  if (source.numel == 0) return;
  const std::int64_t n = index.numel;
  const std::int64_t* indices = index.as<const std::int64_t>();
  const std::int64_t step = index.strides != nullptr ? index.strides[0] : 1;
  const std::int64_t outer = product(x.dims, 0, axis), inner = product(x.dims, axis + 1, x.rank);
  with_type(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    T* to = x.as<T>();
    if (is_contiguous(source)) {
      // Threads take columns of the inner part, or whole outer parts: never two of them the same element.
      const T* from = source.as<const T>();
      const bool by_outer = outer > 1;
      const std::int64_t parts = by_outer ? outer : inner;
      const std::int64_t grain = std::max<std::int64_t>(by_outer ? 1 : 64, kGrain * parts / source.numel);
      parallel_for(parts, grain, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t o0 = by_outer ? begin : 0, o1 = by_outer ? end : outer;
        const std::int64_t first = by_outer ? 0 : begin, count = by_outer ? inner : end - begin;
        for (std::int64_t o = o0; o < o1; ++o) {
          for (std::int64_t k = 0; k < n; ++k) {
            T* row = to + (o * x.dims[axis] + indices[k * step]) * inner + first;
            const T* add = from + (o * n + k) * inner + first;
            if (count == 1)
              *row = static_cast<T>(*row + *add);
            else
              add_contiguous(row, add, count);
          }
        }
      });
      return;
    }
    Slice target(x, axis), part(source, axis);
    for (std::int64_t k = 0; k < n; ++k) {
      accumulate_as<T>(target.at(indices[k * step]), part.at(k));
    }
  });
}

void gather(const View& x, int axis, const View& index, const View& out) {
  with_size(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    const T* from = x.as<const T>();
    T* to = out.as<T>();
    for_each_index(x, axis, index, out, [=](std::int64_t px, std::int64_t po) { to[po] = from[px]; });
  });
}

void scatter_add(const View& x, int axis, const View& index, const View& source) {
  with_type(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    T* to = x.as<T>();
    const T* from = source.as<const T>();
    for_each_index(x, axis, index, source,
                   [=](std::int64_t px, std::int64_t po) { to[px] = static_cast<T>(to[px] + from[po]); });
  });
}

void scatter(const View& x, int axis, const View& index, const View& source) {
  with_size(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    T* to = x.as<T>();
    const T* from = source.as<const T>();
    for_each_index(x, axis, index, source, [=](std::int64_t px, std::int64_t po) { to[px] = from[po]; });
  });
}

void accumulate(const View& to, const View& from) {
  if (from.numel == 0) return;
  with_type(to.dtype, [&](auto tag) { accumulate_as<decltype(tag)>(to, from); });
}

std::int64_t count_nonzero(const View& x) {
  std::int64_t count = 0;
  if (x.numel == 0) return count;
  const View* views[1] = {&x};
  const Layout l = make_layout(views, 1);
  const auto count_in = [&](auto tag) {
    using T = decltype(tag);
    const T* p = x.as<const T>();
    if (l.rank == 0) {
      count = static_cast<std::int64_t>(*p != T{0});
      return;
    }
    const std::int64_t step = l.strides[0][l.rank - 1];
    for (Runs run(l, 0, l.numel); run.n > 0; run.next()) {
      const T* at = p + run.offset[0];
      if (step == 1) {  // its own loop, for vectors
        for (std::int64_t j = 0; j < run.n; ++j) count += static_cast<std::int64_t>(at[j] != T{0});
      } else {
        for (std::int64_t j = 0; j < run.n; ++j) count += static_cast<std::int64_t>(at[j * step] != T{0});
      }
    }
  };
  // -0 and NaN tell the halves from integers of their size.
  if (x.dtype == DType::f16)
    count_in(float16{});
  else if (x.dtype == DType::bf16)
    count_in(bfloat16{});
  else if (x.dtype == DType::f32)
    count_in(float{});
  else if (x.dtype == DType::f64)
    count_in(double{});
  else
    with_size(x.dtype, count_in);
  return count;
}

void nonzero(const View& x, const View& out) {
  if (out.numel == 0) return;
  const Layout l = row_major_layout({&x}, x.dims, x.rank);
  const int rank = x.rank;
  std::int64_t place[kMaxRank] = {};  // of the run's beginning
  std::int64_t* to = out.as<std::int64_t>();
  with_type(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    const T* p = x.as<const T>();
    const std::int64_t step = l.strides[0][l.rank - 1];
    for (Runs run(l, 0, l.numel); run.n > 0; run.next()) {
      const T* at = p + run.offset[0];
      for (std::int64_t j = 0; j < run.n; ++j) {
        if (at[j * step] == T{0}) continue;
        for (int k = 0; k < rank - 1; ++k) *to++ = place[k];
        if (rank > 0) *to++ = j;
      }
      for (int k = rank - 2; k >= 0; --k) {
        if (++place[k] < x.dims[k]) break;
        place[k] = 0;
      }
    }
  });
}

void masked_select(const View& x, const View& mask, const std::int64_t* dims, int rank, const View& out) {
  if (out.numel == 0) return;
  const Layout l = row_major_layout({&x, &mask}, dims, rank);
  const int last = l.rank - 1;
  const auto* m = mask.as<const std::uint8_t>();
  with_size(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    const T* p = x.as<const T>();
    T* to = out.as<T>();
    for (Runs run(l, 0, l.numel); run.n > 0; run.next()) {
      const T* from = p + run.offset[0];
      const std::uint8_t* on = m + run.offset[1];
      for (std::int64_t j = 0; j < run.n; ++j) {
        if (on[j * l.strides[1][last]] != 0) *to++ = from[j * l.strides[0][last]];
      }
    }
  });
}

}  // namespace gradus::kernels

#endif  // HWY_ONCE
