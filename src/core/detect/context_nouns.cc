#include <algorithm>
#include <array>

#include "core/detect/context_words.h"

namespace capsem::detect {
namespace {

using enum EntityType;

bool strip_suffix(std::string_view& word, std::string_view suffix) {
  if (!word.ends_with(suffix)) return false;
  word.remove_suffix(suffix.size());
  return true;
}

// "number", "no", "is": words between the noun and the number, also glued to the noun as in
// "accountNumber".
bool strip_filler(std::string_view& word) {
  for (const std::string_view filler : {"number", "num", "nr", "is", "the", "code"}) {
    if (strip_suffix(word, filler)) return true;
  }
  if (word == "no" || word == "id" || word == "was") {
    word = {};
    return true;
  }
  return false;
}

TypeMask phrase_noun(std::string_view word) {
  struct Noun {
    std::string_view ending;
    TypeMask types;
  };
  static constexpr auto kNouns = std::to_array<Noun>({
      {"account", TypeMask{UsBankNumber}},
      {"acct", TypeMask{UsBankNumber}},
      {"passport",
       TypeMask::of(UsPassport, UkPassport, InPassport, EsPassport, ItPassport, KrPassport)},
      {"pasaporte", TypeMask{EsPassport}},
      {"passaporto", TypeMask{ItPassport}},
      {"license", TypeMask::of(UsDriverLicense, KrDriverLicense, ItDriverLicense)},
      {"licence", TypeMask::of(UsDriverLicense, KrDriverLicense, ItDriverLicense)},
      {"patente", TypeMask{ItDriverLicense}},
      {"ssn", TypeMask{UsSsn}},
      {"security", TypeMask{UsSsn}},
      {"itin", TypeMask{UsItin}},
      {"taxpayer", TypeMask::of(UsItin, PhTin)},
      {"postcode", TypeMask::of(UkPostcode, DePlz)},
      {"postleitzahl", TypeMask{DePlz}},
      {"plate", TypeMask::of(UkVehicleRegistration, InVehicleRegistration)},
      {"registration", TypeMask::of(UkVehicleRegistration, InVehicleRegistration)},
  });
  // Too short to be told by a word's end.
  static constexpr auto kWords = std::to_array<Noun>({
      {"pan", TypeMask{InPan}},
      {"plz", TypeMask{DePlz}},
      {"tin", TypeMask::of(UsItin, PhTin)},
      {"brn", TypeMask{KrBrn}},
  });
  for (const Noun& noun : kNouns) {
    if (word.ends_with(noun.ending)) return noun.types;
  }
  const auto found = std::ranges::find(kWords, word, &Noun::ending);
  return found == kWords.end() ? TypeMask{} : found->types;
}

}  // namespace

ContextNoun context_noun(std::string_view word) {
  if (const TypeMask types = phrase_noun(word); !types.empty()) return {types, false};
  strip_filler(word);
  if (word.empty()) return {{}, true};
  return {phrase_noun(word), false};
}

}  // namespace capsem::detect
