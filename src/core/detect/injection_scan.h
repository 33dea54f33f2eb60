// What the recognizers of prompt injection share: the signs they report and how they read.
//
// Every recognizer is a function of one place p, where a trigger stands: it reads at most kReach
// bytes on and kLookBehind bytes back, and what it reports begins at p.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/chars.h"
#include "core/detect/detector.h"

namespace capsem::detect::injection {

// In the order of injection_kinds().
enum class Sign : std::uint8_t {
  UnicodeTags,
  VariationSelectors,
  InvisibleBits,
  ZeroWidthSplit,
  BidiOverride,
  BlankFillers,
  MixedScript,
  HomoglyphWord,
  Rot13Text,
  ReversedText,
  SpacedLetters,
  BinaryText,
  HiddenHtml,
  ChatTemplate,
  RoleHeader,
  ToolCallForgery,
  ImageExfiltration,
  LinkExfiltration,
  DataExfiltration,
  TerminalEscape,
  TerminalEscapeSpelled,
  LearnedAttack,
  ImportantTag,
  KeepFromUser,
  ToolOrder,
  SensitivePath,
  ContentPassing,
  Override,
  Jailbreak,
  NoRestrictions,
  PromptExtraction,
  RoleChange,
  SteeredAnswer,
};
inline constexpr std::size_t kSignCount = static_cast<std::size_t>(Sign::SteeredAnswer) + 1;

// A finding never ends further from its beginning, nor depends on text that does.
inline constexpr std::size_t kReach = 480;
static_assert(kReach < kLookAhead);

struct Hit {
  Sign sign;
  float score;
  std::size_t end;
};

// What the recognizers found at one place.
class Hits {
 public:
  // Of two of one sign the higher scored stays, or else the longer.
  void add(Sign sign, float score, std::size_t end) {
    for (std::size_t i = 0; i < size_; ++i) {
      Hit& known = hits_[i];
      if (known.sign != sign) continue;
      if (score > known.score || (score == known.score && end > known.end)) {
        known = {sign, score, end};
      }
      return;
    }
    if (size_ < hits_.size()) hits_[size_++] = {sign, score, end};
  }
  const Hit* begin() const { return hits_.data(); }
  const Hit* end() const { return hits_.data() + size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::array<Hit, 8> hits_;
  std::size_t size_ = 0;
};

// One text without NUL, of which more may come, read from one place on. Reading past what is there
// is noted: then nothing is decided yet.
class Ahead {
 public:
  Ahead(std::string_view text, bool open, std::size_t p)
      : text_(text), limit_(text.size() < p + kReach ? text.size() : p + kReach), open_(open) {}

  // The byte at i, or NUL at the end of the text or of the reach.
  char at(std::size_t i) {
    if (i < limit_) return text_[i];
    touched_ = touched_ || (open_ && limit_ == text_.size());
    return '\0';
  }
  // The byte `back` before p, or NUL.
  char before(std::size_t p, std::size_t back) const { return back <= p ? text_[p - back] : '\0'; }

  // Whether `literal` (lower case) stands at i, letter case ignored.
  bool has(std::size_t i, std::string_view literal) {
    for (const char c : literal) {
      if (fold(at(i++)) != c) return false;
    }
    return true;
  }

  std::string_view text() const { return text_; }
  // The text from i on as far as it is there and within reach: reading it touches nothing.
  std::string_view there(std::size_t i) const {
    return i < limit_ ? text_.substr(i, limit_ - i) : std::string_view();
  }
  // The text up to the end of the reach or what has arrived.
  std::string_view within_reach() const { return text_.substr(0, limit_); }
  bool touched() const { return touched_; }

 private:
  std::string_view text_;
  std::size_t limit_;
  bool open_;
  bool touched_ = false;
};

inline std::size_t floor_of(std::size_t p, std::size_t back = kLookBehind) {
  return p > back ? p - back : 0;
}

void match_hidden(Ahead& text, std::size_t p, Hits& hits);
void match_mixed_script(Ahead& text, std::size_t p, Hits& hits);
void match_spelling(Ahead& text, std::size_t p, Hits& hits);
void match_structure(Ahead& text, std::size_t p, Hits& hits);
void match_markup(Ahead& text, std::size_t p, Hits& hits);
void match_links(Ahead& text, std::size_t p, Hits& hits);
void match_terminal(Ahead& text, std::size_t p, Hits& hits);
void match_paths(Ahead& text, std::size_t p, Hits& hits);
void match_phrases(Ahead& text, std::size_t p, Hits& hits);
void match_learned(Ahead& text, std::size_t p, Hits& hits);
void match_ideographs(Ahead& text, std::size_t p, Hits& hits);

}  // namespace capsem::detect::injection
