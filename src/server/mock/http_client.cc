#include "server/mock/http_client.h"

#include "server/client/http_client.h"

namespace capsem::mock {

HttpAnswer post_json(std::uint16_t port, std::string_view path, std::string_view authorization,
                     std::string_view body) {
  const client::Peer peer{.host = "127.0.0.1", .port = port};
  const client::Request request{.method = "POST",
                                .target = std::string(path),
                                .headers = {{"Content-Type", "application/json"},
                                            {"Authorization", std::string(authorization)}},
                                .body = std::string(body)};
  auto answer = client::call(peer, request, {.time = std::chrono::seconds(60)});
  if (!answer) return {0, std::move(answer.error().detail)};
  return {answer->status > 999 ? 0 : answer->status, std::move(answer->body)};
}

}  // namespace capsem::mock
