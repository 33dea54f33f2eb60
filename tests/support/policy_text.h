// Every field of a document as text, places aside: two documents that read the same are the same.
#pragma once

#include <string>

#include "core/policy/ir.h"

namespace capsem::test {

std::string text_of(const policy::Policy& policy);
std::string text_of(const policy::Condition& condition);
std::string text_of(const policy::Document& document);

}  // namespace capsem::test
