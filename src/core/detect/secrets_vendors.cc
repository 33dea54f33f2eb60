// Values near a vendor's name: `datadogToken := "..."`, `"okta" => "..."`, `SNYK_TOKEN=...`.
#include <algorithm>

#include "core/detect/chars.h"
#include "core/detect/secrets_assigned.h"
#include "core/detect/secrets_quality.h"
#include "core/detect/secrets_shape.h"
#include "core/detect/secrets_triggers.h"

namespace capsem::detect::secrets {
namespace {

constexpr std::size_t kVendorReach = 96;  // from the vendor's name to the value
constexpr std::size_t kGapMax = 40;       // letters and digits of it
constexpr std::size_t kDigitWithin = 24;  // a value has a digit among its first bytes
constexpr std::size_t kShortWord = 5;     // names this short must be words of their own

constexpr auto kSecretWords = std::to_array<std::string_view>(
    {"key", "token", "secret", "pass", "pat", "auth", "access", "private", "client", "cred", "id"});

bool has_early_digit(Probe& probe, std::size_t p) {
  for (std::size_t i = p; i < p + kDigitWithin; ++i) {
    const char c = probe.at(i);
    if (is_digit(c)) return true;
    if (!is_token_byte(c)) return false;
  }
  return false;
}

// What stands between the vendor's name and the value must look like the rest of an assignment.
bool is_assigning(std::string_view gap) {
  const bool has_operator = gap.find_first_of("=:>,(") != std::string_view::npos;
  if (gap.find_first_of(";{}") != std::string_view::npos) return false;
  if (has_operator) return true;
  const auto said = [&](std::string_view word) { return contains_folded(gap, word); };
  return std::all_of(gap.begin(), gap.end(), [](char c) { return c == ' ' || c == '"'; }) ||
         std::any_of(kSecretWords.begin(), kSecretWords.end(), said);
}

// The beginning of the line, or of the one before where an XML element or a YAML value breaks.
std::size_t context_begin(std::string_view text, std::size_t p) {
  const std::size_t floor = p > kVendorReach ? p - kVendorReach : 0;
  std::size_t i = p;
  while (i > floor && (text[i - 1] == ' ' || text[i - 1] == '\t')) --i;
  if (i > floor + 1 && text[i - 1] == '\n' && (text[i - 2] == '>' || text[i - 2] == ':')) --i;
  while (i > floor && text[i - 1] != '\n') --i;
  return i;
}

bool value_fits(const NamedFamily& family, std::string_view value) {
  if (value.size() < family.min || value.size() > family.max) return false;
  if (!std::all_of(value.begin(), value.end(),
                   [&](char c) { return in_class(c, family.letter); })) {
    return false;
  }
  if (likeness(value) == Likeness::Placeholder) return false;
  if (family.exact) return entropy(value) >= 3.0F;
  const Makeup m = makeup(value);
  const bool number = m.digits == value.size() && value.size() >= 16 && entropy(value) > 2.0F;
  return number || is_uuid(value) || looks_random(value);
}

}  // namespace

VendorNames::VendorNames() {
  for (const NamedFamily& family : named_families()) {
    by_first_[static_cast<unsigned char>(family.word[0])].push_back(
        {&family, kind_index(family.name)});
  }
}

std::optional<Hit> VendorNames::match(Probe& probe, std::size_t p) const {
  const std::string_view text = probe.text();
  if (p == 0) return std::nullopt;
  const char before = text[p - 1];
  if (std::string_view(" \t\n\"'`=:>(").find(before) == std::string_view::npos) return std::nullopt;
  if (text.size() - p >= kDigitWithin && !has_early_digit(probe, p)) return std::nullopt;

  const std::size_t from = context_begin(text, p);
  const Squeezed context(text, from, p);
  std::optional<Hit> best;
  std::string_view value;
  for (std::size_t i = context.size(); i-- > 0;) {
    if (context.size() - i > kGapMax + 20) break;
    if (!context.word_begins(i)) continue;
    for (const Row& row : by_first_[static_cast<unsigned char>(context.at(i)) & 127]) {
      const NamedFamily& family = *row.family;
      if (!context.stands_at(i, family.word)) continue;
      const std::size_t end = i + family.word.size();
      if (family.word.size() <= kShortWord && !context.word_begins(end)) continue;
      if (family.exact && end != context.size()) continue;
      const std::size_t after = context.source(end - 1) + 1;
      if (context.size() - end > kGapMax || !is_assigning(text.substr(after, p - after))) continue;
      if (value.empty()) {
        if (!has_early_digit(probe, p)) return std::nullopt;
        std::size_t stop = p;
        while (stop < p + kValueBytesMax && in_class(probe.at(stop), 'T')) ++stop;
        if (probe.at(stop) == '(' || probe.asked_for_more()) return std::nullopt;
        value = probe.slice(p, stop);
        while (value.size() > 1 && (value.back() == '.' || value.back() == '~')) {
          value.remove_suffix(1);
        }
        if (value.empty()) return std::nullopt;
      }
      if (!value_fits(family, value)) continue;
      if (!best || family.score > best->score) {
        best = Hit{row.kind, p, p + value.size(), family.score};
      }
    }
  }
  return best;
}

}  // namespace capsem::detect::secrets
