// What both databases take as text: UTF-8 without NUL. SQLite would take anything and PostgreSQL
// refuse the whole statement, so that one caller's odd name could stop the records of others.
#pragma once

#include <string>
#include <string_view>

namespace capsem::sql {

bool is_storable(std::string_view text);
// Each byte that cannot be stored is replaced by U+FFFD; the rest stays as it is.
std::string storable(std::string_view text);

}  // namespace capsem::sql
