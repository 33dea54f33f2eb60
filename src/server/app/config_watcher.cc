#include "server/app/config_watcher.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <utility>

#include "server/app/disk.h"

namespace capsem::app {
namespace {

namespace fs = std::filesystem;

// A file is told once it is closed, not at each write: half a file may well be a valid one.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// A new file is told when its writer closes it; a link has nobody who would.
bool complete_when_created(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return false;
  return S_ISLNK(status.st_mode) || S_ISDIR(status.st_mode) || status.st_nlink > 1;
}

std::string folder_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? "." : parent.string();
}

// Without a trailing slash, so that the last component is the directory's name.
fs::path bare(const std::string& path) {
  fs::path p = fs::path(path).lexically_normal();
  return p.has_filename() ? p : p.parent_path();
}

std::unexpected<Error> no_watch(std::string_view what) {
  return gateway_error("no_watch", fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

Result<std::unique_ptr<ConfigWatcher>> ConfigWatcher::start(Options options,
                                                            std::function<void()> changed) {
  const int inotify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify < 0) return no_watch("inotify");
  const int stop = ::eventfd(0, EFD_CLOEXEC);
  if (stop < 0) {
    ::close(inotify);
    return no_watch("eventfd");
  }
  std::unique_ptr<ConfigWatcher> watcher(
      new ConfigWatcher(std::move(options), std::move(changed), inotify, stop));
  if (auto armed = watcher->arm(); !armed) return std::unexpected(armed.error());
  watcher->thread_ = std::thread([w = watcher.get()] { w->run(); });
  return watcher;
}

ConfigWatcher::ConfigWatcher(Options options, std::function<void()> changed, int inotify, int stop)
    : options_(std::move(options)), changed_(std::move(changed)), inotify_(inotify), stop_(stop) {}

ConfigWatcher::~ConfigWatcher() {
  if (thread_.joinable()) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_, &one, sizeof one);
    thread_.join();
  }
  ::close(inotify_);
  ::close(stop_);
}

// A watch follows an inode, not a path: after each change all paths are looked up anew.
Status ConfigWatcher::arm() {
  const auto before = std::exchange(watches_, {});
  const fs::path directory = bare(options_.directory);
  if (auto ok = watch(directory.string(), {}); !ok) return ok;
  if (auto ok = watch(folder_of(directory), directory.filename().string()); !ok) return ok;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (is_config_name(entry->path().string())) watch_link_target(entry->path().string());
  }
  watch_link_target(directory.string());
  for (const std::string& file : options_.files) {
    const fs::path path = bare(file);
    if (auto ok = watch(folder_of(path), path.filename().string()); !ok) return ok;
    watch_link_target(path.string());
  }
  for (const auto& [id, interest] : before) {
    if (watches_.contains(id)) continue;
    ::inotify_rm_watch(inotify_, id);  // fails when the inode is gone, and the watch with it
    folders_.erase(id);
  }
  return {};
}

// `name` empty: every file there that could be a policy.
Status ConfigWatcher::watch(const std::string& directory, const std::string& name) {
  const int id = ::inotify_add_watch(inotify_, directory.c_str(), kEvents);
  if (id < 0) {
    // It may come: then its parent tells.
    if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return {};
    return no_watch(directory);
  }
  folders_[id] = directory;
  if (name.empty()) {
    watches_[id].any_config_file = true;
  } else {
    watches_[id].names.insert(name);
  }
  return {};
}

// A linked file may be edited where it really is.
void ConfigWatcher::watch_link_target(const std::string& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return;
  const fs::path target = fs::canonical(path, error);
  if (error) return;
  // Without it the link itself is still watched.
  [[maybe_unused]] const Status ok = watch(folder_of(target), target.filename().string());
}

bool ConfigWatcher::counts(int id, std::uint32_t mask, std::string_view name) const {
  if ((mask & IN_Q_OVERFLOW) != 0) return true;
  const auto at = watches_.find(id);
  if (at == watches_.end() || (mask & IN_IGNORED) != 0) return false;
  if (name.empty()) return at->second.any_config_file;  // the directory itself
  // A ConfigMap's mount links its files through "..data", which is what gets swapped.
  const bool wanted = name.starts_with("..") || at->second.names.contains(std::string(name)) ||
                      (at->second.any_config_file && is_config_name(name));
  if (!wanted || (mask & IN_CREATE) == 0) return wanted;
  const auto folder = folders_.find(id);
  return folder != folders_.end() &&
         complete_when_created(fmt::format("{}/{}", folder->second, name));
}

bool ConfigWatcher::take_events() {
  alignas(inotify_event) char buffer[16 << 10];
  bool any = false;
  for (;;) {
    const auto size = ::read(inotify_, buffer, sizeof buffer);
    if (size <= 0) return any;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, buffer + at, sizeof event);
      const char* name = buffer + at + sizeof event;
      any |= counts(event.wd, event.mask, std::string_view(name, ::strnlen(name, event.len)));
      at += sizeof event + event.len;
    }
  }
}

void ConfigWatcher::run() {
  bool pending = false;
  std::int64_t first_ms = 0, last_ms = 0;
  for (;;) {
    int wait_ms = -1;
    if (pending) {
      const std::int64_t due =
          std::min(last_ms + options_.quiet_ms, first_ms + options_.patience_ms);
      wait_ms = static_cast<int>(std::max<std::int64_t>(0, due - now_ms()));
    }
    pollfd fds[2] = {{inotify_, POLLIN, 0}, {stop_, POLLIN, 0}};
    const int ready = ::poll(fds, 2, wait_ms);
    if (ready < 0 && errno != EINTR) return;
    if (ready > 0 && fds[1].revents != 0) return;
    if (ready > 0 && take_events()) {
      last_ms = now_ms();
      if (!pending) first_ms = last_ms;
      pending = true;
    }
    if (!pending ||
        now_ms() < std::min(last_ms + options_.quiet_ms, first_ms + options_.patience_ms)) {
      continue;
    }
    pending = false;
    // Before anybody reads: what changes from here on is told again.
    [[maybe_unused]] const Status armed = arm();
    changed_();
  }
}

}  // namespace capsem::app
