#include "core/limit/headers.h"

#include <algorithm>
#include <chrono>

namespace capsem::limit {

namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kMsPerSecond = 1'000;

std::int64_t round_up(std::int64_t value, std::int64_t unit) {
  return value <= 0 ? 0 : (value - 1) / unit + 1;
}

void append_field(std::string& out, std::string_view name, std::string_view suffix,
                  std::string_view value) {
  out.append(name).append(suffix).append(": ").append(value).append("\r\n");
}

void append_padded(std::string& out, unsigned value, std::size_t digits) {
  const std::string text = std::to_string(value);
  out.append(digits - std::min(digits, text.size()), '0').append(text);
}

void append_openai(std::string& out, std::string_view what, const Gauge& gauge) {
  append_field(out, "x-ratelimit-limit-", what, std::to_string(gauge.limit));
  append_field(out, "x-ratelimit-remaining-", what, std::to_string(gauge.remaining));
  append_field(out, "x-ratelimit-reset-", what, duration_text(gauge.reset_ns));
}

void append_anthropic(std::string& out, std::string_view what, const Gauge& gauge,
                      std::int64_t wall_ms) {
  const std::string prefix = "anthropic-ratelimit-" + std::string(what);
  append_field(out, prefix, "-limit", std::to_string(gauge.limit));
  append_field(out, prefix, "-remaining", std::to_string(gauge.remaining));
  append_field(out, prefix, "-reset", rfc3339_text(wall_ms + round_up(gauge.reset_ns, kNsPerMs)));
}

bool starts_with_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() &&
         std::ranges::equal(text.substr(0, lower.size()), lower, [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

}  // namespace

void append_rate_limit_fields(std::string& out, FieldStyle style, const Standing& standing,
                              std::int64_t wall_ms) {
  const auto append = [&](std::string_view what, const std::optional<Gauge>& gauge) {
    if (!gauge) return;
    if (style == FieldStyle::OpenAi) {
      append_openai(out, what, *gauge);
    } else {
      append_anthropic(out, what, *gauge, wall_ms);
    }
  };
  append("requests", standing.requests);
  append("tokens", standing.tokens);
}

void append_retry_fields(std::string& out, std::int64_t retry_after_ns) {
  const std::int64_t ms = std::max<std::int64_t>(round_up(retry_after_ns, kNsPerMs), 1);
  append_field(out, "retry-after", "", std::to_string(round_up(ms, kMsPerSecond)));
  append_field(out, "retry-after", "-ms", std::to_string(ms));
  append_field(out, "x-should-retry", "", "false");
}

bool is_rate_limit_field(std::string_view name) {
  constexpr std::string_view kPrefixes[] = {"x-ratelimit-", "anthropic-ratelimit-",
                                            "anthropic-priority-", "ratelimit-"};
  return std::ranges::any_of(
             kPrefixes, [&](std::string_view p) { return starts_with_ignoring_case(name, p); }) ||
         (name.size() == 9 && starts_with_ignoring_case(name, "ratelimit"));
}

std::string duration_text(std::int64_t ns) {
  const std::int64_t total_ms = round_up(ns, kNsPerMs);
  if (total_ms == 0) return "0s";
  if (total_ms < kMsPerSecond) return std::to_string(total_ms) + "ms";
  std::int64_t seconds = total_ms / kMsPerSecond;
  std::string text;
  if (seconds >= 3'600) text += std::to_string(seconds / 3'600) + "h";
  if (seconds >= 60) text += std::to_string(seconds / 60 % 60) + "m";
  text += std::to_string(seconds % 60);
  if (const auto ms = static_cast<unsigned>(total_ms % kMsPerSecond); ms != 0) {
    text += '.';
    append_padded(text, ms, 3);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "s";
}

std::string rfc3339_text(std::int64_t wall_ms) {
  using std::chrono::days;
  const std::chrono::sys_seconds time{std::chrono::seconds(round_up(wall_ms, kMsPerSecond))};
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text;
  append_padded(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  text += '-';
  append_padded(text, static_cast<unsigned>(date.month()), 2);
  text += '-';
  append_padded(text, static_cast<unsigned>(date.day()), 2);
  text += 'T';
  append_padded(text, static_cast<unsigned>(clock.hours().count()), 2);
  text += ':';
  append_padded(text, static_cast<unsigned>(clock.minutes().count()), 2);
  text += ':';
  append_padded(text, static_cast<unsigned>(clock.seconds().count()), 2);
  return text + "Z";
}

}  // namespace capsem::limit
