// Tools that the provider runs itself have no function name: they are called by their kind, so that
// lists of tools can cover them (R59). Internal to codec/.
#pragma once

#include <string>
#include <string_view>

namespace capsem::codec {

// How a kind is called in a policy: a definition's type as it is written ("web_search_preview"), a
// call's without its "_call" ("web_search"), Gemini's members and enums in snake_case
// ("code_execution"). What looks like none of these is left as it stands.
std::string name_of_kind(std::string_view kind);

// A kind that says no more than that a name stands beside it: "function", "custom", ...
bool names_itself(std::string_view kind);

}  // namespace capsem::codec
