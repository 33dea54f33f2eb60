// Findings of one text for people and programs outside: `capsem scan`, evaluation.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/catalog.h"
#include "core/detect/entity.h"

namespace capsem::detect {

// What is looked for: entity types by name, and the two detectors of named kinds as a whole.
struct ReportTypes {
  TypeMask entities;
  bool secrets = false, injections = false;

  // What is looked for when nobody says otherwise: the default group of types, and both others.
  static ReportTypes standard();
  static ReportTypes none() { return {}; }
  // An entity type, a group of them ("us"), "SECRET" or "PROMPT_INJECTION". False: no such name.
  bool add(std::string_view name);
  // Only what both hold.
  ReportTypes operator&(const ReportTypes& other) const;
  friend bool operator==(const ReportTypes&, const ReportTypes&) = default;
};
// Every name that ReportTypes::add() takes.
std::vector<std::string_view> report_type_names();

struct ReportOptions {
  float threshold = 0.5F;  // lower scores are left out
  bool context = true;     // context words raise weak scores
};

// Half-open ranges: start and end in code points, byte_start and byte_end in UTF-8 bytes. Bytes
// that are no valid UTF-8 count one code point each. The views live as long as the program.
struct ReportedFinding {
  std::string_view type;  // "EMAIL_ADDRESS", "SECRET", "PROMPT_INJECTION"
  std::string_view rule;  // the kind ("aws-access-key-id"); of an entity, the type itself
  std::size_t start = 0, end = 0;
  std::size_t byte_start = 0, byte_end = 0;
  std::size_t tail_end = 0;  // what the finding stands for ends here (Tail); byte_end without one
  float score = 0;
};

// Scans whole texts, one after another, in one pass each. Not thread-safe: it owns its scratch.
class TextReporter {
 public:
  TextReporter(const ReportOptions& options, const ReportTypes& types);

  // Ordered by beginning; of one beginning, the better scored first, then the longer.
  // `progress(bytes)` is called now and then with how many bytes have been scanned.
  using Progress = std::function<void(std::size_t)>;
  Result<std::vector<ReportedFinding>> report(std::string_view text, const Progress& progress = {});

 private:
  struct Names {
    std::string_view type, rule;
  };
  void add_entities(const ReportOptions& options, const ReportTypes& types);

  Catalog catalog_;
  std::vector<Names> names_;  // by rule id
  std::unique_ptr<CatalogScratch> scratch_;
  std::vector<Finding> found_;  // keeps its capacity
};

// The end of what a finding stands for. See Tail.
std::size_t tail_end(std::string_view text, const Finding& finding);

// Code points before byte offset `byte`, for offsets asked in ascending order: the text is walked
// once, however many there are.
class CodePointCounter {
 public:
  explicit CodePointCounter(std::string_view text) : text_(text) {}
  // REQUIRES: byte not below the last call's.
  std::size_t before(std::size_t byte);

 private:
  std::string_view text_;
  std::size_t byte_ = 0, points_ = 0;
};

}  // namespace capsem::detect
