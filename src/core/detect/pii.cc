// The PII detector: one trigger pass over the bytes, shape and checksum code on what it finds.
//
// Every recognizer says of one place whether its type begins there, from the text around that
// place alone. So a finding does not depend on earlier ones, and a scan can start and stop
// anywhere. What a recognizer can read ahead is a "chain": blobs (chars.h) that one or two spaces
// or commas join and that a digit, a capital or a particle keeps open. A text is decided up to its
// last open chain.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "core/detect/addresses.h"
#include "core/detect/context.h"
#include "core/detect/dates.h"
#include "core/detect/entity.h"
#include "core/detect/ids.h"
#include "core/detect/name_starts.h"
#include "core/detect/names.h"
#include "core/detect/numbers.h"
#include "core/detect/phone.h"
#include "core/detect/street.h"
#include "core/detect/trigger.h"
#include "core/detect/words.h"

namespace capsem::detect {
namespace {

// No recognizer needs text this far after the beginning of its finding: the longest are URLs.
constexpr std::size_t kHoldMax = 384;
static_assert(kHoldMax < kLookAhead && kUrlMax <= kHoldMax);
// A finding begins at most this far before its trigger (an address before its '@').
constexpr std::size_t kTriggerMax = std::max(kEmailLocalMax + 1, kUrlBeforeDotMax);
constexpr std::size_t kTokenMax = 64;  // longest letter-and-digit code, with room

bool blob_before(std::string_view s, std::size_t p) {
  return (class_at(s, p - 1) & kBlob) != 0;
}

std::size_t blob_begin(std::string_view s, std::size_t end, std::size_t floor) {
  while (end > floor && blob_before(s, end)) --end;
  return end;
}

// Whether a chain goes on over this token, towards its beginning: it holds a digit, a capital or a
// letter beyond ASCII, or ends in a particle. The last token of a text need not be complete.
bool keeps_open(std::string_view token, bool complete) {
  if (!std::all_of(token.begin(), token.end(), [](char c) {
        return (class_of(c) & (kDigit | kUpper)) == 0 && static_cast<unsigned char>(c) < 0x80;
      })) {
    return true;
  }
  std::size_t begin = token.size();
  while (begin > 0 && is_lower(token[begin - 1])) --begin;
  const std::string_view word = token.substr(begin);
  if (word.empty()) return !complete;  // a sign, as "(" before a number
  return is_particle(word, !complete) || is_address_link(word) || word == "of";
}

// The beginning of the chain that is still open at the end of s, or s.size().
std::size_t open_chain(std::string_view s) {
  const std::size_t floor = s.size() > kHoldMax ? s.size() - kHoldMax : 0;
  std::size_t begin = blob_begin(s, s.size(), floor);
  std::size_t hold = begin;
  // The word that is still coming may be what tells a name before it.
  while (begin > floor) {
    std::size_t end = begin;
    while (end > floor && begin - end < 2 && (s[end - 1] == ' ' || s[end - 1] == ',')) --end;
    if (end == begin || end == floor || !blob_before(s, end)) break;
    const std::size_t token = blob_begin(s, end, floor);
    if (!keeps_open(s.substr(token, end - token), true)) break;
    hold = begin = token;
  }
  return hold;
}

struct PiiScratch final : Scratch {
  ContextMemo words;
  PhoneMemo phones;
};

// What one detector looks for, resolved once.
struct Plan {
  PiiOptions options;
  TypeMask enabled, with_context;
  IdEngine ids;
  bool digits = false, capitals = false, names = false, words = false;
  bool colons = false, dots = false;  // looked at as such, not amid numbers

  static TypeMask enabled_in(const PiiOptions& o) {
    TypeMask types;
    for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
      if (o.enabled[i]) types.insert(static_cast<EntityType>(i));
    }
    return types;
  }

  explicit Plan(const PiiOptions& o) : options(o), enabled(enabled_in(o)), ids(enabled) {
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
  }
  bool has(EntityType type) const { return enabled.has(type); }
};

// One scan of one text without NUL. `s` is a whole segment of the window; offsets are in it.
class SegmentScan {
 public:
  SegmentScan(const Plan& plan, std::string_view s, std::size_t from, std::size_t decided,
              std::uint64_t base, PiiScratch& scratch, std::vector<Finding>& findings)
      : plan_(plan),
        s_(s),
        from_(from),
        decided_(decided),
        base_(base),
        scratch_(scratch),
        findings_(findings),
        names_(s) {
    ++scratch_.words.scan;
  }

