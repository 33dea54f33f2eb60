#include "core/detect/pii_scan.h"

#include "core/detect/dates.h"
#include "core/detect/dull_numbers.h"
#include "core/detect/numbers.h"
#include "core/detect/pii_chain.h"
#include "core/detect/street.h"

namespace capsem::detect {
namespace {

// A finding begins at most this far before its trigger (an address before its '@').
constexpr std::size_t kTriggerMax = std::max(kEmailLocalMax + 1, kUrlBeforeDotMax);

TypeMask enabled_in(const PiiOptions& options) {
  TypeMask types;
  for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
    if (options.enabled[i]) types.insert(static_cast<EntityType>(i));
  }
  return types;
}

EntityType type_of(NameKind kind) {
  switch (kind) {
    case NameKind::Person:
      return EntityType::Person;
    case NameKind::Place:
      return EntityType::Location;
    case NameKind::Group:
      break;
  }
  return EntityType::Nrp;
}

}  // namespace

PiiPlan::PiiPlan(const PiiOptions& o) : options(o), enabled(enabled_in(o)), ids(enabled) {
  if (o.context) with_context = types_with_context();
  constexpr TypeMask with_digits =
      TypeMask::of(EntityType::CreditCard, EntityType::Crypto, EntityType::IbanCode,
                   EntityType::IpAddress, EntityType::PhoneNumber, EntityType::UsSsn,
                   EntityType::UsBankNumber, EntityType::UsDriverLicense, EntityType::UsPassport,
                   EntityType::DateTime, EntityType::Location);
  digits = enabled.meets(with_digits) || !ids.empty();
  words = ids.begins_with_words();
  names = has(EntityType::Person) || has(EntityType::Location) || has(EntityType::Nrp);
  capitals = names || has(EntityType::DateTime);
  colons = has(EntityType::IpAddress) || has(EntityType::MacAddress);
  dots = has(EntityType::Url) || has(EntityType::MacAddress);
  weak_numbers = std::max(kContextMin, kWeakScoreMax + kContextBoost) >= o.score_min;
  dull_digits_max = static_cast<unsigned>(std::min<std::size_t>(
      kDullDigitsMax, ids.empty() ? kDullDigitsMax : ids.shortest_number() - 1));
}

// ---- The trigger pass ----

void SegmentScan::run() {
  const std::size_t end = std::min(s_.size(), decided_ + kTriggerMax);
  for (std::size_t p = from_; p < end; p += kBlockBytes) {
    const std::size_t size = std::min(kBlockBytes, end - p);
    if (size == kBlockBytes) {
      block(p, s_.data() + p, 0);
    } else if (end >= kBlockBytes) {  // rather than a copy: bytes before p are shifted out
      block(p, s_.data() + end - kBlockBytes, static_cast<unsigned>(kBlockBytes - size));
    } else {
      block(p, PaddedBlock(s_.data() + p, size).bytes, 0);
    }
  }
}

// What begins with a number or a word in a chain that is still open begins in the chain, too, and
// is looked at when the chain has ended; unless it was cut because it is too long.
std::uint64_t SegmentScan::before_open_chain(std::size_t p) const {
  const bool cut = s_.size() - decided_ > kHoldMax / 2;
  if (cut || p + kBlockBytes <= decided_) return ~std::uint64_t{0};
  return p < decided_ ? ~std::uint64_t{0} >> (p + kBlockBytes - decided_) : 0;
}

