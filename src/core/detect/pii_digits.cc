// What begins with a digit, or in a word with digits.
#include "core/detect/dates.h"
#include "core/detect/numbers.h"
#include "core/detect/phone_words.h"
#include "core/detect/pii_scan.h"
#include "core/detect/street.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kTokenMax = 64;  // longest letter-and-digit code, with room

}  // namespace

// The digits at [p, end) are all of a run.
void SegmentScan::on_digit(std::size_t p, std::size_t end) {
  const std::uint8_t before = p > 0 ? class_at(s_, p - 1) : 0;
  if ((before & kWord) != 0) {
    if (plan_.ids.after_letters() && (before & kAlpha) != 0 && wanted(p)) {
      find_ids(p, end, IdEngine::Start::AfterLetters);
    }
    on_mixed(p);
    return;
  }
  if (!plan_.ids.empty()) {
    if (wanted(p)) find_ids(p, end, IdEngine::Start::Token);
    if (p > 0 && s_[p - 1] == '+' && wanted(p - 1) && !word_before(s_, p - 1)) {
      find_ids(p - 1, end, IdEngine::Start::Token);
    }
  }
  const std::size_t size = end - p;
  const char next = char_at(s_, end);
  if (on_plain_words(p, end)) return;
  if (next == '.' && size < 6 && is_plain_decimal(p, end)) return;
  const bool goes_on = next == ' ' || next == '-' || next == '.' || next == '/' || next == ')';
  // A short number by itself: nothing begins here.
  if (size < 6 && !goes_on && (class_of(next) & kWord) == 0) return;
  const Match date = size <= 4 ? match_date_at_digit(s_, p) : Match{};
  // A date is not a card, an address or a telephone number as well.
  if (date.score >= 0.5F && (next == '-' || next == '/' || next == '.')) {
    if (plan_.has(EntityType::DateTime) && wanted(p)) report(EntityType::DateTime, p, date);
    return;
  }
  if (goes_on || (size >= 6 && may_be_dialled(p, end))) on_number_before(p);
  if (!wanted(p)) return;
  const bool mixed = word_at(s_, end);
  const bool grouped = goes_on && next != ')' && end + 1 < s_.size() && is_alnum(s_[end + 1]);
  if (date && (mixed || grouped) && plan_.has(EntityType::DateTime)) {
    report(EntityType::DateTime, p, date);
  }
  if (mixed || (size >= 6 && (size >= kCryptoMin || weak_wanted(p)))) on_token(p, end);
  if (!mixed && (size >= 6 || grouped)) on_number(p, end, grouped);
}

// Whether a number in one group may be a telephone number: it is as long as one of the countries
// whose numbers are found without a sign, or has a sign before it, or is announced as one.
bool SegmentScan::may_be_dialled(std::size_t p, std::size_t end) const {
  const char before = char_before(s_, p);
  return before == '+' || before == '(' || s_[p] == '0' || end - p == 10 || end - p == 11 ||
         char_at(s_, end) == '(' || (plan_.options.context && phone_announced(s_, p));
}

// Whether numbers that are hardly worth anything by themselves could be reported at all: most
// numbers of numeric text are such, and only a phrase before one makes something of it.
bool SegmentScan::weak_wanted(std::size_t p) {
  return plan_.weak_numbers || phrases_at(p).meets(kWeakNumbers);
}

// "40.7128", with nothing around that could make it a date, an address or a telephone number.
bool SegmentScan::is_plain_decimal(std::size_t p, std::size_t end) const {
  constexpr std::string_view kJoins = "+-./() ";
  const std::size_t fraction_end = digits_end(s_, end + 1);
  if (fraction_end == end + 1 || fraction_end - end > 8) return false;
  if (p > 0 && s_[p - 1] != '-' && kJoins.find(s_[p - 1]) != std::string_view::npos) return false;
  const char after = char_at(s_, fraction_end);
  return after != '\0' && kJoins.find(after) == std::string_view::npos &&
         !word_at(s_, fraction_end);
}

// Whether "12-14" and a street may follow from the dash on.
bool SegmentScan::is_house_range(std::size_t dash) const {
  std::size_t end = digits_end(s_, dash + 1);
  if (end < s_.size() && is_alpha(s_[end])) ++end;
  return end > dash + 1 && (char_at(s_, end) == ' ' || char_at(s_, end) == ',');
}

