#include "server/app/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "server/app/metrics_text.h"

namespace capsem::app {
namespace {

using testing::HasSubstr;

// Histograms hold atomics, so shards live where they were made.
std::string render(const std::vector<std::unique_ptr<proxy::MetricShard>>& shards,
                   const ProgramStats& stats = {}) {
  std::vector<const proxy::MetricShard*> pointers;
  for (const auto& shard : shards) pointers.push_back(shard.get());
  return render_metrics(pointers, stats);
}

std::vector<std::unique_ptr<proxy::MetricShard>> two_shards() {
  std::vector<std::unique_ptr<proxy::MetricShard>> shards;
  for (int i = 0; i < 2; ++i) shards.push_back(std::make_unique<proxy::MetricShard>());
  for (const auto& shard : shards) {
    auto& openai = shard->providers[0];
    openai.duration_ms.observe(15, proxy::kDurationBoundsMs);
    openai.duration_ms.observe(100'000, proxy::kDurationBoundsMs);
    openai.input_tokens.observe(5, proxy::kTokenBounds);
    openai.status[2].add(3);
    shard->overhead_us.observe(9, proxy::kOverheadBoundsUs);
    shard->verdicts[0][static_cast<std::size_t>(policy::Verdict::Block)].add();
    shard->inspected_bytes[4].add(100);
    shard->stream_cuts.add();
    shard->streams_open.add(7);
    shard->streams_open.sub(2);
  }
  return shards;
}

TEST(Metrics, AreTheSumOverAllLoops) {
  const std::string text =
      render(two_shards(), {.version = "0.1.0", .revision = "sha256:x", .records_dropped = 4});
  for (
      const std::string_view line : {
          R"(capsem_build_info{version="0.1.0",revision="sha256:x"} 1)",
          R"(gen_ai_server_request_duration_seconds_bucket{gen_ai_provider_name="openai",gen_ai_operation_name="chat",le="0.01"} 0)",
          R"(gen_ai_server_request_duration_seconds_bucket{gen_ai_provider_name="openai",gen_ai_operation_name="chat",le="0.02"} 2)",
          R"(gen_ai_server_request_duration_seconds_bucket{gen_ai_provider_name="openai",gen_ai_operation_name="chat",le="81.92"} 2)",
          R"(gen_ai_server_request_duration_seconds_bucket{gen_ai_provider_name="openai",gen_ai_operation_name="chat",le="+Inf"} 4)",
          R"(gen_ai_server_request_duration_seconds_sum{gen_ai_provider_name="openai",gen_ai_operation_name="chat"} 200.03)",
          R"(gen_ai_server_request_duration_seconds_count{gen_ai_provider_name="openai",gen_ai_operation_name="chat"} 4)",
          R"(gen_ai_server_time_to_first_token_seconds_count{gen_ai_provider_name="gcp.gemini",gen_ai_operation_name="generate_content"} 0)",
          R"(gen_ai_client_token_usage_bucket{gen_ai_provider_name="openai",gen_ai_operation_name="chat",gen_ai_token_type="input",le="16"} 2)",
          R"(capsem_answers_total{gen_ai_provider_name="openai",class="2xx"} 6)",
          R"(capsem_overhead_microseconds_bucket{le="10"} 2)",
          R"(capsem_inspection_microseconds_count 0)",
          R"(capsem_verdicts_total{point="prompt",verdict="BLOCK"} 2)",
          R"(capsem_inspected_bytes_total{point="model_output"} 200)",
          R"(capsem_stream_cuts_total 2)",
          R"(capsem_streams_open 10)",
          R"(capsem_records_dropped_total 4)",
      }) {
    EXPECT_THAT(text, HasSubstr(std::string(line) + "\n"));
  }
}

// The rules of the text format, checked line by line over everything we say.
TEST(Metrics, AreValidExpositionText) {
  const std::regex sample(
      R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*\})? (\S+))re");
  std::istringstream lines(render(two_shards(), {.version = "a\"b\\c\nd"}));
  std::string family, type;
  std::set<std::string> families, series;
  std::map<std::string, std::uint64_t> last_bucket;
  for (std::string line; std::getline(lines, line);) {
    SCOPED_TRACE(line);
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << "a family stands once";
      continue;
    }
    if (line.starts_with("# TYPE ")) {
      EXPECT_EQ(line.substr(7, line.find(' ', 7) - 7), family);
      type = line.substr(line.rfind(' ') + 1);
      EXPECT_TRUE(type == "counter" || type == "gauge" || type == "histogram");
      EXPECT_EQ(type == "counter", family.ends_with("_total"));
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, sample));
    const std::string name = match[1];
    EXPECT_TRUE(name == family || (type == "histogram" && name.starts_with(family + "_")));
    EXPECT_TRUE(series.insert(name + match[2].str()).second) << "a series stands once";
    EXPECT_NO_THROW(static_cast<void>(std::stod(match[3])));
    if (!name.ends_with("_bucket")) continue;
    const std::string labels =
        std::regex_replace(match[2].str(), std::regex(",?le=\"[^\"]*\""), "");
    const std::uint64_t count = std::stoull(match[3]);
    EXPECT_GE(count, last_bucket[name + labels]) << "buckets are cumulative";
    last_bucket[name + labels] = count;
  }
  EXPECT_GT(families.size(), 30U);
}

TEST(Metrics, TheProcessKnowsItself) {
  const ProcessStats stats = read_process_stats();
  EXPECT_GT(stats.resident_bytes, 1u << 20);
  EXPECT_GE(stats.open_fds, 3U);
  EXPECT_GT(stats.max_fds, stats.open_fds);
  EXPECT_GT(stats.start_time_seconds, 1.5e9);
  EXPECT_LE(stats.start_time_seconds, static_cast<double>(std::time(nullptr)) + 1);
}

}  // namespace
}  // namespace capsem::app
