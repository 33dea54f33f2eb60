// Bindings: which policies act where. A policy's id, or a glob of ids, and a target: an
// integration's id, "root" for the root routes, "*" for everywhere.
//
// Blocking; on the thread of the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/rows.h"

namespace capsem::store {

inline constexpr std::size_t kBindingsMax = 10'000;
inline constexpr std::string_view kRootTarget = "root", kEveryTarget = "*";

struct BindingRow {
  std::string tenant{}, policy{}, target{};
  std::int64_t created_ms = 0;
};

// Made anew or there already: both are fine. False: there already.
Result<bool> create_binding(sql::Connection& connection, const BindingRow& row,
                            std::int64_t now_ms);
// `tenant`, `policy`, `target` empty: any. A slice's id is "policy target".
Result<std::vector<BindingRow>> list_bindings(sql::Connection& connection, std::string_view tenant,
                                              std::string_view policy, std::string_view target,
                                              const Slice& slice);
std::string slice_id(const BindingRow& row);
// `tenant` empty: of any. False: there was none. `allows` is asked when it is gone and before that
// lasts; its error leaves everything as it was.
Result<bool> delete_binding(sql::Connection& connection, std::string_view tenant,
                            std::string_view policy, std::string_view target,
                            const std::function<Status()>& allows = {});
// Does anything bind to this integration?
Result<std::int64_t> count_bindings(sql::Connection& connection, std::string_view target);

}  // namespace capsem::store
