#include "core/base/glob.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

namespace capsem {
namespace {

// The bytes of the UTF-8 character at the front, so that `?` and sets take a whole one.
std::size_t character_bytes(std::string_view text) {
  std::size_t bytes = 1;
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) ++bytes;
  return static_cast<unsigned char>(text[0]) < 0x80 ? 1 : bytes;
}

}  // namespace

Result<Glob> Glob::parse(std::string_view pattern) {
  const auto refuse = [&](const char* what) {
    std::string detail(1, '\'');
    detail.append(pattern.substr(0, 80)).append("': ").append(what);
    return client_error("invalid_glob", std::move(detail));
  };
  if (pattern.size() > kBytesMax) return refuse("a pattern has at most 1024 bytes");
  Glob glob;
  glob.pattern_ = pattern;
  const auto literal = [&glob](char c) {
    if (glob.tokens_.empty()) {
      glob.prefix_ += c;
    } else {
      glob.tokens_.push_back({.kind = Kind::Byte, .byte = c});
    }
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    switch (pattern[i]) {
      case '*':
        if (glob.tokens_.empty() || glob.tokens_.back().kind != Kind::Run) {
          glob.tokens_.push_back({.kind = Kind::Run});
        }
        break;
      case '?':
        glob.tokens_.push_back({.kind = Kind::One});
        break;
      case '\\':
        if (++i == pattern.size()) return refuse("nothing follows the backslash");
        literal(pattern[i]);
        break;
      case '[': {
        Set set;
        std::size_t at = i + 1;
        if (at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^')) {
          set.negated = true;
          ++at;
        }
        const std::size_t first = at;
        for (; at < pattern.size() && (pattern[at] != ']' || at == first); ++at) {
          auto low = static_cast<unsigned char>(pattern[at]);
          auto high = low;
          if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
            high = static_cast<unsigned char>(pattern[at + 2]);
            at += 2;
          }
          if (low > high || high >= 128) return refuse("a set names ASCII characters, in order");
          for (unsigned c = low; c <= high; ++c) set.bits[c / 64] |= std::uint64_t{1} << (c % 64);
        }
        if (at >= pattern.size()) return refuse("the set that '[' begins has no ']'");
        glob.tokens_.push_back(
            {.kind = Kind::Set, .set = static_cast<std::uint16_t>(glob.sets_.size())});
        glob.sets_.push_back(set);
        i = at;
        break;
      }
      default:
        literal(pattern[i]);
    }
  }
  return glob;
}

bool Glob::takes(const Token& token, unsigned char c) const {
  switch (token.kind) {
    case Kind::Byte:
      return static_cast<unsigned char>(token.byte) == c;
    case Kind::Set:
      return sets_[token.set].has(c);
    case Kind::One:
    case Kind::Run:
      break;
  }
  return true;
}

// The usual two-pointer match: on a mismatch the last `*` takes one character more.
bool Glob::matches(std::string_view text) const {
  if (!text.starts_with(prefix_)) return false;
  if (tokens_.empty()) return text.size() == prefix_.size();
  std::string_view rest = text.substr(prefix_.size());
  std::size_t token = 0, at = 0, run_token = 0, run_at = 0;
  bool has_run = false;
  while (at < rest.size()) {
    const bool left = token < tokens_.size();
    if (left && tokens_[token].kind == Kind::Run) {
      if (++token == tokens_.size()) return true;
      has_run = true;
      run_token = token;
      run_at = at;
    } else if (left && takes(tokens_[token], static_cast<unsigned char>(rest[at]))) {
      at += tokens_[token].kind == Kind::Byte ? 1 : character_bytes(rest.substr(at));
      ++token;
    } else if (has_run) {
      token = run_token;
      at = ++run_at;
    } else {
      return false;
    }
  }
  while (token < tokens_.size() && tokens_[token].kind == Kind::Run) ++token;
  return token == tokens_.size();
}

// ---- As an automaton over characters, for load time ---------------------------------------------

struct Glob::Letter {
  std::string bytes;  // of one character
  bool ascii() const { return bytes.size() == 1 && static_cast<unsigned char>(bytes[0]) < 128; }
};

// The pattern, a step for each character; the bytes of a literal one are put together again.
std::vector<Glob::Step> Glob::steps() const {
  std::vector<Step> steps;
  const auto add_byte = [&steps](char byte) {
    const bool goes_on = (static_cast<unsigned char>(byte) & 0xC0) == 0x80 && !steps.empty() &&
                         steps.back().kind == Kind::Byte &&
                         static_cast<unsigned char>(steps.back().character[0]) >= 0x80;
    if (goes_on) {
      steps.back().character += byte;
    } else {
      steps.push_back({.kind = Kind::Byte, .character = std::string(1, byte)});
    }
  };
  for (const char c : prefix_) add_byte(c);
  for (const Token& token : tokens_) {
    if (token.kind == Kind::Byte) {
      add_byte(token.byte);
    } else {
      steps.push_back({.kind = token.kind, .character = {}, .set = token.set});
    }
  }
  return steps;
}

