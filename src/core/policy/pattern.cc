#include "core/policy/pattern.h"

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
  if (text.size() > kBytesMax) {
    return client_error("invalid_pattern", "a regular expression has at most 4096 bytes");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(static_cast<std::int64_t>(kMemoryBytesMax));
  auto impl = std::make_shared<const Impl>(text, options);
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

const std::string& Pattern::text() const {
  return impl_->text;
}

}  // namespace capsem::policy
