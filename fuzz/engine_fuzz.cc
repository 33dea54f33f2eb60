// Exchanges under every policy. The input's first byte chooses the dialect and the framing, the rest
// is used in three ways.
//   As a request and as an answer's raw bytes, in whatever pieces: one verdict, and the same bytes
//   leave. What is allowed leaves unchanged.
//   As the text of an answer: streamed in deltas of any size or whole, one verdict (promise 17).
#include "core/engine/exchange.h"
#include "fuzz/policies.h"
#include "tests/support/answers.h"

namespace capsem::fuzz {
namespace {

using engine::Answer;
using engine::Exchange;
using engine::Step;

engine::Workspace& workspace() {
  static engine::Workspace shared(1, 2);
  return shared;
}

struct Outcome {
  Step step = Step::Continue;
  std::string message, out;
};

Outcome request(codec::Dialect dialect, const std::vector<std::string_view>& pieces) {
  static const engine::EngineSettings settings;
  Exchange exchange({.dialect = dialect}, all_policies(), settings, workspace());
  Outcome outcome;
  for (const auto piece : pieces) {
    outcome.step = exchange.on_request_bytes(piece);
    if (outcome.step != Step::Continue) break;
  }
  if (outcome.step == Step::Continue) outcome.step = exchange.on_request_end();
  if (outcome.step == Step::Continue) outcome.out = exchange.request_body();
  else outcome.message = exchange.denial().message;
  exchange.take_record();
  return outcome;
}

Outcome answer(codec::Dialect dialect, Answer kind, const std::vector<std::string_view>& pieces) {
  static const engine::EngineSettings settings;
  Exchange exchange({.dialect = dialect}, all_policies(), settings, workspace());
  exchange.on_request_bytes(test::request_body(dialect, "hi", kind != Answer::Body));
  check(exchange.on_request_end() == Step::Continue, "a harmless request is forwarded");
  exchange.on_answer_head(kind, true);
  Outcome outcome;
  for (const auto piece : pieces) {
    outcome.step = exchange.on_answer_bytes(piece, outcome.out);
    if (outcome.step != Step::Continue) break;
  }
  if (outcome.step == Step::Continue) outcome.step = exchange.on_answer_end(outcome.out);
  if (outcome.step != Step::Done) outcome.message = exchange.denial().message;
  exchange.take_record();
  return outcome;
}

void same(const Outcome& a, const Outcome& b, const char* what) {
  if (a.step == b.step && a.message == b.message && a.out == b.out) return;
  for (const auto* o : {&a, &b}) {
    std::fprintf(stderr, "-- step %d, message '%s'\n%s\n", static_cast<int>(o->step),
                 o->message.c_str(), o->out.c_str());
  }
  check(false, what);
}

bool valid_utf8(std::string_view text) {
  wire::JsonReader reader;
  const Padded padded(test::json_string(text), wire::JsonReader::kPadding);
  return reader.parse(padded.view()).has_value();
}

// Deltas are JSON strings, so a code point is never cut.
std::vector<std::string> deltas(std::string_view text, std::uint64_t way) {
  std::vector<std::string> out;
  for (const auto piece : cut(text, way)) {
    const bool continues = (static_cast<unsigned char>(piece[0]) & 0xC0) == 0x80;
    if (continues && !out.empty()) {
      const auto rest = piece.find_first_not_of(
          "\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96"
          "\x97\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad"
          "\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf");
      out.back().append(piece.substr(0, rest));
      if (rest != std::string_view::npos) out.emplace_back(piece.substr(rest));
    } else {
      out.emplace_back(piece);
    }
  }
  return out;
}

void streamed_like_whole(const test::Channel& channel, std::string_view text) {
  const auto body = test::text_body(channel.dialect, text);
  const auto whole = answer(channel.dialect, Answer::Body, {body});
  for (const std::uint64_t way : {0, 1, 2}) {
    const auto stream = test::text_stream(channel, deltas(text, way));
    const auto streamed = answer(channel.dialect, channel.answer, {stream});
    if ((whole.step == Step::Done) != (streamed.step == Step::Done) ||
        whole.message != streamed.message) {
      std::fprintf(stderr, "%s: whole '%s', streamed '%s'\n%s\n", channel.name, whole.message.c_str(),
                   streamed.message.c_str(), stream.c_str());
      check(false, "streamed and whole have different verdicts");
    }
    if (streamed.step == Step::Done) check(streamed.out == stream, "an allowed stream is unchanged");
  }
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem;
  using namespace capsem::fuzz;
  if (size < 2 || size > 4096) return 0;
  const auto& channel = test::kStreams[data[0] % std::size(test::kStreams)];
  const auto dialect = channel.dialect;
  const auto text = as_text(data + 1, size - 1);

  const auto asked = request(dialect, {text});
  if (asked.step == Step::Continue) check(asked.out == text, "an allowed request is unchanged");
  const auto body = answer(dialect, Answer::Body, {text});
  if (body.step == Step::Done) check(body.out == text, "an allowed answer is unchanged");
  const auto stream = answer(dialect, channel.answer, {text});
  if (stream.step == Step::Done) check(stream.out == text, "an allowed stream is unchanged");
  for (const std::uint64_t way : {0, 1}) {
    same(asked, request(dialect, cut(text, way)), "a cut changes a request's verdict");
    same(body, answer(dialect, Answer::Body, cut(text, way)), "a cut changes an answer's verdict");
    same(stream, answer(dialect, channel.answer, cut(text, way)), "a cut changes a stream's verdict");
  }
  if (valid_utf8(text)) streamed_like_whole(channel, text);
  return 0;
}
