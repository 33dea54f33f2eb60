#include "training/injection/anchors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/detect/chars.h"
#include "core/detect/injection_model.h"

namespace capsem::training {
namespace {

using detect::injection::kAnchorMax;
using detect::injection::kAnchorMin;

// Words of ASCII letters, in lower case.
template <class Visit>
void each_word(const std::string& text, Visit visit) {
  for (std::size_t p = 0; p < text.size();) {
    const auto word = detect::injection::model_word(text, p);
    std::string letters = text.substr(p, word.end - p);
    p = std::max(p + 1, word.end);
    if (letters.empty()) continue;
    const bool plain = std::all_of(letters.begin(), letters.end(), detect::is_alpha);
    std::transform(letters.begin(), letters.end(), letters.begin(), detect::fold);
    visit(letters, plain);
  }
}

struct Seen {
  std::set<std::size_t> attack_groups, benign_groups;
  std::size_t in_prose = 0;
};

struct Counts {
  std::map<std::string, Seen> words;
  std::map<std::string, std::size_t> beginnings;  // in prose: the first letters of words
  std::size_t prose_words = 0;
  std::set<std::size_t> attack_groups, benign_groups;
};

Counts count_words(std::span<const Text* const> texts) {
  Counts counts;
  for (const Text* text : texts) {
    const bool prose = text->kind == "prose";
    if (!prose) (text->attack ? counts.attack_groups : counts.benign_groups).insert(text->group);
    each_word(text->text, [&](const std::string& word, bool plain) {
      if (prose) {
        ++counts.prose_words;
        ++counts.beginnings[word.substr(0, kAnchorMin)];
      }
      if (!plain || word.size() < kAnchorMin || word.size() > kAnchorMax) return;
      Seen& seen = counts.words[word];
      if (prose) {
        ++seen.in_prose;
      } else {
        (text->attack ? seen.attack_groups : seen.benign_groups).insert(text->group);
      }
    });
  }
  return counts;
}

}  // namespace

std::vector<std::string> choose_anchors(std::span<const Text* const> texts,
                                        const LearnOptions& options) {
  const Counts counts = count_words(texts);
  const double million = 1e6 / static_cast<double>(std::max<std::size_t>(1, counts.prose_words));
  const auto share = [](const auto& part, const auto& all) {
    return (static_cast<double>(part.size()) + 0.5) / (static_cast<double>(all.size()) + 1);
  };
  std::vector<std::pair<double, std::string>> ranked;
  for (const auto& [word, seen] : counts.words) {
    if (seen.attack_groups.size() < 3 || options.never_anchors.contains(word)) continue;
    if (static_cast<double>(seen.in_prose) * million > options.anchor_ppm_max) continue;
    const double attack = share(seen.attack_groups, counts.attack_groups);
    const double odds = std::log(attack / share(seen.benign_groups, counts.benign_groups));
    if (odds < 0.5) continue;
    const double ppm = static_cast<double>(seen.in_prose) * million;
    ranked.emplace_back(-odds * std::sqrt(static_cast<double>(seen.attack_groups.size())) /
                            (1 + ppm / options.anchor_dear_ppm),
                        word);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> anchors;
  std::set<std::string> beginnings;
  double windows = 0, looked_up = 0;
  for (const auto& [rank, word] : ranked) {
    const std::string beginning = word.substr(0, kAnchorMin);
    const auto found = counts.beginnings.find(beginning);
    const double more = beginnings.contains(beginning) || found == counts.beginnings.end()
                            ? 0
                            : static_cast<double>(found->second) * million;
    const double here = static_cast<double>(counts.words.at(word).in_prose) * million;
    if (windows + here > options.anchors_ppm_max) continue;
    if (looked_up + more > options.beginnings_ppm_max) continue;
    windows += here;
    looked_up += more;
    beginnings.insert(beginning);
    anchors.push_back(word);
    if (anchors.size() == options.anchors_max) break;
  }
  return anchors;
}

}  // namespace capsem::training
