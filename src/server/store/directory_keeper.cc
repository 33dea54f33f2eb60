#include "server/store/directory_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/store/meta.h"

namespace capsem::store {
namespace {

constexpr std::uint32_t kBackOffMsMin = 100, kBackOffMsMax = 2'000;
// Policies that could not be put in force are compiled again this much later, if nothing changes.
constexpr std::int64_t kPoliciesAgainNs = 5'000'000'000;

}  // namespace

DirectoryKeeper::DirectoryKeeper(sql::Target target, std::uint32_t poll_ms, const Clock& clock)
    : target_(std::move(target)), poll_ms_(std::max(poll_ms, 1u)), clock_(clock) {}

DirectoryKeeper::~DirectoryKeeper() {
  stop();
}

Status DirectoryKeeper::load(std::shared_ptr<const vault::Vault> vault) {
  set_vault(std::move(vault));
  auto opened = sql::open(target_);
  if (!opened) return std::unexpected(opened.error());
  connection_ = std::move(*opened);
  const std::int64_t began_ns = clock_.monotonic_ns();
  const auto versions = read_versions();
  if (!versions) return std::unexpected(versions.error());
  auto reading = read();
  if (!reading) return std::unexpected(reading.error());
  ready_ = reading->restricted;
  {
    const std::scoped_lock lock(lock_);
    policies_ = reading->policies;
    vault_changed_ = false;
  }
  report(reading->problems);
  hand_over(std::move(*reading), began_ns);
  have_ = *versions;
  healthy_ = true;
  return {};
}

void DirectoryKeeper::start(Hooks hooks) {
  hooks_ = std::move(hooks);
  if (hooks_.problem) std::ranges::for_each(reported_, hooks_.problem);  // those of load()
  thread_ = std::thread([this] { work(); });
}

void DirectoryKeeper::stop() {
  std::vector<Done> waiting;
  {
    const std::scoped_lock lock(lock_);
    ending_ = true;
  }
  asked_.notify_all();
  if (thread_.joinable()) thread_.join();
  {
    const std::scoped_lock lock(lock_);
    waiting = std::exchange(waiting_, {});
  }
  for (const Done& done : waiting) done(false);
}

void DirectoryKeeper::poke(Done done) {
  {
    const std::scoped_lock lock(lock_);
    if (!ending_) {
      poked_ = true;
      if (done) waiting_.push_back(std::move(done));
      done = {};
    }
  }
  asked_.notify_all();
  if (done) done(false);
}

void DirectoryKeeper::set_vault(std::shared_ptr<const vault::Vault> vault) {
  const std::scoped_lock lock(lock_);
  vault_ = std::move(vault);
  vault_changed_ = true;
}

std::shared_ptr<const tenant::Directory> DirectoryKeeper::directory() const {
  const std::scoped_lock lock(lock_);
  return directory_;
}

std::shared_ptr<const PolicyInputs> DirectoryKeeper::policies() const {
  const std::scoped_lock lock(lock_);
  return policies_;
}

std::int64_t DirectoryKeeper::age_ms() const {
  return (clock_.monotonic_ns() - as_of_ns_->load()) / 1'000'000;
}

std::size_t DirectoryKeeper::problems() const {
  const std::scoped_lock lock(lock_);
  return problems_;
}

void DirectoryKeeper::work() {
  std::unique_lock lock(lock_);
  while (!ending_) {
    const std::vector<Done> waiting = std::exchange(waiting_, {});
    poked_ = false;
    lock.unlock();
    const bool current = look(!waiting.empty());
    for (const Done& done : waiting) done(current);
    lock.lock();
    pause(lock);
  }
}

// A poke does not wait for the end of a pause, however long the database has been down.
void DirectoryKeeper::pause(std::unique_lock<std::mutex>& lock) {
  const std::uint32_t ms = std::max(poll_ms_, back_off_ms_);
  asked_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return ending_ || poked_; });
}

bool DirectoryKeeper::connect() {
  if (connection_ != nullptr && connection_->usable()) return true;
  connection_.reset();
  auto opened = sql::open(target_);
  if (!opened) return false;
  connection_ = std::move(*opened);
  return true;
}

