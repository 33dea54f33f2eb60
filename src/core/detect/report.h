// Findings of one text for people and programs outside: `capsem scan`, evaluation.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "core/detect/catalog.h"
#include "core/detect/entity.h"

namespace capsem::detect {

struct ReportOptions {
  float threshold = 0.5F;        // lower scores are left out
  bool context = true;           // context words raise weak scores
  std::vector<EntityType> only;  // empty: all types
};

// Half-open ranges: start and end in code points, byte_start and byte_end in UTF-8 bytes. Bytes
// that are no valid UTF-8 count one code point each. The views live as long as the program.
struct ReportedFinding {
  std::string_view type;  // "EMAIL_ADDRESS"
  std::string_view rule;  // what within the type found it; today one rule per type
  std::size_t start = 0, end = 0;
  std::size_t byte_start = 0, byte_end = 0;
  float score = 0;
};

// Scans whole texts, one after another. Not thread-safe: it owns its scratch.
class TextReporter {
 public:
  explicit TextReporter(const ReportOptions& options);

  // Ordered by beginning, then end. `only` narrows the reporter's types for this text; empty: all.
  Result<std::vector<ReportedFinding>> report(std::string_view text,
                                              std::span<const EntityType> only = {});

 private:
  Catalog catalog_;
  CatalogScratch scratch_;
  std::vector<Finding> found_;  // keeps its capacity
};

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
