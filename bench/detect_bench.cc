// Bytes per second of the detectors, one core. The texts are made here, from sentences and records
// of the kinds that prompts, answers and tool results hold; nothing repeats word for word, so that
// neither a memo nor the branch predictor learns them by heart.
//
// Prose holds a name, an address or a number every few sentences. DenseJson is numbers nearly
// throughout: what digit scanners fear. Source is names and operators, what is looked at for
// secrets; Base64 a file sent as text, one stretch that any token could begin in. The second
// argument of the PII benchmarks says whether names are looked for too; findings under 0.5 are not
// (the policies' threshold).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/detect/entity.h"
#include "core/detect/injection.h"
#include "core/detect/keyword.h"
#include "core/detect/lane.h"
#include "core/detect/secrets.h"

namespace capsem::detect {
namespace {

std::string number(std::mt19937& random, std::size_t digits) {
  std::string text;
  for (std::size_t i = 0; i < digits; ++i) text += static_cast<char>('0' + (random() >> 8) % 10);
  return text;
}

std::string prose(std::size_t size) {
  static const std::vector<std::string> words = {
      "the",     "weather", "of",      "a",       "forecast", "that",     "we",
      "saw",     "is",      "mild",    "and",     "dry",      "so",       "people",
      "walk",    "along",   "river",   "with",    "their",    "friends",  "until",
      "evening", "because", "nothing", "else",    "happens",  "in",       "this",
      "quiet",   "part",    "country", "where",   "gateway",  "inspects", "every",
      "prompt",  "before",  "model",   "answers", "it",       "slowly"};
  static const std::vector<std::string> things = {"Paris",
                                                  "Elie Bursztein",
                                                  "jane.doe@example.org",
                                                  "John",
                                                  "Monday",
                                                  "The",
                                                  "7-day",
                                                  "20",
                                                  "However",
                                                  "API",
                                                  "We",
                                                  "It",
                                                  "(see above)",
                                                  "\"quoted\"",
                                                  "3.5"};
  std::mt19937 random(3);
  std::string text;
  while (text.size() < size) {
    text += (text.empty() || text.back() == '\n' || text[text.size() - 2] == '.') ? "This" : "";
    const std::size_t sentence = 8 + random() % 12;
    for (std::size_t i = 0; i < sentence; ++i) text += " " + words[(random() >> 4) % words.size()];
    if (random() % 3 == 0) text += " " + things[(random() >> 4) % things.size()];
    text += ". ";
  }
  text.resize(size);
  return text;
}

std::string dense_json(std::size_t size) {
  std::mt19937 random(5);
  std::string text = "[";
  while (text.size() < size) {
    text += "{\"id\":" + number(random, 5 + random() % 5) + ",\"ts\":17" + number(random, 8) +
            ",\"lat\":" + number(random, 2) + "." + number(random, 4) +
            ",\"qty\":" + number(random, 1 + random() % 3) + ",\"day\":\"2024-0" +
            std::to_string(1 + random() % 9) + "-1" + number(random, 1) + "\",\"sku\":\"A" +
            number(random, 4) + "\"},";
  }
  text.resize(size);
  return text;
}

std::string source_code(std::size_t size) {
  static const std::vector<std::string> names = {
      "request_size",   "kHeaderMax",    "parse_header",  "self.session",
      "ConnectionPool", "token_type",    "api_key_name",  "next_page",
      "std::size_t",    "user_password", "buffer.begin",  "i",
      "count",          "make_request",  "config[\"x\"]", "response.headers"};
  std::mt19937 random(7);
  const auto name = [&]() -> const std::string& { return names[(random() >> 4) % names.size()]; };
  std::string text;
  while (text.size() < size) {
    text += std::string(2 * (1 + random() % 3), ' ');
    switch (random() % 4) {
      case 0:
        text += "if (" + name() + " != " + name() + ") return " + name() + "(" + name() + ");\n";
        break;
      case 1:
        text += "const auto " + name() + " = " + name() + "->get(" + number(random, 2) + ");\n";
        break;
      case 2:
        text += "// The " + name() + " of what was read, see " + name() + ".\n";
        break;
      default:
        text += name() + ": " + name() + " = \"" + name() + "-" + number(random, 1) + "\",\n";
    }
  }
  text.resize(size);
  return text;
}

std::string base64(std::size_t size) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::mt19937 random(11);
  std::string text;
  while (text.size() < size) {
    text += text.size() % 77 == 76 ? '\n' : kDigits[(random() >> 8) % 64];
  }
  return text;
}

enum Corpus : std::int64_t { kProse, kDenseJson, kSource, kBase64 };

// Text the size of what a chat client sends.
std::string corpus(std::int64_t kind, std::size_t size) {
  switch (kind) {
    case kDenseJson:
      return dense_json(size);
    case kSource:
      return source_code(size);
    case kBase64:
      return base64(size);
    default:
      return prose(size);
  }
}

// What Presidio looks for unasked; names are persons, places and groups.
Catalog default_catalog(bool names) {
  constexpr TypeMask kNames =
      TypeMask::of(EntityType::Person, EntityType::Location, EntityType::Nrp);
  Catalog catalog;
  PiiOptions options;
  options.score_min = 0.5F;
  for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
    const auto type = static_cast<EntityType>(i);
    options.rules[i] = catalog.add_rule(std::string(to_string(type)));
    options.enabled[i] = entity_group("default")->has(type) && (names || !kNames.has(type));
  }
  catalog.add(make_pii_detector(options), kFoldedView);
  return catalog;
}