bool DirectoryKeeper::look(bool forced) {
  const bool was_healthy = healthy_.load();
  const std::int64_t began_ns = clock_.monotonic_ns();
  bool answered = connect();
  bool current = false;
  if (answered) {
    const auto versions = read_versions();
    answered = versions.has_value();
    if (answered) {
      const bool expired = next_expiry_ms_ != 0 && clock_.wall_ms() >= next_expiry_ms_;
      const bool again = policies_again_ns_ != 0 && began_ns >= policies_again_ns_;
      bool new_vault = false;
      {
        const std::scoped_lock lock(lock_);
        new_vault = std::exchange(vault_changed_, false);
      }
      current = policies_again_ns_ == 0;
      if (*versions != have_ || expired || again || new_vault || (forced && !current)) {
        // Whatever was changed until the versions were read is in what is read from here on.
        current = take_over();
        answered = connection_->usable();
        if (answered) have_ = *versions;
      }
      if (answered) as_of_ns_->store(began_ns);
    } else if (connection_->usable()) {
      connection_.reset();
    }
  }
  healthy_ = answered;
  back_off_ms_ = answered ? 0 : std::clamp(back_off_ms_ * 2, kBackOffMsMin, kBackOffMsMax);
  if (was_healthy && !answered) spdlog::warn("the database does not answer; what is known stays");
  if (!was_healthy && answered) spdlog::info("the database answers again");
  return answered && current;
}

Result<DirectoryKeeper::Versions> DirectoryKeeper::read_versions() {
  const auto directory = read_version(*connection_, kDirectoryVersion);
  if (!directory) return std::unexpected(directory.error());
  const auto policy = read_version(*connection_, kPolicyVersion);
  if (!policy) return std::unexpected(policy.error());
  return Versions{*directory, *policy};
}

Result<DirectoryReading> DirectoryKeeper::read() {
  ReadOptions options{.vault = {}, .wall_ms = clock_.wall_ms()};
  {
    const std::scoped_lock lock(lock_);
    options.vault = vault_;
  }
  auto reading = read_directory(*connection_, options);
  if (reading) readings_.fetch_add(1);
  return reading;
}

bool DirectoryKeeper::withhold(DirectoryReading& reading) const {
  return std::erase_if(reading.contents.keys, [&](const auto& entry) {
           const std::string& id = entry.second.id;
           return reading.restricted.contains(id) && !ready_.contains(id);
         }) != 0;
}

bool DirectoryKeeper::hand_over(DirectoryReading reading, std::int64_t as_of_ns) {
  next_expiry_ms_ = reading.next_expiry_ms;
  reading.contents.as_of_ns = as_of_ns;
  reading.contents.fresh_as_of_ns = as_of_ns_;
  as_of_ns_->store(as_of_ns);
  auto directory = std::make_shared<const tenant::Directory>(std::move(reading.contents));
  {
    const std::scoped_lock lock(lock_);
    directory_ = directory;
  }
  return !hooks_.directory || hooks_.directory(std::move(directory));
}

bool DirectoryKeeper::take_over() {
  const std::int64_t began_ns = clock_.monotonic_ns();
  auto reading = read();
  if (!reading) {
    spdlog::error("the directory could not be read: {}", reading.error().detail);
    return false;
  }
  const auto inputs = reading->policies;
  const auto restricted = reading->restricted;
  report(reading->problems);
  const bool withheld = withhold(*reading);
  bool current = hand_over(std::move(*reading), began_ns);

  bool changed = policies_again_ns_ != 0;
  {
    const std::scoped_lock lock(lock_);
    changed = changed || policies_ == nullptr || policies_->digest != inputs->digest;
    policies_ = inputs;
  }
  if (changed) {
    const bool in_force = !hooks_.policies || hooks_.policies();
    policies_again_ns_ = in_force ? 0 : clock_.monotonic_ns() + kPoliciesAgainNs;
    current = current && in_force;
    if (in_force) ready_ = restricted;
  } else {
    ready_ = restricted;
  }
  if (!withheld || policies_again_ns_ != 0) return current;

  auto second = read();
  if (!second) return false;
  withhold(*second);
  return hand_over(std::move(*second), clock_.monotonic_ns()) && current;
}

void DirectoryKeeper::report(const std::vector<RowProblem>& problems) {
  for (const RowProblem& problem : problems) {
    if (std::ranges::find(reported_, problem) != reported_.end()) continue;
    spdlog::error("{}: {}", problem.code, problem.detail);
    if (hooks_.problem) hooks_.problem(problem);
  }
  reported_ = problems;
  const std::scoped_lock lock(lock_);
  problems_ = problems.size();
}

}  // namespace capsem::store
