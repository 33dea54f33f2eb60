// One scan of one text for personal data: a trigger pass over the bytes, shape and checksum code on
// what it finds.
//
// Every recognizer says of one place whether its type begins there, from the text around that
// place alone. So a finding does not depend on earlier ones, and a scan can start and stop
// anywhere.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/detect/addresses.h"
#include "core/detect/context.h"
#include "core/detect/entity.h"
#include "core/detect/ids.h"
#include "core/detect/name_starts.h"
#include "core/detect/names.h"
#include "core/detect/phone.h"
#include "core/detect/street.h"
#include "core/detect/trigger.h"

namespace capsem::detect {

struct PiiScratch final : Scratch {
  ContextMemo words;
  PhoneMemo phones;
  AddressReader addresses;
};

// What one detector looks for, resolved once.
struct PiiPlan {
  explicit PiiPlan(const PiiOptions& options);
  bool has(EntityType type) const { return enabled.has(type); }

  PiiOptions options;
  TypeMask enabled, with_context;
  IdEngine ids;
  bool digits = false, capitals = false, names = false, words = false;
  bool colons = false, dots = false;  // looked at as such, not amid numbers
  bool weak_numbers = false;          // kWeakNumbers may be reported without a phrase before them
  unsigned dull_digits_max = 0;       // nothing begins with so few digits by themselves
};

// `s` is a whole segment of the window, without NUL; offsets are in it.
class SegmentScan {
 public:
  SegmentScan(const PiiPlan& plan, std::string_view s, std::size_t from, std::size_t decided,
              std::uint64_t base, PiiScratch& scratch, std::vector<Finding>& findings)
      : plan_(plan),
        s_(s),
        from_(from),
        decided_(decided),
        base_(base),
        scratch_(scratch),
        findings_(findings),
        names_(s) {
    scratch_.addresses.begin_text();
  }

  // Appends what begins in [from, decided), as base + offset.
  void run();

 private:
  bool wanted(std::size_t begin) const { return begin >= from_ && begin < decided_; }

  // The trigger pass. `bytes`: the text at p after the first `shift` bytes, padded where it ends.
  void block(std::size_t p, const char* bytes, unsigned shift);
  // The bytes of the 64 at p where numbers and words are looked at.
  std::uint64_t before_open_chain(std::size_t p) const;
  // The runs of digits that begin at `starts`.
  void numbers(std::size_t p, const char* bytes, unsigned shift, std::uint64_t starts,
               std::uint64_t digit);

  // What begins around a sign.
  void on_at(std::size_t at);
  void on_colon(std::size_t at);
  void on_mac(std::size_t at);
  void on_dot(std::size_t at);

  // Names, and words that dates and identifiers begin with.
  void on_capital(std::size_t p);
  void on_name(std::size_t p);
  void name_candidates(const NameStarts& starts, std::size_t p);
  void on_marked_letter(std::size_t p);
  void report_name(const Name& name);
  bool digit_ahead(std::size_t p);
  void on_word(std::size_t p);
  void find_ids(std::size_t p, std::size_t end, IdEngine::Start start) {
    if (plan_.ids.may_begin(s_, p, end)) ask_ids(p, end, start);
  }
  void ask_ids(std::size_t p, std::size_t end, IdEngine::Start start);

  // Numbers, and words with digits in them (pii_digits.cc).
  void on_digit(std::size_t p, std::size_t end);
  bool on_plain_words(std::size_t p, std::size_t end);
  bool is_house_range(std::size_t dash) const;
  bool is_plain_decimal(std::size_t p, std::size_t end) const;
  void on_number_before(std::size_t p);
  bool report_dialled(std::size_t p, std::size_t begin);
  bool is_another_number(std::size_t p, std::size_t begin, std::size_t end);
  bool may_be_dialled(std::size_t p, std::size_t end) const;
  void on_number(std::size_t p, std::size_t end, bool grouped);
  void on_mixed(std::size_t p);
  void on_token(std::size_t p, std::size_t end);
  bool weak_wanted(std::size_t p);

  // Scores.
  bool reachable(EntityType type, std::size_t begin, float base);
  float score_of(EntityType type, std::size_t begin, float base);
  const TypeMask& context_at(std::size_t begin);
  const TypeMask& phrases_at(std::size_t begin);
  void report(EntityType type, std::size_t begin, Match match);
  void add(EntityType type, std::size_t begin, std::size_t end, float score);

  template <class Visit>
  static void each(std::uint64_t bits, std::size_t p, Visit visit) {
    for (; bits != 0; bits &= bits - 1) visit(p + static_cast<unsigned>(std::countr_zero(bits)));
  }

  const PiiPlan& plan_;
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

}  // namespace capsem::detect
