#include "server/admin/logins.h"

#include <algorithm>

namespace capsem::admin {

std::int64_t FailedLogins::wait_ms(std::string_view who, std::int64_t now_ms) const {
  const auto found = windows_.find(std::string(who));
  if (found == windows_.end() || found->second.failures < limits_.failed_max) return 0;
  const std::int64_t ends_ms = found->second.began_ms + limits_.window_ms;
  return std::max<std::int64_t>(ends_ms - now_ms, 0);
}

void FailedLogins::failed(std::string_view who, std::int64_t now_ms) {
  auto found = windows_.find(std::string(who));
  if (found == windows_.end()) {
    if (windows_.size() >= kTracked) make_room(now_ms);
    found = windows_.emplace(who, Window{.began_ms = now_ms}).first;
  }
  Window& window = found->second;
  if (now_ms - window.began_ms >= limits_.window_ms) window = {.began_ms = now_ms};
  ++window.failures;
}

void FailedLogins::make_room(std::int64_t now_ms) {
  std::erase_if(windows_, [&](const auto& entry) {
    return now_ms - entry.second.began_ms >= limits_.window_ms;
  });
  if (windows_.size() < kTracked) return;
  const auto oldest = std::ranges::min_element(
      windows_, {}, [](const auto& entry) { return entry.second.began_ms; });
  windows_.erase(oldest);
}

}  // namespace capsem::admin
