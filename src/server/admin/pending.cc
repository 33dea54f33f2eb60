#include "server/admin/pending.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "server/http/path.h"

namespace capsem::admin {
namespace {

constexpr std::size_t kParameterBytesMax = 1'024;

// Names are the program's own and plain, so that they need no decoding to be found.
std::vector<std::string_view> names_of(std::string_view query) {
  std::vector<std::string_view> names;
  while (!query.empty()) {
    const auto amp = query.find('&');
    const std::string_view part = query.substr(0, amp);
    if (!part.empty()) names.push_back(part.substr(0, part.find('=')));
    query = amp == std::string_view::npos ? std::string_view{} : query.substr(amp + 1);
  }
  return names;
}

}  // namespace

Result<Parameters> read_parameters(std::string_view query, const Route& route) {
  Parameters parameters;
  for (const std::string_view name : names_of(query)) {
    if (std::ranges::find(route.parameters, name) == route.parameters.end()) {
      return client_error("invalid_request",
                          "The query has a parameter that this path does not know");
    }
    int count = 0;
    std::string value = http::query_value(query, name, count);
    if (count != 1) {
      return client_error("invalid_request",
                          "The parameter `" + std::string(name) + "` must come once");
    }
    if (value.size() > kParameterBytesMax ||
        std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
      return client_error("invalid_request", "The parameter `" + std::string(name) +
                                                 "` is too long, or has control characters");
    }
    parameters.emplace_back(name, std::move(value));
  }
  return parameters;
}

Pending::Pending(const AdminRequest& request, std::function<void(AdminReply)> respond,
                 std::shared_ptr<std::atomic<std::size_t>> in_flight)
    : method(request.method),
      path(request.path),
      query(request.query),
      peer(request.peer),
      respond_(std::move(respond)),
      in_flight_(std::move(in_flight)) {
  body_.reserve(request.body.size() + wire::JsonReader::kPadding);
  body_ = request.body;
  in_flight_->fetch_add(1);
}

Pending::~Pending() {
  OPENSSL_cleanse(body_.data(), body_.size());
  if (!answered_) in_flight_->fetch_sub(1);
}

Status Pending::read_body() {
  const bool blank = std::ranges::all_of(
      body_, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
  if (blank) {
    const bool wanted = method == "POST" || method == "PUT" || method == "PATCH";
    if (!wanted || route->optional_body) return {};
    return client_error("invalid_request", "A JSON object is missing");
  }
  if (!is_change()) return client_error("invalid_request", "This method takes no body");
  if (auto parsed = reader_.parse(body_); !parsed) return parsed;
  if (reader_.nodes()[0].kind != wire::JsonKind::Object) {
    return client_error("invalid_request", "The body must be a JSON object");
  }
  has_body_ = true;
  return {};
}

void Pending::respond(AdminReply reply) {
  if (answered_.exchange(true)) return;
  in_flight_->fetch_sub(1);
  respond_(std::move(reply));
}

}  // namespace capsem::admin
