// The texts that the injection model is made from and judged by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace capsem::training {

// What a text may be used for.
enum class Use : std::uint8_t {
  Judge,      // labelled by others: the figures are about these
  JudgeOnly,  // the same, and not learnt from
  Learn,      // our own lines and plain prose: the figures of the benign ones are shown apart
};

struct Text {
  std::string text, kind;
  bool attack = false;
  Use use = Use::Learn;
  std::size_t group = 0;  // near-duplicates share one
};

// DATA/injection_cases.jsonl, the sentences of DATA/ner as paragraphs, and the lines of
// `templates`/attacks.txt and benign.txt, each filled in a few ways.
std::vector<Text> read_texts(const std::filesystem::path& data,
                             const std::filesystem::path& templates);

// The words of `templates`/everyday.txt.
std::set<std::string> read_everyday(const std::filesystem::path& templates);

// Gives every text its group: texts that share a fifth of the shorter one's runs of five words are
// of one, and so are those that are joined through others.
void group_texts(std::vector<Text>& texts);

}  // namespace capsem::training
