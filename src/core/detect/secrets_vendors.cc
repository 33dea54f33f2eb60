// Values near a vendor's name: `datadogToken := "..."`, `"okta" => "..."`, `SNYK_TOKEN=...`.
#include <algorithm>
#include <bit>
#include <cstring>
#include <span>

#include "core/detect/chars.h"
#include "core/detect/secrets_assigned.h"
#include "core/detect/secrets_quality.h"
#include "core/detect/secrets_shape.h"
#include "core/detect/secrets_triggers.h"
#include "core/detect/trigger.h"

namespace capsem::detect::secrets {
namespace {

constexpr std::string_view kBeforeValue = " \t\n\"'`=:>(";
constexpr std::size_t kVendorReach = 96;           // from the vendor's name to the value
constexpr std::size_t kGapMax = 40;                // letters and digits of it
constexpr std::size_t kDigitWithin = 32;           // a value has a digit among its first bytes
constexpr std::size_t kCodeMin = 20;               // shortest long code
constexpr std::size_t kShortWord = 5;              // names this short must be words of their own
constexpr std::size_t kLettersMax = kGapMax + 20;  // of a vendor's name and what is behind it

constexpr auto kSecretWords = std::to_array<std::string_view>(
    {"key", "token", "secret", "pass", "pat", "auth", "access", "private", "client", "cred", "id"});

enum class EarlyDigit : std::uint8_t { No, Yes, Open };

EarlyDigit early_digit(std::string_view text, std::size_t p) {
  const std::size_t end = std::min(text.size(), p + kDigitWithin);
  for (std::size_t i = p; i < end; ++i) {
    if (is_digit(text[i])) return EarlyDigit::Yes;
    if (!is_token_byte(text[i])) return EarlyDigit::No;
  }
  return end == p + kDigitWithin ? EarlyDigit::No : EarlyDigit::Open;
}

bool says_secret(std::string_view gap) {
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return contains_folded(gap, word); });
}

// What stands between the vendor's name and the value must look like the rest of an assignment.
bool is_assigning(std::string_view gap) {
  const bool has_operator = gap.find_first_of("=:>,(") != std::string_view::npos;
  if (gap.find_first_of(";{}") != std::string_view::npos) return false;
  if (has_operator) return true;
  return std::all_of(gap.begin(), gap.end(), [](char c) { return c == ' ' || c == '"'; }) ||
         says_secret(gap);
}

// The beginning of the line, or of the one before where an XML element or a YAML value breaks.
std::size_t context_begin(std::string_view text, std::size_t p) {
  const std::size_t floor = p > kVendorReach ? p - kVendorReach : 0;
  std::size_t i = p;
  while (i > floor && (text[i - 1] == ' ' || text[i - 1] == '\t')) --i;
  if (i > floor + 1 && text[i - 1] == '\n' && (text[i - 2] == '>' || text[i - 2] == ':')) --i;
  const void* line = memrchr(text.data() + floor, '\n', i - floor);
  return line == nullptr
             ? floor
             : static_cast<std::size_t>(static_cast<const char*>(line) - text.data()) + 1;
}

// Letters and digits alone, long: behind a name that says "key" that is one, however it looks.
bool is_long_code(std::string_view value) {
  const Makeup m = makeup(value);
  return value.size() >= kCodeMin && m.signs == 0 && m.digits > 0 && m.digits < value.size() &&
         entropy(value) >= 3.0F;
}

// The score of a value behind a vendor's name; 0: it is none.
float score_of(const NamedFamily& family, std::string_view value, std::string_view gap) {
  if (value.size() < family.min || value.size() > family.max) return 0;
  if (!std::all_of(value.begin(), value.end(),
                   [&](char c) { return in_class(c, family.letter); })) {
    return 0;
  }
  if (likeness(value) == Likeness::Placeholder) return 0;
  if (family.exact) return entropy(value) >= 3.0F ? family.score : 0;
  const Makeup m = makeup(value);
  const bool number = m.digits == value.size() && value.size() >= 16 && entropy(value) > 2.0F;
  if (number || is_uuid(value) || looks_random(value)) return family.score;
  return says_secret(gap) && is_long_code(value) ? kSampleScore : 0;
}

// Where a word begins among 64 bytes, as word_boundary() has it: one bit each.
std::uint64_t word_begins(const BlockMasks& m) {
  const std::uint64_t upper = m.upper, lower = m.lower, letter = upper | lower;
  const std::uint64_t first = letter & ~(letter << 1);
  return first | (upper & lower << 1) | (upper & upper << 1 & lower >> 1);
}

constexpr std::size_t slot_of(char a, char b, char c) {
  const auto bits = [](char letter) { return static_cast<std::size_t>(letter & 31); };
  return bits(a) << 10 | bits(b) << 5 | bits(c);
}

