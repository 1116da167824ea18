#include "gradus/ops/kernels/elementwise.h"

#include <algorithm>
#include <cstring>

#include "gradus/base/parallel.h"
#include "gradus/ops/kernels/convert.h"
#include "gradus/ops/kernels/layout.h"

namespace gradus::kernels {

namespace {

// Below two of these no thread is worth waking: about 10 us of a cheap op.
constexpr std::int64_t kGrain = 32 * 1024;

// Elements of a packed operand. Five tiles of 8-byte elements stay within a 48 KiB first-level cache.
constexpr std::int64_t kTile = 1024;

// Runs shorter than this are packed into tiles although they are contiguous: a call of a loop costs more.
constexpr std::int64_t kShortRun = 32;

struct Job {
  ElementwiseLoop loop;
  const void* params;
  Layout layout;  // operand 0 is the output
  char* data[1 + kMaxElementwiseInputs];
  std::int64_t size[1 + kMaxElementwiseInputs];  // bytes an element
  unsigned scalars;                              // inputs that are one element
  unsigned packed;                               // operands that go through tiles
  // Set for operands in a dtype that is computed in a wider one: to it for inputs, from it for the output.
  ConvertRun convert[1 + kMaxElementwiseInputs];
};

template <class From, class To>
void convert_integers(const void* from, void* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): i8 is a number, and keeps its sign.
    static_cast<To*>(to)[i] = static_cast<To>(static_cast<const From*>(from)[i]);
  }
}

template <class From, class To, void (*kRun)(const From*, To*, std::int64_t)>
void convert_half(const void* from, void* to, std::int64_t n) {
  kRun(static_cast<const From*>(from), static_cast<To*>(to), n);
}

// Between `t` and what it is computed in; nullptr where that is the same.
ConvertRun conversion(DType t, bool widen) {
  switch (t) {
    case DType::f16:
      return widen ? &convert_half<float16, float, &f16_to_f32> : &convert_half<float, float16, &f32_to_f16>;
    case DType::bf16:
      return widen ? &convert_half<bfloat16, float, &bf16_to_f32>
                   : &convert_half<float, bfloat16, &f32_to_bf16>;
    case DType::i8:
      return widen ? &convert_integers<std::int8_t, std::int32_t>
                   : &convert_integers<std::int32_t, std::int8_t>;
    case DType::i16:
      return widen ? &convert_integers<std::int16_t, std::int32_t>
                   : &convert_integers<std::int32_t, std::int16_t>;
    case DType::u16:
      return widen ? &convert_integers<std::uint16_t, std::int32_t>
                   : &convert_integers<std::int32_t, std::uint16_t>;
    case DType::u32:
      return widen ? &convert_integers<std::uint32_t, std::int64_t>
                   : &convert_integers<std::int64_t, std::uint32_t>;
    default:
      return nullptr;
  }
}

template <class T>
void gather_run(const T* from, std::int64_t stride, T* to, std::int64_t n) {
  if (stride == 1)
    std::memcpy(to, from, n * sizeof(T));
  else if (stride == 0)
    std::fill_n(to, n, *from);
  else
    for (std::int64_t i = 0; i < n; ++i) to[i] = from[i * stride];
}

template <class T>
void scatter_run(const T* from, T* to, std::int64_t stride, std::int64_t n) {
  if (stride == 1)
    std::memcpy(to, from, n * sizeof(T));
  else
    for (std::int64_t i = 0; i < n; ++i) to[i * stride] = from[i];
}

// Moves the n elements from linear index `begin` on between operand k and a tile.
template <class T, bool kGather>
void move_tile(const Layout& l, int k, T* data, std::int64_t begin, std::int64_t n, T* tile) {
  const std::int64_t stride = l.strides[k][l.rank - 1];
  for (Runs run(l, begin, begin + n, k, k + 1); run.n > 0; run.next()) {
    if constexpr (kGather)
      gather_run(data + run.offset[k], stride, tile, run.n);
    else
      scatter_run(tile, data + run.offset[k], stride, run.n);
    tile += run.n;
  }
}

