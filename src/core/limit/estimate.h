// Tokens before anybody counted them. Used to reserve (settled from the provider's `usage` later),
// for answers whose provider reports no usage, and to watch a stream while it runs.
#pragma once

#include <cstdint>
#include <optional>

namespace capsem::limit {

// Four bytes to a token, rounded up: what tokenizers give for English prose and code. Scripts of
// several bytes per letter come out too high, long digit strings too low; both are put right when
// the call is settled.
inline constexpr std::uint64_t kBytesPerToken = 4;
constexpr std::uint64_t tokens_from_bytes(std::uint64_t bytes) {
  return bytes / kBytesPerToken + (bytes % kBytesPerToken != 0 ? 1 : 0);
}

// What an answer may come to: the client's own bound on one choice (max_tokens,
// max_completion_tokens, max_output_tokens, maxOutputTokens), else `default_tokens`; times the
// number of choices asked for.
std::uint64_t estimate_output(std::optional<std::uint64_t> max_tokens, std::uint64_t choices,
                              std::uint64_t default_tokens);

}  // namespace capsem::limit
