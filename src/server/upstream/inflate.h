// Answers that come compressed although identity was asked for: gzip, deflate, br, zstd, decoded
// piece by piece under two caps (T08). What cannot be decoded must not pass uninspected.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace capsem::upstream {

struct InflateLimits {
  std::uint64_t bytes_max = 64u << 20;
  std::uint32_t ratio_max = 100;
};

class Inflater {
 public:
  virtual ~Inflater() = default;

  // Nothing for an encoding that is not known (a list of two encodings, say).
  static std::unique_ptr<Inflater> make(std::string_view encoding, const InflateLimits& limits);

  // Appends what `input` decodes to. False: damaged, or over a cap; final.
  bool feed(std::string_view input, std::string& out);
  // The compressed text is complete.
  bool complete() const { return complete_; }

 protected:
  explicit Inflater(const InflateLimits& limits) : limits_(limits) {}
  // `input` is not empty. False: damaged. Calls over_cap() after each block of output.
  virtual bool decode(std::string_view input, std::string& out) = 0;
  bool over_cap(std::uint64_t produced);
  bool complete_ = false;

 private:
  InflateLimits limits_;
  std::uint64_t in_ = 0, out_ = 0;
};

}  // namespace capsem::upstream
