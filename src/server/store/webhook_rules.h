// Where webhooks may lead (T22): to the URLs of the configuration, and, for a caller's own
// callbackUrl, to hosts that the configuration names. https, unless the configuration itself
// spells http.
//
// Immutable; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace capsem::store {

struct WebhookUrl {
  bool tls = true;
  std::string host;  // lower case; an IPv6 address without brackets
  std::uint16_t port = 443;
  std::string target;  // path and query, "/" at least
  // For the Host field: brackets around IPv6 addresses, the port unless it is the scheme's own.
  std::string authority() const;
};
inline constexpr std::size_t kWebhookUrlBytesMax = 1'024;  // R53
// http or https, no user, no fragment, printable ASCII only. Client error "invalid_url".
Result<WebhookUrl> parse_webhook_url(std::string_view text);

class WebhookRules {
 public:
  WebhookRules() = default;  // nobody is told anything
  // `hosts`: "name", "name:port", or "http://name:port" for one that is spoken to without TLS; no
  // port is the scheme's own. An error names the entry.
  static Result<WebhookRules> make(std::vector<std::string> urls,
                                   const std::vector<std::string>& hosts);

  const std::vector<std::string>& urls() const { return urls_; }
  bool callback_allowed(std::string_view url) const;
  // Somebody may have to be told something.
  bool any() const { return !places_.empty(); }

 private:
  struct Place {
    bool tls = true;
    std::string host;
    std::uint16_t port = 443;
  };
  std::vector<std::string> urls_;
  std::vector<Place> places_;
};

}  // namespace capsem::store
