// `capsem scan`: the PII detectors over a text, outside of any exchange.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <tuple>

#include "core/detect/catalog.h"
#include "core/detect/entity.h"
#include "core/policy/toml_source.h"
#include "core/wire/json.h"
#include "server/app/command_line.h"
#include "server/app/disk.h"
#include "server/app/findings_text.h"

namespace capsem::app {
namespace {

constexpr std::size_t kInputBytesMax = 1u << 30;

using Types = std::array<bool, detect::kEntityTypeCount>;

struct ScanOptions {
  std::string path = "-";
  bool jsonl = false, redact = false, no_context = false;
  double threshold = 0.5;
  std::vector<std::string> only;
};

class Scanner {
 public:
  Scanner(const Types& types, const ScanOptions& options)
      : threshold_(static_cast<float>(options.threshold)) {
    detect::PiiOptions pii;
    pii.enabled = types;
    pii.context = !options.no_context;
    pii.score_min = threshold_;
    for (std::size_t i = 0; i < types.size(); ++i) {
      pii.rules[i] = catalog_.add_rule(std::string(to_string(static_cast<detect::EntityType>(i))));
    }
    mask_ = catalog_.add(detect::make_pii_detector(pii));
    scratch_.emplace(catalog_);
  }

  // In order of their place; of one place, the better scored first.
  Result<std::vector<TextFinding>> scan(std::string_view text, const Types& wanted) {
    found_.clear();
    if (auto ok = detect::scan_all(catalog_, mask_, *scratch_, text, found_); !ok) {
      return std::unexpected(ok.error());
    }
    std::vector<TextFinding> findings;
    for (const detect::Finding& f : found_) {
      if (!wanted[f.rule] || f.score < threshold_) continue;  // rule i is type i here
      findings.push_back({.type = static_cast<detect::EntityType>(f.rule),
                          .score = static_cast<double>(f.score),
                          .byte_begin = f.begin,
                          .byte_end = f.end});
    }
    std::ranges::sort(findings, [](const TextFinding& a, const TextFinding& b) {
      return std::tuple(a.byte_begin, -a.score, b.byte_end) <
             std::tuple(b.byte_begin, -b.score, a.byte_end);
    });
    return findings;
  }

 private:
  float threshold_;
  detect::Catalog catalog_;
  detect::DetectorMask mask_ = 0;
  std::optional<detect::CatalogScratch> scratch_;
  std::vector<detect::Finding> found_;
};

Result<Types> types_of(const std::vector<std::string>& names) {
  Types types{};
  if (names.empty()) types.fill(true);
  for (const std::string& name : names) {
    const auto type = detect::entity_type(name);
    if (!type) {
      std::vector<std::string_view> known;
      for (std::size_t i = 0; i < detect::kEntityTypeCount; ++i) {
        known.push_back(to_string(static_cast<detect::EntityType>(i)));
      }
      return gateway_error("unknown_type", fmt::format("unknown entity type {}{}", name,
                                                       policy::suggestion(name, known)));
    }
    types[static_cast<std::size_t>(*type)] = true;
  }
  return types;
}

// A line's "entities", when it lists names, limits what is looked for in that line; names that are
// not ours are never found. Anything else there (a corpus keeps its labels so) limits nothing.
Types line_types(const wire::JsonReader& json, const Types& all) {
  const wire::JsonNode* list = json.find(0, "entities");
  if (list == nullptr || list->kind != wire::JsonKind::Array) return all;
  const auto nodes = json.nodes();
  const auto index = static_cast<std::size_t>(list - nodes.data());
  Types types{};
  bool any_name = false;
  for (std::size_t i = index + 1; i < list->next; i = nodes[i].next) {
    if (nodes[i].kind != wire::JsonKind::String) return all;
    any_name = true;
    const auto type = detect::entity_type(nodes[i].text);
    if (!type) continue;
    const auto at = static_cast<std::size_t>(*type);
    types[at] = all[at];
  }
  return any_name ? types : all;
}

// One answer line per input line, whatever is wrong with it; false when something was.
bool answer_line(Scanner& scanner, wire::JsonReader& json, std::string line, const Types& types,
                 bool redacted) {
  const std::size_t size = line.size();
  line.resize(size + wire::JsonReader::kPadding);
  const auto error = [](std::string_view what) {
    fmt::print("{{\"error\":\"{}\"}}\n", what);
    return false;
  };
  if (!json.parse(std::string_view(line).substr(0, size))) return error("not a JSON object");
  if (json.nodes()[0].kind != wire::JsonKind::Object) return error("not a JSON object");
  const wire::JsonNode* text = json.find(0, "text");
  if (text == nullptr || text->kind != wire::JsonKind::String)
    return error("no string \\\"text\\\"");
  const auto findings = scanner.scan(text->text, line_types(json, types));
  if (!findings) return error(findings.error().code);
  if (redacted) {
    fmt::print("{}\n", redact(text->text, *findings));
  } else {
    fmt::print("{}\n", findings_json(text->text, *findings));
  }
  return true;
}

int scan_lines(Scanner& scanner, std::string_view input, const Types& types, bool redacted) {
  wire::JsonReader json;
  bool good = true;
  while (!input.empty()) {
    const auto end = input.find('\n');
    const std::string_view line = input.substr(0, end);
    input = end == std::string_view::npos ? std::string_view() : input.substr(end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    good = answer_line(scanner, json, std::string(line), types, redacted) && good;
  }
  return good ? 0 : 1;
}

int scan_text(Scanner& scanner, const std::string& text, const Types& types, bool redacted) {
  const auto findings = scanner.scan(text, types);
  if (!findings) return fail(findings.error());
  const std::string out =
      redacted ? redact(text, *findings) : findings_json(text, *findings) + "\n";
  std::fwrite(out.data(), 1, out.size(), stdout);
  return 0;
}

}  // namespace

int run_scan(Arguments arguments) {
  ScanOptions options;
  CLI::App app("What the PII detectors find in a text", "capsem scan");
  app.add_option("FILE", options.path, "the text; - is standard input [-]");
  app.add_flag("--redact", options.redact, "print the text with the findings masked");
  app.add_flag("--jsonl", options.jsonl,
               "read {\"text\":..., \"entities\":[...]} lines, answer each with one line");
  app.add_option("--threshold", options.threshold, "drop findings scored lower [0.5]")
      ->check(CLI::Range(0.0, 1.0));
  app.add_flag("--no-context", options.no_context,
               "do not raise scores for words around a finding");
  app.add_option("--only", options.only, "entity types to look for")->delimiter(',');
  if (const auto status = parse_arguments(app, arguments)) return *status;

  const auto types = types_of(options.only);
  if (!types) return fail(types.error());
  const auto input = read_file(options.path, kInputBytesMax);
  if (!input) return fail(input.error());
  Scanner scanner(*types, options);
  return options.jsonl ? scan_lines(scanner, *input, *types, options.redact)
                       : scan_text(scanner, *input, *types, options.redact);
}

}  // namespace capsem::app
