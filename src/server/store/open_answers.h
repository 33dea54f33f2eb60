// Which callers have an answer under review: asked for every request that is about to go to its
// provider, and almost always nobody has.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

namespace capsem::store {

class OpenAnswers {
 public:
  bool has(std::string_view tenant, std::string_view caller) const {
    if (!any_.load(std::memory_order_acquire)) return false;
    const std::lock_guard lock(mutex_);
    return callers_.contains(name(tenant, caller));
  }
  void add(std::string_view tenant, std::string_view caller) {
    const std::lock_guard lock(mutex_);
    callers_.insert(name(tenant, caller));
    any_.store(true, std::memory_order_release);
  }
  void replace(std::unordered_set<std::string> callers) {
    const std::lock_guard lock(mutex_);
    callers_ = std::move(callers);
    any_.store(!callers_.empty(), std::memory_order_release);
  }
  static std::string name(std::string_view tenant, std::string_view caller) {
    return std::string(tenant).append(1, '\0').append(caller);
  }

 private:
  std::atomic<bool> any_ = false;
  mutable std::mutex mutex_;
  std::unordered_set<std::string> callers_;
};

}  // namespace capsem::store
