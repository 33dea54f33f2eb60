// Inspects one complete JSON text: all texts of points with the same detectors are joined into one
// buffer, NUL between them, and scanned in a single pass per detector.
//
// Use: give it to a codec as the sink, then call scan() once. Belongs to one exchange and phase;
// borrows the workspace's buffers, so two of them must not be filled at the same time on one loop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/index_map.h"
#include "core/engine/ledger.h"
#include "core/engine/redactor.h"
#include "core/engine/units.h"
#include "core/engine/workspace.h"
#include "core/event/event.h"
#include "core/policy/hearing.h"

namespace capsem::engine {

class BodyInspector final : public event::TextSink {
 public:
  // `value_key`: for the digests of values that flow policies compare. `restored`: its placeholders
  // are looked for as well; may be nullptr.
  BodyInspector(const policy::Hearing& hearing, UnitBook& units, InspectionLedger& ledger,
                BodyBuffers& buffers, std::uint64_t value_key, const Redactor* restored = nullptr);

  void on_text(const event::Text& text) override;
  void on_scope_end(std::uint64_t) override {}  // the text's end is every scope's end
  void on_unchecked(std::string_view surface, std::string_view reason) override;

  // Runs the detectors and files their findings as hits of the units, and what is to be rewritten
  // in the buffers' `found`. Detectors that fail or pass
  // the deadline are named in `guard.failed`; what they should have looked at was not checked.
  void scan(detect::CatalogScratch& scratch, std::vector<detect::Finding>& findings,
            detect::ScanGuard& guard);

  event::Phase phase() const { return units_.phase(); }

 private:
  bool rewrites() const { return hearing_.redacts(phase()) || restored_ != nullptr; }
  std::uint32_t open_lane(const event::Text& text, std::size_t batch);
  void note_piece(const event::Text& text, std::uint32_t lane);
  void find_placeholders(std::size_t batch);
  BodyBuffers::Found found_in(std::size_t batch, const BodyBuffers::Segment& segment,
                              std::size_t begin, std::size_t end) const;
  void append(std::size_t batch, std::uint32_t lane, std::string_view bytes);
  void append_json(std::size_t batch, std::uint32_t lane, const event::Text& text);
  void join_scattered(std::size_t batch);
  void file_hits(std::size_t batch, std::vector<detect::Finding>& findings);

  const policy::Hearing& hearing_;
  UnitBook& units_;
  InspectionLedger& ledger_;
  BodyBuffers& buffers_;
  const std::uint64_t value_key_;
  const Redactor* const restored_;
  std::array<std::uint8_t, event::kPointCount> batch_of_{};  // by point; kNoBatch: nothing looks
  std::array<detect::DetectorMask, event::kPointCount> mask_of_batch_{};
  std::size_t batches_ = 0;
};

}  // namespace capsem::engine
