// How good a model is on texts that it was not made from, beside and together with the rules.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "training/injection/learner.h"
#include "training/injection/texts.h"

namespace capsem::training {

// What is below every margin: a text without an anchor.
inline constexpr int kNoWindow = -1000000;

// The highest margin of the text's windows.
int margin_of(const ModelFile& model, const std::string& text);

enum class Folds : std::uint8_t {
  Groups,  // near-duplicates are of one fold: what an attack of a new family meets
  Texts,   // each for itself: what another sample of the same attacks meets
};
// The margin of each text under a model made from the other folds.
std::vector<int> cross_validate(const std::vector<Text>& texts, Folds folds,
                                const LearnOptions& options);

// Whether the rules without a model find something that scores 0.5.
std::vector<bool> ask_rules(const std::vector<Text>& texts);

// Shares of harmless texts that may be flagged.
struct HarmlessFlagged {
  double labelled = 0.005;
  double ours = 0.01;  // of our own lines, written to be flagged, and of paragraphs of prose
};

// The least margin at which no more are, those left out that the rules flag anyway.
int threshold_for(const std::vector<Text>& texts, const std::vector<int>& margins,
                  const std::vector<bool>& rules, const HarmlessFlagged& most);

// A line per kind of text: how many, with an anchor, found by rules, by the model, by either.
void print_table(const char* title, const std::vector<Text>& texts, const std::vector<int>& margins,
                 const std::vector<bool>& rules, int threshold);

}  // namespace capsem::training
