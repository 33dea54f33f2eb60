// TLS contexts: one for the listener, one for the providers. TLS 1.2 is the oldest version on both
// sides; nothing in a request can weaken verification.
//
// A context is immutable after creation and may be used by all loops.
#pragma once

#include <memory>
#include <string>

#include "core/base/error.h"
#include "server/net/stream.h"

namespace capsem::net {

struct SslCtxFree {
  void operator()(SSL_CTX* context) const;
};

class TlsContext {
 public:
  static Result<TlsContext> server(const std::string& cert_file, const std::string& key_file);
  // `ca_file` empty: the system's authorities.
  static Result<TlsContext> client(const std::string& ca_file);

  UniqueSsl accept_side() const;
  // Checks the chain and that it was issued for `host` (name or address), and sends it as SNI.
  UniqueSsl connect_side(const std::string& host) const;

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context) {}
  std::unique_ptr<SSL_CTX, SslCtxFree> context_;
};

}  // namespace capsem::net
