// One pass: a filter finds triggers, the recognizers look at each, and the first that would have to
// read text which has not arrived is where the decided text ends.
#include "core/detect/injection.h"

#include <algorithm>
#include <array>

#include "core/detect/injection_places.h"
#include "core/detect/injection_scan.h"
#include "core/detect/nul.h"

namespace capsem::detect {
namespace {

using injection::Ahead;
using injection::Hit;
using injection::Hits;
using injection::kSignCount;

constexpr std::array<Kind, kSignCount> kKinds = {{
    {"unicode-tags", "hidden-text", 0.95F},
    {"variation-selectors", "hidden-text", 0.95F},
    {"invisible-bits", "hidden-text", 0.95F},
    {"zero-width-split", "obfuscation", 0.7F},
    {"bidi-override", "obfuscation", 0.8F},
    {"blank-fillers", "obfuscation", 0.6F},
    {"mixed-script", "obfuscation", 0.5F},
    {"homoglyph-word", "obfuscation", 0.85F},
    {"rot13-text", "obfuscation", 0.85F},
    {"reversed-text", "obfuscation", 0.85F},
    {"spaced-letters", "obfuscation", 0.8F},
    {"binary-text", "obfuscation", 0.6F},
    {"hidden-html", "obfuscation", 0.8F},
    {"chat-template", "structure", 0.9F},
    {"role-header", "structure", 0.6F},
    {"tool-call-forgery", "structure", 0.6F},
    {"image-exfiltration", "exfiltration", 0.9F},
    {"link-exfiltration", "exfiltration", 0.6F},
    {"data-exfiltration", "exfiltration", 0.6F},
    {"terminal-escape", "terminal", 0.8F},
    {"terminal-escape-spelled", "terminal", 0.4F},
    {"learned-attack", "model", 0.85F},
    {"important-tag", "tool-poisoning", 0.8F},
    {"keep-from-user", "tool-poisoning", 0.75F},
    {"tool-order", "tool-poisoning", 0.7F},
    {"sensitive-path", "tool-poisoning", 0.55F},
    {"content-passing", "tool-poisoning", 0.65F},
    {"override", "phrase", 0.9F},
    {"jailbreak", "phrase", 0.9F},
    {"no-restrictions", "phrase", 0.75F},
    {"prompt-extraction", "phrase", 0.75F},
    {"role-change", "phrase", 0.6F},
    {"steered-answer", "phrase", 0.6F},
}};

class InjectionDetector final : public Detector {
 public:
  explicit InjectionDetector(const KindOptions& options) : options_(options) {}

  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }

  Result<std::size_t> scan(const Window& window, Scratch& /*scratch*/,
                           std::vector<Finding>& findings) const override {
    std::size_t begin = text_begin(window.text, window.from);
    for (;;) {
      const std::size_t from = std::max(begin, window.from);
      const std::size_t nul = window.text.find('\0', from);
      const bool complete = nul != std::string_view::npos;
      const std::size_t end = complete ? nul : window.text.size();
      const std::size_t decided =
          scan_text(window.text.substr(begin, end - begin), from - begin, !complete && !window.last,
                    window.base + begin, findings);
      if (!complete) return begin + decided;
      begin = nul + 1;
    }
  }

 private:
  // One text without NUL, from `from` on. Returns the place up to which it is decided.
  std::size_t scan_text(std::string_view s, std::size_t from, bool open, std::uint64_t base,
                        std::vector<Finding>& findings) const {
    std::size_t decided = s.size();
    places_.each(s, from, [&](std::size_t p) {
      Ahead text(s, open, p);
      Hits hits;
      match_at(text, p, hits);
      const std::size_t known = findings.size();
      for (const Hit& hit : hits) {
        const RuleId rule = options_.rules[static_cast<std::size_t>(hit.sign)];
        if (rule == KindOptions::kUnwanted || hit.score < options_.score_min) continue;
        if (is_covered(text, p, hit)) continue;
        findings.push_back({rule, hit.score, base + p, base + hit.end});
      }
      if (!text.touched()) return true;
      findings.resize(known);
      decided = p;
      return false;
    });
    return decided;
  }

  // Phrases may hold others of their sign. The higher scored stays, or else the outer one.
  bool is_covered(Ahead& text, std::size_t p, const Hit& hit) const {
    if (hit.sign < injection::Sign::KeepFromUser || hit.sign == injection::Sign::SensitivePath) {
      return false;
    }
    const auto beats = [&](std::size_t q, bool outside) {
      Hits others;
      match_phrase_at(text, q, others);
      return std::any_of(others.begin(), others.end(), [&](const Hit& other) {
        if (other.sign != hit.sign) return false;
        return outside ? other.end >= hit.end && other.score >= hit.score
                       : other.end <= hit.end && other.score > hit.score;
      });
    };
    const std::string_view s = text.text();
    bool covered = false;
    places_.each(s, injection::floor_of(p, kOutsideMax), [&](std::size_t q) {
      if (q >= p) return false;
      covered = beats(q, true);
      return !covered;
    });
    if (covered) return true;
    places_.each(s, p + 1, [&](std::size_t q) {
      if (q >= hit.end) return false;
      covered = beats(q, false);
      return !covered;
    });
    return covered;
  }

  // A phrase's words and what stands between them are shorter; one byte more tells where they
  // begin.
  static constexpr std::size_t kOutsideMax = kLookBehind - 8;

  const KindOptions options_;
  const injection::Places places_;
};

}  // namespace

std::span<const Kind> injection_kinds() {
  return kKinds;
}

std::unique_ptr<const Detector> make_injection_detector(const KindOptions& options) {
  return std::make_unique<InjectionDetector>(options);
}

}  // namespace capsem::detect
