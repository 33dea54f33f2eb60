// What one request keeps in memory, as the ledger over all of them counts it (promise 11).
#pragma once

#include <cstdint>

#include "server/proxy/metrics.h"
#include "server/proxy/shared.h"

namespace capsem::proxy {

class HeldBytes {
 public:
  HeldBytes(MemoryLedger& ledger, MetricShard& metrics) : ledger_(ledger), metrics_(metrics) {}
  ~HeldBytes() {
    ledger_.sub(bytes_);
    metrics_.buffered_bytes.sub(bytes_);
  }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

  void add(std::uint64_t bytes) {
    bytes_ += bytes;
    ledger_.add(bytes);
    metrics_.buffered_bytes.add(bytes);
  }
  // Counts at least `bytes` in all: what was declared may be counted already.
  void raise_to(std::uint64_t bytes) {
    if (bytes > bytes_) add(bytes - bytes_);
  }

 private:
  MemoryLedger& ledger_;
  MetricShard& metrics_;
  std::uint64_t bytes_ = 0;
};

}  // namespace capsem::proxy
