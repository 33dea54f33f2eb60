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
//   BM_Rules    one chat request that defines five tools. Args: 0 the shipped policies, 1 with
//   1,000
//               access rules, 200 tool entries and 100 limits beside them. The goal is a step of at
//               most 3 us.
#include <benchmark/benchmark.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/exchange.h"
#include "core/limit/memory_store.h"
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
  if (set == kKeywords) chosen.emplace_back(std::in_place_type<policy::KeywordPolicy>);
  if (set == kShipped) {
    const policy::Loaded loaded = shipped();
    for (const policy::Document& document : loaded.documents) {
      chosen.insert(chosen.end(), document.policies.begin(), document.policies.end());
    }
  }
  return policy::Snapshot::freeze(std::move(chosen), "sha256:bench").value();
}

// Rules as a platform team's file has them: some name a model, some a family; each limit is one
// team's.
policy::SourceFile rules() {
  std::string text = "schema = 1\n[[policy]]\nid = \"models\"\ntype = \"access\"\n";
  const auto rule = [&text](std::string_view effect, const std::string& resource) {
    text += "[[policy.rule]]\neffect = \"" + std::string(effect) +
            "\"\naction = \"llm.generate\"\nresource = \"" + resource + "\"\n";
  };
  for (int i = 0; i < 1'000; ++i) {
    const std::string name = "model/vendor-" + std::to_string(i) + "/chat";
    rule(i % 3 == 0 ? "deny" : "allow", i % 2 == 0 ? name : name + "-*");
  }
  rule("allow", "model/m");
  std::string allow, deny;
  for (int i = 0; i < 100; ++i) {
    allow += "\"tool_" + std::to_string(i) + "\",";
    deny += "\"danger_" + std::to_string(i) + "_*\",";
  }
  text += "[[policy]]\nid = \"tools\"\ntype = \"lists\"\ntools = { allow = [" + allow +
          "], deny = [" + deny + "] }\n";
  for (int i = 0; i < 100; ++i) {
    const std::string team = "team-" + std::to_string(i);
    text += "[[policy]]\nid = \"" + team + "\"\ntype = \"limit\"\nagents = [\"" + team +
            "-*\"]\nrequests_per_minute = 1000000000\ntokens_per_hour = 1000000000000\n";
  }
  return {"rules.toml", text};
}

class SteadyClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  std::int64_t wall_ms() const override { return 0; }
};

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

void BM_Rules(benchmark::State& state) {
  std::string body = chat_request(1 << 10, false);
  body.pop_back();
  body += R"(,"tools":[)";
  for (int i = 0; i < 5; ++i) {
    body += (i == 0 ? "" : ",");
    body += R"({"type":"function","function":{"name":"tool_)" + std::to_string(i * 17) +
            R"(","description":"Looks a thing up.","parameters":{"type":"object","properties":)"
            R"({"q":{"type":"string"}}}}})";
  }
  body += "]}";
  policy::Loaded loaded = shipped();
  std::vector<policy::Document> documents = std::move(loaded.documents);
  if (state.range(0) == 1) {
    const policy::SourceFile file = rules();
    policy::Loaded more = policy::load_directory(std::span(&file, 1)).value();
    for (policy::Document& document : more.documents) documents.push_back(std::move(document));
  }
  const auto snapshot = policy::Snapshot::freeze(std::move(documents), "sha256:bench").value();
  const policy::Subject subject{.agent = "team-42-a",
                                .key = "0123456789abcdef",
                                .action = "llm.generate",
                                .provider = "openai"};
  SteadyClock clock;
  limit::MemoryStore counters;
  const engine::Services services{.clock = &clock, .pins = nullptr, .counters = &counters};
  engine::Workspace workspace(1, 2);
  for (auto _ : state) {
    engine::Exchange exchange(kRoute, snapshot, kSettings, workspace, subject, services);
    benchmark::DoNotOptimize(exchange.expect_request(body.size()));
    benchmark::DoNotOptimize(exchange.on_request_bytes(body));
    if (exchange.on_request_end() != engine::Step::Continue) state.SkipWithError("denied");
    exchange.nothing_was_served();
    benchmark::DoNotOptimize(exchange.take_record());
  }
}
BENCHMARK(BM_Rules)->Arg(0)->Arg(1);

}  // namespace
}  // namespace capsem
