// Host names in policies, and the hosts of the URLs in a text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace capsem::policy {

// R67: "*" is every host, "*.example.com" example.com and whatever is below it, anything else
// itself. Letter case and a dot at the end aside.
bool host_matches(std::string_view pattern, std::string_view host);

struct UrlHost {
  std::string host;  // empty: none, or it makes no sense; no allow list has it
  bool tls = true;   // false: the scheme is one without encryption (http, ws, ftp, ...)
};

// The hosts of all absolute URLs in the text: lower case, percent-escapes and full-width letters
// undone, without user names, ports and brackets; numeric addresses in their usual form. What
// lenient clients accept counts, too: backslashes for slashes, fewer or more than two of them after
// http and its kin. A URL that clients read in different ways gives a host for each of them.
std::vector<UrlHost> hosts_in(std::string_view text);

}  // namespace capsem::policy
