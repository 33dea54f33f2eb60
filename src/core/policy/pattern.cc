#include "core/policy/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <utility>

namespace capsem::policy {

struct Pattern::Impl {
  Impl(std::string_view text_in, const re2::RE2::Options& options)
      : text(text_in), program(re2::StringPiece(text.data(), text.size()), options) {}
  std::string text;
  re2::RE2 program;
};

Result<Pattern> Pattern::compile(std::string_view text) {
  return compile(text, Limits{});
}

Result<Pattern> Pattern::compile(std::string_view text, const Limits& limits) {
  if (text.size() > limits.bytes_max) {
    return client_error("invalid_pattern",
                        fmt::format("a regular expression has at most {} bytes", limits.bytes_max));
  }
  const bool longest = limits.extent == Extent::Longest;
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(limits.memory_bytes_max));
  options.set_longest_match(longest);
  auto impl = std::make_shared<const Impl>(text, options);
  // Alone first: in what is put around it an error would be told of another text.
  if (longest && impl->program.ok()) {
    impl = std::make_shared<const Impl>(fmt::format("(?m:{})", text), options);
  }
  if (!impl->program.ok()) {
    return client_error("invalid_pattern",
                        "not a regular expression this engine runs: " + impl->program.error());
  }
  Pattern pattern;
  pattern.impl_ = std::move(impl);
  return pattern;
}

bool Pattern::found_in(std::string_view text) const {
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), impl_->program);
}

std::optional<std::size_t> Pattern::first_in(std::string_view text, std::size_t from,
                                             std::size_t to) const {
  re2::StringPiece match;
  if (!impl_->program.Match(re2::StringPiece(text.data(), text.size()), from, to,
                            re2::RE2::UNANCHORED, &match, 1)) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(match.data() - text.data());
}

std::optional<std::size_t> Pattern::end_at(std::string_view text, std::size_t from,
                                           std::size_t to) const {
  re2::StringPiece match;
  if (!impl_->program.Match(re2::StringPiece(text.data(), text.size()), from, to,
                            re2::RE2::ANCHOR_START, &match, 1)) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(match.data() - text.data()) + match.size();
}

const std::string& Pattern::text() const {
  return impl_->text;
}

}  // namespace capsem::policy
