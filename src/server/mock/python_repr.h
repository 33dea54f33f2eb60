// How Python prints a JSON value: the founding demo's output is Python's.
#pragma once

#include <simdjson.h>

#include <string>

namespace capsem::mock {

// repr() of json.loads(): single quotes, double ones where the text holds a single quote and no
// double one; None, True, False.
std::string python_repr(simdjson::dom::element value);

}  // namespace capsem::mock
