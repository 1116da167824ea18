// Random numbers as pure functions of (seed, index): the same with any number of threads, in any order, and
// again when a value is recomputed. A random op keeps a RandomStream in its attributes; the stream owns a
// range of blocks of 128 bits that nobody else draws from. Only the default generator has a state, under a
// lock.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "gradus/base/philox.h"

namespace gradus {

// Blocks offset, offset + 1, ... of the sequence that `seed` names.
struct RandomStream {
  std::uint64_t seed = 0;
  std::uint64_t offset = 0;

  bool operator==(const RandomStream&) const = default;
};

// Hands out streams that do not overlap. A plain value; not for use from two threads at once.
struct Generator {
  std::uint64_t seed = 0;
  std::uint64_t counter = 0;  // the next free block

  RandomStream reserve(std::uint64_t blocks) {
    const RandomStream stream{seed, counter};
    counter += blocks;
    return stream;
  }
};

// The default generator, which ops use that are given no other. It starts at seed 0, so a program that never
// asks gives the same numbers each time it runs. Safe from any thread.
void manual_seed(std::uint64_t seed);
RandomStream reserve_random(std::uint64_t blocks);
// Reads and replaces it, to save it with a model and to go on from there.
Generator default_generator();
void set_default_generator(Generator generator);

// Blocks that n elements take from a stream, for each of the fill functions below.
constexpr std::uint64_t blocks_for_words(std::uint64_t n) { return (n + 3) / 4; }
constexpr std::uint64_t blocks_for_f32(std::uint64_t n) { return (n + 3) / 4; }
constexpr std::uint64_t blocks_for_f64(std::uint64_t n) { return (n + 1) / 2; }
constexpr std::uint64_t blocks_for_below(std::uint64_t n) { return n; }

// Block `index` of a stream. `attempt` gives further independent blocks at the same place, for rejection.
constexpr std::array<std::uint32_t, 4> random_block(RandomStream stream, std::uint64_t index,
                                                    std::uint32_t attempt = 0) {
  const std::uint64_t i = stream.offset + index;
  return philox4x32({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32), attempt, 0},
                    {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32)});
}

// [0, 1), each of the 2^24 (2^53) multiples of the step alike.
constexpr float uniform_f32(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }
constexpr double uniform_f64(std::uint32_t low, std::uint32_t high) {
  return static_cast<double>((std::uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

// Elements first, first + 1, ... of a stream's sequence. Filling [0, n) in pieces gives the same as at once.
// Uniform in [0, 1). Normal has mean 0 and variance 1, by Box and Muller's method ("A note on the generation
// of random normal deviates", 1958); its f32 numbers are the same on every processor.
void fill_words(RandomStream stream, std::uint64_t first, std::span<std::uint32_t> out);
void fill_uniform(RandomStream stream, std::uint64_t first, std::span<float> out);
void fill_uniform(RandomStream stream, std::uint64_t first, std::span<double> out);
void fill_normal(RandomStream stream, std::uint64_t first, std::span<float> out);
void fill_normal(RandomStream stream, std::uint64_t first, std::span<double> out);

// Element `index` of a sequence of integers in [0, bound), each exactly as likely (Lemire: "Fast random
// integer generation in an interval", 2019). bound = 0 stands for 2^64.
std::uint64_t random_below(RandomStream stream, std::uint64_t index, std::uint64_t bound);

}  // namespace gradus
