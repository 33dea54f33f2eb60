// One POST to a webhook's URL, over a connection of its own.
//
// The address is checked when the connection is made, on what the name leads to then (T22, T23);
// TLS is verified by chain and name (T25); a redirect is an answer like any other and not followed
// (T24); of the answer no more is read than tells its status. The whole takes timeout_ms at most,
// beside the time that the system's resolver takes.
//
// Blocking; thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "server/net/address.h"
#include "server/net/tls.h"
#include "server/store/webhook_rules.h"

namespace capsem::webhook {

struct PostOptions {
  std::uint32_t timeout_ms = 5'000;
  bool allow_private = false;
  std::string ca_file{};  // empty: the system's authorities
  std::size_t answer_bytes_max = 16u << 10;
  // Instead of the system's resolver; for tests: names that move.
  std::function<std::vector<net::Address>(const std::string& host, std::uint16_t port)> look_up{};
};

using Fields = std::vector<std::pair<std::string_view, std::string>>;

class Poster {
 public:
  static Result<Poster> make(PostOptions options);

  // The answer's status. Errors: "webhook_name" (it leads nowhere), "webhook_address" (only into
  // the own network), "webhook_connect", "webhook_tls", "webhook_timeout", "webhook_answer" (it is
  // no HTTP, or too long). Their details name no URL. `stop`: give up soon once it is true.
  Result<int> post(const store::WebhookUrl& url, const Fields& fields, std::string_view body,
                   const std::atomic<bool>& stop) const;

 private:
  Poster(PostOptions options, net::TlsContext tls)
      : options_(std::move(options)), tls_(std::move(tls)) {}

  PostOptions options_;
  net::TlsContext tls_;
};

}  // namespace capsem::webhook
