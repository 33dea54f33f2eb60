#include "core/policy/own_entities.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/base/ascii.h"
#include "core/detect/chars.h"
#include "core/detect/checksum.h"
#include "core/detect/context.h"

namespace capsem::policy {
namespace {

using detect::Finding;
using detect::RuleId;

constexpr std::size_t kWordsBytesMax = 256u << 10;  // of one entity's words together
constexpr std::size_t kSearchBytes = 1'024;         // that one search looks at
constexpr std::size_t kContextBytes = 100;
static_assert(kMatchBytesMax + kContextBytes < detect::kLookBehind);
static_assert(2 * kMatchBytesMax < detect::kLookAhead);

struct Checksum {
  std::string_view name;
  bool (*ok)(std::string_view digits);
};

bool digits_only(std::string_view code) {
  return !code.empty() && std::ranges::all_of(code, detect::is_digit);
}

constexpr auto kChecksums = std::to_array<Checksum>({
    {"luhn", [](std::string_view c) { return digits_only(c) && detect::luhn_ok(c); }},
    {"verhoeff", [](std::string_view c) { return digits_only(c) && detect::verhoeff_ok(c); }},
    {"mod97", [](std::string_view c) { return c.size() >= 5 && detect::mod97_ok(c); }},
    {"mod11_10", [](std::string_view c) { return digits_only(c) && detect::mod11_10_ok(c); }},
});
static_assert(std::ranges::equal(kChecksums, kChecksumWords, {}, &Checksum::name));

const Checksum* checksum_named(std::string_view name) {
  const auto found = std::ranges::find(kChecksums, name, &Checksum::name);
  return found == kChecksums.end() ? nullptr : &*found;
}

// Letters and digits alone, in capitals.
std::string code_of(std::string_view text) {
  std::string code;
  for (const char c : text) {
    if (detect::is_alnum(c)) code += detect::is_lower(c) ? static_cast<char>(c - 0x20) : c;
  }
  return code;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}
bool ends_line(char c) {
  return c == '\n' || c == '\0';
}

// Whether the pattern might match white space, told from its text: rather yes than no.
bool may_span_words(std::string_view pattern) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      // Classes without white space, and signs that stand for themselves.
      const char next = detect::char_at(pattern, ++i);
      if (detect::is_alnum(next) &&
          std::string_view("dwSbB").find(next) == std::string_view::npos) {
        return true;
      }
    } else if (c == '.' || is_blank(c) || c == '\n' || pattern.substr(i).starts_with("[^") ||
               pattern.substr(i).starts_with("[:")) {
      return true;
    }
  }
  // "[!-~]" has none, "[\x00-z]" was told above, "[ -~]" too; a range from a lower sign cannot be
  // written otherwise.
  return false;
}

// One entity as it is looked for.
struct Recognizer {
  std::vector<Pattern> patterns;
  std::optional<Pattern> words;
  std::vector<std::string> context;  // lower case
  float score = 0;
  const Checksum* checksum = nullptr;
  RuleId rule = 0;
};

Result<Pattern> compile_words(const std::vector<std::string>& words) {
  std::string all = "(?i:";
  for (const std::string& word : words) {
    if (all.size() > 4) all += '|';
    all += re2::RE2::QuoteMeta(word);
  }
  return Pattern::compile(all + ')', {.extent = Pattern::Extent::Longest,
                                      .bytes_max = 4 * kWordsBytesMax,
                                      .memory_bytes_max = 64u << 20});
}

Error of_key(std::string_view key, std::string_view what) {
  return {Fault::Client, "invalid_pattern", fmt::format("{}: {}", key, what)};
}

Result<Recognizer> compile_entity(const OwnEntity& entity) {
  Recognizer made;
  for (const std::string& text : entity.patterns) {
    auto pattern = Pattern::compile(text, {.extent = Pattern::Extent::Longest});
    if (!pattern) return std::unexpected(of_key("pattern", pattern.error().detail));
    if (pattern->found_in("")) {
      return std::unexpected(of_key("pattern", fmt::format("'{}' matches the empty text", text)));
    }
    made.patterns.push_back(std::move(*pattern));
  }
  if (!entity.words.empty()) {
    auto words = compile_words(entity.words);
    if (!words) return std::unexpected(of_key("words", words.error().detail));
    made.words = std::move(*words);
  }
  for (const std::string& word : entity.context) made.context.push_back(ascii_lower(word));
  made.score = entity.score;
  made.checksum = checksum_named(entity.checksum);
  return made;
}

