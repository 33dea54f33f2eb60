#include "core/detect/report.h"

#include <algorithm>
#include <string>

#include "core/detect/chars.h"

namespace capsem::detect {
namespace {

// RuleId i of the reporter's catalog is EntityType i.
Catalog make_catalog(const ReportOptions& options) {
  Catalog catalog;
  PiiOptions pii;
  pii.context = options.context;
  pii.score_min = options.threshold;
  pii.enabled.fill(options.only.empty());
  for (const EntityType type : options.only) pii.enabled[static_cast<std::size_t>(type)] = true;
  for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
    pii.rules[i] = catalog.add_rule(std::string(to_string(static_cast<EntityType>(i))));
  }
  catalog.add(make_pii_detector(pii));
  return catalog;
}

// Length of the UTF-8 sequence at p, 1 where none is well formed.
std::size_t sequence_size(std::string_view s, std::size_t p) {
  const auto lead = static_cast<unsigned char>(s[p]);
  const std::size_t size = lead < 0xC2   ? 1
                           : lead < 0xE0 ? 2
                           : lead < 0xF0 ? 3
                           : lead < 0xF5 ? 4
                                         : 1;
  if (s.size() - p < size) return 1;
  for (std::size_t i = 1; i < size; ++i) {
    if (!is_continuation(s[p + i])) return 1;
  }
  return size;
}

}  // namespace

std::size_t CodePointCounter::before(std::size_t byte) {
  while (byte_ < byte && byte_ < text_.size()) {
    byte_ += sequence_size(text_, byte_);
    ++points_;
  }
  return points_;
}

TextReporter::TextReporter(const ReportOptions& options)
    : catalog_(make_catalog(options)), scratch_(catalog_) {}

Result<std::vector<ReportedFinding>> TextReporter::report(std::string_view text,
                                                          std::span<const EntityType> only) {
  found_.clear();
  if (auto done = scan_all(catalog_, 1, scratch_, text, found_); !done) {
    return std::unexpected(done.error());
  }
  std::vector<ReportedFinding> out;
  for (const Finding& f : found_) {
    const auto type = static_cast<EntityType>(f.rule);
    if (!only.empty() && std::find(only.begin(), only.end(), type) == only.end()) continue;
    out.push_back({to_string(type), to_string(type), 0, 0, f.begin, f.end, f.score});
  }
  CodePointCounter starts(text);
  for (auto& f : out) f.start = starts.before(f.byte_start);
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.byte_end < b.byte_end; });
  CodePointCounter ends(text);
  for (auto& f : out) f.end = ends.before(f.byte_end);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.byte_start != b.byte_start ? a.byte_start < b.byte_start : a.byte_end < b.byte_end;
  });
  return out;
}

}  // namespace capsem::detect
