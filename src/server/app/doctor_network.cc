#include <arpa/inet.h>
#include <errno.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <set>

#include "server/app/doctor.h"
#include "server/client/http_client.h"
#include "server/proxy/settings.h"

namespace capsem::app {
namespace {

constexpr std::int64_t kClockSkewS = 5;

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Could the gateway bind there? 0, or the errno.
int try_to_bind(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) {
    return EADDRNOTAVAIL;
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int error = ::bind(fd, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
  ::close(fd);
  return error;
}

// Where a listener that is bound there can be reached from here.
std::string reachable(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  if (host == "::") return "::1";
  return host;
}

Check port_check(std::string_view what, const std::string& host, std::uint16_t port, bool tls,
                 const DoctorOptions& options) {
  const std::string where = fmt::format("{}:{}", host, port);
  const int error = try_to_bind(host, port);
  if (error == 0) return {Grade::Ok, std::string(what), where + ": free"};
  if (error == EADDRINUSE) {
    // A certificate's name need not be this address: the listener's presence is what counts.
    const auto answer = client::call({.tls = false, .host = reachable(host), .port = port},
                                     {.target = "/health"}, {.time = options.time});
    if (tls && (answer || answer.error().code == "bad_answer")) {
      return {Grade::Ok, std::string(what), where + ": in use, by a running gateway perhaps"};
    }
    if (answer && answer->status == 200 && answer->body.find("\"status\"") != std::string::npos) {
      return {Grade::Ok, std::string(what), where + ": served by a running gateway"};
    }
    return {Grade::Fail, std::string(what), where + ": another program listens there",
            "end it, or choose another port"};
  }
  return {Grade::Fail, std::string(what), where + ": " + ::strerror(error),
          error == EACCES ? "ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one"
                          : "choose an address of this machine"};
}

}  // namespace

std::optional<std::int64_t> seconds_of_http_date(std::string_view text) {
  tm time{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &time);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return ::timegm(&time);
}

Check clock_check(std::string_view whose, std::int64_t theirs_s, std::int64_t ours_s) {
  const std::int64_t ahead = ours_s - theirs_s;
  const std::int64_t apart = ahead < 0 ? -ahead : ahead;
  if (apart <= kClockSkewS) {
    return {Grade::Ok, "clock", fmt::format("within {} s of {}", kClockSkewS, whose)};
  }
  return {Grade::Warn, "clock",
          fmt::format("{} s {} that of {}", apart, ahead > 0 ? "ahead of" : "behind", whose),
          "synchronise it (chrony, systemd-timesyncd): expiries and records tell the wrong time"};
}

void check_ports(const proxy::Settings& settings, const DoctorOptions& options, Checks& checks) {
  if (settings.port != 0) {
    checks.push_back(port_check("gateway port", settings.host, settings.port,
                                !settings.tls_cert.empty(), options));
  }
  if (settings.admin_port != 0) {
    checks.push_back(
        port_check("admin port", settings.admin_host, settings.admin_port, false, options));
  }
}

void check_providers(const proxy::Settings& settings, const DoctorOptions& options,
                     Checks& checks) {
  if (!options.providers) return;
  std::set<std::string> clocks;
  for (std::size_t i = 0; i < proxy::kProviderCount; ++i) {
    const auto& url = settings.base_urls[i];
    const auto& connect = settings.connect_to[i];
    const auto provider = static_cast<proxy::Provider>(i);
    const std::string what = "provider " + std::string(to_string(provider));
    const client::Peer peer{.tls = url.tls,
                            .host = url.host,
                            .port = url.port,
                            .connect_host = connect.host,
                            .connect_port = connect.port,
                            .ca_file = settings.ca_file};
    const auto answer =
        client::call(peer, {.method = "HEAD", .target = url.prefix + "/"}, {.time = options.time});
    if (!answer) {
      const bool certificate = answer.error().code == "tls_failed";
      checks.push_back({Grade::Fail, what, answer.error().detail,
                        certificate ? "check [upstream] ca_file, or who answers in its place"
                                    : "check name resolution, routes and firewall"});
      continue;
    }
    checks.push_back({Grade::Ok, what,
                      fmt::format("{}:{}: reached{}", url.host, url.port,
                                  url.tls ? ", certificate good" : " without TLS")});
    const auto date = seconds_of_http_date(answer->header("Date"));
    if (date && clocks.insert(url.host).second) {
      checks.push_back(clock_check(url.host, *date, now_s()));
    }
  }
}

}  // namespace capsem::app
