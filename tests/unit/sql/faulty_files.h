// A layer between SQLite and the disk that fails the n-th write or sync: SQLite's own way of
// testing itself. Registered for a while as the default file system of this process.
//
// Syncs are counted and not passed on: what was written is in the page cache, and no test of this
// kind turns the power off.
#pragma once

#include <sqlite3.h>

#include <cstdint>

namespace capsem::sql {

enum class Failing : std::uint8_t {
  Write,       // nothing is written, EIO
  ShortWrite,  // half of it is written, EIO
  Full,        // nothing is written, no space left
  Sync,        // EIO
  Truncate,    // EIO
};

class FaultyFiles {
 public:
  FaultyFiles();
  ~FaultyFiles();
  FaultyFiles(const FaultyFiles&) = delete;
  FaultyFiles& operator=(const FaultyFiles&) = delete;

  // The n-th call of that kind fails, counted from now and from 1; `for_good`: all after it as
  // well.
  void fail(Failing what, int n, bool for_good);
  void repair();
  // The call that was to fail was made.
  bool failed() const;
};

// ---- How it does that ----

namespace layer {

struct Plan {
  bool armed = false, for_good = false, failed = false;
  Failing what = Failing::Write;
  int left = 0;
};
inline Plan plan;

inline bool strikes(Failing what) {
  if (!plan.armed || plan.what != what) return false;
  if (plan.failed) return plan.for_good;
  if (--plan.left > 0) return false;
  plan.failed = true;
  return true;
}

struct File {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
inline sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<File*>(file)->real();
}
inline const sqlite3_io_methods* of(sqlite3_file* file) {
  return real(file)->pMethods;
}

inline int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  if (strikes(Failing::Write)) return SQLITE_IOERR_WRITE;
  if (strikes(Failing::Full)) return SQLITE_FULL;
  if (strikes(Failing::ShortWrite)) {
    of(file)->xWrite(real(file), bytes, size / 2, at);
    return SQLITE_IOERR_WRITE;
  }
  return of(file)->xWrite(real(file), bytes, size, at);
}
inline int sync(sqlite3_file*, int) {
  return strikes(Failing::Sync) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}
inline int truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (strikes(Failing::Truncate)) return SQLITE_IOERR_TRUNCATE;
  return of(file)->xTruncate(real(file), size);
}

inline const sqlite3_io_methods kMethods = {
    .iVersion = 2,  // without memory-mapped reads
    .xClose = [](sqlite3_file* f) { return of(f)->xClose(real(f)); },
    .xRead = [](sqlite3_file* f, void* to, int size,
                sqlite3_int64 at) { return of(f)->xRead(real(f), to, size, at); },
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize = [](sqlite3_file* f,
                    sqlite3_int64* size) { return of(f)->xFileSize(real(f), size); },
    .xLock = [](sqlite3_file* f, int level) { return of(f)->xLock(real(f), level); },
    .xUnlock = [](sqlite3_file* f, int level) { return of(f)->xUnlock(real(f), level); },
    .xCheckReservedLock = [](sqlite3_file* f,
                             int* out) { return of(f)->xCheckReservedLock(real(f), out); },
    .xFileControl = [](sqlite3_file* f, int op,
                       void* arg) { return of(f)->xFileControl(real(f), op, arg); },
    .xSectorSize = [](sqlite3_file* f) { return of(f)->xSectorSize(real(f)); },
    .xDeviceCharacteristics =
        [](sqlite3_file* f) { return of(f)->xDeviceCharacteristics(real(f)); },
    .xShmMap = [](sqlite3_file* f, int page, int size, int extend,
                  void volatile** out) { return of(f)->xShmMap(real(f), page, size, extend, out); },
    .xShmLock = [](sqlite3_file* f, int offset, int n,
                   int flags) { return of(f)->xShmLock(real(f), offset, n, flags); },
    .xShmBarrier = [](sqlite3_file* f) { of(f)->xShmBarrier(real(f)); },
    .xShmUnmap = [](sqlite3_file* f, int remove) { return of(f)->xShmUnmap(real(f), remove); },
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

inline sqlite3_vfs* system_files = nullptr;
inline sqlite3_vfs faulty_files;

inline int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags,
                     int* out_flags) {
  file->pMethods = nullptr;
  const int code = system_files->xOpen(system_files, name, real(file), flags, out_flags);
  if (code == SQLITE_OK) file->pMethods = &kMethods;
  return code;
}

}  // namespace layer

inline FaultyFiles::FaultyFiles() {
  layer::plan = {};
  layer::system_files = sqlite3_vfs_find(nullptr);
  layer::faulty_files = *layer::system_files;
  layer::faulty_files.zName = "faulty";
  layer::faulty_files.pNext = nullptr;
  layer::faulty_files.szOsFile =
      static_cast<int>(sizeof(layer::File)) + layer::system_files->szOsFile;
  layer::faulty_files.xOpen = layer::open_file;
  sqlite3_vfs_register(&layer::faulty_files, 1);
}
inline FaultyFiles::~FaultyFiles() {
  sqlite3_vfs_unregister(&layer::faulty_files);
  sqlite3_vfs_register(layer::system_files, 1);
}
inline void FaultyFiles::fail(Failing what, int n, bool for_good) {
  layer::plan = {.armed = true, .for_good = for_good, .failed = false, .what = what, .left = n};
}
inline void FaultyFiles::repair() {
  layer::plan.armed = false;
}
inline bool FaultyFiles::failed() const {
  return layer::plan.failed;
}

}  // namespace capsem::sql
