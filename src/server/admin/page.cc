#include "server/admin/page.h"

#include <charconv>

namespace capsem::admin {
namespace {

constexpr std::size_t kCursorBytesMax = 128;

bool read_number(std::string_view text, std::int64_t& out) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  return fault == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<std::int64_t> number_of(const Call& call, std::string_view name, std::int64_t min,
                               std::int64_t max, std::int64_t otherwise) {
  const auto text = call.query(name);
  if (!text) return otherwise;
  std::int64_t value = 0;
  if (!read_number(*text, value) || value < min || value > max) {
    return client_error("invalid_request", "`" + std::string(name) +
                                               "` must be a whole number from " +
                                               std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

Result<Page> page_of(const Call& call) {
  Page page;
  const auto limit = number_of(call, "limit", 1, kPageRowsMax, kPageRowsDefault);
  if (!limit) return std::unexpected(limit.error());
  page.limit = static_cast<std::uint32_t>(*limit);
  if (const auto cursor = call.query("cursor")) {
    const auto dot = cursor->find('.');
    if (cursor->size() > kCursorBytesMax || dot == std::string_view::npos ||
        !read_number(cursor->substr(0, dot), page.before_ms)) {
      return client_error("invalid_request", "`cursor` is not one that this list gave out");
    }
    page.before_id = cursor->substr(dot + 1);
  }
  return page;
}

std::string cursor_of(std::int64_t time_ms, std::string_view id) {
  return std::to_string(time_ms).append(".").append(id);
}

}  // namespace capsem::admin
