// The coverage contract for people and programs: every row of every dialect's table, as
// `capsem coverage` prints it.
#pragma once

#include <string>

namespace capsem::codec {

// An array of objects, one per line:
// {"dialect","where","path","point","part","treatment","repeat"}.
std::string coverage_json();

// The same as a table, one row per line, columns aligned.
std::string coverage_text();

}  // namespace capsem::codec
