// The response fields by which callers' SDKs learn how much of their limits is left, in each
// provider's own names. Pure text: no socket, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace capsem::limit {

// One limit as it stands now.
struct Gauge {
  std::uint64_t limit = 0, remaining = 0;
  std::int64_t reset_ns = 0;  // from now
};

// The tightest request limit and the tightest token limit that apply to a caller.
struct Standing {
  std::optional<Gauge> requests{}, tokens{};
};

// Gemini has no such fields of its own and gets OpenAI's.
enum class FieldStyle : std::uint8_t { OpenAi, Anthropic };

// Appends "name: value\r\n" lines: x-ratelimit-{limit,remaining,reset}-{requests,tokens} with a
// duration, or anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset} with a UTC time.
// `wall_ms` since the Unix epoch, for display alone (T41).
void append_rate_limit_fields(std::string& out, FieldStyle style, const Standing& standing,
                              std::int64_t wall_ms);

// The fields of a 429: retry-after (whole seconds, rounded up, at least 1), retry-after-ms, and
// x-should-retry: false, without which OpenAI's and Anthropic's SDKs try twice more (R62).
void append_retry_fields(std::string& out, std::int64_t retry_after_ns);

// Whether a provider uses this name for its own limits on the gateway's account: those fields are
// dropped where ours are shown. Letter case ignored. retry-after is none of them: it belongs to the
// status (R15).
bool is_rate_limit_field(std::string_view name);

// As OpenAI prints them, to the millisecond, rounded up: "250ms", "6s", "1.5s", "1m30s", "6m0s",
// "24h0m0s".
std::string duration_text(std::int64_t ns);
// "2026-11-21T03:20:44Z", rounded up to a whole second.
std::string rfc3339_text(std::int64_t wall_ms);

}  // namespace capsem::limit
