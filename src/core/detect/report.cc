#include "core/detect/report.h"

#include <algorithm>
#include <tuple>

#include "core/detect/chars.h"
#include "core/detect/injection.h"
#include "core/detect/lane.h"
#include "core/detect/secrets.h"

namespace capsem::detect {
namespace {

constexpr std::string_view kSecret = "SECRET", kInjection = "PROMPT_INJECTION";
constexpr std::size_t kSliceBytes = 256u << 10;  // between two calls of `progress`

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

bool token_byte(char c) {
  return is_alnum(c) || std::string_view("-_.~+/=").find(c) != std::string_view::npos;
}

void number_points(std::string_view text, std::vector<ReportedFinding>& findings) {
  std::ranges::sort(findings, {}, &ReportedFinding::byte_end);
  CodePointCounter ends(text);
  for (auto& f : findings) f.end = ends.before(f.byte_end);
  std::ranges::sort(findings, [](const ReportedFinding& a, const ReportedFinding& b) {
    return std::tuple(a.byte_start, -a.score, b.byte_end, a.type, a.rule) <
           std::tuple(b.byte_start, -b.score, a.byte_end, b.type, b.rule);
  });
  CodePointCounter starts(text);
  for (auto& f : findings) f.start = starts.before(f.byte_start);
}

}  // namespace

// ---- ReportTypes ----

ReportTypes ReportTypes::standard() {
  ReportTypes types;
  types.entities = *entity_group("default");
  types.secrets = types.injections = true;
  return types;
}

bool ReportTypes::add(std::string_view name) {
  if (name == kSecret) return secrets = true;
  if (name == kInjection) return injections = true;
  if (const auto type = entity_type(name)) {
    entities.insert(*type);
    return true;
  }
  const auto group = entity_group(name);
  if (group) entities |= *group;
  return group.has_value();
}

ReportTypes ReportTypes::operator&(const ReportTypes& other) const {
  ReportTypes both;
  both.entities = entities & other.entities;
  both.secrets = secrets && other.secrets;
  both.injections = injections && other.injections;
  return both;
}

std::vector<std::string_view> report_type_names() {
  std::vector<std::string_view> names = {kSecret, kInjection};
  names.insert(names.end(), kEntityNames.begin(), kEntityNames.end());
  names.insert(names.end(), kEntityGroupNames.begin(), kEntityGroupNames.end());
  return names;
}

// ---- TextReporter ----

TextReporter::TextReporter(const ReportOptions& options, const ReportTypes& types) {
  if (!types.entities.empty()) add_entities(options, types);
  const auto kinds = [&](std::string_view type, std::span<const Kind> all) {
    KindOptions wanted{.rules = {}, .score_min = options.threshold};
    for (const Kind& kind : all) {
      wanted.rules.push_back(catalog_.add_rule(std::string(kind.name)));
      names_.push_back({type, kind.name});
    }
    return wanted;
  };
  // In the view that policies look at, too.
  if (types.secrets) catalog_.add(make_secret_detector(kinds(kSecret, secret_kinds())), kFoldedView);
  if (types.injections) {
    catalog_.add(make_injection_detector(kinds(kInjection, injection_kinds())), kFoldedView);
  }
  scratch_ = std::make_unique<CatalogScratch>(catalog_);
}

void TextReporter::add_entities(const ReportOptions& options, const ReportTypes& types) {
  PiiOptions pii;
  pii.context = options.context;
  pii.score_min = options.threshold;
  for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
    const std::string_view name = kEntityNames[i];
    pii.enabled[i] = types.entities.has(static_cast<EntityType>(i));
    pii.rules[i] = catalog_.add_rule(std::string(name));
    names_.push_back({name, name});
  }
  catalog_.add(make_pii_detector(pii), kFoldedView);
}

Result<std::vector<ReportedFinding>> TextReporter::report(std::string_view text,
                                                          const Progress& progress) {
  if (catalog_.size() == 0) return {};
  found_.clear();
  const DetectorMask all = ~DetectorMask{0} >> (kDetectorsMax - catalog_.size());
  Lane lane(catalog_, all);
  for (std::size_t at = 0; at < text.size(); at += kSliceBytes) {
    if (auto done = lane.feed(text.substr(at, kSliceBytes), *scratch_, found_); !done) {
      return std::unexpected(done.error());
    }
    if (progress) progress(std::min(text.size(), at + kSliceBytes));
  }
  if (auto done = lane.finish(*scratch_, found_); !done) return std::unexpected(done.error());
  std::vector<ReportedFinding> out;
  out.reserve(found_.size());
  for (const Finding& f : found_) {
    out.push_back({.type = names_[f.rule].type,
                   .rule = names_[f.rule].rule,
                   .byte_start = f.begin,
                   .byte_end = f.end,
                   .tail_end = tail_end(text, f),
                   .score = f.score});
  }
  number_points(text, out);
  return out;
}

std::size_t tail_end(std::string_view text, const Finding& finding) {
  std::size_t end = finding.end;
  switch (finding.tail) {
    case Tail::None:
      break;
    case Tail::Token:
      while (end < text.size() && token_byte(text[end])) ++end;
      break;
    case Tail::PemBlock: {
      constexpr std::string_view kEnd = "-----END";
      const std::size_t last = text.find(kEnd, end);
      if (last == std::string_view::npos) return text.size();
      end = std::min(text.find('\n', last), text.size());
      break;
    }
  }
  return end;
}

// ---- CodePointCounter ----

std::size_t CodePointCounter::before(std::size_t byte) {
  while (byte_ < byte && byte_ < text_.size()) {
    byte_ += sequence_size(text_, byte_);
    ++points_;
  }
  return points_;
}

}  // namespace capsem::detect