template <bool kGather>
void move_tile(const Job& job, int k, std::int64_t begin, std::int64_t n, void* tile) {
  switch (job.size[k]) {
    case 1:
      return move_tile<std::uint8_t, kGather>(job.layout, k, reinterpret_cast<std::uint8_t*>(job.data[k]),
                                              begin, n, static_cast<std::uint8_t*>(tile));
    case 2:
      return move_tile<std::uint16_t, kGather>(job.layout, k, reinterpret_cast<std::uint16_t*>(job.data[k]),
                                               begin, n, static_cast<std::uint16_t*>(tile));
    case 4:
      return move_tile<std::uint32_t, kGather>(job.layout, k, reinterpret_cast<std::uint32_t*>(job.data[k]),
                                               begin, n, static_cast<std::uint32_t*>(tile));
    default:
      return move_tile<std::uint64_t, kGather>(job.layout, k, reinterpret_cast<std::uint64_t*>(job.data[k]),
                                               begin, n, static_cast<std::uint64_t*>(tile));
  }
}

// Every operand's inner stride is 1 (or 0 for inputs): the loop runs on the arrays themselves.
void run_direct(const Job& job, std::int64_t begin, std::int64_t end) {
  for (Runs run(job.layout, begin, end); run.n > 0; run.next()) {
    const void* in[kMaxElementwiseInputs];
    for (int k = 1; k < job.layout.operands; ++k) in[k - 1] = job.data[k] + run.offset[k] * job.size[k];
    job.loop(in, job.data[0] + run.offset[0] * job.size[0], run.n, job.scalars, job.params);
  }
}

// Tiles are dense in the layout's order, operands that are not packed are so as a whole.
void run_tiled(const Job& job, std::int64_t begin, std::int64_t end) {
  const int operands = job.layout.operands;
  alignas(64) std::uint64_t tiles[1 + kMaxElementwiseInputs][kTile];
  alignas(64) std::uint32_t narrow[kTile];  // on the way between an array and its converted tile
  const void* in[kMaxElementwiseInputs];
  for (int k = 1; k < operands; ++k) {
    if ((job.scalars >> (k - 1) & 1) == 0) continue;
    in[k - 1] = job.data[k];
    if (job.convert[k] == nullptr) continue;
    job.convert[k](job.data[k], tiles[k], 1);
    in[k - 1] = tiles[k];
  }
  while (begin < end) {
    const std::int64_t n = std::min(kTile, end - begin);
    for (int k = 1; k < operands; ++k) {
      if (job.scalars >> (k - 1) & 1) continue;
      const ConvertRun convert = job.convert[k];
      const void* from = job.data[k] + begin * job.size[k];
      if (job.packed >> k & 1) {
        void* tile = convert != nullptr ? static_cast<void*>(narrow) : tiles[k];
        move_tile<true>(job, k, begin, n, tile);
        from = tile;
      }
      if (convert != nullptr) {
        convert(from, tiles[k], n);
        from = tiles[k];
      }
      in[k - 1] = from;
    }
    void* to = job.data[0] + begin * job.size[0];
    const bool packed = (job.packed & 1) != 0;
    if (const ConvertRun convert = job.convert[0]) {
      job.loop(in, tiles[0], n, job.scalars, job.params);
      convert(tiles[0], packed ? static_cast<void*>(narrow) : to, n);
      if (packed) move_tile<false>(job, 0, begin, n, narrow);
    } else {
      job.loop(in, packed ? tiles[0] : to, n, job.scalars, job.params);
      if (packed) move_tile<false>(job, 0, begin, n, tiles[0]);
    }
    begin += n;
  }
}

