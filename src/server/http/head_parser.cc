#include "server/http/head_parser.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/optional.hpp>

namespace capsem::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

// Takes Beast's callbacks into a Head. Bodies never get here.
template <bool kRequest>
class HeadReader final : public beast::http::basic_parser<kRequest> {
 public:
  using HeadType = std::conditional_t<kRequest, RequestHead, ResponseHead>;

  HeadReader(HeadType& head, const ReaderLimits& limits) : head_(head) {
    this->header_limit(limits.head_bytes_max + limits.request_line_bytes_max);
    this->body_limit(boost::none);
  }

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, error_code&) override {
    if constexpr (kRequest) {
      head_.method = view(method);
      head_.target = view(target);
    }
    head_.minor_version = version - 10;
  }
  void on_response_impl(int code, beast::string_view, int version, error_code&) override {
    if constexpr (!kRequest) head_.status = code;
    head_.minor_version = version - 10;
  }
  void on_field_impl(beast::http::field id, beast::string_view name, beast::string_view value,
                     error_code&) override {
    head_.fields.push_back({id, view(name), view(value)});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view, error_code&) override { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, error_code&) override {
    return 0;
  }
  void on_finish_impl(error_code&) override {}

  HeadType& head_;
};

// Line structure: every line ends in CRLF, holds no control byte but HTAB, begins with neither
// blank nor tab (obs-fold), and keeps its limit. Beast would join folded lines and let bare CR and
// some control bytes pass in places.
Refusal check_lines(std::string_view text, const ReaderLimits& limits, bool request) {
  std::size_t lines = 0;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t cr = text.find('\r', begin);
    if (cr == std::string_view::npos || cr + 1 >= text.size() || text[cr + 1] != '\n') {
      return {400, "Malformed line ending in the message head"};
    }
    const std::string_view line = text.substr(begin, cr - begin);
    unsigned bad = 0;
    for (const char c : line) {
      const auto byte = static_cast<unsigned char>(c);
      bad |= static_cast<unsigned>((byte < 0x20) & (byte != '\t')) |
             static_cast<unsigned>(byte == 0x7f);
    }
    if (bad != 0) return {400, "Control byte in the message head"};
    if (lines == 0) {
      if (request && line.size() > limits.request_line_bytes_max) {
        return {414, "Request line too long"};
      }
    } else if (!line.empty()) {
      if (line.front() == ' ' || line.front() == '\t') return {400, "Folded header line"};
      if (line.size() > limits.field_bytes_max) return {431, "Header field too large"};
    }
    ++lines;
    begin = cr + 2;
  }
  // The first line and the blank one are no fields.
  if (lines > limits.fields_max + std::size_t{2}) return {431, "Too many header fields"};
  return {};
}

bool all_digits(std::string_view text) {
  if (text.empty() || text.size() > 19) return false;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

// How the body is framed (RFC 9112 section 6), refusing every form that two readers could
// understand differently.
Refusal check_framing(Head& head) {
  bool has_te = false;
  bool connection_close = false, connection_keep_alive = false;
  for (const Field& field : head.fields) {
    switch (field.id) {
      case FieldId::content_length: {
        if (head.content_length) return {400, "Content-Length more than once"};
        if (!all_digits(field.value)) return {400, "Malformed Content-Length"};
        std::uint64_t length = 0;
        for (const char c : field.value) length = length * 10 + static_cast<unsigned>(c - '0');
        head.content_length = length;
        break;
      }
      case FieldId::transfer_encoding:
        if (has_te) return {400, "Transfer-Encoding more than once"};
        if (!equals_ignoring_case(field.value, "chunked")) {
          return {400, "Transfer-Encoding other than chunked"};
        }
        has_te = true;
        break;
      case FieldId::connection:
        connection_close |= list_has(field.value, "close");
        connection_keep_alive |= list_has(field.value, "keep-alive");
        break;
      default:
        break;
    }
  }
  if (has_te && head.content_length) {
    return {400, "Both Content-Length and Transfer-Encoding"};
  }
  if (has_te && head.minor_version == 0) return {400, "Transfer-Encoding in HTTP/1.0"};
  head.chunked = has_te;
  head.keep_alive = !connection_close && (head.minor_version >= 1 || connection_keep_alive);
  return {};
}

template <class Reader>
bool run_beast(Reader& reader, std::string_view text) {
  error_code ec;
  reader.eager(false);
  reader.put(boost::asio::buffer(text.data(), text.size()), ec);
  return !ec && reader.is_header_done();
}

Refusal check_request_semantics(RequestHead& head) {
  int hosts = 0;
  for (const Field& field : head.fields) {
    if (field.id == FieldId::host) {
      ++hosts;
    } else if (field.id == FieldId::upgrade) {
      head.wants_upgrade = true;
    } else if (field.id == FieldId::expect) {
      if (!equals_ignoring_case(field.value, "100-continue")) return {417, "Unknown expectation"};
      head.expects_continue = head.minor_version >= 1;
    }
  }
  if (hosts > 1) return {400, "Host more than once"};
  if (hosts == 0 && head.minor_version >= 1) return {400, "Host is missing"};
  return {};
}

}  // namespace

std::size_t find_head_end(std::string_view text, std::size_t from) {
  // The blank line may straddle what was searched before.
  const std::size_t start = from >= 3 ? from - 3 : 0;
  const std::size_t at = text.find("\r\n\r\n", start);
  return at == std::string_view::npos ? at : at + 4;
}

Refusal check_partial_request(std::string_view text, const ReaderLimits& limits) {
  const std::size_t line_end = text.find('\n');
  const std::size_t line_bytes = line_end == std::string_view::npos ? text.size() : line_end;
  if (line_bytes > limits.request_line_bytes_max + std::size_t{2}) {
    return {414, "Request line too long"};
  }
  if (text.size() - line_bytes > limits.head_bytes_max) return {431, "Header fields too large"};
  // A client that speaks TLS, or something else entirely, to the plain port is told at once.
  if (!text.empty() && (text[0] < 'A' || text[0] > 'z')) return {400, "Malformed request line"};
  if (line_end != std::string_view::npos && (line_end == 0 || text[line_end - 1] != '\r')) {
    return {400, "Malformed line ending in the message head"};
  }
  // "\n\n" and "\n\r\n" without CR would leave us waiting for a blank line the client thinks it
  // sent.
  if (text.find("\n\n") != std::string_view::npos) {
    return {400, "Malformed line ending in the message head"};
  }
  return {};
}

Refusal parse_request_head(std::string_view text, const ReaderLimits& limits, RequestHead& head) {
  if (const Refusal refusal = check_partial_request(text, limits)) return refusal;
  if (const Refusal refusal = check_lines(text, limits, true)) return refusal;
  HeadReader<true> reader(head, limits);
  head.fields.reserve(24);
  if (!run_beast(reader, text)) return {400, "Malformed request head"};
  if (const Refusal refusal = check_framing(head)) return refusal;
  return check_request_semantics(head);
}

Refusal parse_response_head(std::string_view text, const ReaderLimits& limits,
                            bool request_was_head, ResponseHead& head) {
  // Whatever is wrong with it, to the client it is a bad gateway.
  if (const Refusal refusal = check_lines(text, limits, false)) return {502, refusal.reason};
  HeadReader<false> reader(head, limits);
  reader.skip(request_was_head);
  head.fields.reserve(32);
  if (!run_beast(reader, text)) return {502, "Malformed response head"};
  if (const Refusal refusal = check_framing(head)) return {502, refusal.reason};
  return {};
}

}  // namespace capsem::http
