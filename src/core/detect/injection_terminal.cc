// Control sequences that a terminal obeys: they hide, forge and overwrite what its user reads.
#include "core/detect/injection_scan.h"

namespace capsem::detect::injection {
namespace {

constexpr std::size_t kSequenceMax = 64;

// The end of the sequence whose introducer is '[' or ']' at p - 1; colours alone are harmless.
std::size_t sequence_end(Ahead& text, std::size_t p, bool& colour) {
  std::size_t end = p;
  while (end < p + kSequenceMax && (is_digit(text.at(end)) || text.at(end) == ';' ||
                                    text.at(end) == '?' || text.at(end) == ':')) {
    ++end;
  }
  colour = text.at(end) == 'm';
  return is_alpha(text.at(end)) ? end + 1 : end;
}

// "\x1b[", "\u001b]", "\033[", "\e[": the escape as source code spells it.
std::size_t spelled_escape(Ahead& text, std::size_t p) {
  for (const std::string_view form : {"\\x1b", "\\u001b", "\\033", "\\e", "\\u009b", "\\x9b"}) {
    if (!text.has(p, form)) continue;
    const char next = text.at(p + form.size());
    if (next == '[' || next == ']') return p + form.size() + 1;
  }
  return 0;
}

}  // namespace

void match_terminal(Ahead& text, std::size_t p, Hits& hits) {
  bool colour = false;
  const char c = text.at(p), next = text.at(p + 1);
  if (c == '\\') {
    if (const std::size_t begin = spelled_escape(text, p); begin != 0) {
      hits.add(Sign::TerminalEscapeSpelled, 0.4F, sequence_end(text, begin, colour));
    }
  } else if (c == '\x1B' && (next == '[' || next == ']' || next == 'P')) {
    const std::size_t end = sequence_end(text, p + 2, colour);
    hits.add(Sign::TerminalEscape, colour ? 0.6F : 0.8F, end);
  } else if (c == '\xC2' && (next == '\x9B' || next == '\x9D')) {
    hits.add(Sign::TerminalEscape, 0.8F, sequence_end(text, p + 2, colour));
  }
}

}  // namespace capsem::detect::injection
