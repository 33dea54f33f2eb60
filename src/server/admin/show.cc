#include "server/admin/show.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

namespace capsem::admin {

using namespace std::chrono;

Shown& Shown::text(std::string_view key, std::string_view value) {
  line_.text(key, value);
  return *this;
}

Shown& Shown::text_or_null(std::string_view key, std::string_view value) {
  return value.empty() ? raw(key, "null") : text(key, value);
}

Shown& Shown::number(std::string_view key, std::int64_t value) {
  line_.number(key, value);
  return *this;
}

Shown& Shown::number_or_null(std::string_view key, const std::optional<std::uint64_t>& value) {
  if (!value) return raw(key, "null");
  line_.number(key, *value);
  return *this;
}

Shown& Shown::flag(std::string_view key, bool value) {
  line_.boolean(key, value);
  return *this;
}

Shown& Shown::list(std::string_view key, const std::vector<std::string>& values) {
  return raw(key, store::to_json_list(values));
}

Shown& Shown::raw(std::string_view key, std::string_view json) {
  line_.raw(key, json);
  return *this;
}

Shown& Shown::time(std::string_view key, std::int64_t wall_ms) {
  return text(key, time_text(wall_ms));
}

Shown& Shown::time_or_null(std::string_view key, std::int64_t wall_ms) {
  return wall_ms == 0 ? raw(key, "null") : time(key, wall_ms);
}

std::string Shown::take() {
  line_.close_object();
  return line_.take();
}

std::string time_text(std::int64_t wall_ms) {
  const sys_time<milliseconds> instant{milliseconds{wall_ms}};
  const auto day = floor<days>(instant);
  const year_month_day date{day};
  const hh_mm_ss time{instant - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
}

std::optional<std::int64_t> time_from(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() < kShape.size() + 1 || text.back() != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) return std::nullopt;
  }
  const auto part = [&](std::size_t at, std::size_t size) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  const year_month_day date{year{part(0, 4)}, month{static_cast<unsigned>(part(5, 2))},
                            day{static_cast<unsigned>(part(8, 2))}};
  const int hour = part(11, 2), minute = part(14, 2), second = part(17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  std::int64_t fraction_ms = 0;
  const std::string_view fraction = text.substr(kShape.size(), text.size() - kShape.size() - 1);
  if (!fraction.empty()) {
    if (fraction.front() != '.' || fraction.size() < 2 || fraction.size() > 10) return std::nullopt;
    std::int64_t unit_ms = 100;
    for (const char c : fraction.substr(1)) {
      if (c < '0' || c > '9') return std::nullopt;
      fraction_ms += (c - '0') * unit_ms;
      unit_ms /= 10;
    }
  }
  const milliseconds whole = sys_days{date}.time_since_epoch() + hours{hour} + minutes{minute} +
                             seconds{second} + milliseconds{fraction_ms};
  return whole.count();
}

store::Slice slice_of(const Page& page) {
  return {.limit = std::int64_t{page.limit} + 1,
          .before_ms = page.before_ms,
          .before_id = page.before_id};
}

}  // namespace capsem::admin
