// Stream bytes that may not leave yet, in the order they came. An event leaves when every text in
// it has been decided; events behind it wait, so order never changes. A value; belongs to one
// stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace capsem::engine {

class HoldQueue {
 public:
  // This event holds text of `lane` that ends at offset `until` of the lane; or, with kCall as
  // offset, it belongs to the tool call behind the gate `lane`.
  struct Need {
    std::uint32_t lane;
    std::uint64_t until;
  };
  static constexpr std::uint64_t kCall = ~std::uint64_t{0};

  // Gives `leave(event)` the events at the front whose needs `cleared(need)` all grants. Returns
  // how many left.
  template <class Cleared, class Leave>
  std::size_t release(const Cleared& cleared, const Leave& leave) {
    std::size_t events = 0;
    while (!entries_.empty()) {
      Entry& entry = entries_.front();
      // A need that was granted once stays granted: look only at those that are left.
      while (entry.needs > 0 && cleared(needs_[first_need_])) {
        ++first_need_;
        --entry.needs;
      }
      if (entry.needs > 0) break;
      leave(std::string_view(bytes_).substr(first_byte_, entry.bytes));
      first_byte_ += entry.bytes;
      entries_.pop_front();
      ++events;
    }
    compact();
    return events;
  }

  void push(std::string_view event, const std::vector<Need>& needs) {
    bytes_ += event;
    needs_.insert(needs_.end(), needs.begin(), needs.end());
    entries_.push_back({event.size(), needs.size()});
  }

  bool empty() const { return entries_.empty(); }
  std::size_t bytes() const { return bytes_.size() - first_byte_; }

  void drop() { *this = HoldQueue(); }

 private:
  struct Entry {
    std::size_t bytes;
    std::size_t needs;
  };

  void compact() {
    if (entries_.empty()) {
      bytes_.clear();
      needs_.clear();
      first_byte_ = first_need_ = 0;
    } else if (first_byte_ > bytes_.size() / 2) {
      bytes_.erase(0, first_byte_);
      needs_.erase(needs_.begin(), needs_.begin() + static_cast<std::ptrdiff_t>(first_need_));
      first_byte_ = first_need_ = 0;
    }
  }

  std::string bytes_;
  std::vector<Need> needs_;
  std::deque<Entry> entries_;
  std::size_t first_byte_ = 0, first_need_ = 0;
};

}  // namespace capsem::engine
