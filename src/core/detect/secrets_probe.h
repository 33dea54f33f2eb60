// Text that may go on. A probe's reads note whether they asked for text that has not arrived: an
// answer that was found without asking is final, whatever follows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace capsem::detect::secrets {

class Probe {
 public:
  // `complete`: nothing follows `text`.
  Probe(std::string_view text, bool complete) : text_(text), complete_(complete) {}

  // '\0' beyond the end: no secret holds one.
  char at(std::size_t i) {
    if (i < text_.size()) return text_[i];
    asked_ = asked_ || !complete_;
    return '\0';
  }
  // `word` stands at i. Reads no further than the first byte that differs.
  bool stands_at(std::size_t i, std::string_view word) {
    for (std::size_t k = 0; k < word.size(); ++k) {
      if (at(i + k) != word[k]) return false;
    }
    return true;
  }

  // How many of the bytes from i on, at most `most`, are as `wanted` says. NUL never is.
  template <class Wanted>
  std::size_t run(std::size_t i, std::size_t most, Wanted wanted) {
    const std::size_t there = i < text_.size() ? std::min(most, text_.size() - i) : 0;
    std::size_t count = 0;
    while (count < there && wanted(text_[i + count])) ++count;
    asked_ = asked_ || (count == there && there < most && !complete_);
    return count;
  }

  // Text before a place has always arrived.
  std::string_view text() const { return text_; }
  std::string_view slice(std::size_t begin, std::size_t end) const {
    return text_.substr(begin, end - begin);
  }

  bool asked_for_more() const { return asked_; }
  void forget() { asked_ = false; }

 private:
  std::string_view text_;
  bool complete_;
  bool asked_ = false;
};

}  // namespace capsem::detect::secrets