Catalog pii_catalog(bool names, bool keywords, float score_min = 0.5F) {
  Catalog catalog;
  PiiOptions options;
  options.score_min = score_min;
  for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
    options.rules[i] = catalog.add_rule(std::string(to_string(static_cast<EntityType>(i))));
    options.enabled[i] = true;
  }
  options.enabled[static_cast<std::size_t>(EntityType::Person)] = names;
  options.enabled[static_cast<std::size_t>(EntityType::Location)] = names;
  catalog.add(make_pii_detector(options), kFoldedView);
  if (keywords) {
    const std::vector<Keyword> words = {{"capsem_block", catalog.add_rule("capsem_block")}};
    catalog.add(make_keyword_detector(words), kAllViews);
  }
  return catalog;
}

enum Signs : std::int64_t { kSecrets, kInjection };

// The detector of secrets or of prompt injection, all kinds, as the policies ask for them.
Catalog kinds_catalog(std::int64_t signs) {
  Catalog catalog;
  if (signs == kSecrets) {
    catalog.add(make_secret_detector(every_kind(secret_kinds(), catalog, 0.5F)), kFoldedView);
  } else {
    catalog.add(make_injection_detector(every_kind(injection_kinds(), catalog, 0.5F)), kFoldedView);
  }
  return catalog;
}

void count_bytes(benchmark::State& state, const std::string& text) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void scan_block(benchmark::State& state, const Catalog& catalog, const std::string& text) {
  CatalogScratch scratch(catalog);
  std::vector<Finding> found;
  for (auto _ : state) {
    found.clear();
    benchmark::DoNotOptimize(scan_all(catalog, ~DetectorMask{0}, scratch, text, found));
  }
  state.counters["findings_per_KB"] =
      static_cast<double>(found.size()) * 1024.0 / static_cast<double>(text.size());
  count_bytes(state, text);
}

// Args: corpus (0 prose, 1 dense JSON), names, bytes.
void BM_PiiBlock(benchmark::State& state) {
  scan_block(state, pii_catalog(state.range(1) != 0, false),
             corpus(state.range(0), static_cast<std::size_t>(state.range(2))));
}
BENCHMARK(BM_PiiBlock)->ArgsProduct({{kProse, kDenseJson}, {0, 1}, {1024, 1 << 14, 1 << 20}});

// Args: corpus, names, bytes. The types of the group "default".
void BM_PiiDefault(benchmark::State& state) {
  scan_block(state, default_catalog(state.range(1) != 0),
             corpus(state.range(0), static_cast<std::size_t>(state.range(2))));
}
BENCHMARK(BM_PiiDefault)->ArgsProduct({{kProse, kDenseJson}, {0, 1}, {1 << 10, 1 << 16, 1 << 20}});

