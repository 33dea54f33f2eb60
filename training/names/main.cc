// Trains the name tagger and says how good it is.
//
// usage: train_names DATA TABLE
//   DATA   the folder with ner/ and names/ (training/names/README.md says where they come from)
//   TABLE  the file to write, src/core/detect/data/tagger.bin
// The same data gives the same table, byte for byte.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>

#include "training/names/evaluation.h"
#include "training/names/generator.h"
#include "training/names/perceptron.h"

namespace capsem::training {
namespace {

using detect::Tag;
namespace fs = std::filesystem;
using Sentences = std::vector<Sentence>;

constexpr std::size_t kGenerated = 32000, kGeneratedHeldOut = 4000;
constexpr std::size_t kWordSeenMin = 3;  // times, to count as a word of everyday text

void append(Sentences& to, const Sentences& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Lower-case words of the texts, the commoner ones more than once. The rare ones are what the name
// table does not know as words.
std::vector<std::string> everyday_words(const Sentences& sentences) {
  std::map<std::string, std::size_t> seen;
  for (const Sentence& sentence : sentences) {
    std::string word;
    for (const char c : sentence.text + " ") {
      if (detect::is_lower(c)) {
        word += c;
        continue;
      }
      if (c == ' ' && word.size() > 1) ++seen[word];
      word.clear();
    }
  }
  std::vector<std::string> words;
  for (const auto& [word, times] : seen) {
    if (times < (word.size() < 4 ? kWordSeenMin : 2)) continue;
    words.insert(words.end(), times > 100 ? 6 : times > 20 ? 3 : 1, word);
  }
  return words;
}

struct Data {
  Sentences train, wnut_dev, wikigold_dev, generated_dev;
};

Data read(const fs::path& data, const fs::path& templates) {
  Data out;
  for (const char* file : {"btc_a", "btc_b", "btc_e", "btc_f", "btc_g", "btc_h", "wnut17_train"}) {
    append(out.train, read_conll(data / "ner" / (std::string(file) + ".conll")));
  }
  for (const char* file : {"sec_fin5", "sec_fin3"}) {
    Sentences agreements = read_conll(data / "ner" / (std::string(file) + ".conll"));
    drop_roles(agreements);
    append(out.train, agreements);
  }
  const Sentences wikigold = read_conll(data / "ner" / "wikigold.conll");
  for (std::size_t i = 0; i < wikigold.size(); ++i) {
    (i % 5 == 4 ? out.wikigold_dev : out.train).push_back(wikigold[i]);
  }
  out.wnut_dev = read_conll(data / "ner" / "wnut17_dev.conll");
  const auto words = everyday_words(out.train);
  Generator train(data / "names", templates, words, Part::Train);
  append(out.train, train.make(templates / "templates.txt", kGenerated, 1));
  Generator held_out(data / "names", templates, words, Part::HeldOut);
  out.generated_dev = held_out.make(templates / "held_out.txt", kGeneratedHeldOut, 2);
  return out;
}

void show(const char* name, const Sentences& sentences, std::span<const std::int8_t> table) {
  std::printf("%-20s PERSON   %s\n", name, describe(count(sentences, Tag::Person, table)).c_str());
  std::printf("%-20s LOCATION %s\n", "", describe(count(sentences, Tag::Place, table)).c_str());
}

int run(const fs::path& data_folder, const fs::path& file, const fs::path& templates) {
  const Data data = read(data_folder, templates);
  std::printf("training sentences: %zu\n", data.train.size());
  const auto table = train(data.train, {});
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(table.data()),
            static_cast<std::streamsize>(table.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
  const auto used = std::count_if(table.begin(), table.end(), [](auto w) { return w != 0; });
  std::printf("%s: %zu bytes, %zd of them not 0\n\n", file.c_str(), table.size(), used);
  show("wnut17_dev", data.wnut_dev, table);
  show("wikigold, a fifth", data.wikigold_dev, table);
  show("generated, held out", data.generated_dev, table);
  return 0;
}

}  // namespace
}  // namespace capsem::training

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: train_names DATA TABLE\n");
    return 2;
  }
  try {
    return capsem::training::run(argv[1], argv[2], CAPSEM_TEMPLATES);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "train_names: %s\n", e.what());
    return 1;
  }
}
