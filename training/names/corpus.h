// Labelled text for the name tagger: sentences with the byte ranges of their names.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "core/detect/tagger.h"

namespace capsem::training {

struct Span {
  std::size_t begin = 0, end = 0;
  detect::Tag tag = detect::Tag::None;
};

struct Sentence {
  std::string text;
  std::vector<Span> spans;
  bool generated = false;  // its names come from the lists that the name table is made of
};

// Reads a file of "token ... label" lines, a blank line after each sentence, and writes the tokens
// as text again: spaces where a person would put them.
std::vector<Sentence> read_conll(const std::filesystem::path& file);

// Loan agreements label parties' roles ("Borrower") as persons; here they are words.
void drop_roles(std::vector<Sentence>& sentences);

}  // namespace capsem::training