bool spans_words(const OwnEntity& entity) {
  return std::ranges::any_of(entity.patterns, may_span_words) ||
         std::ranges::any_of(entity.words, [](const std::string& word) {
           return std::ranges::any_of(word, is_blank);
         });
}

class OwnEntityDetector final : public detect::Detector {
 public:
  OwnEntityDetector(std::vector<Recognizer> recognizers, bool across, float score_min)
      : recognizers_(std::move(recognizers)), across_words_(across), score_min_(score_min) {}

  std::unique_ptr<detect::Scratch> make_scratch() const override {
    return std::make_unique<detect::Scratch>();
  }

  Result<std::size_t> scan(const detect::Window& window, detect::Scratch& /*scratch*/,
                           std::vector<Finding>& findings) const override {
    const std::string_view s = window.text;
    const std::size_t decided = window.last ? s.size() : std::max(window.from, open_from(s));
    // Earlier and later ones than are asked for may contain, or beat, those that are.
    const std::size_t begin = window.from > kMatchBytesMax ? window.from - kMatchBytesMax : 0;
    const std::size_t end = std::min(s.size(), decided + kMatchBytesMax);
    for (const Recognizer& recognizer : recognizers_) {
      std::vector<Finding> found;
      // A NUL byte parts texts.
      for (std::size_t at = segment_begin(s, begin); at < end;) {
        const std::size_t stop = std::min(s.find('\0', at), s.size());
        const Stretch stretch{s.substr(at, stop - at), begin > at ? begin - at : 0,
                              std::min(stop, end) - at, window.base + at};
        search(recognizer, stretch, found);
        at = stop + 1;
      }
      drop_beaten(found);
      for (const Finding& f : found) {
        if (f.begin >= window.base + window.from && f.begin < window.base + decided) {
          findings.push_back(f);
        }
      }
    }
    return decided;
  }

 private:
  // A text without NUL, and where in it is looked.
  struct Stretch {
    std::string_view text;
    std::size_t from = 0, until = 0;
    std::uint64_t base = 0;  // lane offset of text[0]
  };

  static std::size_t segment_begin(std::string_view s, std::size_t p) {
    const std::size_t nul = p == 0 ? std::string_view::npos : s.rfind('\0', p - 1);
    return nul == std::string_view::npos ? 0 : nul + 1;
  }

  bool stops(char c) const { return ends_line(c) || (!across_words_ && is_blank(c)); }

  // The beginning of the line or word that is not complete yet.
  std::size_t open_from(std::string_view s) const {
    const std::size_t floor = s.size() > 2 * kMatchBytesMax ? s.size() - 2 * kMatchBytesMax : 0;
    std::size_t p = s.size();
    while (p > floor && !stops(s[p - 1])) --p;
    return p;
  }

  void search(const Recognizer& recognizer, const Stretch& stretch,
              std::vector<Finding>& found) const {
    for (const Pattern& pattern : recognizer.patterns) {
      search(recognizer, pattern, false, stretch, found);
    }
    if (recognizer.words) search(recognizer, *recognizer.words, true, stretch, found);
  }

  void search(const Recognizer& recognizer, const Pattern& pattern, bool listed,
              const Stretch& stretch, std::vector<Finding>& found) const {
    const std::string_view s = stretch.text;
    for (std::size_t p = stretch.from; p < stretch.until;) {
      const std::size_t chunk = std::min(stretch.until, p + kSearchBytes);
      const auto begin = pattern.first_in(s, p, std::min(s.size(), chunk + kMatchBytesMax));
      if (!begin || *begin >= chunk) {
        p = chunk;
        continue;
      }
      p = *begin + 1;
      if (const std::size_t end = match_at(pattern, s, *begin); end != 0) {
        report(recognizer, listed, stretch, *begin, end, found);
      }
    }
  }

  // The end of the match that begins at p, or 0.
  std::size_t match_at(const Pattern& pattern, std::string_view s, std::size_t p) const {
    if (detect::word_at(s, p) && detect::word_before(s, p)) return 0;
    std::size_t limit = p;
    while (limit < s.size() && limit - p < kMatchBytesMax && !stops(s[limit])) ++limit;
    // One byte of each side tells the pattern what it stands between.
    const std::size_t before = p > 0 && !stops(s[p - 1]) ? 1 : 0;
    const std::size_t after = limit < s.size() && !stops(s[limit]) ? 1 : 0;
    const std::string_view near = s.substr(p - before, limit + after - p + before);
    const auto near_end = pattern.end_at(near, before, near.size() - after);
    if (!near_end || *near_end == before) return 0;
    const std::size_t end = p + *near_end - before;
    return detect::word_before(s, end) && detect::word_at(s, end) ? 0 : end;
  }

