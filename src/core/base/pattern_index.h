// Many globs, one text: which of them match, without trying each. Patterns are filed under what
// every match of theirs begins with, so that a thousand rules about a thousand models cost one
// look-up per distinct prefix length. Build, then share: const calls are thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/error.h"
#include "core/base/glob.h"

namespace capsem {

class PatternIndex {
 public:
  // `id` is what matches() tells; several patterns may have the same id.
  Status add(std::string_view pattern, std::uint32_t id) {
    Result<Glob> glob = Glob::parse(pattern);
    if (!glob) return std::unexpected(glob.error());
    if (glob->is_literal()) {
      literals_[glob->prefix()].push_back(id);
      return {};
    }
    const std::size_t length = std::min(glob->prefix().size(), kPrefixBytesMax);
    if (std::ranges::find(lengths_, length) == lengths_.end()) lengths_.push_back(length);
    prefixes_[glob->prefix().substr(0, length)].push_back({std::move(*glob), id});
    return {};
  }

  bool empty() const { return literals_.empty() && prefixes_.empty(); }

  // Calls f(id) for every pattern that matches; ids in no particular order.
  template <class F>
  void each_match(std::string_view text, F&& f) const {
    if (const auto found = literals_.find(text); found != literals_.end()) {
      for (const std::uint32_t id : found->second) f(id);
    }
    for (const std::size_t length : lengths_) {
      if (length > text.size()) continue;
      const auto found = prefixes_.find(text.substr(0, length));
      if (found == prefixes_.end()) continue;
      for (const Entry& entry : found->second) {
        if (entry.glob.matches(text)) f(entry.id);
      }
    }
  }

  // The smallest id among the patterns that match; kNone when none does.
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::uint32_t first_match(std::string_view text) const {
    std::uint32_t first = kNone;
    each_match(text, [&first](std::uint32_t id) { first = std::min(first, id); });
    return first;
  }

 private:
  static constexpr std::size_t kPrefixBytesMax = 32;
  struct Entry {
    Glob glob;
    std::uint32_t id;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class T>
  using Table = std::unordered_map<std::string, std::vector<T>, Hash, std::equal_to<>>;

  Table<std::uint32_t> literals_;
  Table<Entry> prefixes_;
  std::vector<std::size_t> lengths_;  // of the keys of prefixes_
};

}  // namespace capsem