bool Glob::takes(const Step& step, const Letter& letter) const {
  if (step.kind == Kind::Byte) return step.character == letter.bytes;
  if (step.kind != Kind::Set) return true;
  return sets_[step.set].has(letter.ascii() ? static_cast<unsigned char>(letter.bytes[0]) : 0x80);
}

// ASCII, what else the patterns name, and one letter for all others.
std::vector<Glob::Letter> Glob::alphabet(const std::vector<Step>& a, const std::vector<Step>& b) {
  std::set<std::string> bytes{"\xF4\x8F\xBF\xBF"};
  for (int c = 0; c < 128; ++c) bytes.insert(std::string(1, static_cast<char>(c)));
  for (const auto* steps : {&a, &b}) {
    for (const Step& step : *steps) {
      if (step.kind == Kind::Byte) bytes.insert(step.character);
    }
  }
  std::vector<Letter> letters;
  for (const std::string& one : bytes) letters.push_back({one});
  return letters;
}

bool Glob::overlaps(const Glob& other) const {
  const std::vector<Step> a_steps = steps(), b_steps = other.steps();
  const std::vector<Letter> letters = alphabet(a_steps, b_steps);
  std::set<std::pair<std::size_t, std::size_t>> seen{{0, 0}};
  std::deque<std::pair<std::size_t, std::size_t>> open{{0, 0}};
  const auto visit = [&](std::size_t a, std::size_t b) {
    if (seen.insert({a, b}).second) open.emplace_back(a, b);
  };
  while (!open.empty()) {
    const auto [a, b] = open.front();
    open.pop_front();
    if (a == a_steps.size() && b == b_steps.size()) return true;
    const bool a_run = a < a_steps.size() && a_steps[a].kind == Kind::Run;
    const bool b_run = b < b_steps.size() && b_steps[b].kind == Kind::Run;
    if (a_run) visit(a + 1, b);
    if (b_run) visit(a, b + 1);
    if (a == a_steps.size() || b == b_steps.size()) continue;
    const Step &step = a_steps[a], &other_step = b_steps[b];
    const bool shared = std::ranges::any_of(letters, [&](const Letter& letter) {
      return takes(step, letter) && other.takes(other_step, letter);
    });
    if (shared) visit(a_run ? a : a + 1, b_run ? b : b + 1);
  }
  return false;
}

bool Glob::covers(const Glob& other) const {
  // The positions of this pattern at which one text may stand.
  using Positions = std::set<std::size_t>;
  const std::vector<Step> a_steps = steps(), b_steps = other.steps();
  const std::vector<Letter> letters = alphabet(a_steps, b_steps);
  const auto close = [&](Positions positions) {
    for (auto it = positions.begin(); it != positions.end(); ++it) {
      if (*it < a_steps.size() && a_steps[*it].kind == Kind::Run) positions.insert(*it + 1);
    }
    return positions;
  };
  // Subset construction of this pattern against each path of the other one.
  std::set<std::pair<std::size_t, Positions>> seen;
  std::deque<std::pair<std::size_t, Positions>> open;
  const auto visit = [&](std::size_t b, Positions a) {
    std::pair<std::size_t, Positions> state{b, close(std::move(a))};
    if (seen.insert(state).second) open.push_back(std::move(state));
  };
  visit(0, {0});
  while (!open.empty()) {
    if (seen.size() > kCoverStatesMax) return false;
    const auto [b, a] = std::move(open.front());
    open.pop_front();
    if (b == b_steps.size()) {
      if (!a.contains(a_steps.size())) return false;
      continue;
    }
    const Step& next = b_steps[b];
    if (next.kind == Kind::Run) visit(b + 1, a);
    for (const Letter& letter : letters) {
      if (!other.takes(next, letter)) continue;
      Positions reached;
      for (const std::size_t p : a) {
        if (p == a_steps.size() || !takes(a_steps[p], letter)) continue;
        reached.insert(a_steps[p].kind == Kind::Run ? p : p + 1);
      }
      visit(next.kind == Kind::Run ? b : b + 1, std::move(reached));
    }
  }
  return true;
}

std::string Glob::witness() const {
  std::string text = prefix_;
  for (const Token& token : tokens_) {
    if (token.kind == Kind::Byte) text += token.byte;
    if (token.kind == Kind::One) text += 'x';
    if (token.kind != Kind::Set) continue;
    // The first visible one; a set may hold none such, or, negated, no ASCII at all.
    const Set& set = sets_[token.set];
    int member = 33;
    while (member < 128 && !set.has(static_cast<unsigned char>(member))) ++member;
    if (member == 128) member = 0;
    while (member < 128 && !set.has(static_cast<unsigned char>(member))) ++member;
    text += member < 128 ? std::string(1, static_cast<char>(member)) : "\xC3\xA9";
  }
  return text;
}

}  // namespace capsem
