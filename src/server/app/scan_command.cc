// `capsem scan`: the detectors over a text, outside of any exchange.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "core/detect/report.h"
#include "core/policy/toml_source.h"
#include "core/wire/json.h"
#include "server/app/command_line.h"
#include "server/app/disk.h"
#include "server/app/findings_text.h"
#include "server/app/progress_bar.h"

namespace capsem::app {
namespace {

using detect::ReportedFinding;
using detect::ReportTypes;

constexpr std::size_t kInputBytesMax = 1u << 30;
// With --fail, 1 says that something was found; what could not be scanned needs a word of its own.
constexpr int kNothingWrong = 0, kSomethingWrong = 1, kFoundWithFail = 1, kWrongWithFail = 2;

struct ScanOptions {
  std::string path = "-";
  bool jsonl = false, redact = false, no_context = false, fail = false;
  double threshold = 0.5;
  std::vector<std::string> only;
};

int fail_as(const Error& error, const ScanOptions& options) {
  const int status = fail(error);
  return options.fail ? kWrongWithFail : status;
}

// A reporter for each set of types that lines ask for: what is looked for decides what is found,
// since types that claim the same characters are weighed against each other.
class Reporters {
 public:
  explicit Reporters(const detect::ReportOptions& options) : options_(options) {}

  detect::TextReporter& for_types(const ReportTypes& types) {
    const auto known = std::ranges::find(made_, types, &Made::first);
    if (known != made_.end()) return *known->second;
    if (made_.size() == kReportersMax) made_.erase(made_.begin());
    made_.emplace_back(types, std::make_unique<detect::TextReporter>(options_, types));
    return *made_.back().second;
  }

 private:
  using Made = std::pair<ReportTypes, std::unique_ptr<detect::TextReporter>>;
  static constexpr std::size_t kReportersMax = 64;  // the oldest makes room

  const detect::ReportOptions options_;
  std::vector<Made> made_;
};

Result<ReportTypes> types_of(const std::vector<std::string>& names) {
  if (names.empty()) return ReportTypes::standard();
  ReportTypes types = ReportTypes::none();
  for (const std::string& name : names) {
    if (types.add(name)) continue;
    return gateway_error("unknown_type",
                         fmt::format("unknown entity type {}{}", name,
                                     policy::suggestion(name, detect::report_type_names())));
  }
  return types;
}

// A line's "entities", when it lists names, says what is looked for in that line; names that are
// not ours are never found. Anything else there (a corpus keeps its labels so) says nothing.
ReportTypes line_types(const wire::JsonReader& json, const ScanOptions& options,
                       const ReportTypes& asked) {
  const wire::JsonNode* list = json.find(0, "entities");
  if (list == nullptr || list->kind != wire::JsonKind::Array) return asked;
  const auto nodes = json.nodes();
  const auto index = static_cast<std::size_t>(list - nodes.data());
  ReportTypes types = ReportTypes::none();
  bool any_name = false;
  for (std::size_t i = index + 1; i < list->next; i = nodes[i].next) {
    if (nodes[i].kind != wire::JsonKind::String) return asked;
    any_name = true;
    types.add(nodes[i].text);
  }
  if (!any_name) return asked;
  return options.only.empty() ? types : types & asked;
}

class ScanRun {
 public:
  ScanRun(const ScanOptions& options, const ReportTypes& asked)
      : options_(options),
        asked_(asked),
        reporters_(
            {.threshold = static_cast<float>(options.threshold), .context = !options.no_context}) {}

  int lines(std::string_view input) {
    ProgressBar bar(input.size());
    const std::size_t size = input.size();
    while (!input.empty()) {
      const auto end = input.find('\n');
      const std::string_view line = input.substr(0, end);
      input = end == std::string_view::npos ? std::string_view() : input.substr(end + 1);
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) answer_line(line);
      bar.show(size - input.size());
    }
    return status();
  }

  int text(std::string_view text) {
    Result<std::vector<ReportedFinding>> findings;
    {
      ProgressBar bar(text.size());
      findings =
          reporters_.for_types(asked_).report(text, [&bar](std::size_t done) { bar.show(done); });
    }
    if (!findings) return fail_as(findings.error(), options_);
    found_ = !findings->empty();
    const std::string out =
        options_.redact ? redact(text, *findings) : findings_json(*findings) + "\n";
    std::fwrite(out.data(), 1, out.size(), stdout);
    return status();
  }

 private:
  // One answer line per input line, whatever is wrong with it.
  void answer_line(std::string_view line) {
    line_.assign(line);
    line_.resize(line.size() + wire::JsonReader::kPadding);
    if (!json_.parse(std::string_view(line_).substr(0, line.size())) ||
        json_.nodes()[0].kind != wire::JsonKind::Object) {
      return answer_error("not a JSON object");
    }
    const wire::JsonNode* text = json_.find(0, "text");
    if (text == nullptr || text->kind != wire::JsonKind::String) {
      return answer_error("no string \\\"text\\\"");
    }
    const auto findings =
        reporters_.for_types(line_types(json_, options_, asked_)).report(text->text);
    if (!findings) return answer_error(findings.error().code);
    found_ = found_ || !findings->empty();
    fmt::print("{}\n", options_.redact ? redact(text->text, *findings) : findings_json(*findings));
  }

  void answer_error(std::string_view what) {
    wrong_ = true;
    fmt::print("{{\"error\":\"{}\"}}\n", what);
  }

  int status() const {
    if (wrong_) return options_.fail ? kWrongWithFail : kSomethingWrong;
    return options_.fail && found_ ? kFoundWithFail : kNothingWrong;
  }

  const ScanOptions& options_;
  const ReportTypes asked_;
  Reporters reporters_;
  wire::JsonReader json_;
  std::string line_;
  bool found_ = false, wrong_ = false;
};

}  // namespace

int run_scan(Arguments arguments) {
  ScanOptions options;
  CLI::App app("What the detectors find in a text: personal data, secrets, prompt injection",
               "capsem scan");
  app.add_option("FILE", options.path, "the text; - is standard input [-]");
  app.add_flag("--redact", options.redact, "print the text with the findings masked");
  app.add_flag("--jsonl", options.jsonl,
               "read {\"text\":..., \"entities\":[...]} lines, answer each with one line");
  app.add_option("--threshold", options.threshold, "drop findings scored lower [0.5]")
      ->check(CLI::Range(0.0, 1.0));
  app.add_flag("--no-context", options.no_context,
               "do not raise scores for words around a finding");
  app.add_option("--only", options.only,
                 "what to look for: entity types, groups of them (us, uk, eu, ...), SECRET, "
                 "PROMPT_INJECTION [the default group and both]")
      ->delimiter(',');
  app.add_flag("--fail", options.fail, "exit with status 1 when something is found");
  if (const auto status = parse_arguments(app, arguments)) return *status;

  const auto types = types_of(options.only);
  if (!types) return fail_as(types.error(), options);
  const auto input = read_file(options.path, kInputBytesMax);
  if (!input) return fail_as(input.error(), options);
  ScanRun run(options, *types);
  return options.jsonl ? run.lines(*input) : run.text(*input);
}

}  // namespace capsem::app
