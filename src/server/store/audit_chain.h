// The chain that ties every record to all records before it (promise 5).
//
//   record:   digest  = SHA-256(previous digest, then each column)
//   segment:  first_digest = SHA-256(last digest of the segment before, then id, gateway, previous,
//             begun_ms); its first record carries on from there
//
// Columns are digested with their lengths before them, so that no two rows give the same bytes. A
// segment begins at the very millisecond at which the one before was closed: the columns that are
// written after a segment's begin are known from its records and its successor.
//
// Not thread-safe: one ChainDigester for one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace capsem::store {

using Digest = std::array<unsigned char, 32>;

inline std::string_view bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}
// Zeros when `bytes` has another length.
Digest digest_from(std::string_view bytes);
std::string to_hex(std::string_view bytes);

// What the row of a record is found by (audit_record.place): its segment's number and its own.
constexpr std::int64_t kPlacesPerSegment = std::int64_t{1} << 32;
constexpr std::int64_t place_of(std::int64_t segment_number, std::int64_t seq) {
  return segment_number * kPlacesPerSegment + seq;
}

// What one row of audit_record says, but for its place and its digest.
struct RecordColumns {
  std::string_view segment;
  std::int64_t seq = 0;
  std::string_view kind;
  std::int64_t time_ms = 0;
  std::string_view run_id, tenant, line;
};

struct SegmentColumns {
  std::string_view id, gateway, previous;
  std::int64_t begun_ms = 0;
};

class ChainDigester {
 public:
  ChainDigester();
  ~ChainDigester();

  Digest record(const Digest& previous, const RecordColumns& columns);
  // `previous`: the last digest of the segment before; zeros for a gateway's first.
  Digest segment(const Digest& previous, const SegmentColumns& columns);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capsem::store
