#include "server/store/audit_content.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "core/audit/json_line.h"
#include "core/detect/catalog.h"
#include "core/detect/entity.h"
#include "core/detect/report.h"
#include "core/detect/secrets.h"
#include "server/tenant/directory.h"

namespace capsem::store {
namespace {

using audit::ContentLevel;

constexpr std::string_view kDigestPurpose = "audit content";
constexpr float kScoreMin = 0.5F;

std::string_view word_of(ContentLevel level) {
  switch (level) {
    case ContentLevel::Full:
      return "full";
    case ContentLevel::Redacted:
      return "redacted";
    case ContentLevel::Hash:
    case ContentLevel::None:
      break;
  }
  return "hash";
}

// At a character of UTF-8.
std::string_view cut(std::string_view text, std::uint64_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  auto size = static_cast<std::size_t>(bytes_max);
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

std::string body_of(const AuditExtra& extra, ContentLevel level, const AuditContentParts& parts,
                    std::uint64_t bytes_max) {
  std::uint64_t left = bytes_max, left_out = 0;
  audit::JsonLine json(std::numeric_limits<std::size_t>::max());
  json.open_object();
  json.text("level", word_of(level));
  json.open_array("texts");
  for (const audit::KeptText& text : extra.texts) {
    json.open_object();
    json.text("point", to_string(text.point));
    json.text("phase", text.phase == event::Phase::Request ? "request" : "response");
    if (!text.tool.empty()) json.text("tool", text.tool);
    if (level == ContentLevel::Hash) {
      json.text("digest", parts.vault->keyed_digest(kDigestPurpose, text.text));
    } else {
      // Masked whole, then cut: a cut could leave a half of what a detector knows whole.
      const std::string shown = level == ContentLevel::Redacted ? parts.mask(text.text) : text.text;
      const std::string_view kept = cut(shown, left);
      left -= kept.size();
      left_out += shown.size() - kept.size();
      json.text("text", kept);
    }
    json.close_object();
  }
  json.close_array();
  json.number("left_out_bytes", left_out);
  json.close_object();
  return json.take();
}

class ContentMask {
 public:
  ContentMask() {
    detect::PiiOptions pii;
    pii.enabled.fill(true);
    pii.score_min = kScoreMin;
    for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
      pii.rules[i] = catalog_.add_rule(std::string(to_string(static_cast<detect::EntityType>(i))));
    }
    detect::KindOptions secrets{.rules = {}, .score_min = kScoreMin};
    for (const detect::Kind& kind : detect::secret_kinds()) {
      secrets.rules.push_back(catalog_.add_rule("SECRET:" + std::string(kind.name)));
    }
    mask_ = catalog_.add(detect::make_pii_detector(pii), detect::kFoldedView) |
            catalog_.add(detect::make_secret_detector(secrets), detect::kFoldedView);
    scratch_ = std::make_unique<detect::CatalogScratch>(catalog_);
  }

  std::string operator()(std::string_view text) {
    found_.clear();
    if (!detect::scan_all(catalog_, mask_, *scratch_, text, found_)) return "[not scanned]";
    std::erase_if(found_, [](const detect::Finding& f) { return f.score < kScoreMin; });
    std::ranges::sort(found_, [](const detect::Finding& a, const detect::Finding& b) {
      return std::tuple(a.begin, -a.score) < std::tuple(b.begin, -b.score);
    });
    std::string out;
    std::uint64_t at = 0;
    for (const detect::Finding& finding : found_) {
      if (finding.begin >= at) {  // one hole for findings that overlap, named after the first
        out += text.substr(at, finding.begin - at);
        out += '[';
        out += catalog_.rule_name(finding.rule);
        out += ']';
      }
      at = std::max<std::uint64_t>(at, detect::tail_end(text, finding));
    }
    out += text.substr(at);
    return out;
  }

 private:
  detect::Catalog catalog_;
  detect::DetectorMask mask_ = 0;
  std::unique_ptr<detect::CatalogScratch> scratch_;
  std::vector<detect::Finding> found_;
};

}  // namespace

void settle_content(AuditEntry& entry, const AuditContentParts& parts,
                    const ContentLimits& limits) {
  if (!entry.extra || entry.extra->texts.empty()) return;
  AuditExtra& extra = *entry.extra;
  if (parts.vault == nullptr) return extra.texts.clear();
  const bool has_key = parts.vault->has_key();
  const bool cannot_mask = extra.level == ContentLevel::Redacted && !parts.mask;
  if (cannot_mask || (limits.seals && !has_key)) extra.level = ContentLevel::Hash;
  extra.body = body_of(extra, extra.level, parts, limits.bytes_max);
  if (has_key) {
    const vault::Place place{
        .tenant = entry.tenant(), .provider = kContentPlace, .row = entry.run_id()};
    if (auto sealed = parts.vault->seal(extra.body, place)) {
      extra.body = std::move(*sealed);
      extra.key_id = parts.vault->key_id();
    } else {  // the vault was closed just now
      extra.level = ContentLevel::Hash;
      extra.body = body_of(extra, extra.level, parts, limits.bytes_max);
    }
  }
  extra.texts.clear();
}

std::function<std::string(std::string_view)> make_content_mask() {
  return [mask = std::make_shared<ContentMask>()](std::string_view text) { return (*mask)(text); };
}

}  // namespace capsem::store
