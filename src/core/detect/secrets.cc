// The secret detector: one pass over the bytes (secrets_triggers.h), and at the few places that it
// reports, recognizers that say of this one place whether a secret begins there.
//
// A recognizer reads forward through a Probe, which notes whether text that has not arrived was
// asked for. What was answered without is final; the earliest place that asked is where the text is
// open. So a scan can be cut anywhere, and nothing is held back but values that may still grow.
#include "core/detect/secrets.h"

#include <algorithm>
#include <cstring>

#include "core/detect/nul.h"
#include "core/detect/secrets_assigned.h"
#include "core/detect/secrets_families.h"
#include "core/detect/secrets_hit.h"
#include "core/detect/secrets_tokens.h"
#include "core/detect/secrets_triggers.h"
#include "core/detect/secrets_url.h"

namespace capsem::detect {
namespace secrets {
namespace {

// A hit yields to a better one that begins inside it, at most so far behind its own beginning.
constexpr std::size_t kYieldReach = kValueBytesMax;
static_assert(kYieldReach + kTokenBytesMax < kLookAhead);
constexpr std::size_t kLabelDashes = 5;  // "-----BEGIN"
constexpr std::size_t kLabelLead = 3;    // of them before the hint "--B"

struct SecretScratch final : Scratch {
  Hits hits;
};

struct Recognizers {
  TokenShapes tokens;
  VendorNames vendors;
};
const Recognizers& recognizers() {
  static const Recognizers kAll;
  return kAll;
}

// Looks at the places of one text without NUL. What begins behind an open place is found when that
// place is decided: nothing behind it is looked at.
class PlaceVisitor {
 public:
  PlaceVisitor(std::string_view s, std::size_t from, bool complete, Hits& hits)
      : probe_(s, complete), from_(from), hits_(hits) {}

  // A token may begin at p.
  void token(std::size_t p) {
    if (p >= hits_.open) return;
    if (p >= from_) {
      look(p);
      if (probe_.text()[p] == '-') settle(p, match_pem(probe_, p));
      if (probe_.text()[p] == 'P') settle(p, match_putty(probe_, p));
    }
    // Behind an escape in a string, "\nghp_...", where the letter is no part of the token.
    const std::string_view s = probe_.text();
    if (p > 0 && s[p - 1] == '\\' && p + 1 >= from_ && p + 1 < s.size() &&
        (s[p] == 'n' || s[p] == 'r' || s[p] == 't')) {
      look(p + 1);
    }
  }

  void hint(std::size_t p) {
    if (p >= kLabelLead && p - kLabelLead >= hits_.open) return;
    probe_.forget();
    const char c = probe_.text()[p];
    if (c == ':') {
      if (probe_.stands_at(p, "://")) look_at_url(probe_, p, hits_);
    } else if (c == '-' && p >= kLabelLead &&
               probe_.text().substr(p - kLabelLead).starts_with("-----B")) {
      const std::size_t label = p - kLabelLead;
      if (label >= from_) settle(label, match_pem(probe_, label));
    } else {
      look_behind_word(probe_, p, hits_);
    }
  }

 private:
  void look(std::size_t p) {
    settle(p, recognizers_.tokens.match(forgetful(), p));
    if (p < hits_.open) settle(p, recognizers_.vendors.match(forgetful(), p));
  }
  Probe& forgetful() {
    probe_.forget();
    return probe_;
  }
  void settle(std::size_t p, const std::optional<Hit>& hit) {
    hits_.settle(probe_, p, hit);
    probe_.forget();
  }

  Probe probe_;
  const Recognizers& recognizers_ = recognizers();
  const std::size_t from_;
  Hits& hits_;
};

// The dashes that end the text may be a PEM label's, which is told by what follows them.
std::size_t begin_of_dashes(std::string_view s) {
  std::size_t begin = s.size();
  while (begin > 0 && s.size() - begin < kLabelDashes && s[begin - 1] == '-') --begin;
  return begin;
}

// Does `other` take the place of `hit`?
bool is_better(const Hit& other, const Hit& hit) {
  if (other.begin < hit.begin || other.begin >= hit.end) return false;
  if (other.begin - hit.begin > kYieldReach) return false;
  if (other.score != hit.score) return other.score > hit.score;
  if (other.begin != hit.begin) return true;
  if (other.end != hit.end) return other.end > hit.end;
  return other.kind < hit.kind;
}

class SecretDetector final : public Detector {
 public:
  explicit SecretDetector(const KindOptions& options) : options_(options) {
    recognizers();  // built before the first request
  }

