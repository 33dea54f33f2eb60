// Finds the placeholders of a request in a text of its answer that arrives in pieces. A value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/engine/redactor.h"

namespace capsem::engine {

class PlaceholderFinder {
 public:
  // Calls found(begin, end, value) for each, with offsets in the whole text.
  template <class Found>
  void feed(std::string_view piece, const Redactor& redactor, const Found& found) {
    for (const char c : piece) {
      ++position_;
      if (c == '<') {
        begun_ = c;
      } else if (!begun_.empty()) {
        begun_ += c;
        const Secret* value = c == '>' ? redactor.value_of(begun_) : nullptr;
        if (value != nullptr) found(position_ - begun_.size(), position_, *value);
        if (value != nullptr || !redactor.begins_placeholder(begun_)) begun_.clear();
      }
    }
  }
  // The text has ended: what has begun is no placeholder.
  void finish() { begun_.clear(); }

  // Nothing before it can still become one.
  std::uint64_t decided() const { return position_ - begun_.size(); }

 private:
  std::uint64_t position_ = 0;
  std::string begun_;
};

}  // namespace capsem::engine
