// Exchanges under every policy. The input's first byte chooses the dialect and the framing, the
// rest is used in three ways.
//   As a request and as an answer's raw bytes, in whatever pieces: one verdict, and the same bytes
//   leave. What is allowed leaves unchanged.
//   As the text of an answer: streamed in deltas of any size or whole, one verdict (promise 17).
//   As a tool call's arguments: the same, for a tool that is allowed, one that is denied, and one
//   whose arguments decide; of a refused call no byte leaves (R61).
#include <simdjson.h>

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
  if (outcome.step == Step::Continue)
    outcome.out = exchange.request_body();
  else
    outcome.message = exchange.denial().message;
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

void streamed_like_whole(const test::Channel& channel, std::string_view text) {
  const auto body = test::text_body(channel.dialect, text);
  const auto whole = answer(channel.dialect, Answer::Body, {body});
  for (const std::uint64_t way : {0, 1, 2}) {
    const auto pieces = cut_text(text, way);
    const auto stream = test::text_stream(channel, {pieces.begin(), pieces.end()});
    const auto streamed = answer(channel.dialect, channel.answer, {stream});
    // The messages may differ: a stream is cut at the first finding, a whole answer counts them
    // all.
    if ((whole.step == Step::Done) != (streamed.step == Step::Done)) {
      std::fprintf(stderr, "%s: whole '%s', streamed '%s'\n%s\n", channel.name,
                   whole.message.c_str(), streamed.message.c_str(), stream.c_str());
      check(false, "streamed and whole have different verdicts");
    }
    if (streamed.step == Step::Done)
      check(streamed.out == stream, "an allowed stream is unchanged");
  }
}

void calls_like_whole(const test::Channel& channel, std::string_view text) {
  const std::string arguments = "{\"path\":" + test::json_string(text) + "}";
  for (const std::string_view tool : {"lookup_thing", "danger_zone", "read_thing"}) {
    const auto body = test::tool_body(channel.dialect, tool, arguments);
    if (body.empty()) return;  // a dialect without tools
    const auto whole = answer(channel.dialect, Answer::Body, {body});
    for (const std::uint64_t way : {0, 1, 2}) {
      const auto pieces = cut_text(arguments, way);
      const auto stream = test::tool_stream(channel, tool, {pieces.begin(), pieces.end()});
      const auto streamed = answer(channel.dialect, channel.answer, {stream});
      check((whole.step == Step::Done) == (streamed.step == Step::Done),
            "a streamed call and a whole one have different verdicts");
      if (streamed.step == Step::Done)
        check(streamed.out == stream, "an allowed call is unchanged");
      const bool refused_by_rule =
          streamed.message.starts_with("Tool ") || streamed.message.starts_with("Action tool.call");
      if (refused_by_rule && channel.answer == Answer::Sse) {
        const auto left = streamed.out.substr(0, streamed.out.rfind("data:"));
        check(left.find(tool) == std::string::npos, "a refused call's name has left");
      }
    }
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
    same(stream, answer(dialect, channel.answer, cut(text, way)),
         "a cut changes a stream's verdict");
  }
  if (simdjson::validate_utf8(text.data(), text.size())) {
    streamed_like_whole(channel, text);
    calls_like_whole(channel, text);
  }
  return 0;
}