  std::unique_ptr<Scratch> make_scratch() const override {
    return std::make_unique<SecretScratch>();
  }

  Result<std::size_t> scan(const Window& window, Scratch& scratch,
                           std::vector<Finding>& findings) const override {
    Hits& hits = static_cast<SecretScratch&>(scratch).hits;
    std::size_t begin = text_begin(window.text, window.from);
    for (;;) {
      const std::size_t nul = window.text.find('\0', std::max(begin, window.from));
      const bool ends = nul != std::string_view::npos;
      const std::size_t end = ends ? nul : window.text.size();
      const std::string_view segment = window.text.substr(begin, end - begin);
      const std::size_t from = std::max(begin, window.from) - begin;
      const std::size_t decided = scan_segment(segment, from, ends || window.last, hits);
      report(hits, decided, window.base + begin, findings);
      if (!ends) return begin + decided;
      begin = nul + 1;
    }
  }

 private:
  // Fills `hits` and returns up to where they are settled.
  std::size_t scan_segment(std::string_view s, std::size_t from, bool complete, Hits& hits) const {
    hits.start(from);
    const std::size_t begin = from > kNameReach ? from - kNameReach : 0;
    if (!complete) hits.open = std::max(from, begin_of_dashes(s));
    visit_triggers(s, begin, complete, PlaceVisitor(s, from, complete, hits));
    std::erase_if(hits.found, [&](const Hit& hit) { return !wanted(hit); });
    std::sort(hits.found.begin(), hits.found.end(), [](const Hit& a, const Hit& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.kind < b.kind;
    });
    // A hit that an open place may still displace is open itself.
    std::size_t open = std::max(std::min(hits.open, s.size()), from);
    for (auto hit = hits.found.rbegin(); hit != hits.found.rend() && !complete; ++hit) {
      if (hit->begin >= from && hit->begin < open && hit->end > open &&
          open - hit->begin <= kYieldReach && open < s.size()) {
        open = hit->begin;
      }
    }
    return complete ? s.size() : open;
  }

  bool wanted(const Hit& hit) const {
    return options_.rules[hit.kind] != KindOptions::kUnwanted && hit.score >= options_.score_min;
  }

  void report(const Hits& hits, std::size_t decided, std::uint64_t base,
              std::vector<Finding>& findings) const {
    const auto& found = hits.found;
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Hit& hit = found[i];
      if (hit.begin >= decided) break;
      if (displaced(found, i)) continue;
      findings.push_back({.rule = options_.rules[hit.kind],
                          .score = hit.score,
                          .begin = base + hit.begin,
                          .end = base + hit.end,
                          .tail = hit.tail});
    }
  }

  static bool displaced(const std::vector<Hit>& found, std::size_t i) {
    const Hit& hit = found[i];
    for (std::size_t k = i; k-- > 0 && found[k].begin == hit.begin;) {
      const Hit& other = found[k];
      const bool twin = other.kind == hit.kind && other.end == hit.end && other.score == hit.score;
      if (twin || is_better(other, hit)) return true;
    }
    for (std::size_t k = i + 1; k < found.size() && found[k].begin < hit.end; ++k) {
      if (found[k].begin - hit.begin > kYieldReach) break;
      if (is_better(found[k], hit)) return true;
    }
    return false;
  }

  const KindOptions options_;
};

}  // namespace
}  // namespace secrets

std::span<const Kind> secret_kinds() {
  return secrets::all_kinds();
}

std::unique_ptr<const Detector> make_secret_detector(const KindOptions& options) {
  return std::make_unique<secrets::SecretDetector>(options);
}

}  // namespace capsem::detect
