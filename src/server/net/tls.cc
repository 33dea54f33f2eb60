#include "server/net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

namespace capsem::net {
namespace {

std::string openssl_reason() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

void common_options(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // Idle connections keep no record buffers; a write may go on from a moved buffer.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> raw{};
  return inet_pton(AF_INET, host.c_str(), raw.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), raw.data()) == 1;
}

}  // namespace

void SslCtxFree::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

Result<TlsContext> TlsContext::server(const std::string& cert_file, const std::string& key_file) {
  TlsContext made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = made.context_.get();
  common_options(context);
  if (SSL_CTX_use_certificate_chain_file(context, cert_file.c_str()) != 1) {
    return gateway_error("tls_cert",
                         "cannot use certificate " + cert_file + ": " + openssl_reason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return gateway_error("tls_key", "cannot use private key " + key_file + ": " + openssl_reason());
  }
  return made;
}

Result<TlsContext> TlsContext::client(const std::string& ca_file) {
  TlsContext made(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made.context_.get();
  common_options(context);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty()
                         ? SSL_CTX_set_default_verify_paths(context)
                         : SSL_CTX_load_verify_locations(context, ca_file.c_str(), nullptr);
  if (loaded != 1) {
    return gateway_error("ca_file", "cannot use authorities " + ca_file + ": " + openssl_reason());
  }
  return made;
}

UniqueSsl TlsContext::accept_side() const {
  UniqueSsl ssl(SSL_new(context_.get()));
  SSL_set_accept_state(ssl.get());
  return ssl;
}

UniqueSsl TlsContext::connect_side(const std::string& host) const {
  UniqueSsl ssl(SSL_new(context_.get()));
  SSL_set_connect_state(ssl.get());
  if (is_address(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  } else {
    // SSL_set_tlsext_host_name() without the old-style cast that its macro makes.
    SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(host.c_str()));
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_set1_host(ssl.get(), host.c_str());
  }
  return ssl;
}

}  // namespace capsem::net