[[gnu::noinline]] void elementwise_strided(ElementwiseLoop loop, const View* in, int n_in, const View& out,
                                           const void* params) {
  const View* views[1 + kMaxElementwiseInputs] = {&out};
  for (int k = 0; k < n_in; ++k) views[k + 1] = &in[k];
  Job job;
  job.loop = loop;
  job.params = params;
  job.layout = make_layout(views, 1 + n_in);
  Layout& l = job.layout;
  if (l.rank == 0) {
    l.rank = 1;
    l.dims[0] = 1;
    for (int k = 0; k < l.operands; ++k) l.strides[k][0] = 1;
  }
  const int last = l.rank - 1;
  const bool converts =
      std::any_of(views, views + l.operands, [](const View* v) { return computed_in(v->dtype) != v->dtype; });
  bool direct = !converts && (l.dims[last] >= kShortRun || l.rank == 1);
  unsigned inner_scalars = 0, scalars = 0, packed = 0;
  for (int k = 0; k < l.operands; ++k) {
    job.data[k] = static_cast<char*>(views[k]->data);
    job.size[k] = static_cast<std::int64_t>(size_of(views[k]->dtype));
    job.convert[k] = conversion(views[k]->dtype, k > 0);
    const std::int64_t inner = l.strides[k][last];
    direct = direct && (inner == 1 || (inner == 0 && k > 0));
    if (k > 0 && inner == 0) inner_scalars |= 1u << (k - 1);
    std::int64_t dense = 1;
    bool is_dense = true, is_scalar = true;
    for (int i = last; i >= 0; --i) {
      is_dense = is_dense && l.strides[k][i] == dense;
      is_scalar = is_scalar && l.strides[k][i] == 0;
      dense *= l.dims[i];
    }
    if (is_scalar && k > 0)
      scalars |= 1u << (k - 1);
    else if (!is_dense)
      packed |= 1u << k;
  }
  job.scalars = direct ? inner_scalars : scalars;
  job.packed = packed;
  parallel_for(l.numel, kGrain, [&](std::int64_t begin, std::int64_t end) {
    if (direct)
      run_direct(job, begin, end);
    else
      run_tiled(job, begin, end);
  });
}

// Every index is the first element, as in the gradient of a sum. Out of line: few operands have strides.
[[gnu::noinline]] bool has_no_steps(const View& v) {
  for (int i = 0; i < v.rank; ++i) {
    if (v.strides[i] != 0) return false;
  }
  return true;
}

}  // namespace

void elementwise(const ElementwiseLoops& loops, const View* in, int n_in, const View& out,
                 const void* params) {
  const ElementwiseTable* table = loops.get();
  const DType dtype = in[table->key].dtype;
  const ElementwiseLoop loop = table->loop[static_cast<int>(dtype)];
  const std::int64_t n = out.numel;
  if (n == 0) return;

  bool simple = out.strides == nullptr && dtype <= DType::boolean;
  unsigned scalars = 0;
  const void* data[kMaxElementwiseInputs];
  for (int i = 0; i < n_in; ++i) {
    data[i] = in[i].data;
    if (in[i].numel == 1 || (in[i].strides != nullptr && has_no_steps(in[i])))
      scalars |= 1u << i;
    else
      simple = simple && in[i].strides == nullptr && in[i].numel == n;
  }
  if (!simple) return elementwise_strided(loop, in, n_in, out, params);
  if (n < 2 * kGrain) return loop(data, out.data, n, scalars, params);

  const std::int64_t out_size = static_cast<std::int64_t>(size_of(out.dtype));
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    const void* at[kMaxElementwiseInputs];
    for (int i = 0; i < n_in; ++i) {
      const std::int64_t step = scalars >> i & 1 ? 0 : static_cast<std::int64_t>(size_of(in[i].dtype));
      at[i] = static_cast<const char*>(data[i]) + begin * step;
    }
    loop(at, static_cast<char*>(out.data) + begin * out_size, end - begin, scalars, params);
  });
}

}  // namespace gradus::kernels