// A number that belongs to words: the house number of an address, a time, a year.
bool SegmentScan::on_plain_words(std::size_t p, std::size_t end) {
  const char next = char_at(s_, end);
  if (end - p > 6 || !wanted(p)) return false;
  const bool word_next = next == ' ' || next == '-' || (class_of(next) & kAlpha) != 0 ||
                         (next == ',' && char_at(s_, end + 1) == ' ');
  if (!word_next && next != ':' && end - p != 4) return false;
  if (word_next && plan_.has(EntityType::Location) && (next != '-' || is_house_range(end))) {
    const Match address = scratch_.addresses.at(s_, p);
    if (address && !scratch_.addresses.inside(s_, p)) {
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
void SegmentScan::on_number_before(std::size_t p) {
  if (!plan_.has(EntityType::PhoneNumber)) return;
  const std::size_t begin = phone_begin(s_, p);
  if (!wanted(begin) || report_dialled(p, begin) || !plan_.options.context) return;
  if (const Match announced = match_announced_phone(s_, begin); announced) {
    add(EntityType::PhoneNumber, begin, announced.end, announced.score);
  }
}

bool SegmentScan::report_dialled(std::size_t p, std::size_t begin) {
  if (!phone_shaped(s_, begin) || !reachable(EntityType::PhoneNumber, begin, kPhoneScore)) {
    return false;
  }
  const Match phone = match_phone(s_, begin, scratch_.phones);
  if (!phone || is_another_number(p, begin, phone.end)) return false;
  report(EntityType::PhoneNumber, begin, phone);
  return true;
}

// Digits that could be dialled, but are announced or written as something else.
bool SegmentScan::is_another_number(std::size_t p, std::size_t begin, std::size_t end) {
  if (match_ipv4(s_, p).end >= end) return true;
  if (const Match ssn = match_us_ssn(s_, p); ssn.end >= end && ssn.score >= 0.5F) return true;
  return !phrases_at(begin).empty() || inside_checked_number(s_, begin, end);
}

// A token of digits alone at [p, end). `grouped`: a separator and more follow.
void SegmentScan::on_number(std::size_t p, std::size_t end, bool grouped) {
  const std::size_t size = end - p;
  if (plan_.has(EntityType::CreditCard) && (size >= 12 || (size == 4 && grouped))) {
    report(EntityType::CreditCard, p, match_credit_card(s_, p));
  }
  const bool ssn = size == 9 ? weak_wanted(p) : (size == 3 || size == 5) && grouped;
  if (ssn && plan_.has(EntityType::UsSsn)) {
    report(EntityType::UsSsn, p, match_us_ssn(s_, p));
  }
  if (size >= 8 && plan_.has(EntityType::UsBankNumber) && weak_wanted(p)) {
    report(EntityType::UsBankNumber, p, match_us_bank_number(s_, p));
  }
  if (size <= 3 && char_at(s_, end) == '.' && plan_.has(EntityType::IpAddress) &&
      !inside_ipv6(s_, p)) {
    report(EntityType::IpAddress, p, match_ipv4(s_, p));
  }
}

// A digit after letters: the token is looked at from its beginning, once, at its first digit.
void SegmentScan::on_mixed(std::size_t p) {
  std::size_t begin = p;
  const std::size_t floor = p > kTokenMax ? p - kTokenMax : 0;
  while (begin > floor && is_alpha(s_[begin - 1])) --begin;
  if (begin == p || word_before(s_, begin) || !wanted(begin)) return;
  if (!plan_.ids.empty()) find_ids(begin, p, IdEngine::Start::Token);
  std::size_t end = p;
  while (end < s_.size() && end - begin <= kTokenMax && is_alnum(s_[end])) ++end;
  on_token(begin, end);
  if (plan_.has(EntityType::IbanCode) && p - begin == 2) {
    report(EntityType::IbanCode, begin, match_iban(s_, begin));
  }
}

// A token with a digit in it begins at p; it goes on at least to `end`.
void SegmentScan::on_token(std::size_t p, std::size_t end) {
  while (end < s_.size() && end - p <= kTokenMax && is_alnum(s_[end])) ++end;
  if (word_at(s_, end)) return;
  if (plan_.has(EntityType::UsPassport))
    report(EntityType::UsPassport, p, match_us_passport(s_, p, end));
  if (plan_.has(EntityType::UsDriverLicense)) {
    report(EntityType::UsDriverLicense, p, match_us_driver_license(s_, p, end));
  }
  if (end - p >= kCryptoMin && plan_.has(EntityType::Crypto)) {
    report(EntityType::Crypto, p, match_crypto(s_, p, end));
  }
}

}  // namespace capsem::detect
