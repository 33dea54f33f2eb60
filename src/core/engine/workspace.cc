#include "core/engine/workspace.h"

#include <utility>

namespace capsem::engine {

detect::CatalogScratch& Workspace::scratch_for(
    const std::shared_ptr<const policy::Snapshot>& snapshot) {
  constexpr std::size_t kKept = 2;  // the one in force, and the one running exchanges began with
  for (Entry& entry : entries_) {
    if (entry.snapshot == snapshot) return *entry.scratch;
  }
  if (entries_.size() == kKept) entries_.erase(entries_.begin());
  entries_.push_back({snapshot, std::make_unique<detect::CatalogScratch>(snapshot->catalog())});
  return *entries_.back().scratch;
}

}  // namespace capsem::engine
