// A string that cannot be printed: no stream operator, no formatter, no implicit conversion. The
// bytes are reached through reveal(), whose calls are few enough to be reviewed one by one, and are
// wiped when the Secret dies. Moves leave the source empty and wiped; copies are explicit.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace capsem {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes) : bytes_(bytes) {}
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      bytes_ = other.bytes_;
      other.wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  Secret clone() const { return Secret(bytes_); }
  std::string_view reveal() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  void wipe() noexcept {
    // volatile: the compiler must not drop stores to memory that is about to be freed.
    volatile char* p = bytes_.data();
    for (std::size_t i = 0; i < bytes_.size(); ++i) p[i] = 0;
    bytes_.clear();
  }

  std::string bytes_;
};

}  // namespace capsem
