// Read buffers of one loop. A connection takes one when its socket is readable and gives it back
// before the loop waits again, so idle connections hold none.
//
// Not thread-safe: a pool belongs to one loop.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace capsem::net {

class BufferPool {
 public:
  static constexpr std::size_t kBytes = 64u << 10;
  using Block = std::unique_ptr<char[]>;

  // A buffer for the time of one scope.
  class Lease {
   public:
    explicit Lease(BufferPool& pool) : pool_(pool), block_(pool.take()) {}
    ~Lease() { pool_.free_.push_back(std::move(block_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    std::span<char> bytes() const { return {block_.get(), kBytes}; }

   private:
    BufferPool& pool_;
    Block block_;
  };

 private:
  Block take() {
    if (free_.empty()) return std::make_unique_for_overwrite<char[]>(kBytes);
    Block block = std::move(free_.back());
    free_.pop_back();
    return block;
  }

  std::vector<Block> free_;
};

}  // namespace capsem::net
