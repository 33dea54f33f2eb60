#include "training/names/corpus.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace capsem::training {
namespace {

using detect::Tag;

struct Token {
  std::string text;
  Tag tag = Tag::None;
  bool begins = false;
};

Tag tag_of(std::string_view label) {
  if (label == "PER" || label == "person") return Tag::Person;
  if (label == "LOC" || label == "location") return Tag::Place;
  return Tag::Other;
}

Token token_of(const std::string& line) {
  const auto first = line.find_first_of(" \t");
  const auto last = line.find_last_of(" \t");
  Token token{.text = line.substr(0, first)};
  const std::string label = line.substr(last + 1);
  if (label.size() > 2 && label[1] == '-') {
    token.tag = tag_of(std::string_view(label).substr(2));
    token.begins = label[0] == 'B';
  }
  return token;
}

bool clings_left(std::string_view token) {
  constexpr auto kSigns = std::to_array<std::string_view>(
      {",",   ".",   "!",   "?",  ";",   ":",   ")",  "]",  "}",  "%",  "'s", "'m",
       "'re", "'ve", "'ll", "'d", "n't", "...", "''", "'S", "?!", "!!", "!!!"});
  return std::find(kSigns.begin(), kSigns.end(), token) != kSigns.end();
}

bool clings_right(std::string_view token) {
  return token == "(" || token == "[" || token == "{" || token == "$" || token == "#" ||
         token == "@" || token == "``";
}

class Writer {
 public:
  void add(const Token& token) {
    const bool quote = token.text == "\"" || token.text == "``" || token.text == "''";
    const bool closes = quote && (token.text == "''" || (token.text == "\"" && quoted_));
    if (!sentence_.text.empty() && !glued_ && !clings_left(token.text) && !closes) {
      sentence_.text += ' ';
    }
    const std::size_t begin = sentence_.text.size();
    const bool handle = glued_ && begin > 0 && sentence_.text.back() == '@';
    sentence_.text += quote ? "\"" : token.text;
    glued_ = clings_right(token.text) || (quote && !closes);
    if (quote) quoted_ = !closes;
    label(token, begin, handle || token.text.starts_with('@') || token.text.starts_with('#'));
  }

  Sentence take() {
    Sentence out = std::move(sentence_);
    *this = {};
    return out;
  }
  bool empty() const { return sentence_.text.empty(); }

 private:
  // Handles and hashtags are no names to this program, whatever the label.
  void label(const Token& token, std::size_t begin, bool handle) {
    const std::size_t end = sentence_.text.size();
    if (token.tag == Tag::None || handle) {
      open_ = Tag::None;
      return;
    }
    if (token.tag == open_ && !token.begins) {
      sentence_.spans.back().end = end;
    } else {
      sentence_.spans.push_back({begin, end, token.tag});
    }
    open_ = token.tag;
  }

  Sentence sentence_;
  Tag open_ = Tag::None;
  bool glued_ = false, quoted_ = false;
};

}  // namespace

std::vector<Sentence> read_conll(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  std::vector<Sentence> sentences;
  Writer writer;
  std::string line;
  const auto finish = [&] {
    if (!writer.empty()) sentences.push_back(writer.take());
  };
  while (std::getline(in, line)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos || line.starts_with("-DOCSTART-")) {
      finish();
    } else if (line.find_first_of(" \t") != std::string::npos) {
      writer.add(token_of(line));
    }
  }
  finish();
  return sentences;
}

void drop_roles(std::vector<Sentence>& sentences) {
  constexpr auto kRoles = std::to_array<std::string_view>(
      {"lender",    "lenders",   "borrower", "borrowers", "agent",      "bank",
       "company",   "executive", "employee", "guarantor", "guarantors", "holder",
       "parent",    "landlord",  "tenant",   "seller",    "buyer",      "purchaser",
       "president", "vice",      "assignor", "assignee",  "officer"});
  const auto is_role = [&](const Sentence& sentence, const Span& span) {
    std::string first = sentence.text.substr(span.begin, span.end - span.begin);
    first = first.substr(0, first.find(' '));
    for (char& c : first) c = detect::fold(c);
    return span.tag == Tag::Person &&
           std::find(kRoles.begin(), kRoles.end(), first) != kRoles.end();
  };
  for (Sentence& sentence : sentences) {
    std::erase_if(sentence.spans, [&](const Span& span) { return is_role(sentence, span); });
  }
}

}  // namespace capsem::training
