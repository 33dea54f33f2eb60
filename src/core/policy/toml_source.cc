#include "core/policy/toml_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/ascii.h"

namespace capsem::policy {
namespace {

// Edits that turn a into b: one letter added, dropped, replaced, or two neighbours exchanged.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = ascii_lower(a[i - 1]) == ascii_lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && ascii_lower(a[i - 1]) == ascii_lower(b[j - 2]) &&
          ascii_lower(a[i - 2]) == ascii_lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

Result<TomlSource> TomlSource::parse(std::string name, std::string_view text) {
  TomlSource source;
  source.name_ = std::move(name);
  try {
    source.root_ = toml::parse(text, source.name_);
  } catch (const toml::parse_error& error) {
    return source.error_at(error.source(), error.description());
  } catch (const std::exception& error) {
    return source.error_at({}, error.what());
  }
  return source;
}

std::string TomlSource::message_at(const toml::source_region& where, std::string_view what) const {
  // A place that the parser does not know (a whole missing table) is the start of the file.
  const auto line = std::max<toml::source_index>(where.begin.line, 1);
  const auto column = std::max<toml::source_index>(where.begin.column, 1);
  return fmt::format("{}:{}:{}: {}", name_, line, column, what);
}

std::unexpected<Error> TomlSource::error_at(const toml::source_region& where,
                                            std::string_view what) const {
  return gateway_error("invalid_config", message_at(where, what));
}

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names) {
  constexpr std::size_t kWordMax = 64;
  if (word.empty() || word.size() > kWordMax) return {};
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string_view name : names) {
    const std::size_t distance = edit_distance(word, name);
    // A word that shares no letter with the name is not a slip of it.
    if (distance < best_distance && distance < std::max(word.size(), name.size())) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> names) {
  const std::string_view near = nearest_name(word, names);
  return near.empty() ? std::string() : fmt::format(" (did you mean '{}'?)", near);
}

}  // namespace capsem::policy
