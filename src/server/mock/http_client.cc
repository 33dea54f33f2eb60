#include "server/mock/http_client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace capsem::mock {

HttpAnswer post_json(std::uint16_t port, std::string_view path, std::string_view authorization,
                     std::string_view body) {
  namespace asio = boost::asio;
  namespace http = boost::beast::http;
  using boost::beast::string_view;
  boost::system::error_code error;
  asio::io_context context;
  asio::ip::tcp::socket socket(context);
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  if (error) return {0, error.message()};
  http::request<http::string_body> request(http::verb::post, string_view(path.data(), path.size()),
                                           11, std::string(body));
  request.set(http::field::host, "127.0.0.1:" + std::to_string(port));
  request.set(http::field::content_type, "application/json");
  request.set(http::field::authorization, string_view(authorization.data(), authorization.size()));
  request.set(http::field::connection, "close");
  request.prepare_payload();
  http::write(socket, request, error);
  if (error) return {0, error.message()};
  boost::beast::flat_buffer buffer;
  http::response<http::string_body> answer;
  http::read(socket, buffer, answer, error);
  if (error) return {0, error.message()};
  return {answer.result_int() > 999 ? 0 : static_cast<int>(answer.result_int()),
          std::move(answer.body())};
}

}  // namespace capsem::mock
