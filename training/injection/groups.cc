#include <algorithm>
#include <map>
#include <numeric>

#include "core/detect/injection_model.h"
#include "training/injection/texts.h"

namespace capsem::training {
namespace {

using Runs = std::vector<std::uint64_t>;  // sorted, of five words each

std::vector<std::uint64_t> words_of(const std::string& text) {
  std::vector<std::uint64_t> words;
  for (std::size_t p = 0; p < text.size();) {
    const auto word = detect::injection::model_word(text, p);
    if (word.end > p) words.push_back(word.hash);
    p = std::max(p + 1, word.end);
  }
  return words;
}

Runs runs_of(const std::string& text) {
  constexpr std::size_t kRun = 5;
  const auto words = words_of(text);
  Runs runs;
  for (std::size_t i = 0; i + kRun <= words.size(); ++i) {
    std::uint64_t hash = 0;
    for (std::size_t k = 0; k < kRun; ++k) hash = hash * 0x9e3779b97f4a7c15ULL + words[i + k];
    runs.push_back(hash);
  }
  if (runs.empty() && !words.empty()) {
    runs.push_back(std::accumulate(words.begin(), words.end(), std::uint64_t{0},
                                   [](auto h, auto w) { return h * 31 + w; }));
  }
  std::sort(runs.begin(), runs.end());
  runs.erase(std::unique(runs.begin(), runs.end()), runs.end());
  return runs;
}

class Unions {
 public:
  explicit Unions(std::size_t size) : parents_(size) {
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  }
  std::size_t root(std::size_t i) {
    while (parents_[i] != i) i = parents_[i] = parents_[parents_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    parents_[std::max(root(a), root(b))] = std::min(root(a), root(b));
  }

 private:
  std::vector<std::size_t> parents_;
};

}  // namespace

void group_texts(std::vector<Text>& texts) {
  std::vector<Runs> runs;
  std::map<std::uint64_t, std::vector<std::size_t>> holders;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    runs.push_back(runs_of(texts[i].text));
    for (const std::uint64_t run : runs[i]) holders[run].push_back(i);
  }
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> shared;
  for (const auto& [run, where] : holders) {
    for (std::size_t a = 0; a < where.size(); ++a) {
      for (std::size_t b = a + 1; b < where.size(); ++b) ++shared[{where[a], where[b]}];
    }
  }
  Unions unions(texts.size());
  for (const auto& [pair, count] : shared) {
    const std::size_t shorter = std::min(runs[pair.first].size(), runs[pair.second].size());
    if (count * 5 >= shorter) unions.join(pair.first, pair.second);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) texts[i].group = unions.root(i);
}

}  // namespace capsem::training
