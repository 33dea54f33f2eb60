#include "server/store/audit_thread.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "core/audit/json_line.h"
#include "server/store/audit_content.h"

namespace capsem::store {
namespace {

constexpr std::int64_t kMsNs = 1'000'000;
constexpr std::int64_t kHouseNs = 60'000 * kMsNs;  // between two looks at what may be forgotten
constexpr std::chrono::milliseconds kStoppingPause{10};
constexpr int kMovedMax = 64;  // times that somebody else may be faster
// Entries that are done are removed from the front when there are this many.
constexpr std::size_t kCompactMin = 4'096;

}  // namespace

void AuditShared::refuse(AuditEntry& entry) {
  if (!entry.written) return;
  refused.fetch_add(1, std::memory_order_relaxed);
  std::exchange(entry.written, nullptr)(false);
}

AuditThread::AuditThread(AuditShared& shared, AuditContentParts parts)
    : shared_(shared),
      options_(shared.options),
      segment_limits_{.records_max = options_.segment_records_max,
                      .bytes_max = static_cast<std::int64_t>(options_.segment_bytes_max)},
      parts_(std::move(parts)),
      seals_(parts_.vault != nullptr && parts_.vault->has_key()),
      retention_({.days = options_.retention_days, .bytes_max = options_.retention_bytes_max}) {}

void AuditThread::run() {
  for (;;) {
    const bool stopping = shared_.stopping.load();  // before the queue: what was pushed is written
    take();
    const Instant now = shared_.clock.monotonic_ns();
    if (!shared_.healthy.load() && (now >= retry_at_ns_ || stopping)) try_recover();
    const bool healthy = shared_.healthy.load();
    if (!healthy) do_without();
    if (stopping) {
      if (pending().empty()) return;
      if (shared_.clock.monotonic_ns() > shared_.deadline_ns.load()) return give_up();
    }
    if (!healthy && stopping) {
      std::this_thread::sleep_for(kStoppingPause);
    } else if (!healthy) {
      const Instant spool_due = now + options_.lazy_ms * kMsNs;
      sleep_until(spool_takes_ ? std::min(spool_due, retry_at_ns_) : retry_at_ns_,
                  Bell::Level::Urgent);
    } else {
      work(stopping);
    }
  }
}

void AuditThread::work(bool stopping) {
  const Instant now = shared_.clock.monotonic_ns();
  const Instant due = pending().empty() ? next_house_ns_ : stopping ? now : due_ns();
  if (!pending().empty() && due <= now) {
    if (Status done = write_pending(); !done) fail(done.error());
  } else if (now >= next_house_ns_) {
    keep_house();
  } else {
    sleep_until(std::min(due, next_house_ns_), waiting_ != 0       ? Bell::Level::Now
                                               : pending().empty() ? Bell::Level::Any
                                                                   : Bell::Level::Urgent);
  }
}

void AuditThread::take() {
  if (done_ == entries_.size()) {
    entries_.clear();
    done_ = settled_content_ = 0;
  } else if (done_ >= kCompactMin) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(done_));
    settled_content_ -= std::min(settled_content_, done_);
    done_ = 0;
  }
  AuditEntry entry;
  while (shared_.queue.pop(entry)) {
    if (entry.waited_for) {
      shared_.urgent.fetch_sub(1, std::memory_order_relaxed);
      if (waiting_++ == 0) first_urgent_ns_ = entry.pushed_ns;
    }
    entries_.push_back(std::move(entry));
  }
}

// Nobody waits: what came first has waited for lazy_ms. Somebody does: after a pause at once, for
// then there is nothing to gather; otherwise the commits are group_ms apart, or have group_records.
AuditThread::Instant AuditThread::due_ns() const {
  if (shared_.queued_bytes.load(std::memory_order_relaxed) > options_.queue_bytes_max / 4) return 0;
  const Instant lazy = entries_[done_].pushed_ns + options_.lazy_ms * kMsNs;
  if (waiting_ == 0) return lazy;
  if (waiting_ >= options_.group_records) return 0;
  return std::min(lazy, std::max(first_urgent_ns_, last_commit_ns_ + options_.group_ms * kMsNs));
}

