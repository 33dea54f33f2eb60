// The places of a text where a recognizer may have something to say, and what all of them say of
// one: the filter in front of the recognizers, and the recognizers as one.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/detect/injection_filter.h"
#include "core/detect/injection_scan.h"

namespace capsem::detect::injection {

// Constant.
class Places {
 public:
  Places();

  // Calls visit(p) for places from `from` on, in order, until it returns false: for every one of
  // which match_at() or match_phrase_at() has something to say, or would have to know what follows
  // the text, and for few others.
  template <class Visit>
  void each(std::string_view text, std::size_t from, Visit visit) const {
    filter_.each(text, from, [&](std::size_t p) { return begins_nothing(text, p) || visit(p); });
  }

 private:
  void add_marks();
  void add_hidden();
  void add_words();

  // Whether the word at p clearly begins no phrase and never begins anything else: so it is with
  // most words that the filter finds.
  bool begins_nothing(std::string_view text, std::size_t p) const;

  TriggerFilter filter_;
  HashSet others_;  // words that not only phrases begin with
};

// Everything that can be said of the place p.
void match_at(Ahead& text, std::size_t p, Hits& hits);
// Of it, what phrases may say.
void match_phrase_at(Ahead& text, std::size_t p, Hits& hits);

}  // namespace capsem::detect::injection
