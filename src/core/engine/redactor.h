// What stands for what was redacted, in one exchange; and, where placeholders are to become their
// values again, which value each stands for.
//
// Values live here and nowhere else, and are wiped with the exchange. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/secret.h"
#include "core/policy/snapshot.h"

namespace capsem::engine {

// The key of one tenant's hashes; nobody gets from one tenant's to another's.
Secret redaction_key_of(std::string_view secret, std::string_view tenant);

class Redactor {
 public:
  // `key`, not empty: of hashes; the same key gives the same value the same hash. Outlives the
  // redactor.
  explicit Redactor(std::string_view key);

  // The key under which detect::value_digest() tells values apart.
  std::uint64_t value_key() const { return value_key_; }

  // Placeholders that the client's own text holds already are given to nobody.
  void avoid_placeholders_of(std::string_view request) { request_ = request; }

  // What stands for a value with this digest. Placeholders are numbered as values are first named.
  std::string name(const policy::RedactionOrder& order, std::uint64_t digest);
  // The same, of a request: with `restore` the value is kept for the answer.
  std::string name_for_now(const policy::RedactionOrder& order, std::uint64_t digest,
                           std::string_view value);

  // ---- The way back ----

  bool restores() const { return !values_.empty(); }
  // The value that `placeholder` stands for, or nullptr.
  const Secret* value_of(std::string_view placeholder) const;
  // Some placeholder begins so.
  bool begins_placeholder(std::string_view text) const;

 private:
  std::string placeholder_of(const std::string& label, std::uint64_t digest);
  const std::set<std::uint64_t>& taken(const std::string& label);

  const std::string_view key_;
  const std::uint64_t value_key_;
  std::string_view request_;
  std::map<std::pair<std::string, std::uint64_t>, std::string> placeholders_;
  std::map<std::string, std::uint64_t> counters_;         // by label
  std::map<std::string, std::set<std::uint64_t>> taken_;  // by label
  std::map<std::string, Secret, std::less<>> values_;     // by placeholder
};

}  // namespace capsem::engine
