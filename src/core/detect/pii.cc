// The PII detector: cuts the window at NUL bytes, and says how far a text is decided.
#include <algorithm>
#include <memory>

#include "core/detect/addresses.h"
#include "core/detect/entity.h"
#include "core/detect/nul.h"
#include "core/detect/pii_chain.h"
#include "core/detect/pii_scan.h"
#include "core/detect/street.h"

namespace capsem::detect {
namespace {

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
    std::size_t begin = text_begin(window.text, window.from);
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
    if (plan_.has(EntityType::Location)) open = std::min(open, open_address(segment));
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

  const PiiPlan plan_;
};

}  // namespace

std::unique_ptr<const Detector> make_pii_detector(const PiiOptions& options) {
  return std::make_unique<PiiDetector>(options);
}

}  // namespace capsem::detect
