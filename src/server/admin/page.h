// Lists come in pages: newest first, `limit` of them, and a cursor for the page behind.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "server/admin/router.h"

namespace capsem::admin {

inline constexpr std::uint32_t kPageRowsDefault = 50, kPageRowsMax = 200;

// Where a page begins: behind the row with this time and id. A list whose rows are ordered by
// (time descending, id descending) is complete and without repeats whatever is added meanwhile.
struct Page {
  std::uint32_t limit = kPageRowsDefault;
  std::int64_t before_ms = INT64_MAX;
  std::string before_id = {};
};
// From the query's `limit` and `cursor`; the route must name both. Client error otherwise.
Result<Page> page_of(const Call& call);
std::string cursor_of(std::int64_t time_ms, std::string_view id);
// A whole number of the query, within bounds; `otherwise` when it is absent.
Result<std::int64_t> number_of(const Call& call, std::string_view name, std::int64_t min,
                               std::int64_t max, std::int64_t otherwise);

}  // namespace capsem::admin
