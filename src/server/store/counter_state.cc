#include "server/store/counter_state.h"

#include <algorithm>

namespace capsem::store {
namespace {

using limit::MemoryStore;

// version, boot, monotonic ms, wall ms, window ms, number of amounts, then of each one the age's
// difference to the one before (in ms, the oldest first) and the amount. Whole numbers in groups of
// seven bits.
constexpr std::uint64_t kVersion = 1;
constexpr std::int64_t kNsPerMs = 1'000'000;

void put(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

std::uint64_t not_negative(std::int64_t value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}

// Any read past the end, or of a number that is too long, makes it bad for good.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return good_ && bytes_.empty(); }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) break;
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    good_ = false;
    return 0;
  }
  // Of clocks and lengths: up to the year 2096, so that two of them in nanoseconds are a number.
  std::int64_t milliseconds() {
    const std::uint64_t value = number();
    if (value > 4'000'000'000'000) good_ = false;
    return good_ ? static_cast<std::int64_t>(value) : 0;
  }
  std::string_view text() {
    const std::uint64_t size = number();
    if (size > bytes_.size()) good_ = false;
    if (!good_) return {};
    const std::string_view text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return text;
  }

 private:
  std::string_view bytes_;
  bool good_ = true;
};

}  // namespace

std::string pack_window(const MemoryStore::LongWindow& window, const Moment& now) {
  std::string out;
  put(out, kVersion);
  put(out, now.boot.size());
  out += now.boot;
  // Rounded up here and down when it is read, so that less time has passed rather than more.
  put(out, not_negative((now.monotonic_ns + kNsPerMs - 1) / kNsPerMs));
  put(out, not_negative(now.wall_ms));
  put(out, not_negative(window.window_ns / kNsPerMs));
  put(out, window.amounts.size());
  std::uint64_t before = 0;
  for (const limit::Amount& amount : window.amounts) {
    // An age is cut to whole milliseconds, which makes the amount stay a little longer. Ages fall,
    // so the first one is written whole and the others as how much younger they are.
    const std::uint64_t age = not_negative((now.monotonic_ns - amount.at_ns) / kNsPerMs);
    put(out, &amount == window.amounts.data() ? age : before - std::min(age, before));
    put(out, amount.amount);
    before = &amount == window.amounts.data() ? age : std::min(age, before);
  }
  return out;
}

std::optional<MemoryStore::LongWindow> unpack_window(std::string_view bytes, const Moment& now) {
  Reader reader(bytes);
  if (reader.number() != kVersion) return std::nullopt;
  const std::string_view boot = reader.text();
  const std::int64_t then_ms = reader.milliseconds();
  const std::int64_t then_wall_ms = reader.milliseconds();
  MemoryStore::LongWindow window;
  window.window_ns = reader.milliseconds() * kNsPerMs;
  const std::uint64_t amounts = reader.number();
  if (!reader.good() || window.window_ns <= 0 || amounts > limit::kEntriesMax) return std::nullopt;

  const std::int64_t now_ms = now.monotonic_ns / kNsPerMs;
  const bool same_boot = !boot.empty() && boot == now.boot && now_ms + 1 >= then_ms;
  const std::int64_t passed_ms =
      std::max<std::int64_t>(same_boot ? now_ms - then_ms : now.wall_ms - then_wall_ms, 0);
  std::int64_t age_ms = 0;
  for (std::uint64_t i = 0; i < amounts && reader.good(); ++i) {
    const std::int64_t step_ms = reader.milliseconds();
    age_ms = i == 0 ? step_ms : age_ms - step_ms;
    const std::uint64_t amount = reader.number();
    if (age_ms < 0) return std::nullopt;
    window.amounts.push_back(
        {.at_ns = now.monotonic_ns - (passed_ms + age_ms) * kNsPerMs, .amount = amount});
  }
  if (!reader.at_end()) return std::nullopt;
  return window;
}

}  // namespace capsem::store
