// How objects are written in answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/json_line.h"
#include "server/admin/page.h"
#include "server/admin/reply.h"
#include "server/store/rows.h"

namespace capsem::admin {

// Texts in answers are bounded where they are taken in.
inline constexpr std::size_t kShownTextBytesMax = 4u << 20;

// Bounds that several groups share, in bytes.
inline constexpr std::size_t kNameBytesMax = 100;
inline constexpr std::size_t kNoteBytesMax = 1'000;
inline constexpr std::size_t kIdBytesMax = 100;
inline constexpr std::size_t kGlobTextBytesMax = 200;
inline constexpr std::int64_t kQuotaMax = 1'000'000'000'000;

// A JSON object, member by member.
class Shown {
 public:
  Shown() : line_(kShownTextBytesMax) { line_.open_object(); }

  Shown& text(std::string_view key, std::string_view value);
  Shown& text_or_null(std::string_view key, std::string_view value);  // empty: null
  Shown& number(std::string_view key, std::int64_t value);
  Shown& number_or_null(std::string_view key, const std::optional<std::uint64_t>& value);
  Shown& flag(std::string_view key, bool value);
  Shown& list(std::string_view key, const std::vector<std::string>& values);
  Shown& raw(std::string_view key, std::string_view json);
  // "2026-11-21T03:04:05.678Z"
  Shown& time(std::string_view key, std::int64_t wall_ms);
  Shown& time_or_null(std::string_view key, std::int64_t wall_ms);  // 0: null
  std::string take();

 private:
  audit::JsonLine line_;
};

std::string time_text(std::int64_t wall_ms);
// "2026-11-21T03:04:05Z", with or without a fraction. Nothing when it is no such time.
std::optional<std::int64_t> time_from(std::string_view text);

store::Slice slice_of(const Page& page);

// `rows` were asked for with one more than the page holds. `show` writes one, `cursor` says where
// the page behind it begins.
template <class Row, class Show, class Cursor>
AdminReply page_reply(const std::vector<Row>& rows, const Page& page, Show show, Cursor cursor) {
  std::vector<std::string> items;
  std::string next;
  for (const Row& row : rows) {
    if (items.size() == page.limit) {
      next = cursor(rows[items.size() - 1]);
      break;
    }
    items.push_back(show(row));
  }
  return list_reply(items, next);
}

}  // namespace capsem::admin
