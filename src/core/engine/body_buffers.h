// The buffers a BodyInspector fills: kept by the workspace so that their memory is reused.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/index_map.h"
#include "core/event/event.h"

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
  };
  struct Batch {
    std::string text;
    std::vector<Segment> segments;  // by position
    bool scattered = false;         // a lane has bytes in several places
  };

  std::array<Batch, event::kPointCount> batches;
  std::vector<Lane> lanes;
  IndexMap lane_index;

  // Empties everything; memory past what common requests need is given back.
  void clear();
};

}  // namespace capsem::engine
