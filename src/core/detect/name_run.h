// A run: capitalised words that single spaces join, with particles and "of" between them. It is
// what the tagger reads at once, together with the two tokens before it and the one behind.
//
// A run is read around a place. One of at most kRunWords words and kRunBytes bytes is the same from
// each of its words; of a longer one (a heading, a list) each place sees its own part.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/hash.h"
#include "core/detect/words.h"

namespace capsem::detect {

inline constexpr std::size_t kRunWords = 8;
inline constexpr std::size_t kRunBytes = 128;  // leaves room for the context within kLookBehind

struct NameRun {
  std::array<Word, kRunWords> words;
  std::size_t size = 0;
  bool whole = false;  // not a part of a longer run
  std::uint64_t before[2] = {0,
                             0};  // tokens before, the nearer one first: name_hash() or sign_hash()
  std::uint64_t after = 0;
  bool opens = false;  // begins a text, a line or a sentence

  std::size_t begin() const { return words[0].begin; }
  std::size_t end() const { return words[size - 1].end; }
};

// What stands for a sign among the tokens around a run.
constexpr std::uint64_t sign_hash(char c) {
  return mix64(0x5167ULL << 8 | static_cast<unsigned char>(c));
}

// REQUIRES: s[p] begins a word, and begins_word(s, p).
// Size 0: there is no capitalised word at p. Of the text around the run nothing is read yet.
void read_run(std::string_view s, std::size_t p, NameRun& run);

// Reads what stands before a run, or around it. REQUIRES: run.size > 0.
void read_before(std::string_view s, NameRun& run);
void read_context(std::string_view s, NameRun& run);

// Whether a name may begin at p, judged by the byte before: not in handles, paths, members of code.
bool begins_word(std::string_view s, std::size_t p);

// Whether what ends at `end` is code rather than a word: "Foo(", "Foo.bar", "Foo::".
bool ends_in_code(std::string_view s, std::size_t end);

}  // namespace capsem::detect
