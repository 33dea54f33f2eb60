// Where records wait on disk while the database does not take them (audit.on_failure = "spool"):
// one file of bounded size, in the order of the records.
//
//   "capsem-audit-spool 1 <id>\n"  then frames: size (4 bytes), the first 16 bytes of SHA-256 over
//   id and payload, payload. A torn last frame is as if it were not there (promise 4): it was never
//   synced, so nobody was told that it is kept.
//
// What has been read into the database is remembered there, by the file's id and offset, in the
// transaction of the records: a crash between that commit and the file's end reads nothing twice.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace capsem::store {

class AuditSpool {
 public:
  struct Position {
    std::string id;            // of the file
    std::uint64_t offset = 0;  // behind the last frame that was read
  };
  struct Batch {
    std::vector<std::string> payloads;
    Position end;  // behind them
  };

  AuditSpool() = default;
  ~AuditSpool();
  AuditSpool(const AuditSpool&) = delete;
  AuditSpool& operator=(const AuditSpool&) = delete;

  // Opens the file, or makes an empty one (mode 0600). A torn end is cut off. Errors:
  // "unwritable_file".
  Status open(const std::string& path, std::uint64_t bytes_max);

  // All of `payloads`, synced, or none. Errors: "spool_full", "spool_io": the file is as before.
  // After "spool_io" of a sync it takes nothing any more.
  Status append(const std::vector<std::string>& payloads);

  // The next frames behind `from`, at most `bytes_max` of payload or one frame. `from` of another
  // file: from the beginning.
  Result<Batch> read(const Position& from, std::uint64_t bytes_max);
  // Everything is in the database: the file is emptied and gets another id.
  Status clear();

  // A file that cannot be read in is put beside, for a person to look at, and a new one begun.
  Status set_aside();

  // What open() cut off: a write that was never acknowledged.
  std::uint64_t torn_bytes() const { return torn_bytes_; }
  bool empty() const { return size_ <= begin_; }
  std::uint64_t bytes() const { return size_ - begin_; }

 private:
  Status begin_anew();
  std::uint64_t sound_end(std::uint64_t from) const;

  int file_ = -1;
  std::uint64_t bytes_max_ = 0;
  std::string path_, id_;
  std::uint64_t begin_ = 0, size_ = 0;  // of the frames
  std::uint64_t torn_bytes_ = 0;
  bool broken_ = false;
};

}  // namespace capsem::store
