#include "training/injection/texts.h"

#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string_view>

#include "training/names/corpus.h"

namespace capsem::training {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFilled = 6;     // ways in which a line with choices is filled, at most
constexpr std::size_t kSentences = 8;  // of a paragraph
// Tasks slipped into an e-mail or into code: ordinary requests where they do not belong, which no
// wording tells from others.
constexpr std::string_view kSlipped = "bipia_";

void read_cases(const fs::path& file, std::vector<Text>& texts) {
  simdjson::dom::parser parser;
  simdjson::dom::document_stream rows;
  if (parser.load_many(file.string()).get(rows) != simdjson::SUCCESS) {
    throw std::runtime_error("cannot read " + file.string());
  }
  for (const auto row : rows) {
    Text text;
    text.text = std::string(std::string_view(row["text"]));
    text.kind = std::string(std::string_view(row["kind"]));
    text.attack = std::int64_t(row["label"]) != 0;
    text.use = Use::Judge;
    texts.push_back(std::move(text));
  }
}

// One way to fill "{a|b|c}", drawn anew for each; other braces, and "\\n", are of the text.
std::string filled(std::string_view line, std::mt19937& random) {
  std::string out;
  while (!line.empty()) {
    const std::size_t open = line.find('{');
    out += line.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = line.find('}', open);
    if (close == std::string_view::npos) throw std::runtime_error("no } in " + std::string(line));
    std::string_view choices = line.substr(open + 1, close - open - 1);
    if (choices.find('|') == std::string_view::npos ||
        choices.find('{') != std::string_view::npos) {
      out += '{';
      line.remove_prefix(open + 1);
      continue;
    }
    std::size_t skip =
        random() % (1 + static_cast<std::size_t>(std::count(choices.begin(), choices.end(), '|')));
    for (; skip > 0; --skip) choices.remove_prefix(choices.find('|') + 1);
    out += choices.substr(0, choices.find('|'));
    line.remove_prefix(close + 1);
  }
  return out;
}

void read_templates(const fs::path& file, bool attack, std::vector<Text>& texts) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  std::mt19937 random(attack ? 1 : 2);
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    for (auto at = line.find("\\n"); at != std::string::npos; at = line.find("\\n")) {
      line.replace(at, 2, "\n");
    }
    std::vector<std::string> ways;
    for (std::size_t i = 0; i < kFilled; ++i) {
      std::string text = filled(line, random);
      if (std::find(ways.begin(), ways.end(), text) == ways.end()) ways.push_back(std::move(text));
    }
    for (std::string& way : ways) {
      texts.push_back({.text = std::move(way),
                       .kind = attack ? "own attacks" : "own prompts and descriptions",
                       .attack = attack});
    }
  }
}

void read_prose(const fs::path& folder, std::vector<Text>& texts) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".conll") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    std::string paragraph;
    std::size_t sentences = 0;
    const auto finish = [&] {
      if (sentences > 0) texts.push_back({.text = paragraph, .kind = "prose"});
      paragraph.clear();
      sentences = 0;
    };
    for (const Sentence& sentence : read_conll(file)) {
      if (sentences > 0) paragraph += ' ';
      paragraph += sentence.text;
      if (++sentences == kSentences) finish();
    }
    finish();
  }
}

}  // namespace

std::vector<Text> read_texts(const fs::path& data, const fs::path& templates) {
  std::vector<Text> texts;
  read_cases(data / "injection_cases.jsonl", texts);
  read_templates(templates / "attacks.txt", true, texts);
  read_templates(templates / "benign.txt", false, texts);
  read_prose(data / "ner", texts);
  for (Text& text : texts) {
    if (text.attack && text.kind.starts_with(kSlipped)) text.use = Use::JudgeOnly;
  }
  return texts;
}

std::set<std::string> read_everyday(const fs::path& templates) {
  std::ifstream in(templates / "everyday.txt");
  if (!in) throw std::runtime_error("cannot read everyday.txt");
  std::set<std::string> words;
  std::string line;
  std::getline(in, line);  // says what the file is
  for (std::string word; in >> word;) words.insert(word);
  return words;
}

}  // namespace capsem::training
