// The buffers a BodyInspector fills: kept by the workspace so that their memory is reused.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/index_map.h"
#include "core/detect/detector.h"
#include "core/engine/lane_writer.h"
#include "core/event/event.h"
#include "core/policy/snapshot.h"

namespace capsem::engine {

struct BodyBuffers {
  // A run of bytes of one lane in a batch.
  struct Segment {
    std::uint32_t lane;
    std::size_t begin, end;
  };
  struct Lane {
    std::uint32_t unit = 0;
    std::uint32_t order = 0;
    std::uint32_t segments = 0;
    std::uint32_t message = event::kNoMessage;
    event::Part part = event::Part::Text;
    std::uint16_t field = 0;
    bool repeat = false;
    bool fixed = false;       // policy::Hit::fixed
    std::uint64_t bytes = 0;  // of its text so far
  };
  // Where one text of a lane stands in the JSON text. Kept only where something may be rewritten.
  struct Piece {
    std::uint32_t lane = 0;
    std::uint32_t message = event::kNoMessage;
    std::uint64_t begin = 0;  // in the lane
    std::uint64_t scope = 0;
    event::ByteRange raw;
    Coding coding = Coding::Text;
    bool spelled = false;  // event::Form::Spelled: dropped with what is around it
  };
  // What has to be rewritten.
  struct Found {
    std::uint32_t lane = 0;
    std::size_t batch = 0;
    std::size_t lane_begin = 0, lane_end = 0;  // the lane's text in the batch
    std::uint64_t begin = 0, end = 0;          // in the lane
    detect::Tail tail = detect::Tail::None;
    float score = 0;
    detect::RuleId rule = 0;
    bool fixed = false;  // stays as it is, and is refused for that; rewritten in the record alone
    std::optional<policy::RedactionOrder> order;
    std::string text;  // without an order: what it becomes
  };
  struct Batch {
    std::string text;
    std::vector<Segment> segments;  // by position
    bool scattered = false;         // a lane has bytes in several places
  };

  std::array<Batch, event::kPointCount> batches;
  std::vector<Lane> lanes;
  IndexMap lane_index;
  std::vector<Piece> pieces;
  std::vector<Found> found;

  // Empties everything; memory past what common requests need is given back.
  void clear();
};

}  // namespace capsem::engine
