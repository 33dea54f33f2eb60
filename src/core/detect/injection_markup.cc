// HTML that its reader does not see, and tags that shout at a model out of a tool's description.
#include <algorithm>

#include "core/detect/injection_scan.h"
#include "core/detect/injection_words.h"

namespace capsem::detect::injection {
namespace {

constexpr std::size_t kTagMax = 300;      // bytes of one tag with its attributes
constexpr std::size_t kCommentMax = 440;  // of a comment that is looked into

// A copy of a tag without spaces, in lower case: styles are written in many ways.
struct Squeezed {
  std::array<char, kTagMax> text;
  std::size_t size = 0;
  std::size_t end = 0;  // after '>', or where the reading stopped
  bool contains(std::string_view part) const {
    return std::string_view(text.data(), size).find(part) != std::string_view::npos;
  }
};

Squeezed squeeze(Ahead& text, std::size_t p) {
  Squeezed out;
  out.end = p;
  while (out.size < kTagMax) {
    const char c = text.at(out.end);
    if (c == '\0' || (c == '<' && out.end > p)) break;
    ++out.end;
    if (c == '>') break;
    if (c != ' ' && c != '\n' && c != '\t') out.text[out.size++] = fold(c);
  }
  return out;
}

bool hides(const Squeezed& tag) {
  static constexpr std::string_view ways[] = {
      "display:none",  "visibility:hidden", "font-size:0",    "opacity:0;",   "opacity:0\"",
      "opacity:0'",    "left:-9999",        "text-indent:-9", "max-height:0", "color:transparent",
      "font-size:1px", "height:0;",         "width:0;"};
  const bool white_text = tag.contains("\"color:white") || tag.contains("\"color:#fff") ||
                          tag.contains("'color:white") || tag.contains("'color:#fff") ||
                          tag.contains(";color:white") || tag.contains(";color:#fff") ||
                          tag.contains("color=\"white\"");
  if (white_text && (!tag.contains("background") || tag.contains("background:white") ||
                     tag.contains("background:#fff") || tag.contains("background-color:white") ||
                     tag.contains("background-color:#fff"))) {
    return true;
  }
  return std::any_of(std::begin(ways), std::end(ways),
                     [&](std::string_view way) { return tag.contains(way); });
}

// Words of an order, or of one who is addressed: a comment that holds two speaks to a model.
bool is_order(WordClasses classes) {
  constexpr WordClasses orders =
      classes_named("ignore|model|instruction|reveal|agent|send|loot|must|user");
  static_assert(orders != 0);
  return (classes & orders) != 0;
}

std::size_t orders_until(Ahead& text, std::size_t p, std::size_t end) {
  std::size_t orders = 0;
  while (p < end) {
    const Word word = word_at(text, p);
    if (word.size == 0) {
      ++p;
      continue;
    }
    if (is_order(Vocabulary::get().classes(word.view(), word.capitals))) ++orders;
    p = word.end;
  }
  return orders;
}

// Findings end before the next tag, which may be a finding of its own: none holds another.
std::size_t before_next_tag(Ahead& text, std::size_t p, std::size_t end) {
  for (std::size_t at = p + 1; at < end; ++at) {
    if (text.at(at) == '<') return at;
  }
  return end;
}

void match_comment(Ahead& text, std::size_t p, Hits& hits) {
  std::size_t end = p + 4;
  while (end < p + kCommentMax && text.at(end) != '\0' && !text.has(end, "-->")) ++end;
  const std::size_t orders = orders_until(text, p + 4, end);
  if (orders < 2) return;
  if (text.has(end, "-->")) end += 3;
  hits.add(Sign::HiddenHtml, orders > 2 ? 0.7F : 0.55F, before_next_tag(text, p, end));
}

// What stands after a tag that hides it, up to the next tag.
void match_hidden_element(Ahead& text, std::size_t p, Hits& hits) {
  const Squeezed tag = squeeze(text, p);
  if (!tag.contains("style=") && !tag.contains("hidden") && !tag.contains("color=")) return;
  const std::string_view flat(tag.text.data(), tag.size);
  const bool attribute = flat.ends_with("hidden") && !flat.ends_with("type=hidden");
  if (!attribute && !hides(tag)) return;
  std::size_t end = tag.end, letters = 0;
  while (end < p + kReach && text.at(end) != '\0' && text.at(end) != '<') {
    if (is_alpha(text.at(end))) ++letters;
    ++end;
  }
  if (letters < 8) return;
  hits.add(Sign::HiddenHtml, orders_until(text, tag.end, end) > 1 ? 0.8F : 0.6F,
           before_next_tag(text, p, end));
}

void match_important(Ahead& text, std::size_t p, Hits& hits) {
  const std::size_t name = p + (text.at(p + 1) == '/' ? 2U : 1U);
  for (const std::string_view word :
       {"important", "critical", "secret", "instruction", "instructions", "hidden", "must_read",
        "urgent", "mandatory", "priority", "override", "system_instruction", "hidden_instruction",
        "important_instructions", "internal", "secret_instructions"}) {
    if (text.has(name, word) && text.at(name + word.size()) == '>') {
      hits.add(Sign::ImportantTag, text.at(name) == fold(text.at(name)) ? 0.6F : 0.8F,
               name + word.size() + 1);
    }
  }
}

}  // namespace

void match_markup(Ahead& text, std::size_t p, Hits& hits) {
  if (text.has(p, "<!--")) return match_comment(text, p, hits);
  match_important(text, p, hits);
  if (is_alpha(text.at(p + 1))) match_hidden_element(text, p, hits);
}

}  // namespace capsem::detect::injection
