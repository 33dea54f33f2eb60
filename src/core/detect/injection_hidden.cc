// Characters that show nothing: some carry text past the reader's eyes, some cut words apart.
#include <algorithm>
#include <string>

#include "core/detect/injection_scan.h"
#include "core/detect/view.h"

namespace capsem::detect::injection {
namespace {

constexpr std::size_t kSelectorRunMin = 4;  // one selector belongs to its base, four are bytes
constexpr std::size_t kBitRunMin = 8;       // a byte, one bit per character
constexpr std::size_t kThickReach = 128;
constexpr std::size_t kThickBytesMin = 96;  // hidden ones; a view is cut up from 112 of 128 on
constexpr std::size_t kFillerRunMin = 3;
constexpr std::size_t kCutWordMax = 64;  // bytes back to a cut of the same word
constexpr std::size_t kFlagTagsMax = 6;  // "gbsct" and its like, and the one that ends them
constexpr std::size_t kTagsMin = 2;      // a stray one is damage, not text

// One code point of what is being read; size 0 where the bytes are none.
struct Unit {
  std::uint32_t code = 0;
  std::size_t size = 0;
};

Unit unit_at(Ahead& text, std::size_t p) {
  const auto lead = static_cast<unsigned char>(text.at(p));
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (size == 0 || lead > 0xF4) return {};
  std::uint32_t code = lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    const auto c = static_cast<unsigned char>(text.at(p + i));
    if ((c & 0xC0U) != 0x80) return {};
    code = code << 6U | (c & 0x3FU);
  }
  return {code, size};
}

// The code point that ends before p.
Unit unit_before(const Ahead& text, std::size_t p) {
  std::size_t size = 1;
  while (size < 4 && size < p && is_continuation(text.before(p, size))) ++size;
  if (size > p || size == 1) return {};
  Ahead back(text.text().substr(0, p), false, p - size);
  const Unit unit = unit_at(back, p - size);
  return unit.size == size ? unit : Unit{};
}

bool is_tag(std::uint32_t c) {
  return c >= 0xE0000 && c <= 0xE007F;
}
bool is_selector(std::uint32_t c) {
  return (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0100 && c <= 0xE01EF);
}
bool is_filler(std::uint32_t c) {
  return c == 0x115F || c == 0x1160 || c == 0x3164 || c == 0xFFA0 || c == 0x2800;
}

struct CodeRange {
  std::uint32_t first, last;
};
// Default_Ignorable_Code_Point of Unicode 15: what shows nothing and views delete (fold.h).
constexpr CodeRange kHidden[] = {
    {0xAD, 0xAD},       {0x34F, 0x34F},     {0x61C, 0x61C},   {0x115F, 0x1160}, {0x17B4, 0x17B5},
    {0x180B, 0x180F},   {0x200B, 0x200F},   {0x202A, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},
    {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFF8}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};
bool is_hidden(std::uint32_t c) {
  return std::ranges::any_of(kHidden, [c](CodeRange r) { return c >= r.first && c <= r.last; });
}
// What no word of ASCII letters has a use for.
bool is_splitter(std::uint32_t c) {
  return (c >= 0x200B && c <= 0x200F) || (c >= 0x2060 && c <= 0x2064) || c == 0xFEFF || c == 0xAD;
}
bool opens_embedding(std::uint32_t c) {
  return c == 0x202A || c == 0x202B || c == 0x202D || c == 0x202E;
}
bool opens_isolate(std::uint32_t c) {
  return c >= 0x2066 && c <= 0x2068;
}

struct Run {
  std::size_t count = 0, end = 0;
};

template <class Belongs>
Run run_of(Ahead& text, std::size_t p, Belongs belongs) {
  Run run{0, p};
  for (;;) {
    const Unit unit = unit_at(text, run.end);
    if (unit.size == 0 || !belongs(unit.code)) return run;
    ++run.count;
    run.end += unit.size;
  }
}

// The flags of England, Scotland and Wales are a black flag and up to six tags.
bool ends_flag(Ahead& text, std::size_t p, const Run& tags) {
  return unit_before(text, p).code == 0x1F3F4 && tags.count <= kFlagTagsMax &&
         unit_at(text, tags.end - 4).code == 0xE007F;
}

// Bytes of runs of kStretch bytes and more, within kThickReach before p. Two marks stand together
// in emoji, not three.
std::size_t thick_bytes_before(const Ahead& text, std::size_t p) {
  std::size_t at = floor_of(p, kThickReach), bytes = 0;
  Ahead back(text.text().substr(0, p), false, at);
  while (at < p && is_continuation(back.at(at))) ++at;
  while (at < p) {
    const Run run = run_of(back, at, is_hidden);
    if (run.end - at >= kStretch) bytes += run.end - at;
    at = run.count > 0 ? run.end : at + 1;
  }
  return bytes;
}

// Many in a row, of more than one kind or of one without a sign of its own: bits, or what is to
// keep two characters further apart than a scanner looks. So are fewer, between one character and
// the next: views cut up what is stretched further than that (view.h).
void match_hidden_run(Ahead& text, std::size_t p, std::uint32_t code, std::uint32_t before,
                      Hits& hits) {
  if (!is_hidden(code) || is_hidden(before)) return;
  const Run run = run_of(text, p, is_hidden);
  const bool thick = run.end - p >= kStretch;
  if (run.count < kBitRunMin && (!thick || thick_bytes_before(text, p) < kThickBytesMin)) return;
  for (const auto of_one_kind : {is_tag, is_selector, is_filler}) {
    const Run same = run_of(text, p, of_one_kind);
    if (same.end == run.end && same.count >= kBitRunMin) return;
  }
  hits.add(Sign::InvisibleBits, 0.95F, run.end);
}

// The length of a run that ends past the reach does not matter: it is long enough.
void match_carriers(Ahead& text, std::size_t p, std::uint32_t code, std::uint32_t before,
                    Hits& hits) {
  if (is_tag(code) && !is_tag(before)) {
    const Run run = run_of(text, p, is_tag);
    if (run.count >= kTagsMin && !ends_flag(text, p, run))
      hits.add(Sign::UnicodeTags, 0.95F, run.end);
  } else if (is_selector(code) && !is_selector(before)) {
    const Run run = run_of(text, p, is_selector);
    if (run.count >= kSelectorRunMin) hits.add(Sign::VariationSelectors, 0.95F, run.end);
  } else if (is_filler(code) && !is_filler(before)) {
    const Run run = run_of(text, p, is_filler);
    if (run.count >= kFillerRunMin) hits.add(Sign::BlankFillers, 0.6F, run.end);
  }
}

// Whether the letters before p belong to a word that was cut before.
bool split_before(const Ahead& text, std::size_t p) {
  const std::size_t floor = floor_of(p, kCutWordMax);
  while (p > floor && is_alpha(text.before(p, 1))) --p;
  return p > floor && is_splitter(unit_before(text, p).code);
}

// A word cut apart: ASCII letters on both sides. The finding ends where the word does. Soft hyphens
// are what typesetters cut words with, but seldom often in one.
void match_split(Ahead& text, std::size_t p, std::uint32_t code, Hits& hits) {
  if (!is_splitter(code) || !is_alpha(text.before(p, 1)) || split_before(text, p)) return;
  std::size_t end = p, cuts = 0, letters = 0;
  for (;;) {
    const Unit unit = is_alpha(text.at(end)) ? Unit{0, 1} : unit_at(text, end);
    if (unit.code != 0 && !is_splitter(unit.code)) break;
    if (unit.size == 0) break;
    ++(unit.code == 0 ? letters : cuts);
    end += unit.size;
  }
  if (letters == 0) return;
  hits.add(Sign::ZeroWidthSplit, code == 0xAD && cuts < 3 ? 0.4F : 0.7F, end);
}

// A blank that no space is, between ASCII letters.
void match_blank(Ahead& text, std::size_t p, const Unit& unit, Hits& hits) {
  if (is_filler(unit.code) && is_alnum(text.before(p, 1)) && is_alnum(text.at(p + unit.size))) {
    hits.add(Sign::BlankFillers, 0.5F, p + unit.size);
  }
}

// Marks of the line before p that are still open.
bool direction_open(const Ahead& text, std::size_t p) {
  std::size_t at = floor_of(p);
  Ahead back(text.text().substr(0, p), false, at);
  int depth = 0;
  while (at < p) {
    const Unit unit = unit_at(back, at);
    if (opens_embedding(unit.code) || opens_isolate(unit.code)) ++depth;
    if ((unit.code == 0x202C || unit.code == 0x2069) && depth > 0) --depth;
    if (back.at(at) == '\n') depth = 0;
    at += unit.size == 0 ? 1 : unit.size;
  }
  return depth > 0;
}

// A run is followed so far: whatever begins inside it can see its beginning, and stays silent.
constexpr std::size_t kDirectionMax = kLookBehind - 16;

// An override over Latin letters shows them in another order than they are read; any other
// direction mark that its line does not close spoils what follows.
void match_bidi(Ahead& text, std::size_t p, std::uint32_t code, Hits& hits) {
  if (!opens_embedding(code) && !opens_isolate(code)) return;
  if (direction_open(text, p)) return;
  std::size_t end = p, latin = 0;
  int depth = 0;
  do {
    const Unit unit = unit_at(text, end);
    if (opens_embedding(unit.code) || opens_isolate(unit.code)) ++depth;
    if (unit.code == 0x202C || unit.code == 0x2069) --depth;
    const char c = text.at(end);
    if (c == '\0' || c == '\n') break;
    if (is_alpha(c)) ++latin;
    end += unit.size == 0 ? 1 : unit.size;
  } while (depth > 0 && end - p < kDirectionMax);
  if (code == 0x202E && latin >= 3) {
    hits.add(Sign::BidiOverride, 0.8F, end);
  } else if (depth > 0) {
    hits.add(Sign::BidiOverride, latin > 0 ? 0.6F : 0.4F, end);
  }
}

}  // namespace

void match_hidden(Ahead& text, std::size_t p, Hits& hits) {
  const Unit unit = unit_at(text, p);
  if (unit.size == 0) return;
  const std::uint32_t before = unit_before(text, p).code;
  match_hidden_run(text, p, unit.code, before, hits);
  match_carriers(text, p, unit.code, before, hits);
  match_split(text, p, unit.code, hits);
  match_blank(text, p, unit, hits);
  match_bidi(text, p, unit.code, hits);
}

}  // namespace capsem::detect::injection