void SegmentScan::block(std::size_t p, const char* bytes, unsigned shift) {
  BlockMasks m = block_masks(bytes);
  for (std::uint64_t* mask : {&m.digit, &m.upper, &m.lower, &m.at, &m.colon}) *mask >>= shift;
  const std::uint8_t before = p > 0 ? class_at(s_, p - 1) : 0;
  const std::uint64_t word = m.upper | m.lower | m.digit, settled = before_open_chain(p);
  const std::uint64_t after_word = word << 1 | ((before & kWord) != 0 ? 1 : 0);
  if (plan_.digits) {
    const std::uint64_t carry = (before & kDigit) != 0 ? 1 : 0;
    if (const std::uint64_t starts = m.digit & ~(m.digit << 1 | carry) & settled; starts != 0) {
      numbers(p, bytes, shift, starts, m.digit);
    }
  }
  if (plan_.capitals) {
    each(m.upper & ~after_word & settled, p, [this](std::size_t at) { on_capital(at); });
  }
  if (plan_.names) {
    const NameStarts starts = name_starts(s_, p, bytes, shift, m.lower);
    if (starts.any()) name_candidates(starts, p);
  }
  if (plan_.words) {
    each((m.upper | m.lower) & ~after_word & settled, p, [this](std::size_t at) { on_word(at); });
  }
  if (m.at != 0 && plan_.has(EntityType::EmailAddress)) {
    each(m.at, p, [this](std::size_t at) { on_at(at); });
  }
  if (m.colon != 0 && plan_.colons) {
    // Between two digits or letters, or before another colon: what follows the block is not known.
    const std::uint64_t last = std::uint64_t{1} << (kBlockBytes - 1);
    const std::uint64_t before_word = word >> 1 | last, before_colon = m.colon >> 1 | last;
    each(m.colon & ((after_word & before_word) | before_colon), p,
         [this](std::size_t at) { on_colon(at); });
  }
  // Between two letters or digits: a dot or dash that joins.
  if (plan_.dots) {
    each(after_word & block_equals(bytes, '.') >> shift, p, [this](std::size_t at) { on_dot(at); });
  }
  if (plan_.has(EntityType::MacAddress)) {
    each(after_word & block_equals(bytes, '-') >> shift, p, [this](std::size_t at) { on_mac(at); });
  }
}

void SegmentScan::numbers(std::size_t p, const char* bytes, unsigned shift, std::uint64_t starts,
                          std::uint64_t digit) {
  starts &= ~(dull_numbers(bytes, starts << shift, digit << shift, char_before(s_, p),
                           plan_.dull_digits_max) >>
              shift);
  each(starts, p, [&](std::size_t at) {
    std::size_t end = at + static_cast<unsigned>(std::countr_one(digit >> (at - p)));
    if (end == p + kBlockBytes) end = digits_end(s_, end);
    on_digit(at, end);
  });
}

// ---- What begins around a sign ----

void SegmentScan::on_at(std::size_t at) {
  if (const auto match = match_email(s_, at); match && wanted(match.begin)) {
    report(EntityType::EmailAddress, match.begin, {match.end, match.score});
  }
}

void SegmentScan::on_colon(std::size_t at) {
  const char next = char_at(s_, at + 1), last = char_before(s_, at);
  const bool likely = next == ':' || ((class_of(next) & class_of(last) & kHex) != 0);
  if (!likely) return;
  if (plan_.has(EntityType::MacAddress)) on_mac(at);
  if (!plan_.has(EntityType::IpAddress)) return;
  if (const auto match = match_ipv6(s_, at); match && wanted(match.begin)) {
    report(EntityType::IpAddress, match.begin, {match.end, match.score});
  }
}

void SegmentScan::on_mac(std::size_t at) {
  const std::size_t size = s_[at] == '.' ? 4 : 2;
  if (char_at(s_, at + size + 1) != s_[at]) return;
  if (const auto match = match_mac(s_, at); match && wanted(match.begin)) {
    report(EntityType::MacAddress, match.begin, {match.end, match.score});
  }
}

void SegmentScan::on_dot(std::size_t at) {
  const std::uint8_t next = class_of(char_at(s_, at + 1));
  if (plan_.has(EntityType::MacAddress) && (next & kHex) != 0) on_mac(at);
  if (!plan_.has(EntityType::Url) || (next & kWord) == 0) return;
  const auto match = match_url(s_, at);
  if (!match || !wanted(match.begin)) return;
  report(EntityType::Url, match.begin, {match.end, match.score});
}

void SegmentScan::on_capital(std::size_t p) {
  if (word_before(s_, p)) return;
  if (plan_.names) on_name(p);
  if (plan_.has(EntityType::DateTime) && wanted(p) && begins_like_date(s_, p)) {
    report(EntityType::DateTime, p, match_date_at_month(s_, p));
    report(EntityType::DateTime, p, match_weekday(s_, p));
  }
}

