// One HTTP/1.1 message as the server and the upstream side read it.
//   However the bytes arrive, they are accepted or refused alike, with the same head and body.
//   What was accepted, written out again from the parsed model, reads as itself: nothing is
//   forwarded that a second reader could understand differently (promise 2, T01).
//   A body is never longer than the bytes it came in.
// An input that begins like a status line is read as an answer, everything else as a request.
#include "fuzz/support.h"
#include "server/http/body_reader.h"
#include "server/http/head_parser.h"
#include "server/http/path.h"
#include "server/http/writer.h"

namespace capsem::fuzz {
namespace {

using http::BodyReader;
using Framing = BodyReader::Framing;

struct Message {
  bool refused = false, complete = false;
  std::string start;  // method and target, or the status
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body, rest;
  int minor_version = 1;
  bool chunked = false, keep_alive = false;
};

// A reader fed in pieces, as a connection is.
class Reader {
 public:
  explicit Reader(bool request) : request_(request) {}

  void feed(std::string_view piece) {
    if (message_.refused) return;
    if (message_.complete) {
      message_.rest.append(piece);
      return;
    }
    if (in_body_) return feed_body(piece);
    const auto searched = buffer_.size();
    buffer_.append(piece);
    const auto end = http::find_head_end(buffer_, searched);
    if (end == std::string::npos) {
      if (request_ && http::check_partial_request(buffer_, limits_)) message_.refused = true;
      return;
    }
    const std::string body_bytes = buffer_.substr(end);
    buffer_.resize(end);
    if (!(request_ ? read_request() : read_response())) {
      message_.refused = true;
      return;
    }
    in_body_ = true;
    message_.complete = body_.state() == BodyReader::State::Done;
    if (message_.complete)
      message_.rest = body_bytes;
    else
      feed_body(body_bytes);
  }

  Message finish() {
    if (in_body_ && !message_.complete && !message_.refused) {
      message_.complete = body_.on_close() == BodyReader::State::Done;
    }
    return std::move(message_);
  }

 private:
  bool read_request() {
    http::RequestHead head;
    if (http::parse_request_head(buffer_, limits_, head)) return false;
    http::Target target;
    if (head.target != "*" && !http::parse_target(head.target, target)) {
      check(target.path.starts_with('/'), "a decoded path begins with a slash");
      check(target.path.find('\0') == std::string::npos, "NUL in a decoded path");
    }
    message_.start = std::string(head.method) + ' ' + std::string(head.target);
    take(head);
    body_ = BodyReader(head.chunked ? Framing::Chunked : Framing::Length,
                       head.content_length.value_or(0), limits_);
    return true;
  }

  bool read_response() {
    http::ResponseHead head;
    if (http::parse_response_head(buffer_, limits_, false, head)) return false;
    message_.start = std::to_string(head.status);
    take(head);
    const auto framing = head.chunked          ? Framing::Chunked
                         : head.content_length ? Framing::Length
                                               : Framing::UntilClose;
    body_ = BodyReader(framing, head.content_length.value_or(0), limits_);
    return true;
  }

  void take(const http::Head& head) {
    for (const auto& field : head.fields) message_.fields.emplace_back(field.name, field.value);
    message_.minor_version = head.minor_version;
    message_.chunked = head.chunked;
    message_.keep_alive = head.keep_alive;
  }

  void feed_body(std::string_view input) {
    while (!input.empty() && body_.state() == BodyReader::State::More) {
      std::string_view piece;
      body_.next(input, piece);
      message_.body.append(piece);
    }
    message_.refused = body_.state() == BodyReader::State::Bad;
    message_.complete = body_.state() == BodyReader::State::Done;
    if (message_.complete) message_.rest.append(input);
  }

  const bool request_;
  const http::ReaderLimits limits_{};
  std::string buffer_;
  bool in_body_ = false;
  BodyReader body_;
  Message message_;
};

Message read(const std::vector<std::string_view>& pieces, bool request) {
  Reader reader(request);
  for (const auto piece : pieces) reader.feed(piece);
  return reader.finish();
}

std::string write(const Message& message, bool request) {
  std::string out;
  if (request) {
    out = message.start + " HTTP/1." + std::to_string(message.minor_version) + "\r\n";
  } else {
    out = "HTTP/1." + std::to_string(message.minor_version) + ' ' +
          (message.start.size() < 3 ? std::string(3 - message.start.size(), '0') : "") +
          message.start + " x\r\n";
  }
  for (const auto& [name, value] : message.fields) http::append_field(out, name, value);
  out += "\r\n";
  if (!message.chunked) return out + message.body;
  if (!message.body.empty()) {
    http::append_chunk_line(out, message.body.size());
    out.append(message.body).append(http::kChunkEnd);
  }
  return out.append(http::kLastChunk);
}

void same(const Message& a, const Message& b, const char* what) {
  check(a.refused == b.refused && a.complete == b.complete, what);
  if (a.refused) return;
  check(a.start == b.start && a.fields == b.fields, what);
  check(a.body == b.body && a.keep_alive == b.keep_alive, what);
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem::fuzz;
  const auto text = as_text(data, size);
  const bool request = !text.starts_with("HTTP/");
  const auto whole = read({text}, request);
  check(whole.body.size() <= size, "a body longer than its bytes");
  for (const std::uint64_t way : {0, 1, 2}) {
    const auto cut_up = read(cut(text, way), request);
    same(whole, cut_up, "a cut changes the message");
    if (!whole.refused) check(whole.rest == cut_up.rest, "a cut changes what is left over");
  }
  if (whole.complete && !whole.refused) {
    const auto again = write(whole, request);
    same(whole, read({again}, request), "written out again it reads differently");
  }
  return 0;
}
