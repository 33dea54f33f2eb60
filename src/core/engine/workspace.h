// What exchanges of one event loop share because only one of them runs at a time: the JSON reader,
// detector scratch, buffers that keep their capacity. Not thread-safe: one per loop.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/detect/catalog.h"
#include "core/engine/body_buffers.h"
#include "core/policy/snapshot.h"
#include "core/wire/json.h"

namespace capsem::engine {

class Workspace {
 public:
  // `hash_key` must be unpredictable to providers: it keys the fingerprints by which a stream's
  // final repeats are recognised.
  Workspace(std::uint64_t id_seed, std::uint64_t hash_key, wire::JsonLimits json_limits = {})
      : json(json_limits), ids(id_seed), fingerprint_key(hash_key) {}

  // Scratch for this snapshot's detectors, made on first use. The newest two snapshots are kept.
  detect::CatalogScratch& scratch_for(const std::shared_ptr<const policy::Snapshot>& snapshot);

  wire::JsonReader json;
  wire::JsonReader schema;  // for JSON inside the text that `json` holds
  IdSource ids;
  const std::uint64_t fingerprint_key;
  BodyBuffers body;
  std::vector<detect::Finding> findings;

 private:
  struct Entry {
    std::shared_ptr<const policy::Snapshot> snapshot;
    std::unique_ptr<detect::CatalogScratch> scratch;
  };
  std::vector<Entry> entries_;
};

}  // namespace capsem::engine