// Every score wanted: context is worked out for every candidate, and phone numbers are asked for.
void BM_PiiBlockAnyScore(benchmark::State& state) {
  scan_block(state, pii_catalog(true, false, 0), corpus(state.range(0), 1 << 16));
}
BENCHMARK(BM_PiiBlockAnyScore)->Arg(kProse)->Arg(kDenseJson);

// Both policies' detectors over one chat prompt of 1.2 KB: the time per request.
void BM_ChatPrompt(benchmark::State& state) {
  scan_block(state, pii_catalog(true, true), prose(1200));
}
BENCHMARK(BM_ChatPrompt);

// `text` as an answer streams: a lane fed in pieces.
void scan_stream(benchmark::State& state, const Catalog& catalog, const std::string& text,
                 std::size_t piece) {
  CatalogScratch scratch(catalog);
  std::vector<Finding> found;
  std::size_t held = 0;
  for (auto _ : state) {
    found.clear();
    Lane lane(catalog, (DetectorMask{1} << catalog.size()) - 1);
    for (std::size_t at = 0; at < text.size(); at += piece) {
      benchmark::DoNotOptimize(lane.feed(std::string_view(text).substr(at, piece), scratch, found));
    }
    held = std::max(held, lane.heap_bytes());
    benchmark::DoNotOptimize(lane.finish(scratch, found));
  }
  state.counters["stream_bytes"] = static_cast<double>(sizeof(Lane) + held);
  count_bytes(state, text);
}

// Args: corpus, names, bytes per piece. The types of the group "default" alone.
void BM_PiiStream(benchmark::State& state) {
  scan_stream(state, default_catalog(state.range(1) != 0), corpus(state.range(0), 1 << 14),
              static_cast<std::size_t>(state.range(2)));
}
BENCHMARK(BM_PiiStream)->ArgsProduct({{kProse, kDenseJson}, {0, 1}, {4, 16, 64, 1024}});

// Args: corpus, bytes per piece. All types, keywords, every view.
void BM_StreamPieces(benchmark::State& state) {
  scan_stream(state, pii_catalog(true, true), corpus(state.range(0), 1 << 14),
              static_cast<std::size_t>(state.range(1)));
}
BENCHMARK(BM_StreamPieces)->ArgsProduct({{kProse, kDenseJson}, {4, 16, 64, 1024}});

// Args: secrets or injection, corpus.
void BM_KindsBlock(benchmark::State& state) {
  scan_block(state, kinds_catalog(state.range(0)), corpus(state.range(1), 1 << 18));
}
BENCHMARK(BM_KindsBlock)
    ->ArgsProduct({{kSecrets, kInjection}, {kProse, kDenseJson, kSource, kBase64}});

// Args: secrets or injection, corpus, bytes per piece.
void BM_KindsStream(benchmark::State& state) {
  scan_stream(state, kinds_catalog(state.range(0)), corpus(state.range(1), 1 << 14),
              static_cast<std::size_t>(state.range(2)));
}
BENCHMARK(BM_KindsStream)
    ->ArgsProduct({{kSecrets, kInjection}, {kProse, kDenseJson, kSource, kBase64}, {64, 1024}});

// Arg: keywords. A flat line means that they are matched in one pass.
void BM_Keywords(benchmark::State& state) {
  Catalog catalog;
  std::vector<Keyword> words;
  std::mt19937 random(9);
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    std::string word = i == 0 ? "capsem_block" : "";
    while (word.size() < 8) word += static_cast<char>('a' + (random() >> 8) % 26);
    words.push_back({word, catalog.add_rule(word)});
  }
  catalog.add(make_keyword_detector(words), kAllViews);
  scan_block(state, catalog, prose(1 << 16));
}
BENCHMARK(BM_Keywords)->Arg(1)->Arg(5)->Arg(50)->Arg(500);

}  // namespace
}  // namespace capsem::detect