  void run() {
    const std::size_t end = std::min(s_.size(), decided_ + kTriggerMax);
    for (std::size_t p = from_; p < end; p += kBlockBytes) {
      const std::size_t size = std::min(kBlockBytes, end - p);
      if (size == kBlockBytes) {
        block(p, s_.data() + p);
      } else {
        block(p, PaddedBlock(s_.data() + p, size).bytes);
      }
    }
  }

 private:
  // `bytes`: the text at p, padded where it ends.
  void block(std::size_t p, const char* bytes) {
    const BlockMasks m = block_masks(bytes);
    const std::uint64_t letter = m.upper | m.lower;
    const std::uint8_t before = p > 0 ? class_at(s_, p - 1) : 0;
    if (plan_.digits) {
      const std::uint64_t carry = (before & kDigit) != 0 ? 1 : 0;
      each(m.digit & ~(m.digit << 1 | carry), p, [this](std::size_t at) { on_digit(at); });
    }
    if (plan_.capitals) {
      const std::uint64_t carry = (before & kWord) != 0 ? 1 : 0;
      const std::uint64_t word = letter | m.digit;
      each(m.upper & ~(word << 1 | carry), p, [this](std::size_t at) { on_capital(at); });
    }
    if (plan_.names) {
      const NameStarts starts = name_starts(s_, p, bytes, m.lower);
      if (starts.any()) name_candidates(starts, p);
    }
    if (plan_.words) {
      const std::uint64_t carry = (before & kWord) != 0 ? 1 : 0;
      const std::uint64_t word = letter | m.digit;
      each(letter & ~(word << 1 | carry), p, [this](std::size_t at) { on_word(at); });
    }
    if (m.at != 0 && plan_.has(EntityType::EmailAddress)) {
      each(m.at, p, [this](std::size_t at) { on_at(at); });
    }
    if (m.colon != 0 && plan_.colons) {
      each(m.colon, p, [this](std::size_t at) { on_colon(at); });
    }
    // Between two letters or digits: a dot or dash that joins.
    const std::uint64_t word = letter | m.digit;
    const std::uint64_t after = word << 1 | ((before & kWord) != 0 ? 1 : 0);
    if (plan_.dots)
      each(after & block_equals(bytes, '.'), p, [this](std::size_t at) { on_dot(at); });
    if (plan_.has(EntityType::MacAddress)) {
      each(after & block_equals(bytes, '-'), p, [this](std::size_t at) { on_mac(at); });
    }
  }

  template <class Visit>
  static void each(std::uint64_t bits, std::size_t p, Visit visit) {
    for (; bits != 0; bits &= bits - 1) visit(p + static_cast<unsigned>(std::countr_zero(bits)));
  }

  bool wanted(std::size_t begin) const { return begin >= from_ && begin < decided_; }

  void on_at(std::size_t at) {
    if (const auto match = match_email(s_, at); match && wanted(match.begin)) {
      report(EntityType::EmailAddress, match.begin, {match.end, match.score});
    }
  }

  void on_colon(std::size_t at) {
    const char next = char_at(s_, at + 1), last = char_before(s_, at);
    const bool likely = next == ':' || ((class_of(next) & class_of(last) & kHex) != 0);
    if (!likely) return;
    if (plan_.has(EntityType::MacAddress)) on_mac(at);
    if (!plan_.has(EntityType::IpAddress)) return;
    if (const auto match = match_ipv6(s_, at); match && wanted(match.begin)) {
      report(EntityType::IpAddress, match.begin, {match.end, match.score});
    }
  }

  void on_mac(std::size_t at) {
    const std::size_t size = s_[at] == '.' ? 4 : 2;
    if (char_at(s_, at + size + 1) != s_[at]) return;
    if (const auto match = match_mac(s_, at); match && wanted(match.begin)) {
      report(EntityType::MacAddress, match.begin, {match.end, match.score});
    }
  }

  void on_dot(std::size_t at) {
    const std::uint8_t next = class_of(char_at(s_, at + 1));
    if (plan_.has(EntityType::MacAddress) && (next & kHex) != 0) on_mac(at);
    if (!plan_.has(EntityType::Url) || (next & kWord) == 0) return;
    const auto match = match_url(s_, at);
    if (!match || !wanted(match.begin)) return;
    report(EntityType::Url, match.begin, {match.end, match.score});
  }

