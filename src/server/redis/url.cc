#include "server/redis/url.h"

#include <charconv>

namespace capsem::redis {
namespace {

constexpr std::uint32_t kDatabasesMax = 65'536;

std::unexpected<Error> bad(std::string_view what) {
  return client_error("invalid_redis_url", "redis_url: " + std::string(what) +
                                               "; it is redis://[user:password@]host[:port][/db]");
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decode(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return false;
    const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return true;
}

template <class T>
bool number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool read_login(std::string_view login, Target& target) {
  const std::size_t colon = login.find(':');
  std::string password;
  if (colon == std::string_view::npos) return decode(login, target.user);
  const bool good =
      decode(login.substr(0, colon), target.user) && decode(login.substr(colon + 1), password);
  target.password = Secret(password);
  return good;
}

}  // namespace

Result<Target> parse_url(std::string_view url) {
  constexpr std::string_view kScheme = "redis://";
  if (!url.starts_with(kScheme)) return bad("it does not begin with redis://");
  url.remove_prefix(kScheme.size());
  Target target;
  if (const std::size_t at = url.rfind('@'); at != std::string_view::npos) {
    if (!read_login(url.substr(0, at), target)) return bad("a % stands for no character");
    if (target.password.empty()) return bad("a user has no password");
    url.remove_prefix(at + 1);
  }
  if (const std::size_t slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    if (!database.empty() &&
        (!number(database, target.database) || target.database >= kDatabasesMax)) {
      return bad("what follows the slash is no database's number");
    }
    url = url.substr(0, slash);
  }
  std::string_view host = url, port;
  if (url.starts_with('[')) {
    const std::size_t end = url.find(']');
    if (end == std::string_view::npos) return bad("a bracket is not closed");
    host = url.substr(1, end - 1);
    port = url.substr(end + 1);
  } else if (const std::size_t colon = url.find(':'); colon != std::string_view::npos) {
    host = url.substr(0, colon);
    port = url.substr(colon);
  }
  if (host.empty() || host.find_first_of(" ?#\t\r\n") != std::string_view::npos) {
    return bad("it names no host");
  }
  target.host = host;
  if (!port.empty()) {
    if (port[0] != ':' || !number(port.substr(1), target.port) || target.port == 0) {
      return bad("the port is no port");
    }
  }
  return target;
}

}  // namespace capsem::redis
