// IBAN_CODE: ISO 13616 registry layouts and the mod 97 check.
#include <algorithm>
#include <array>

#include "core/detect/checksum.h"
#include "core/detect/numbers.h"

namespace capsem::detect {
namespace {

// The country's letters, then its BBAN in the registry's notation: a count and a class, n digits,
// a upper-case letters, c either.
constexpr auto kLayouts = std::to_array<std::string_view>({
    "AD 8n12c",    "AE 19n",     "AL 8n16c",   "AO 21n",     "AT 16n",     "AZ 4a20c",
    "BA 16n",      "BE 12n",     "BF 2c22n",   "BG 4a6n8c",  "BH 4a14c",   "BI 23n",
    "BJ 2c22n",    "BR 23n1a1c", "BY 4c4n16c", "CF 23n",     "CG 23n",     "CH 5n12c",
    "CI 2a22n",    "CM 23n",     "CR 18n",     "CV 21n",     "CY 8n16c",   "CZ 20n",
    "DE 18n",      "DJ 23n",     "DK 14n",     "DO 4c20n",   "DZ 22n",     "EE 16n",
    "EG 25n",      "ES 20n",     "FI 14n",     "FK 2a12n",   "FO 14n",     "FR 10n11c2n",
    "GA 23n",      "GB 4a14n",   "GE 2a16n",   "GI 4a15c",   "GL 14n",     "GQ 23n",
    "GR 7n16c",    "GT 4c20c",   "GW 2c19n",   "HN 4a20n",   "HR 17n",     "HU 24n",
    "IE 4a14n",    "IL 19n",     "IQ 4a15n",   "IR 22n",     "IS 22n",     "IT 1a10n12c",
    "JO 4a4n18c",  "KM 23n",     "KW 4a22c",   "KZ 3n13c",   "LB 4n20c",   "LC 4a24c",
    "LI 5n12c",    "LT 16n",     "LU 3n13c",   "LV 4a13c",   "LY 21n",     "MA 24n",
    "MC 10n11c2n", "MD 2c18c",   "ME 18n",     "MG 23n",     "MK 3n10c2n", "ML 2c22n",
    "MN 16n",      "MR 23n",     "MT 4a5n18c", "MU 4a19n3a", "MZ 21n",     "NE 2a22n",
    "NI 4a20n",    "NL 4a10n",   "NO 11n",     "OM 3n16c",   "PK 4a16c",   "PL 24n",
    "PS 4a21c",    "PT 21n",     "QA 4a21c",   "RO 4a16c",   "RS 18n",     "RU 14n15c",
    "SA 2n18c",    "SC 4a20n3a", "SD 14n",     "SE 20n",     "SI 15n",     "SK 20n",
    "SM 1a10n12c", "SN 2a22n",   "SO 19n",     "ST 21n",     "SV 4a20n",   "TD 23n",
    "TG 2a22n",    "TL 19n",     "TN 20n",     "TR 6n16c",   "UA 6n19c",   "VA 18n",
    "VG 4a16n",    "XK 16n",     "YE 4a4n18c",
});
static_assert(std::is_sorted(kLayouts.begin(), kLayouts.end()));

constexpr std::size_t kIbanMax = 34;

bool of_class(char c, char wanted) {
  if (wanted == 'n') return is_digit(c);
  if (wanted == 'a') return is_upper(c);
  return is_digit(c) || is_upper(c);
}

std::string_view layout_of(std::string_view country) {
  const auto found = std::lower_bound(
      kLayouts.begin(), kLayouts.end(), country,
      [](std::string_view layout, std::string_view c) { return layout.substr(0, 2) < c; });
  if (found == kLayouts.end() || !found->starts_with(country)) return {};
  return found->substr(3);
}

// The next character of the code at p, over one space or dash; 0 when there is none.
char next_char(std::string_view s, std::size_t& p, bool may_skip) {
  if (may_skip && (char_at(s, p) == ' ' || char_at(s, p) == '-')) ++p;
  const char c = char_at(s, p);
  if (!is_digit(c) && !is_upper(c)) return '\0';
  ++p;
  return c;
}

}  // namespace

Match match_iban(std::string_view s, std::size_t p) {
  if (s.size() - p < 15 || !is_upper(s[p]) || !is_upper(s[p + 1])) return {};
  const std::string_view layout = layout_of(s.substr(p, 2));
  if (layout.empty()) return {};
  std::array<char, kIbanMax> code;
  std::size_t n = 0, at = p;
  const auto take = [&](char wanted, unsigned count) {
    for (; count > 0; --count) {
      const char c = next_char(s, at, n > 1);
      if (c == '\0' || !of_class(c, wanted)) return false;
      code[n++] = c;
    }
    return true;
  };
  if (!take('a', 2) || !take('n', 2)) return {};
  for (std::size_t i = 0; i < layout.size();) {
    unsigned count = 0;
    while (is_digit(layout[i])) count = count * 10 + static_cast<unsigned>(layout[i++] - '0');
    if (!take(layout[i++], count)) return {};
  }
  if (word_at(s, at) || !mod97_ok({code.data(), n})) return {};
  return {at, 1.0F};
}

}  // namespace capsem::detect
