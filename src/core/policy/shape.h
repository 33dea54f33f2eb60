// Which keys a table of a policy file may have and what each is worth: one row per key, read by the
// loaders (which report whatever differs, with its place and the nearest known name) and by the
// JSON schema for editors. There is no second list.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy/ir.h"
#include "core/policy/loader.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

// Says of one file what is wrong with it. Codes: E01 syntax, E02 unknown key, E03 a value that is
// none of those that count there (unknown word, wrong type, out of range, missing), E04 a pattern
// that cannot be compiled, E05 a name used twice, E06 a condition that can never be evaluated.
class Reporter {
 public:
  // `diagnostics` outlives the reporter.
  Reporter(std::string file, std::vector<Diagnostic>& diagnostics)
      : file_(std::move(file)), diagnostics_(diagnostics) {}

  Origin origin(Place place) const { return {file_, place.line, place.column}; }
  void error(std::string_view code, Place place, std::string message);
  void warn(std::string_view code, Place place, std::string message);
  bool failed() const { return failed_; }  // error() has been called

 private:
  static constexpr std::size_t kErrorsMax = 500;  // of one file

  std::string file_;
  std::vector<Diagnostic>& diagnostics_;
  bool failed_ = false;
  std::size_t reported_ = 0;
};

enum class Shape : std::uint8_t {
  Flag,
  Text,
  Name,        // an id: 1 to kNameBytesMax bytes, no control characters, no space at its ends
  Type,        // the word that says what a policy is
  Field,       // the name of a condition's field
  Operator,    // the name of a condition's operator
  Word,        // one of words
  Words,       // some of words; one need not be a list
  Verdict,     // a verdict's word, in any letter case
  Verdicts,    // a table: one of words = verdict
  Texts,       // strings; one need not be a list
  Globs,       // shell patterns; one need not be a list
  Date,        // "2026-11-01"
  Whole,       // an integer from min to max
  Priority,    // an integer in the operators' band or the users'
  Share,       // 0 to 1
  Money,       // a decimal amount, not negative: 0.15 or "0.15"
  When,        // conditions by field name, or a list of conditions
  Conditions,  // a list of conditions
  Scalar,      // a string, number or boolean
  Value,       // a scalar or a list of them
  Table,
  Tables,
  Ignored,  // accepted, whatever it is
};

struct KeyInfo {
  std::string_view name;
  Shape shape = Shape::Text;
  std::string_view doc{};
  std::span<const std::string_view> words{};  // Word, Words, Verdicts
  std::span<const KeyInfo> members{};         // Table, Tables
  bool required = false;
  std::int64_t min = 0, max = 0;  // Whole
  std::string_view noun{};        // Verdicts: what a word names, in messages
  // Verdicts: instead of `words`, where a table elsewhere has them.
  std::span<const std::string_view> (*late_words)() = nullptr;

  std::span<const std::string_view> all_words() const { return late_words ? late_words() : words; }
};

inline constexpr std::size_t kNameBytesMax = 500;
// The text as a name, at most 200 bytes of it: what may not stand in one gives way to "-".
std::string clean_name(std::string_view text);

// Operators' documents come before users': -1000 to -10 and 10 to 1000. What lies between is no
// priority, so that neither band can be reached by a slip of the other.
bool is_priority(std::int64_t priority);

// The verdict that a word of any dialect stands for, letter case ignored.
std::optional<Verdict> verdict_word(std::string_view word);
std::span<const std::string_view> verdict_words();

// Millionths of the unit of a decimal amount ("0.15" is 150000); empty when it is no such amount,
// has more than six decimals that count, or is too large.
std::optional<std::uint64_t> micros_of(std::string_view decimal);
std::string decimal_of(std::uint64_t micros);  // "0.15"

// One table of a file, checked against its rows when it is made. What did not pass has been
// reported and counts as absent.
class TableReader {
 public:
  // `what` names the table in messages: "[engine]", "the rule". `keys` and `node` outlive this.
  TableReader(Reporter& report, const SourceNode& node, std::span<const KeyInfo> keys,
              std::string_view what);

  // REQUIRES, here and below: `key` is the name of a row.
  const SourceMember* member(std::string_view key) const;
  const SourceNode* node(std::string_view key) const;
  bool has(std::string_view key) const { return member(key) != nullptr; }
  // Where to point at when something about the key is wrong: its value, else the table.
  Place place(std::string_view key) const;

  std::string text(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::optional<std::int64_t> whole(std::string_view key) const;
  std::uint64_t count(std::string_view key) const;  // 0 when absent
  std::optional<double> share(std::string_view key) const;
  std::uint64_t micros(std::string_view key) const;  // 0 when absent
  // The index of the word among the row's words.
  std::optional<std::size_t> word(std::string_view key) const;
  std::vector<std::size_t> words(std::string_view key) const;
  std::optional<Verdict> verdict(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::vector<ListEntry> entries(std::string_view key) const;
  // The tables of a Tables row; none when absent.
  std::span<const SourceNode> tables(std::string_view key) const;

 private:
  const KeyInfo* row(std::string_view key) const;
  bool check(const KeyInfo& key, const SourceMember& member);
  bool check_words(const KeyInfo& key, const SourceNode& node);
  bool check_list(const KeyInfo& key, const SourceNode& node);
  bool check_item(const KeyInfo& key, const SourceNode& item);
  bool check_verdict(std::string_view key, const SourceNode& node);
  bool check_verdicts(const KeyInfo& key, const SourceNode& node);
  bool refuse(const SourceNode& node, std::string message);

  Reporter& report_;
  const SourceNode& node_;
  std::span<const KeyInfo> keys_;
  std::vector<const SourceMember*> valid_;
};

// The items of a list, or the value itself where one need not be a list.
std::span<const SourceNode> items_of(const SourceNode& node);

}  // namespace capsem::policy