void AuditThread::sleep_until(Instant until, Bell::Level level) {
  const Instant now = shared_.clock.monotonic_ns();
  if (until <= now) return;
  const auto most = std::chrono::nanoseconds(std::min(until - now, 60'000 * kMsNs));
  const bool gathers = level == Bell::Level::Now;
  shared_.bell.wait(level, std::chrono::steady_clock::now() + most, [this, level, gathers] {
    if (shared_.stopping.load()) return !gathers;
    if (level == Bell::Level::Any) return !shared_.queue.empty();
    const std::uint64_t urgent = shared_.urgent.load(std::memory_order_seq_cst);
    return gathers ? urgent + waiting_ >= options_.group_records : urgent != 0;
  });
}

void AuditThread::settle(std::size_t count, bool written) {
  std::uint64_t bytes = 0;
  for (AuditEntry& entry : pending().first(count)) {
    bytes += entry.charged_bytes;
    if (entry.waited_for && !entry.refused) --waiting_;
    if (written && entry.written) std::exchange(entry.written, nullptr)(true);
    shared_.refuse(entry);
    entry = AuditEntry();
  }
  done_ += count;
  shared_.queued_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  shared_.settled.fetch_add(count);
}

// Their callers have given up by now, or are about to: the record says so.
void AuditThread::refuse_late() {
  if (waiting_ == 0 || options_.on_failure != AuditOnFailure::Closed) return;
  const Instant oldest = shared_.clock.monotonic_ns() - options_.write_ms_max * kMsNs;
  for (AuditEntry& entry : pending()) {
    if (!entry.waited_for || entry.refused || entry.pushed_ns > oldest) continue;
    shared_.refuse(entry);
    entry.mark_refused();
    --waiting_;
  }
}

void AuditThread::fail(const Error& error) {
  shared_.failures.fetch_add(1, std::memory_order_relaxed);
  if (shared_.healthy.exchange(false)) {
    spdlog::error("audit: records cannot be written: {}: {}", error.code, error.detail);
  } else {
    spdlog::debug("audit: still not: {}: {}", error.code, error.detail);
  }
  // A lock that somebody else holds is no fault of the connection; everything else may be.
  const bool keeps = error.code == "store_busy" && connection_ && connection_->usable();
  if (!keeps) connection_.reset();
  const Instant least = options_.retry_ms * kMsNs, most = options_.retry_ms_max * kMsNs;
  retry_ns_ = std::clamp(2 * retry_ns_, least, std::max(least, most));
  retry_at_ns_ = shared_.clock.monotonic_ns() + retry_ns_;
}

void AuditThread::try_recover() {
  Status done = reopen();
  if (done) done = resolve_doubt();
  if (done) done = import_spool();
  if (done) done = write_pending();
  if (!done) return fail(done.error());
  retry_ns_ = 0;
  retry_at_ns_ = 0;
  shared_.spooling.store(false);
  shared_.healthy.store(true);
  if (shared_.failures.load(std::memory_order_relaxed) != 0) {
    spdlog::warn("audit: records are written again");
  }
}

Status AuditThread::reopen() {
  if (!connection_ || !connection_->usable()) {
    auto opened = options_.connect();
    if (!opened) return std::unexpected(opened.error());
    connection_ = std::move(*opened);
  }
  if (gateway_.empty()) {
    auto name = chain_name(*connection_, options_.gateway);
    if (!name) return std::unexpected(name.error());
    gateway_ = std::move(*name);
  }
  return reread_head();
}

Status AuditThread::reread_head() {
  return sql::in_transaction(*connection_, [this]() -> Status {
    auto head = read_head(*connection_, gateway_, true);
    if (!head) return std::unexpected(head.error());
    head_ = std::move(*head);
    return {};
  });
}

// After the head was read under its lock: what the old connection had begun has ended by then.
Status AuditThread::resolve_doubt() {
  if (!doubt_) return {};
  const auto written = was_written(*connection_, *doubt_);
  if (!written) return std::unexpected(written.error());
  if (*written) {
    shared_.written.fetch_add(doubtful_, std::memory_order_relaxed);
    settle(doubtful_, true);
  }
  doubt_.reset();
  doubtful_ = 0;
  return {};
}

Status AuditThread::write_pending() {
  tell_of_losses();
  while (!pending().empty()) {
    if (Status done = write_batch(); !done) return done;
  }
  return {};
}

Status AuditThread::write_batch() {
  refuse_late();
  for (int tries = 0;; ++tries) {
    const std::size_t count = AuditBatch::fit(head_, pending(), segment_limits_);
    for (; settled_content_ < done_ + count; ++settled_content_) {
      settle_content(entries_[settled_content_], parts_,
                     {.bytes_max = options_.content_bytes_max, .seals = seals_});
    }
    const Instant begun = shared_.clock.monotonic_ns();
    const Status done = batch_.write(*connection_, head_, pending().first(count), segment_limits_,
                                     shared_.clock.wall_ms());
    last_commit_ns_ = shared_.clock.monotonic_ns();
    if (done) {
      shared_.last_commit_us.store(static_cast<std::uint64_t>((last_commit_ns_ - begun) / 1'000),
                                   std::memory_order_relaxed);
      shared_.commits.fetch_add(1, std::memory_order_relaxed);
      shared_.written.fetch_add(count, std::memory_order_relaxed);
      settle(count, true);
      return {};
    }
    if (done.error().code != "chain_moved") {
      doubt_ = batch_.last();
      doubtful_ = count;
      return done;
    }
    if (tries == kMovedMax) return done;
    if (Status read = reread_head(); !read) return read;
  }
}

Status AuditThread::write_own(AuditEntry entry, const std::function<Status()>& also) {
  const AuditEntry one[] = {std::move(entry)};
  const Status done =
      batch_.write(*connection_, head_, one, segment_limits_, shared_.clock.wall_ms(), also);
  if (!done && done.error().code == "chain_moved") {
    if (Status read = reread_head(); !read) return read;
  }
  return done;
}

// A chain without gaps has to say where records are missing.
void AuditThread::tell_of_losses() {
  const std::uint64_t lost = shared_.lost.load(std::memory_order_relaxed);
  if (lost == told_lost_) return;
  const std::int64_t wall_ms = shared_.clock.wall_ms();
  audit::JsonLine line(256);
  line.open_object();
  line.number("time_ms", wall_ms);
  line.text("event", "records_lost");
  line.number("count", lost - told_lost_);
  line.close_object();
  told_lost_ = lost;
  entries_.push_back(AuditEntry::plain(wall_ms, line.take()));
  shared_.pushed.fetch_add(1);
}

// One small piece of it; the next look comes later when there was nothing to do.
void AuditThread::keep_house() {
  const auto did = retention_.step(*connection_, shared_.clock.wall_ms(),
                                   [this](AuditEntry entry, const std::function<Status()>& also) {
                                     return write_own(std::move(entry), also);
                                   });
  shared_.retired_segments.store(retention_.retired(), std::memory_order_relaxed);
  if (!did) return fail(did.error());
  if (!*did) next_house_ns_ = shared_.clock.monotonic_ns() + kHouseNs;
}

void AuditThread::give_up() {
  const std::size_t count = pending().size();
  spdlog::error("audit: {} records are lost: the database did not take them in time", count);
  shared_.lost.fetch_add(count, std::memory_order_relaxed);
  settle(count, false);
}

}  // namespace capsem::store
