#include "tests/unit/webhook/receiver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "server/net/stream.h"

namespace capsem::webhook {
namespace {

constexpr std::string_view kFine = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

void add_extension(X509* cert, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, cert, cert, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

bool wait_for(int fd, short events, const std::atomic<bool>& stopping) {
  while (!stopping) {
    pollfd waiting{fd, events, 0};
    if (::poll(&waiting, 1, 20) > 0) return true;
  }
  return false;
}

}  // namespace

Certificate::Certificate() {
  std::string made = (std::filesystem::temp_directory_path() / "capsem-hook-XXXXXX").string();
  EXPECT_NE(::mkdtemp(made.data()), nullptr);
  folder_ = made;
  cert_ = folder_ + "/cert.pem";
  key_ = folder_ + "/key.pem";
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  X509* cert = X509_new();
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3'600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3'600);
  X509_NAME* name = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(cert, name);
  X509_set_pubkey(cert, key);
  add_extension(cert, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(cert, key, EVP_sha256());
  std::FILE* file = std::fopen(cert_.c_str(), "w");
  PEM_write_X509(file, cert);
  std::fclose(file);
  file = std::fopen(key_.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(cert);
  EVP_PKEY_free(key);
}

Certificate::~Certificate() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Receiver::Receiver(const Certificate* certificate) {
  if (certificate != nullptr) {
    auto made = net::TlsContext::server(certificate->cert_file(), certificate->key_file());
    EXPECT_TRUE(made);
    if (made) tls_ = std::make_unique<net::TlsContext>(std::move(*made));
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_, 16), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

Receiver::~Receiver() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void Receiver::answer(std::vector<std::string> answers) {
  const std::lock_guard lock(mutex_);
  for (std::string& one : answers) answers_.push_back(std::move(one));
}

std::string Receiver::url(const std::string& host) const {
  return (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port_) + "/hook?x=1";
}

std::vector<Receiver::Request> Receiver::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::string Receiver::next_answer() {
  const std::lock_guard lock(mutex_);
  if (answers_.empty()) return std::string(kFine);
  std::string next = std::move(answers_.front());
  answers_.pop_front();
  return next;
}

void Receiver::serve() {
  while (wait_for(listener_, POLLIN, stopping_)) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    converse(fd);
  }
}

void Receiver::converse(int fd) {
  net::Stream stream(fd, tls_ ? tls_->accept_side() : net::UniqueSsl());
  for (;;) {
    const net::IoState state = stream.handshake();
    if (state == net::IoState::Ok) break;
    if (state != net::IoState::Blocked || !wait_for(fd, POLLIN, stopping_)) return;
  }
  std::string bytes;
  std::size_t head_end = std::string::npos, body_bytes = 0;
  Request request;
  while (head_end == std::string::npos || bytes.size() < head_end + 4 + body_bytes) {
    char buffer[4'096];
    const net::IoResult moved = stream.read(buffer);
    bytes.append(buffer, moved.bytes);
    if (moved.state == net::IoState::Blocked && !wait_for(fd, POLLIN, stopping_)) return;
    if (moved.state == net::IoState::Closed || moved.state == net::IoState::Failed) return;
    head_end = bytes.find("\r\n\r\n");
    if (head_end == std::string::npos || !request.line.empty()) continue;
    std::size_t at = bytes.find("\r\n");
    request.line = bytes.substr(0, at);
    while (at < head_end) {
      const std::size_t begin = at + 2;
      at = bytes.find("\r\n", begin);
      const std::size_t colon = bytes.find(": ", begin);
      request.fields[bytes.substr(begin, colon - begin)] = bytes.substr(colon + 2, at - colon - 2);
    }
    body_bytes = std::stoul(request.fields["content-length"]);
  }
  request.body = bytes.substr(head_end + 4);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
  }
  std::string answer = next_answer();
  if (answer == "silence") {
    wait_for(fd, POLLIN, stopping_);  // until the sender gives up
    return;
  }
  std::string_view left = answer;
  while (!left.empty()) {
    const iovec piece{const_cast<char*>(left.data()), std::min<std::size_t>(left.size(), 1'000)};
    const net::IoResult moved = stream.write({&piece, 1});
    left.remove_prefix(moved.bytes);
    if (moved.state == net::IoState::Blocked && !wait_for(fd, POLLOUT, stopping_)) return;
    if (moved.state == net::IoState::Closed || moved.state == net::IoState::Failed) return;
  }
  stream.shut_down();
}

}  // namespace capsem::webhook