// Whether a digit stands in the next kAddressMax bytes. Each byte is looked at once.
bool SegmentScan::digit_ahead(std::size_t p) {
  if (digit_ < p || digit_ == kNone) {
    std::size_t at = std::max(p, no_digit_to_);
    const std::size_t end = std::min(s_.size(), p + kAddressMax);
    digit_ = kNone;
    for (; at < end && digit_ == kNone; at += kBlockBytes) {
      const std::size_t size = std::min(kBlockBytes, s_.size() - at);
      const BlockMasks m =
          size == kBlockBytes ? block_masks(s_.data() + at) : tail_masks(s_.data() + at, size);
      if (m.digit != 0) digit_ = at + static_cast<unsigned>(std::countr_zero(m.digit));
    }
    no_digit_to_ = digit_ == kNone ? std::max(no_digit_to_, at) : digit_;
  }
  return digit_ < p + kAddressMax;
}

// ---- Names and words ----

void SegmentScan::on_name(std::size_t p) {
  if (digit_at(s_, p + 1)) return;  // "A1234" is no word
  if (plan_.has(EntityType::Location) && wanted(p) && digit_ahead(p)) {
    if (const Match address = scratch_.addresses.at(s_, p); address) {
      if (!scratch_.addresses.inside(s_, p)) report(EntityType::Location, p, address);
      return;
    }
  }
  report_name(names_.at(p));
}

void SegmentScan::name_candidates(const NameStarts& starts, std::size_t p) {
  each(starts.marked, p, [this](std::size_t at) { on_marked_letter(at); });
  each(starts.hinted, p, [this](std::size_t at) { report_name(names_.introduced_at(at)); });
  each(starts.peoples, p, [this](std::size_t at) { report_name(names_.lower_group_at(at)); });
}

void SegmentScan::on_marked_letter(std::size_t p) {
  if (upper_size(s_, p) != 0 && !word_before(s_, p)) report_name(names_.at(p));
}

void SegmentScan::report_name(const Name& name) {
  if (!name || !wanted(name.begin)) return;
  const EntityType type = type_of(name.kind);
  if (!plan_.has(type) || scratch_.addresses.inside(s_, name.begin)) return;
  report(type, name.begin, {name.end, kNameScore});
}

void SegmentScan::on_word(std::size_t p) {
  if (wanted(p) && !word_before(s_, p))
    find_ids(p, IdEngine::run_end(s_, p), IdEngine::Start::Word);
}

void SegmentScan::ask_ids(std::size_t p, std::size_t end, IdEngine::Start start) {
  plan_.ids.at(s_, p, end, start,
               [this, p](EntityType type, Match match) { report(type, p, match); });
}

// ---- Scores ----

// Could a finding of this base score be reported at all? Context words cannot do more than so
// much: numbers that stay below score_min are most of what numeric text holds.
bool SegmentScan::reachable(EntityType type, std::size_t begin, float base) {
  return score_of(type, begin, base) >= plan_.options.score_min;
}

float SegmentScan::score_of(EntityType type, std::size_t begin, float base) {
  if (!plan_.with_context.has(type) || base >= 1) return base;
  const float boosted = std::min(1.0F, std::max(kContextMin, base + kContextBoost));
  float score = base;
  if (boosted >= plan_.options.score_min || base >= plan_.options.score_min) {
    if (context_at(begin).has(type)) score = boosted;
  }
  if (score < kPhraseScore && base < 0.4F && phrases_at(begin).has(type)) {
    score = kPhraseScore;
  }
  return score;
}

const TypeMask& SegmentScan::context_at(std::size_t begin) {
  if (context_place_ != begin) {
    context_place_ = begin;
    context_ = context_types(s_, begin, scratch_.words);
  }
  return context_;
}

const TypeMask& SegmentScan::phrases_at(std::size_t begin) {
  if (phrase_place_ != begin) {
    phrase_place_ = begin;
    phrases_ = phrase_types(s_, begin, scratch_.words);
  }
  return phrases_;
}

void SegmentScan::report(EntityType type, std::size_t begin, Match match) {
  if (!match) return;
  add(type, begin, match.end, score_of(type, begin, match.score));
}

void SegmentScan::add(EntityType type, std::size_t begin, std::size_t end, float score) {
  if (score < plan_.options.score_min) return;
  findings_.push_back(
      {plan_.options.rules[static_cast<std::size_t>(type)], score, base_ + begin, base_ + end});
}

}  // namespace capsem::detect
