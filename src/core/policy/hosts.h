// Host names in policies, and the hosts of the URLs in a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capsem::policy {

// R67: "*" is every host, "*.example.com" example.com and whatever is below it, anything else
// itself. Letter case and a dot at the end aside.
bool host_matches(std::string_view pattern, std::string_view host);

// The hosts of all absolute URLs in the text (scheme://host...), lower case, percent-escapes
// undone, without user names, ports and brackets. Backslashes count as slashes, as browsers read
// them. A URL whose host is empty or makes no sense gives an empty string, which no list allows.
std::vector<std::string> hosts_in(std::string_view text);

}  // namespace capsem::policy
