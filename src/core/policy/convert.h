// Documents of any dialect as text of the native format, which loads to the same documents: same
// policies in the same order, deciding the same; only places and the dialect's name differ.
#pragma once

#include <span>
#include <string>

#include "core/base/error.h"
#include "core/policy/ir.h"

namespace capsem::policy {

// Every key that differs from its default is written, in the order of docs/policies.md.
std::string to_toml(const Document& document);

// Several documents as one, in their order. An error when they do not have one priority: a file has
// one.
Result<Document> joined(std::span<const Document> documents);

}  // namespace capsem::policy