  void report(const Recognizer& recognizer, bool listed, const Stretch& stretch, std::size_t begin,
              std::size_t end, std::vector<Finding>& found) const {
    float score = listed ? kListedScore : recognizer.score;
    if (recognizer.checksum != nullptr && !listed) {
      if (!recognizer.checksum->ok(code_of(stretch.text.substr(begin, end - begin)))) return;
      score = 1;
    }
    if (score < 1 && in_context(recognizer, stretch.text, begin)) {
      score = std::clamp(score + detect::kContextBoost, detect::kContextMin, 1.0F);
    }
    if (score < score_min_) return;
    found.push_back({recognizer.rule, score, stretch.base + begin, stretch.base + end});
  }

  static bool in_context(const Recognizer& recognizer, std::string_view s, std::size_t p) {
    if (recognizer.context.empty()) return false;
    const std::size_t begin = p > kContextBytes ? p - kContextBytes : 0;
    const std::string near = ascii_lower(s.substr(begin, p - begin));
    return std::ranges::any_of(recognizer.context, [&near](const std::string& word) {
      for (auto at = near.find(word); at != std::string::npos; at = near.find(word, at + 1)) {
        if (!detect::word_before(near, at) && !detect::word_at(near, at + word.size())) return true;
      }
      return false;
    });
  }

  static bool contains(const Finding& outer, const Finding& inner) {
    return outer.begin <= inner.begin && inner.end <= outer.end;
  }

  // Of two where one contains the other, the better scored stays, or else the longer.
  static void drop_beaten(std::vector<Finding>& found) {
    std::ranges::sort(found, [](const Finding& a, const Finding& b) {
      return std::tuple(a.begin, b.end, -a.score) < std::tuple(b.begin, a.end, -b.score);
    });
    std::vector<Finding> kept;
    std::size_t first = 0;  // what begins before it is too far away
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Finding& f = found[i];
      while (found[first].begin + kMatchBytesMax < f.begin) ++first;
      bool beaten = false;
      for (std::size_t k = first; k < found.size() && found[k].begin < f.end && !beaten; ++k) {
        const Finding& other = found[k];
        beaten = (k != i && contains(other, f) &&
                  (other.score > f.score || (other.score == f.score && k < i))) ||
                 (contains(f, other) && other.score > f.score);
      }
      if (!beaten) kept.push_back(f);
    }
    found = std::move(kept);
  }

  const std::vector<Recognizer> recognizers_;
  const bool across_words_;
  const float score_min_;
};

}  // namespace

Status check_own_entity(const OwnEntity& entity) {
  std::size_t bytes = 0;
  for (const std::string& word : entity.words) {
    if (word.empty() || word.size() > kMatchBytesMax || std::ranges::any_of(word, ends_line)) {
      return std::unexpected(
          of_key("words", fmt::format("a word has 1 to {} bytes, in one line", kMatchBytesMax)));
    }
    bytes += word.size();
  }
  if (bytes > kWordsBytesMax) {
    return std::unexpected(
        of_key("words", fmt::format("together they have at most {} bytes", kWordsBytesMax)));
  }
  for (const std::string& word : entity.context) {
    if (word.empty() || word.size() > kContextBytes) {
      return std::unexpected(
          of_key("context", fmt::format("a word has 1 to {} bytes", kContextBytes)));
    }
  }
  const auto made = compile_entity(entity);
  return made ? Status{} : std::unexpected(made.error());
}

Result<std::unique_ptr<const detect::Detector>> make_own_entity_detector(
    std::span<const OwnEntityRule> entities, float score_min) {
  std::vector<Recognizer> recognizers;
  bool across = false;
  for (const OwnEntityRule& entity : entities) {
    auto made = compile_entity(*entity.source);
    if (!made) return std::unexpected(made.error());
    made->rule = entity.rule;
    recognizers.push_back(std::move(*made));
    across = across || spans_words(*entity.source);
  }
  return std::make_unique<const OwnEntityDetector>(std::move(recognizers), across, score_min);
}

}  // namespace capsem::policy