  void on_capital(std::size_t p) {
    if (word_before(s_, p)) return;
    if (plan_.names) on_name(p);
    if (plan_.has(EntityType::DateTime) && wanted(p)) {
      report(EntityType::DateTime, p, match_date_at_month(s_, p));
      report(EntityType::DateTime, p, match_weekday(s_, p));
    }
  }

  // Whether a digit stands in the next kAddressMax bytes. Each byte is looked at once.
  bool digit_ahead(std::size_t p) {
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

  void on_name(std::size_t p) {
    if (plan_.has(EntityType::Location) && wanted(p) && digit_ahead(p)) {
      if (const Match address = match_address_at_word(s_, p); address) {
        if (!inside_address(s_, p)) report(EntityType::Location, p, address);
        return;
      }
    }
    report_name(names_.at(p));
  }

  void name_candidates(const NameStarts& starts, std::size_t p) {
    each(starts.marked, p, [this](std::size_t at) { on_marked_letter(at); });
    each(starts.hinted, p, [this](std::size_t at) { report_name(names_.introduced_at(at)); });
    each(starts.peoples, p, [this](std::size_t at) { report_name(names_.lower_group_at(at)); });
  }

  void on_marked_letter(std::size_t p) {
    if (upper_size(s_, p) != 0 && !word_before(s_, p)) report_name(names_.at(p));
  }

  void report_name(const Name& name) {
    if (!name || !wanted(name.begin)) return;
    const EntityType type = type_of(name.kind);
    if (!plan_.has(type) || inside_address(s_, name.begin)) return;
    report(type, name.begin, {name.end, kNameScore});
  }

  static EntityType type_of(NameKind kind) {
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

  void on_word(std::size_t p) {
    if (wanted(p) && !word_before(s_, p)) find_ids(p, IdEngine::Start::Word);
  }

  void find_ids(std::size_t p, IdEngine::Start start) {
    plan_.ids.at(s_, p, start, [this, p](EntityType type, Match match) { report(type, p, match); });
  }

  // s[p] is the first digit of a run.
  void on_digit(std::size_t p) {
    const std::uint8_t before = p > 0 ? class_at(s_, p - 1) : 0;
    if ((before & kWord) != 0) {
      if (plan_.ids.after_letters() && (before & kAlpha) != 0 && wanted(p)) {
        find_ids(p, IdEngine::Start::AfterLetters);
      }
      on_mixed(p);
      return;
    }
    if (!plan_.ids.empty()) {
      if (wanted(p)) find_ids(p, IdEngine::Start::Token);
      if (p > 0 && s_[p - 1] == '+' && wanted(p - 1) && !word_before(s_, p - 1)) {
        find_ids(p - 1, IdEngine::Start::Token);
      }
    }
    const std::size_t end = digits_end(s_, p);
    const char next = char_at(s_, end);
    if (on_plain_words(p, end)) return;
    if (next == '.' && end - p < 6 && is_plain_decimal(p, end)) return;
    const bool goes_on = next == ' ' || next == '-' || next == '.' || next == '/' || next == ')';
    // A short number by itself, the commonest kind: nothing begins here.
    if (end - p < 6 && !goes_on && (class_of(next) & kWord) == 0) return;
    // A date is not a card, an address or a telephone number as well.
    if ((next == '-' || next == '/' || next == '.') && end - p <= 4) {
      if (const Match date = match_date_at_digit(s_, p); date.score >= 0.5F) {
        if (plan_.has(EntityType::DateTime) && wanted(p)) report(EntityType::DateTime, p, date);
        return;
      }
    }
    if (goes_on || end - p >= 8) on_number_before(p);
    if (!wanted(p)) return;
    if (word_at(s_, end)) {
      on_token(p, end);
      if (plan_.has(EntityType::DateTime))
        report(EntityType::DateTime, p, match_date_at_digit(s_, p));
      return;
    }
    if (end - p >= 6) on_token(p, end);
    on_number(p, end);
  }

  // "40.7128", with nothing around that could make it a date, an address or a telephone number.
  bool is_plain_decimal(std::size_t p, std::size_t end) const {
    constexpr std::string_view kJoins = "+-./() ";
    const std::size_t fraction_end = digits_end(s_, end + 1);
    if (fraction_end == end + 1 || fraction_end - end > 8) return false;
    if (p > 0 && s_[p - 1] != '-' && kJoins.find(s_[p - 1]) != std::string_view::npos) return false;
    const char after = char_at(s_, fraction_end);
    return after != '\0' && kJoins.find(after) == std::string_view::npos &&
           !word_at(s_, fraction_end);
  }

  // A number that belongs to words: the house number of an address, a time, a year.
  bool on_plain_words(std::size_t p, std::size_t end) {
    const char next = char_at(s_, end);
    if (end - p > 6 || !wanted(p)) return false;
    const bool word_next = next == ' ' || next == '-' || (class_of(next) & kAlpha) != 0 ||
                           (next == ',' && char_at(s_, end + 1) == ' ');
    if (!word_next && next != ':' && end - p != 4) return false;
    if (word_next && plan_.has(EntityType::Location)) {
      const Match address = match_address_at_number(s_, p);
      if (address && !inside_address(s_, p)) {
        report(EntityType::Location, p, address);
        return true;
      }
    }
    if (!plan_.has(EntityType::DateTime)) return false;
    if (end - p > 4) return false;
    if (end - p == 4 && char_before(s_, p) != ' ') return false;
    const Match time = end - p == 4 ? match_year(s_, p) : match_time(s_, p);
    if (time) report(EntityType::DateTime, p, time);
    return static_cast<bool>(time);
  }

  // Numbers whose finding may begin with a sign before the digit.
  void on_number_before(std::size_t p) {
    if (!plan_.has(EntityType::PhoneNumber)) return;
    const std::size_t begin = phone_begin(s_, p);
    if (!wanted(begin) || !phone_shaped(s_, begin)) return;
    if (!reachable(EntityType::PhoneNumber, begin, kPhoneScore)) return;
    report(EntityType::PhoneNumber, begin, match_phone(s_, begin, scratch_.phones));
  }

  // A token of digits alone at [p, end).
  void on_number(std::size_t p, std::size_t end) {
    const std::size_t size = end - p;
    const char next = char_at(s_, end);
    const bool grouped = (next == ' ' || next == '-' || next == '.' || next == '/') &&
                         end + 1 < s_.size() && is_alnum(s_[end + 1]);
    if (size < 6 && !grouped) return;
    if (plan_.has(EntityType::CreditCard) && (size >= 12 || (size == 4 && grouped))) {
      report(EntityType::CreditCard, p, match_credit_card(s_, p));
    }
    if (plan_.has(EntityType::UsSsn) && (size == 9 || ((size == 3 || size == 5) && grouped))) {
      report(EntityType::UsSsn, p, match_us_ssn(s_, p));
    }
    if (plan_.has(EntityType::UsBankNumber) && size >= 8) {
      report(EntityType::UsBankNumber, p, match_us_bank_number(s_, p));
    }
    if (size <= 4 && plan_.has(EntityType::DateTime)) {
      report(EntityType::DateTime, p, match_date_at_digit(s_, p));
    }
    if (size <= 3 && next == '.' && plan_.has(EntityType::IpAddress) && !inside_ipv6(s_, p)) {
      report(EntityType::IpAddress, p, match_ipv4(s_, p));
    }
  }

  // A digit after letters: the token is looked at from its beginning, once, at its first digit.
  void on_mixed(std::size_t p) {
    std::size_t begin = p;
    const std::size_t floor = p > kTokenMax ? p - kTokenMax : 0;
    while (begin > floor && is_alpha(s_[begin - 1])) --begin;
    if (begin == p || word_before(s_, begin) || !wanted(begin)) return;
    if (!plan_.ids.empty()) find_ids(begin, IdEngine::Start::Token);
    std::size_t end = p;
    while (end < s_.size() && end - begin <= kTokenMax && is_alnum(s_[end])) ++end;
    on_token(begin, end);
    if (plan_.has(EntityType::IbanCode) && p - begin == 2) {
      report(EntityType::IbanCode, begin, match_iban(s_, begin));
    }
  }

  // A token with a digit in it begins at p; it goes on at least to `end`.
  void on_token(std::size_t p, std::size_t end) {
    while (end < s_.size() && end - p <= kTokenMax && is_alnum(s_[end])) ++end;
    if (word_at(s_, end)) return;
    if (plan_.has(EntityType::UsPassport))
      report(EntityType::UsPassport, p, match_us_passport(s_, p, end));
    if (plan_.has(EntityType::UsDriverLicense)) {
      report(EntityType::UsDriverLicense, p, match_us_driver_license(s_, p, end));
    }
    if (plan_.has(EntityType::Crypto)) report(EntityType::Crypto, p, match_crypto(s_, p, end));
  }

  // Could a finding of this base score be reported at all? Context words cannot do more than so
  // much: numbers that stay below score_min are most of what numeric text holds.
  bool reachable(EntityType type, std::size_t begin, float base) {
    return score_of(type, begin, base) >= plan_.options.score_min;
  }

  float score_of(EntityType type, std::size_t begin, float base) {
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

  const TypeMask& context_at(std::size_t begin) {
    if (context_place_ != begin) {
      context_place_ = begin;
      context_ = context_types(s_, begin, scratch_.words);
    }
    return context_;
  }

  const TypeMask& phrases_at(std::size_t begin) {
    if (phrase_place_ != begin) {
      phrase_place_ = begin;
      phrases_ = phrase_types(s_, begin, scratch_.words);
    }
    return phrases_;
  }

  void report(EntityType type, std::size_t begin, Match match) {
    if (!match) return;
    const float score = score_of(type, begin, match.score);
    if (score < plan_.options.score_min) return;
    findings_.push_back({plan_.options.rules[static_cast<std::size_t>(type)], score, base_ + begin,
                         base_ + match.end});
  }

  const Plan& plan_;
  const std::string_view s_;
  const std::size_t from_, decided_;
  const std::uint64_t base_;
  PiiScratch& scratch_;
  std::vector<Finding>& findings_;
  static constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t digit_ = kNone, no_digit_to_ = 0;  // the next digit; before it there is none up to
  NameReader names_;
  std::size_t context_place_ = ~std::size_t{0}, phrase_place_ = ~std::size_t{0};
  TypeMask context_, phrases_;
};

class PiiDetector final : public Detector {
 public:
  explicit PiiDetector(const PiiOptions& options) : plan_(options) {
    if (plan_.has(EntityType::PhoneNumber)) warm_phone_tables();
  }

  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<PiiScratch>(); }

  Result<std::size_t> scan(const Window& window, Scratch& scratch,
                           std::vector<Finding>& findings) const override {
    auto& own = static_cast<PiiScratch&>(scratch);
    const std::size_t first = findings.size();
    std::size_t begin = 0;
    const char* text = window.text.data();
    if (const void* last = window.from == 0 ? nullptr : memrchr(text, '\0', window.from)) {
      begin = static_cast<std::size_t>(static_cast<const char*>(last) - text) + 1;
    }
    for (;;) {
      const std::size_t nul = window.text.find('\0', std::max(begin, window.from));
      const bool complete = nul != std::string_view::npos;
      const std::size_t end = complete ? nul : window.text.size();
      const std::string_view segment = window.text.substr(begin, end - begin);
      const std::size_t from = std::max(begin, window.from) - begin;
      const std::size_t decided =
          complete || window.last ? segment.size() : std::max(from, open_from(segment));
      SegmentScan(plan_, segment, from, decided, window.base + begin, own, findings).run();
      if (!complete) {
        sort_by_begin(findings, first);
        return begin + decided;
      }
      begin = nul + 1;
    }
  }

 private:
  std::size_t open_from(std::string_view segment) const {
    std::size_t open = open_chain(segment);
    if (plan_.ids.crosses_words()) open = std::min(open, plan_.ids.open_from(segment));
    if (plan_.has(EntityType::Url)) {
      if (open > 0 && opens_quote(segment, open - 1)) --open;
      open = std::min(open, open_url(segment));
    }
    return open;
  }

  static void sort_by_begin(std::vector<Finding>& findings, std::size_t first) {
    std::sort(findings.begin() + static_cast<std::ptrdiff_t>(first), findings.end(),
              [](const Finding& a, const Finding& b) {
                return a.begin != b.begin ? a.begin < b.begin : a.rule < b.rule;
              });
  }

  const Plan plan_;
};

}  // namespace

std::unique_ptr<const Detector> make_pii_detector(const PiiOptions& options) {
  return std::make_unique<PiiDetector>(options);
}

}  // namespace capsem::detect