// The name stands at `i` of what is before a value, near enough and, if short, as a whole word.
bool names(const NamedFamily& family, const Squeezed& context, std::size_t i) {
  if (!context.stands_at(i, family.word)) return false;
  const std::size_t end = i + family.word.size();
  if (family.word.size() <= kShortWord && !context.word_begins(end)) return false;
  return family.exact ? end == context.size() : context.size() - end <= kGapMax;
}

// The value that begins at p; empty: a call does.
std::string_view read_value_of(Probe& probe, std::size_t p) {
  std::size_t end = p;
  while (end < p + kValueBytesMax && in_class(probe.at(end), 'T')) ++end;
  if (probe.at(end) == '(') return {};
  std::string_view value = probe.slice(p, std::min(end, probe.text().size()));
  while (value.size() > 1 && (value.back() == '.' || value.back() == '~')) value.remove_suffix(1);
  return value;
}

bool has(std::span<const std::uint64_t> bits, std::size_t slot) {
  return (bits[slot / 64] >> slot % 64 & 1) != 0;
}

}  // namespace

VendorNames::VendorNames() {
  for (const NamedFamily& family : named_families()) {
    by_first_[static_cast<unsigned char>(family.word[0])].push_back(
        {&family, kind_index(family.name)});
    const std::size_t slot = slot_of(family.word[0], family.word[1], family.word[2]);
    beginnings_[slot / 64] |= std::uint64_t{1} << slot % 64;
    const std::size_t pair = slot_of('\0', family.word[0], family.word[1]);
    pairs_[pair / 64] |= std::uint64_t{1} << pair % 64;
  }
}

// A vendor's name, signs within it aside, begins at i. It may be part of another word's.
bool VendorNames::vendor_at(std::string_view text, std::size_t i, std::size_t to) const {
  const std::string_view place = text.substr(i, to - i);
  if (place.size() < 3 || !has(pairs_, slot_of('\0', place[0], place[1]))) return false;
  std::size_t third = 2;
  while (third < place.size() && !is_alnum(place[third])) ++third;
  if (third == place.size() || !has(beginnings_, slot_of(place[0], place[1], place[third]))) {
    return false;
  }
  const auto stands = [&](const Row& row) {
    std::size_t k = i;
    for (const char c : row.family->word) {
      while (k < to && !is_alnum(text[k])) ++k;
      if (k == to || fold(text[k++]) != c) return false;
    }
    return true;
  };
  const auto& rows = by_first_[static_cast<unsigned char>(fold(text[i])) & 127];
  return std::any_of(rows.begin(), rows.end(), stands);
}

// Cheap and necessary for match(): a word that begins in text[from, to) may be a vendor's name.
bool VendorNames::names_vendor(std::string_view text, std::size_t from, std::size_t to) const {
  for (std::size_t block = from; block < to; block += kBlockBytes - 2) {
    // One byte before and one behind tell whether a word begins.
    const std::size_t at = block - (block > 0 ? 1 : 0);
    const std::size_t size = std::min(text.size() - at, kBlockBytes);
    const BlockMasks masks =
        size == kBlockBytes ? block_masks(text.data() + at) : tail_masks(text.data() + at, size);
    std::uint64_t begins = word_begins(masks);
    if (at < block) begins &= ~std::uint64_t{1};
    for (; begins != 0; begins &= begins - 1) {
      const std::size_t i = at + static_cast<unsigned>(std::countr_zero(begins));
      if (i >= to) break;
      if (vendor_at(text, i, to)) return true;
    }
  }
  return false;
}

std::optional<Hit> VendorNames::match(Probe& probe, std::size_t p) const {
  const std::string_view text = probe.text();
  if (p == 0 || kBeforeValue.find(text[p - 1]) == std::string_view::npos) return std::nullopt;
  if (text[p - 1] == ':' && text[p] == '/') return std::nullopt;  // of a URL
  const EarlyDigit digit = early_digit(text, p);
  if (digit == EarlyDigit::No) return std::nullopt;
  const std::size_t from = context_begin(text, p);
  if (!names_vendor(text, from, p)) return std::nullopt;

  const Squeezed context(text, from, p);
  std::optional<Hit> best;
  std::string_view value;
  for (std::size_t i = context.size(); i-- > 0 && context.size() - i <= kLettersMax;) {
    if (!context.word_begins(i)) continue;
    for (const Row& row : by_first_[static_cast<unsigned char>(context.at(i)) & 127]) {
      if (!names(*row.family, context, i)) continue;
      const std::size_t after = context.source(i + row.family->word.size() - 1) + 1;
      const std::string_view gap = text.substr(after, p - after);
      if (!is_assigning(gap)) continue;
      if (digit == EarlyDigit::Open) {
        probe.at(text.size());  // none yet: asks for more
        return std::nullopt;
      }
      if (value.empty()) value = read_value_of(probe, p);
      if (value.empty() || probe.asked_for_more()) return std::nullopt;
      const float score = score_of(*row.family, value, gap);
      if (score > 0 && (!best || score > best->score)) {
        best = Hit{row.kind, p, p + value.size(), score};
      }
    }
  }
  return best;
}

}  // namespace capsem::detect::secrets
