// What the examples that learn to write share: the text, as numbers in two parts, and the choice of the next
// character from a model's scores.
#pragma once

#include <cstdint>
#include <string>

#include "gradus/data/vocabulary.h"
#include "gradus/graph/tensor.h"

namespace gradus::zoo {

// The first `characters` characters (0: all) of the file at `path` or, where that is empty, of the King James
// Bible, a verse a line, which the program `bible` of Debian's package bible-kjv prints. Errors: ValueError
// for a file that cannot be read or a program that is missing or fails.
std::string load_text(const std::string& path, std::int64_t characters);

struct Corpus {
  data::Vocabulary vocabulary;  // the characters that are in it
  Tensor train;                 // i64 codes of the first nine tenths of the text
  Tensor test;                  // and of the rest
};
// Errors: as load_text(); ValueError where a part does not hold `least` characters.
Corpus load_corpus(const std::string& path, std::int64_t characters, std::int64_t least);

// A code drawn from softmax(scores / temperature) for `scores` [n], where top_k > 0 from the top_k likeliest
// ones only. Temperature 0: the likeliest one.
std::int64_t draw_code(const Tensor& scores, double temperature, std::int64_t top_k = 0);

}  // namespace gradus::zoo
