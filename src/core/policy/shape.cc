#include "core/policy/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <limits>
#include <utility>

#include "core/base/ascii.h"
#include "core/base/glob.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {
namespace {

struct VerdictRow {
  std::string_view word;
  Verdict verdict;
};
constexpr std::array<VerdictRow, 14> kVerdicts = {{
    {"allow", Verdict::Allow},
    {"monitor", Verdict::Monitor},
    {"audit", Verdict::Monitor},
    {"observe", Verdict::Monitor},
    {"log", Verdict::Log},
    {"warn", Verdict::Log},
    {"clarify", Verdict::Clarify},
    {"replan", Verdict::Replan},
    {"redact", Verdict::Redact},
    {"approval", Verdict::Confirm},
    {"confirm", Verdict::Confirm},
    {"require_approval", Verdict::Confirm},
    {"block", Verdict::Block},
    {"deny", Verdict::Block},
}};

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  int month = 0, day = 0;
  for (const std::size_t i : {0u, 1u, 2u, 3u, 5u, 6u, 8u, 9u}) {
    if (text[i] < '0' || text[i] > '9') return false;
  }
  std::from_chars(text.data() + 5, text.data() + 7, month);
  std::from_chars(text.data() + 8, text.data() + 10, day);
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

std::string joined(std::span<const std::string_view> words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

// What a key is called when it is spoken of: rows of lists have one value under many names.
std::string_view name_of(Shape shape) {
  switch (shape) {
    case Shape::Texts:
      return "a string or a list of strings";
    case Shape::Globs:
      return "a pattern or a list of patterns";
    default:
      return "a string";
  }
}

}  // namespace

void Reporter::error(std::string_view code, Place place, std::string message) {
  failed_ = true;
  if (++reported_ > kErrorsMax) return;  // who has fixed these will see the others
  diagnostics_.push_back(
      {.code = std::string(code), .origin = origin(place), .message = std::move(message)});
}

void Reporter::warn(std::string_view code, Place place, std::string message) {
  diagnostics_.push_back({.code = std::string(code),
                          .origin = origin(place),
                          .message = std::move(message),
                          .error = false});
}

std::string clean_name(std::string_view text) {
  constexpr std::size_t kBytesMax = 200;
  std::size_t end = std::min(text.size(), kBytesMax);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  std::string name(text.substr(0, end));
  std::ranges::replace_if(name, is_control, '-');
  if (name.starts_with(' ')) name.front() = '-';
  if (name.ends_with(' ')) name.back() = '-';
  return name.empty() ? "unnamed" : name;
}

bool is_priority(std::int64_t priority) {
  return (priority >= -1000 && priority <= -10) || (priority >= 10 && priority <= 1000);
}

std::optional<Verdict> verdict_word(std::string_view word) {
  const auto found = std::ranges::find_if(
      kVerdicts, [word](const VerdictRow& row) { return same_ascii_letters(word, row.word); });
  if (found == kVerdicts.end()) return std::nullopt;
  return found->verdict;
}

std::span<const std::string_view> verdict_words() {
  static constexpr auto kWords = [] {
    std::array<std::string_view, kVerdicts.size()> words;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = kVerdicts[i].word;
    return words;
  }();
  return kWords;
}

std::optional<std::uint64_t> micros_of(std::string_view decimal) {
  constexpr std::uint64_t kUnit = 1'000'000;
  const auto dot = std::min(decimal.find('.'), decimal.size());
  const std::string_view whole = decimal.substr(0, dot);
  std::string fraction(dot < decimal.size() ? decimal.substr(dot + 1) : std::string_view());
  while (fraction.size() > 6 && fraction.back() == '0') fraction.pop_back();
  const auto digits = [](std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || whole.size() > 12 || fraction.size() > 6 || !digits(whole) ||
      !digits(fraction) || (dot < decimal.size() && fraction.empty())) {
    return std::nullopt;
  }
  fraction.resize(6, '0');
  std::uint64_t units = 0, parts = 0;
  std::from_chars(whole.data(), whole.data() + whole.size(), units);
  std::from_chars(fraction.data(), fraction.data() + fraction.size(), parts);
  return units * kUnit + parts;
}

std::string decimal_of(std::uint64_t micros) {
  std::string text = fmt::format("{}.{:06}", micros / 1'000'000, micros % 1'000'000);
  while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
  return text;
}

std::span<const SourceNode> items_of(const SourceNode& node) {
  if (node.kind == SourceNode::Kind::List) return node.items;
  return {&node, 1};
}

// ---- Checking ----

TableReader::TableReader(Reporter& report, const SourceNode& node, std::span<const KeyInfo> keys,
                         std::string_view what)
    : report_(report), node_(node), keys_(keys) {
  if (node.kind != SourceNode::Kind::Table) {
    report_.error("E03", node.place, fmt::format("{} must be a table", what));
    return;
  }
  for (const SourceMember& member : node.members) {
    const KeyInfo* key = row(member.key);
    if (key == nullptr) {
      std::vector<std::string_view> names;
      for (const KeyInfo& known : keys_) names.push_back(known.name);
      report_.error(
          "E02", member.place,
          fmt::format("unknown key '{}' in {}{}", member.key, what, suggestion(member.key, names)));
    } else if (check(*key, member)) {
      valid_.push_back(&member);
    }
  }
  for (const KeyInfo& key : keys_) {
    if (!key.required || node.member(key.name) != nullptr) continue;
    report_.error("E03", node.place, fmt::format("{} needs '{}'", what, key.name));
  }
}

const KeyInfo* TableReader::row(std::string_view key) const {
  const auto found = std::ranges::find(keys_, key, &KeyInfo::name);
  return found == keys_.end() ? nullptr : &*found;
}

bool TableReader::refuse(const SourceNode& node, std::string message) {
  report_.error("E03", node.place, std::move(message));
  return false;
}

bool TableReader::check(const KeyInfo& key, const SourceMember& member) {
  const SourceNode& node = member.value;
  const auto must = [&](std::string_view what) {
    return refuse(node, fmt::format("'{}' must be {}", key.name, what));
  };
  switch (key.shape) {
    case Shape::Flag:
      if (node.as_bool()) return true;
      return must(node.plain ? "true or false, and nothing else says so" : "true or false");
    case Shape::Text:
    case Shape::Name:
    case Shape::Type:
    case Shape::Field:
    case Shape::Operator:
    case Shape::Date:
      if (node.kind == SourceNode::Kind::List) return must("a string");
      return check_item(key, node);
    case Shape::Word:
      if (!node.as_string()) return must(fmt::format("one of: {}", joined(key.words)));
      return check_words(key, node);
    case Shape::Words:
      return check_words(key, node);
    case Shape::Verdict:
      return check_verdict(key.name, node);
    case Shape::Verdicts:
      return check_verdicts(key, node);
    case Shape::Texts:
    case Shape::Globs:
      return check_list(key, node);
    case Shape::Whole: {
      const auto value = node.as_integer();
      if (value && *value >= key.min && *value <= key.max) return true;
      return must(fmt::format("a whole number from {} to {}", key.min, key.max));
    }
    case Shape::Priority: {
      const auto value = node.as_integer();
      if (value && is_priority(*value)) return true;
      return must(
          "-1000 to -10 for operators' documents, 10 to 1000 for users'; nothing lies "
          "between");
    }
    case Shape::Share: {
      const auto value = node.as_number();
      if (value && *value >= 0 && *value <= 1) return true;
      return must("a number from 0 to 1");
    }
    case Shape::Money: {
      const auto text = node.as_scalar();
      if (text && micros_of(*text)) return true;
      return must("an amount such as 0.15, with six decimals at most");
    }
    case Shape::When:
      if (node.kind == SourceNode::Kind::Table) return true;
      [[fallthrough]];
    case Shape::Conditions:
    case Shape::Tables:
      if (node.kind == SourceNode::Kind::List) return true;
      return must(key.shape == Shape::When ? "a table of conditions, or a list of them"
                                           : "a list of tables");
    case Shape::Scalar:
      return node.as_scalar() ? true : must("a string, a number or a boolean");
    case Shape::Value:
      for (const SourceNode& item : items_of(node)) {
        if (!item.as_scalar()) return must("a string, a number or a boolean, or a list of them");
      }
      return true;
    case Shape::Table:
      return node.kind == SourceNode::Kind::Table ? true : must("a table");
    case Shape::Ignored:
      break;
  }
  return true;
}

bool TableReader::check_item(const KeyInfo& key, const SourceNode& item) {
  const auto text = item.as_string();
  if (!text) return refuse(item, fmt::format("'{}' must be {}", key.name, name_of(key.shape)));
  if (key.shape == Shape::Date && !is_date(*text)) {
    return refuse(item, fmt::format("'{}' must be a date such as \"2026-11-01\"", key.name));
  }
  if (key.shape == Shape::Name) {
    if (text->empty() || text->size() > kNameBytesMax || std::ranges::any_of(*text, is_control) ||
        text->front() == ' ' || text->back() == ' ') {
      return refuse(item,
                    fmt::format("'{}' must be a name of 1 to {} bytes", key.name, kNameBytesMax));
    }
  }
  if (key.shape != Shape::Globs) return true;
  if (text->empty()) return refuse(item, fmt::format("an empty pattern in '{}'", key.name));
  if (const auto glob = Glob::parse(*text); !glob) {
    report_.error("E04", item.place, glob.error().detail);
    return false;
  }
  return true;
}

bool TableReader::check_list(const KeyInfo& key, const SourceNode& node) {
  bool good = true;
  for (const SourceNode& item : items_of(node)) good = check_item(key, item) && good;
  return good;
}

bool TableReader::check_words(const KeyInfo& key, const SourceNode& node) {
  bool good = true;
  for (const SourceNode& item : items_of(node)) {
    const auto word = item.as_string();
    if (word && std::ranges::find(key.words, *word) != key.words.end()) continue;
    const std::string_view shown = word.value_or("");
    const std::string near = suggestion(shown, key.words);
    good = refuse(item, near.empty()
                            ? fmt::format("'{}' is none of the words for '{}': {}", shown, key.name,
                                          joined(key.words))
                            : fmt::format("unknown word '{}' for '{}'{}", shown, key.name, near));
  }
  return good;
}

bool TableReader::check_verdict(std::string_view key, const SourceNode& node) {
  const auto word = node.as_string();
  if (!word) return refuse(node, fmt::format("the verdict of {} must be a string", key));
  const auto verdict = verdict_word(*word);
  if (!verdict) {
    return refuse(node,
                  fmt::format("Unknown verdict: {}{}", *word, suggestion(*word, verdict_words())));
  }
  if (*verdict == Verdict::Clarify || *verdict == Verdict::Replan) {
    report_.warn(
        "W05", node.place,
        fmt::format("{} is recorded like LOG and has no other effect", to_string(*verdict)));
  }
  return true;
}

bool TableReader::check_verdicts(const KeyInfo& key, const SourceNode& node) {
  if (node.kind != SourceNode::Kind::Table) {
    return refuse(node, fmt::format("'{}' must be a table of verdicts", key.name));
  }
  bool good = true;
  const auto words = key.all_words();
  for (const SourceMember& member : node.members) {
    if (std::ranges::find(words, member.key) == words.end()) {
      report_.error(
          "E03", member.place,
          fmt::format("Unknown {}: {}{}", key.noun, member.key, suggestion(member.key, words)));
      good = false;
    } else {
      good = check_verdict(member.key, member.value) && good;
    }
  }
  return good;
}

// ---- Reading ----

const SourceMember* TableReader::member(std::string_view key) const {
  assert(row(key) != nullptr);
  const auto found = std::ranges::find_if(
      valid_, [key](const SourceMember* member) { return member->key == key; });
  return found == valid_.end() ? nullptr : *found;
}

const SourceNode* TableReader::node(std::string_view key) const {
  const SourceMember* found = member(key);
  return found == nullptr ? nullptr : &found->value;
}

Place TableReader::place(std::string_view key) const {
  const SourceNode* value = node(key);
  return value == nullptr ? node_.place : value->place;
}

std::string TableReader::text(std::string_view key) const {
  const SourceNode* value = node(key);
  return value == nullptr ? std::string() : value->text;
}

std::optional<bool> TableReader::flag(std::string_view key) const {
  const SourceNode* value = node(key);
  return value == nullptr ? std::nullopt : value->as_bool();
}

std::optional<std::int64_t> TableReader::whole(std::string_view key) const {
  const SourceNode* value = node(key);
  return value == nullptr ? std::nullopt : value->as_integer();
}

std::uint64_t TableReader::count(std::string_view key) const {
  return static_cast<std::uint64_t>(whole(key).value_or(0));
}

std::optional<double> TableReader::share(std::string_view key) const {
  const SourceNode* value = node(key);
  return value == nullptr ? std::nullopt : value->as_number();
}

std::uint64_t TableReader::micros(std::string_view key) const {
  const SourceNode* value = node(key);
  return value == nullptr ? 0 : micros_of(value->text).value_or(0);
}

std::optional<std::size_t> TableReader::word(std::string_view key) const {
  const auto all = words(key);
  return all.empty() ? std::nullopt : std::optional(all.front());
}

std::vector<std::size_t> TableReader::words(std::string_view key) const {
  const SourceNode* value = node(key);
  std::vector<std::size_t> indexes;
  if (value == nullptr) return indexes;
  const auto known = row(key)->words;
  for (const SourceNode& item : items_of(*value)) {
    indexes.push_back(
        static_cast<std::size_t>(std::ranges::find(known, item.text) - known.begin()));
  }
  return indexes;
}

std::optional<Verdict> TableReader::verdict(std::string_view key) const {
  const SourceNode* value = node(key);
  return value == nullptr ? std::nullopt : verdict_word(value->text);
}

std::vector<std::string> TableReader::texts(std::string_view key) const {
  std::vector<std::string> all;
  for (ListEntry& entry : entries(key)) all.push_back(std::move(entry.pattern));
  return all;
}

std::vector<ListEntry> TableReader::entries(std::string_view key) const {
  const SourceNode* value = node(key);
  std::vector<ListEntry> all;
  if (value == nullptr) return all;
  for (const SourceNode& item : items_of(*value)) {
    all.push_back({item.text, report_.origin(item.place)});
  }
  return all;
}

std::span<const SourceNode> TableReader::tables(std::string_view key) const {
  const SourceNode* value = node(key);
  return value == nullptr ? std::span<const SourceNode>() : std::span(value->items);
}

}  // namespace capsem::policy
