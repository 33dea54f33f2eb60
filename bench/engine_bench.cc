// The engine alone: no sockets, the shipped policies. What the gateway adds to a request beyond
// moving its bytes is about what stands here.
//
//   BM_Request  one chat request, judged and ready to forward. Args: bytes of prompt, policies.
//               Time per byte should be flat; the step between policies is the detectors' price.
//   BM_Answer   one unstreamed chat answer. Args as above.
//   BM_Stream   one streamed answer of 200 events. Args: bytes per read, policies. Items are
//   events:
//               the goal is 1 us per event. A flat line across read sizes means that no byte is
//               looked at twice.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/exchange.h"
#include "core/policy/loader.h"

namespace capsem {
namespace {

enum PolicySet : std::int64_t { kNone, kKeywords, kShipped };

policy::Loaded shipped() {
  std::vector<policy::SourceFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(CAPSEM_CONFIG_DIR)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files.push_back({entry.path().filename().string(), {std::istreambuf_iterator<char>(file), {}}});
  }
  return policy::load_directory(files).value();
}

std::shared_ptr<const policy::Snapshot> policies(std::int64_t set) {
  std::vector<policy::Policy> chosen;
  if (set == kKeywords) chosen.emplace_back(policy::KeywordPolicy{});
  if (set == kShipped) chosen = shipped().policies;
  return policy::Snapshot::freeze(std::move(chosen), "sha256:bench").value();
}

std::string prose(std::size_t bytes) {
  constexpr std::string_view kWords[] = {"the",  "river", "turns",  "slowly", "under", "an",
                                         "old",  "stone", "bridge", "while",  "birds", "drift",
                                         "over", "quiet", "green",  "fields", "today"};
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) {
    text.append(kWords[(i * 7 + i / 11) % std::size(kWords)]).append(" ");
  }
  text.resize(bytes);
  return text;
}

std::string chat_request(std::size_t bytes, bool stream) {
  return std::string(R"({"model":"m","stream":)") + (stream ? "true" : "false") +
         R"(,"messages":[{"role":"system","content":"Answer in one paragraph."},)"
         R"({"role":"user","content":")" +
         prose(bytes) + R"("}]})";
}

std::string chat_stream(std::size_t events) {
  std::string out;
  for (std::size_t i = 0; i < events; ++i) {
    out.append(R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1760000000,)"
               R"("model":"m","system_fingerprint":"fp_0123456789","choices":[{"index":0,)"
               R"("delta":{"content":" )")
        .append(i % 3 == 0   ? "river"
                : i % 3 == 1 ? "turns"
                             : "slowly")
        .append("\"},\"finish_reason\":null}]}\n\n");
  }
  return out + "data: [DONE]\n\n";
}

const engine::RouteProfile kRoute{.dialect = codec::Dialect::OpenAiChat};
const engine::EngineSettings kSettings;

void BM_Request(benchmark::State& state) {
  const auto body = chat_request(static_cast<std::size_t>(state.range(0)), false);
  const auto snapshot = policies(state.range(1));
  engine::Workspace workspace(1, 2);
  for (auto _ : state) {
    engine::Exchange exchange(kRoute, snapshot, kSettings, workspace);
    benchmark::DoNotOptimize(exchange.expect_request(body.size()));
    benchmark::DoNotOptimize(exchange.on_request_bytes(body));
    if (exchange.on_request_end() != engine::Step::Continue) state.SkipWithError("denied");
    benchmark::DoNotOptimize(exchange.take_record());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(BM_Request)
    ->ArgsProduct({{256, 1 << 10, 10 << 10, 100 << 10, 1 << 20, 10 << 20},
                   {kNone, kKeywords, kShipped}});

void BM_Answer(benchmark::State& state) {
  const auto request = chat_request(64, false);
  const std::string body =
      R"({"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":)"
      R"({"role":"assistant","content":")" +
      prose(static_cast<std::size_t>(state.range(0))) + R"("},"finish_reason":"stop"}]})";
  const auto snapshot = policies(state.range(1));
  engine::Workspace workspace(1, 2);
  std::string out;
  for (auto _ : state) {
    engine::Exchange exchange(kRoute, snapshot, kSettings, workspace);
    exchange.on_request_bytes(request);
    exchange.on_request_end();
    exchange.on_answer_head(engine::Answer::Body, true);
    out.clear();
    if (!exchange.relays_answer()) {
      benchmark::DoNotOptimize(exchange.on_answer_bytes(body, out));
      if (exchange.on_answer_end(out) != engine::Step::Done) state.SkipWithError("denied");
    }
    benchmark::DoNotOptimize(exchange.take_record());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(BM_Answer)->ArgsProduct({{400, 10 << 10, 1 << 20}, {kKeywords, kShipped}});

void BM_Stream(benchmark::State& state) {
  constexpr std::size_t kEvents = 200;
  const auto request = chat_request(64, true);
  const auto stream = chat_stream(kEvents);
  const auto read = static_cast<std::size_t>(state.range(0));
  const auto snapshot = policies(state.range(1));
  engine::Workspace workspace(1, 2);
  std::string out;
  for (auto _ : state) {
    engine::Exchange exchange(kRoute, snapshot, kSettings, workspace);
    exchange.on_request_bytes(request);
    exchange.on_request_end();
    exchange.on_answer_head(engine::Answer::Sse, true);
    for (std::size_t at = 0; at < stream.size(); at += read) {
      out.clear();
      const auto step = exchange.on_answer_bytes(std::string_view(stream).substr(at, read), out);
      if (step != engine::Step::Continue) state.SkipWithError("cut");
      benchmark::DoNotOptimize(out.data());
    }
    if (exchange.on_answer_end(out) != engine::Step::Done) state.SkipWithError("not done");
    benchmark::DoNotOptimize(exchange.take_record());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kEvents));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(stream.size()));
}
BENCHMARK(BM_Stream)->ArgsProduct({{16, 220, 4096}, {kKeywords, kShipped}});

}  // namespace
}  // namespace capsem
