#include "server/store/audit_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/sha256.h"
#include "server/store/meta.h"

namespace capsem::store {
namespace {

constexpr std::string_view kMagic = "capsem-audit-spool 1 ";
constexpr std::size_t kIdBytes = 36, kDigestBytes = 16, kSizeBytes = 4;
constexpr std::size_t kFrameBytes = kSizeBytes + kDigestBytes;
constexpr std::size_t kHeaderBytes = kMagic.size() + kIdBytes + 1;
constexpr std::uint64_t kPayloadBytesMax = 256u << 20;

std::unexpected<Error> failed(std::string_view what) {
  return gateway_error("spool_io",
                       fmt::format("The audit's spool: {}: {}", what, ::strerror(errno)));
}

bool write_all(int file, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t done = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return true;
}

// What is there of it, at most `size` bytes.
std::string read_some(int file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t done =
        ::pread(file, bytes.data() + got, size - got, static_cast<off_t>(offset + got));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) break;
    got += static_cast<std::size_t>(done);
  }
  bytes.resize(got);
  return bytes;
}

std::string digest_of(std::string_view id, std::string_view payload) {
  std::string bytes;
  bytes.reserve(id.size() + payload.size());
  bytes += id;
  bytes += payload;
  const auto digest = sha256(bytes);
  return {reinterpret_cast<const char*>(digest.data()), kDigestBytes};
}

std::string frame_of(std::string_view id, std::string_view payload) {
  std::string frame;
  frame.reserve(kFrameBytes + payload.size());
  for (unsigned shift = 0; shift < 32; shift += 8) {
    frame += static_cast<char>(payload.size() >> shift & 255U);
  }
  frame += digest_of(id, payload);
  frame += payload;
  return frame;
}

// The payload of the frame at `offset`; nothing when there is no sound one.
bool read_frame(int file, std::string_view id, std::uint64_t offset, std::string& payload) {
  const std::string head = read_some(file, offset, kFrameBytes);
  if (head.size() < kFrameBytes) return false;
  std::uint64_t size = 0;
  for (std::size_t i = kSizeBytes; i-- > 0;) size = size << 8 | static_cast<unsigned char>(head[i]);
  if (size > kPayloadBytesMax) return false;
  payload = read_some(file, offset + kFrameBytes, static_cast<std::size_t>(size));
  return payload.size() == size && digest_of(id, payload) == head.substr(kSizeBytes);
}

}  // namespace

AuditSpool::~AuditSpool() {
  if (file_ >= 0) ::close(file_);
}

Status AuditSpool::open(const std::string& path, std::uint64_t bytes_max) {
  bytes_max_ = bytes_max;
  path_ = path;
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file_ < 0) {
    return gateway_error("unwritable_file", fmt::format("{}: {}", path, ::strerror(errno)));
  }
  const std::string header = read_some(file_, 0, kHeaderBytes);
  if (header.size() < kHeaderBytes || !header.starts_with(kMagic)) {
    if (header.size() == kHeaderBytes) {
      return gateway_error("unwritable_file", path + " is no spool of the audit");
    }
    return begin_anew();
  }
  id_ = header.substr(kMagic.size(), kIdBytes);
  begin_ = kHeaderBytes;
  size_ = sound_end(begin_);
  struct stat status{};
  if (::fstat(file_, &status) == 0)
    torn_bytes_ = static_cast<std::uint64_t>(status.st_size) - size_;
  if (::ftruncate(file_, static_cast<off_t>(size_)) != 0) return failed("cutting off a torn end");
  return {};
}

std::uint64_t AuditSpool::sound_end(std::uint64_t from) const {
  std::string payload;
  while (read_frame(file_, id_, from, payload)) from += kFrameBytes + payload.size();
  return from;
}

Status AuditSpool::begin_anew() {
  id_ = new_id();
  begin_ = size_ = kHeaderBytes;
  const std::string header = fmt::format("{}{}\n", kMagic, id_);
  if (::ftruncate(file_, 0) != 0 || !write_all(file_, header, 0) || ::fdatasync(file_) != 0) {
    broken_ = true;
    return failed("beginning it anew");
  }
  return {};
}

Status AuditSpool::set_aside() {
  ::close(file_);
  file_ = -1;
  const std::string aside = fmt::format("{}.damaged-{}", path_, id_);
  if (::rename(path_.c_str(), aside.c_str()) != 0) {
    broken_ = true;
    return failed("putting it aside");
  }
  return open(path_, bytes_max_);
}

Status AuditSpool::append(const std::vector<std::string>& payloads) {
  if (broken_) return gateway_error("spool_io", "The audit's spool failed before");
  std::string frames;
  for (const std::string& payload : payloads) frames += frame_of(id_, payload);
  if (bytes() + frames.size() > bytes_max_) {
    return gateway_error("spool_full", "The audit's spool is full");
  }
  if (!write_all(file_, frames, size_)) {
    const int error = errno;
    // Half a frame would end what is read in.
    if (::ftruncate(file_, static_cast<off_t>(size_)) != 0) broken_ = true;
    errno = error;
    return failed("write");
  }
  // What a failed sync has left on disk is unknown, and stays so whatever a second one says.
  if (::fdatasync(file_) != 0) {
    broken_ = true;
    return failed("sync");
  }
  size_ += frames.size();
  return {};
}

Result<AuditSpool::Batch> AuditSpool::read(const Position& from, std::uint64_t bytes_max) {
  Batch batch{.payloads = {}, .end = {.id = id_, .offset = begin_}};
  if (from.id == id_) batch.end.offset = std::clamp(from.offset, begin_, size_);
  std::uint64_t bytes = 0;
  std::string payload;
  while (batch.end.offset < size_ && (bytes == 0 || bytes < bytes_max)) {
    if (!read_frame(file_, id_, batch.end.offset, payload)) {
      return gateway_error("spool_io", "The audit's spool: a record in it is damaged");
    }
    bytes += payload.size();
    batch.end.offset += kFrameBytes + payload.size();
    batch.payloads.push_back(std::move(payload));
  }
  return batch;
}

Status AuditSpool::clear() {
  if (empty() && !broken_) return {};
  broken_ = false;
  return begin_anew();
}

}  // namespace capsem::store
