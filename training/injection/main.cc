// Trains the model of prompt injection and says how good it is.
//
// usage: train_injection DATA MODEL [SHOWN]
//   DATA   the folder with injection_cases.jsonl and ner/ (training/injection/README.md)
//   MODEL  the file to write, src/core/detect/data/injection_model.bin
//   SHOWN  print so many of the harmless texts that came nearest to being flagged
// The same data gives the same file, byte for byte.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "core/detect/injection_model.h"
#include "training/injection/judge.h"

namespace capsem::training {
namespace {

namespace fs = std::filesystem;

// Half of the attacks that are found at all have the highest score.
int sure_margin(const std::vector<Text>& texts, const std::vector<int>& margins, int threshold) {
  std::vector<int> found;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].attack && margins[i] >= threshold) found.push_back(margins[i]);
  }
  if (found.empty()) return threshold + 1;
  std::nth_element(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(found.size() / 2),
                   found.end());
  return std::max(threshold + 1, found[found.size() / 2]);
}

void show_nearest(const std::vector<Text>& texts, const std::vector<int>& margins,
                  std::size_t shown) {
  std::multimap<int, const Text*, std::greater<>> nearest;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i].attack) nearest.emplace(margins[i], &texts[i]);
  }
  for (const auto& [margin, text] : nearest) {
    if (shown-- == 0) return;
    std::string line = text->text.substr(0, 160);
    std::replace(line.begin(), line.end(), '\n', ' ');
    std::printf("%6d %s: %s\n", margin, text->kind.c_str(), line.c_str());
  }
}

void write(const ModelFile& model, const fs::path& file) {
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(model.data()),
            static_cast<std::streamsize>(model.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
  const detect::injection::LearnedModel made(model);
  std::printf("%s: %zu bytes, %zu anchors\n", file.c_str(), model.size(), made.anchors().size());
  for (const std::string_view anchor : made.anchors()) {
    std::printf("%.*s ", static_cast<int>(anchor.size()), anchor.data());
  }
  std::printf("\n");
}

int run(const fs::path& data, const fs::path& file, const fs::path& templates, std::size_t shown) {
  std::vector<Text> texts = read_texts(data, templates);
  group_texts(texts);
  const LearnOptions options{.never_anchors = read_everyday(templates)};
  const auto rules = ask_rules(texts);
  const auto by_group = cross_validate(texts, Folds::Groups, options);
  const auto by_text = cross_validate(texts, Folds::Texts, options);
  const int threshold =
      std::max(threshold_for(texts, by_group, rules, {}), threshold_for(texts, by_text, rules, {}));
  print_table("held out with its near-duplicates", texts, by_group, rules, threshold);
  show_nearest(texts, by_group, shown);
  print_table("held out alone", texts, by_text, rules, threshold);
  std::vector<const Text*> all;
  for (const Text& text : texts) {
    if (text.use != Use::JudgeOnly) all.push_back(&text);
  }
  ModelFile model = learn(all, options);
  set_threshold(model, threshold, sure_margin(texts, by_group, threshold));
  std::vector<int> fitted;
  for (const Text& text : texts) fitted.push_back(margin_of(model, text.text));
  print_table("the texts it was made from", texts, fitted, rules, threshold);
  write(model, file);
  return 0;
}

}  // namespace
}  // namespace capsem::training

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    std::fprintf(stderr, "usage: train_injection DATA MODEL [SHOWN]\n");
    return 2;
  }
  try {
    return capsem::training::run(argv[1], argv[2], CAPSEM_TEMPLATES,
                                 argc > 3 ? std::stoul(argv[3]) : 0);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "train_injection: %s\n", e.what());
    return 1;
  }
}
