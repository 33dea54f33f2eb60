// What exchanges of one event loop share because only one of them runs at a time: the JSON reader,
// detector scratch, buffers that keep their capacity. Not thread-safe: one per loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/detect/catalog.h"
#include "core/wire/json.h"

namespace capsem::engine {

class Workspace {
 public:
  explicit Workspace(std::uint64_t id_seed, wire::JsonLimits json_limits = {})
      : json(json_limits), ids(id_seed) {}

  // Scratch for this catalog, made on first use. The catalog outlives the workspace's use of it:
  // exchanges keep their snapshot alive, and the scratch of the newest two catalogs is kept.
  detect::CatalogScratch& scratch_for(const std::shared_ptr<const void>& owner,
                                      const detect::Catalog& catalog);

  wire::JsonReader json;
  wire::JsonReader inner_json;  // JSON inside strings
  IdSource ids;
  std::string batch;                       // texts joined for one scan
  std::vector<detect::Finding> findings;

 private:
  struct Entry {
    std::shared_ptr<const void> owner;
    const detect::Catalog* catalog = nullptr;
    std::unique_ptr<detect::CatalogScratch> scratch;
  };
  std::vector<Entry> entries_;
};

}  // namespace capsem::engine
