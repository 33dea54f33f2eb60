// What the audit's thread does while the database does not take records: closed, open, spool.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <charconv>
#include <utility>

#include "server/store/audit_content.h"
#include "server/store/audit_thread.h"
#include "server/store/meta.h"

namespace capsem::store {
namespace {

constexpr std::uint64_t kImportBytes = 1u << 20;

// Payloads of the spool: one record; or records of a transaction whose outcome is not known, behind
// what tells whether it took place.
constexpr char kRecord = 'R', kDoubtful = 'D';

void append_sized(std::string& out, std::string_view bytes) {
  out += fmt::format("{} ", bytes.size());
  out += bytes;
}

// Nothing when there is no more.
std::optional<std::string_view> take_sized(std::string_view& bytes) {
  std::size_t size = 0;
  const char* const end = bytes.data() + bytes.size();
  const auto read = std::from_chars(bytes.data(), end, size);
  if (read.ec != std::errc() || read.ptr == end || *read.ptr != ' ') return std::nullopt;
  bytes.remove_prefix(static_cast<std::size_t>(read.ptr - bytes.data()) + 1);
  if (size > bytes.size()) return std::nullopt;
  const std::string_view part = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return part;
}

std::string to_text(const AuditSpool::Position& position) {
  return fmt::format("{} {}", position.id, position.offset);
}

AuditSpool::Position position_from(std::string_view text) {
  AuditSpool::Position position;
  const std::size_t space = std::min(text.find(' '), text.size());
  position.id = text.substr(0, space);
  text.remove_prefix(std::min(space + 1, text.size()));
  std::from_chars(text.data(), text.data() + text.size(), position.offset);
  return position;
}

}  // namespace

Status AuditThread::open_spool() {
  // What an earlier run has left is read in, whatever the mode is now.
  const bool spools = options_.on_failure == AuditOnFailure::Spool;
  if (!spools &&
      (options_.spool_path.empty() || ::access(options_.spool_path.c_str(), F_OK) != 0)) {
    return {};
  }
  if (Status opened = spool_.open(options_.spool_path, options_.spool_bytes_max); !opened) {
    return opened;
  }
  if (spool_.torn_bytes() != 0) {
    spdlog::warn("audit: {} bytes at the end of the spool were no whole record",
                 spool_.torn_bytes());
  }
  spool_open_ = true;
  spool_takes_ = spools;
  shared_.spool_bytes.store(spool_.bytes());
  shared_.spooling.store(spools);
  return {};
}

void AuditThread::do_without() {
  if (options_.on_failure == AuditOnFailure::Spool && spool_takes_) spool_pending();
  for (AuditEntry& entry : pending()) {
    if (!entry.waited_for || entry.refused) continue;
    if (options_.on_failure == AuditOnFailure::Open) {
      if (entry.written) std::exchange(entry.written, nullptr)(true);
      continue;
    }
    shared_.refuse(entry);
    entry.mark_refused();
    --waiting_;
  }
}

void AuditThread::spool_pending() {
  if (pending().empty()) {
    shared_.spooling.store(true);
    return;
  }
  for (; settled_content_ < entries_.size(); ++settled_content_) {
    settle_content(entries_[settled_content_], parts_,
                   {.bytes_max = options_.content_bytes_max, .seals = seals_});
  }
  std::vector<std::string> payloads;
  const std::span<AuditEntry> all = pending();
  if (doubt_) payloads.push_back(doubtful_payload(all.first(doubtful_)));
  for (const AuditEntry& entry : all.subspan(doubt_ ? doubtful_ : 0)) {
    payloads.emplace_back(1, kRecord);
    entry.append_to(payloads.back());
  }
  if (Status kept = spool_.append(payloads); !kept) {
    spdlog::error("audit: {}", kept.error().detail);
    spool_takes_ = false;
    shared_.spooling.store(false);
    return;
  }
  doubt_.reset();
  doubtful_ = 0;
  shared_.spool_bytes.store(spool_.bytes());
  shared_.spooling.store(true);
  settle(all.size(), true);
}

std::string AuditThread::doubtful_payload(std::span<const AuditEntry> entries) const {
  std::string payload(1, kDoubtful);
  append_sized(payload, doubt_->segment);
  append_sized(payload, fmt::format("{}", doubt_->seq));
  append_sized(payload, bytes_of(doubt_->digest));
  std::string bytes;
  for (const AuditEntry& entry : entries) {
    bytes.clear();
    entry.append_to(bytes);
    append_sized(payload, bytes);
  }
  return payload;
}

Status AuditThread::decode(std::string_view payload, std::vector<AuditEntry>& entries) {
  const auto damaged = [] {
    return gateway_error("damaged_spool", "A record in the audit's spool cannot be read");
  };
  if (payload.empty()) return damaged();
  const char tag = payload.front();
  payload.remove_prefix(1);
  if (tag == kRecord) {
    auto entry = AuditEntry::read_from(payload);
    if (!entry) return std::unexpected(entry.error());
    entries.push_back(std::move(*entry));
    return {};
  }
  const auto segment = take_sized(payload), seq = take_sized(payload), digest = take_sized(payload);
  if (tag != kDoubtful || !segment || !seq || !digest) return damaged();
  InDoubt doubt{.segment = std::string(*segment), .digest = digest_from(*digest)};
  std::from_chars(seq->data(), seq->data() + seq->size(), doubt.seq);
  const auto written = was_written(*connection_, doubt);
  if (!written) return std::unexpected(written.error());
  while (!payload.empty()) {
    const auto bytes = take_sized(payload);
    if (!bytes) return damaged();
    auto entry = AuditEntry::read_from(*bytes);
    if (!entry) return std::unexpected(entry.error());
    if (!*written) entries.push_back(std::move(*entry));
  }
  return {};
}

// In order, before anything newer. A transaction whose outcome is not known moved the position, or
// did not: nothing has to be remembered of it.
Status AuditThread::import_spool() {
  if (!spool_open_ || spool_.empty()) return {};
  Status done = import_payloads();
  const bool damaged =
      !done && (done.error().code == "damaged_spool" || done.error().code == "spool_io");
  if (!damaged && !done) return done;
  if (damaged) {
    spdlog::error("audit: {}; the file is put beside, with what was not read in yet",
                  done.error().detail);
  }
  if (Status fresh = damaged ? spool_.set_aside() : spool_.clear(); !fresh) return fresh;
  shared_.spool_bytes.store(0);
  spool_takes_ = options_.on_failure == AuditOnFailure::Spool;
  return {};
}

Status AuditThread::import_payloads() {
  const std::string name = "audit_spool:" + gateway_;
  const auto kept = read_meta(*connection_, name);
  if (!kept) return std::unexpected(kept.error());
  AuditSpool::Position position = position_from(kept->value_or(""));
  std::uint64_t imported = 0;
  for (;;) {
    auto batch = spool_.read(position, kImportBytes);
    if (!batch) return std::unexpected(batch.error());
    if (batch->payloads.empty()) break;
    std::vector<AuditEntry> entries;
    for (const std::string& payload : batch->payloads) {
      if (Status read = decode(payload, entries); !read) return read;
    }
    const std::string end = to_text(batch->end);
    const auto move_position = [&] { return write_meta(*connection_, name, end); };
    const Status done = entries.empty()
                            ? sql::in_transaction(*connection_, move_position)
                            : batch_.write(*connection_, head_, entries, segment_limits_,
                                           shared_.clock.wall_ms(), move_position);
    if (!done) return done;
    imported += entries.size();
    position = batch->end;
  }
  spdlog::warn("audit: {} records were read in from the spool", imported);
  return {};
}

}  // namespace capsem::store
