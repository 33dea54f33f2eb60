#include "training/injection/judge.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <stdexcept>

#include "core/detect/catalog.h"
#include "core/detect/injection.h"
#include "core/detect/injection_model.h"
#include "core/detect/injection_scan.h"

namespace capsem::training {
namespace {

constexpr std::size_t kFoldCount = 10;
constexpr float kFound = 0.5F;

std::vector<std::size_t> folds_of(const std::vector<Text>& texts, Folds folds) {
  std::map<std::size_t, std::size_t> of_group;
  std::mt19937 random(3);
  std::vector<std::size_t> out;
  for (const Text& text : texts) {
    const std::size_t drawn = random() % kFoldCount;
    out.push_back(folds == Folds::Texts ? drawn
                                        : of_group.emplace(text.group, drawn).first->second);
  }
  return out;
}

struct Row {
  std::size_t texts = 0, anchored = 0, rules = 0, model = 0, either = 0;
};

}  // namespace

int margin_of(const ModelFile& file, const std::string& text) {
  const detect::injection::LearnedModel model(file);
  int best = kNoWindow;
  for (std::size_t p = 0, end = 0; p < text.size(); ++p) {
    if (model.anchor_end(text, p, end) != 0) best = std::max(best, model.margin(text, p));
  }
  return best;
}

std::vector<int> cross_validate(const std::vector<Text>& texts, Folds folds,
                                const LearnOptions& options) {
  const auto fold_of = folds_of(texts, folds);
  std::vector<int> margins(texts.size());
  for (std::size_t fold = 0; fold < kFoldCount; ++fold) {
    std::vector<const Text*> others;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (fold_of[i] != fold && texts[i].use != Use::JudgeOnly) others.push_back(&texts[i]);
    }
    const ModelFile model = learn(others, options);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (fold_of[i] == fold) margins[i] = margin_of(model, texts[i].text);
    }
  }
  return margins;
}

std::vector<bool> ask_rules(const std::vector<Text>& texts) {
  detect::Catalog catalog;
  auto options = detect::every_kind(detect::injection_kinds(), catalog, kFound);
  options.rules[static_cast<std::size_t>(detect::injection::Sign::LearnedAttack)] =
      detect::KindOptions::kUnwanted;
  catalog.add(detect::make_injection_detector(options), detect::kFoldedView);
  detect::CatalogScratch scratch(catalog);
  std::vector<bool> out;
  for (const Text& text : texts) {
    std::vector<detect::Finding> found;
    if (!detect::scan_all(catalog, 1, scratch, text.text, found)) throw std::runtime_error("scan");
    out.push_back(!found.empty());
  }
  return out;
}

int threshold_for(const std::vector<Text>& texts, const std::vector<int>& margins,
                  const std::vector<bool>& rules, const HarmlessFlagged& most) {
  // The ways in which a line of ours is filled are one text.
  std::map<std::pair<std::string, std::size_t>, int> harmless;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].attack || rules[i]) continue;
    const bool ours = texts[i].use == Use::Learn;
    int& margin =
        harmless
            .try_emplace({ours ? texts[i].kind : "labelled", ours ? texts[i].group : i}, kNoWindow)
            .first->second;
    margin = std::max(margin, margins[i]);
  }
  std::map<std::string, std::vector<int>> by_kind;
  for (const auto& [key, margin] : harmless) by_kind[key.first].push_back(margin);
  int threshold = 1;
  for (auto& [kind, of] : by_kind) {
    std::sort(of.begin(), of.end(), std::greater<>());
    const double share = kind == "labelled" ? most.labelled : most.ours;
    const auto allowed = static_cast<std::size_t>(share * static_cast<double>(of.size()));
    threshold = std::max(threshold, of[std::min(allowed, of.size() - 1)] + 1);
  }
  return threshold;
}

void print_table(const char* title, const std::vector<Text>& texts, const std::vector<int>& margins,
                 const std::vector<bool>& rules, int threshold) {
  std::map<std::pair<bool, std::string>, Row> rows;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool model = margins[i] >= threshold;
    for (const std::string& kind :
         {texts[i].kind, std::string("~ all that others have labelled")}) {
      if (kind[0] == '~' && texts[i].use == Use::Learn) continue;
      Row& row = rows[{!texts[i].attack, kind}];
      ++row.texts;
      row.anchored += margins[i] > kNoWindow;
      row.rules += rules[i];
      row.model += model;
      row.either += rules[i] || model;
    }
  }
  std::printf("\n%s, threshold %d\n%-42s %6s %8s %6s %6s %6s\n", title, threshold, "", "texts",
              "anchored", "rules", "model", "either");
  for (const auto& [key, row] : rows) {
    std::printf("%-8s %-33s %6zu %8zu %6zu %6zu %6zu\n", key.first ? "harmless" : "attack",
                key.second.c_str(), row.texts, row.anchored, row.rules, row.model, row.either);
  }
}

}  // namespace capsem::training
