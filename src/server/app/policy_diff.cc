// `capsem policy diff OLD NEW`: which sample requests a change of policies allows, denies, holds.
#include <fmt/format.h>

#include <cstdio>

#include "core/policy/diff.h"
#include "server/app/command_line.h"
#include "server/app/policy_commands.h"
#include "server/app/policy_files.h"

namespace capsem::app {
namespace {

void print_side(audit::JsonLine& line, std::string_view key, policy::Verdict verdict,
                const std::string& by, const std::string& at) {
  line.open_object(key);
  line.text("verdict", policy::to_string(verdict));
  line.text("decided_by", by);
  line.text("at", at);
  line.close_object();
}

void print_json(const policy::Diff& diff) {
  audit::JsonLine line(kJsonTextMax);
  line.open_object();
  line.boolean("loosens", diff.loosens);
  line.open_array("differences");
  for (const policy::Difference& difference : diff.differences) {
    line.open_object();
    line.text("change", policy::to_string(difference.change));
    line.boolean("loosens", difference.loosens);
    line.text("request", difference.request);
    print_side(line, "before", difference.before, difference.by_before, difference.at_before);
    print_side(line, "after", difference.after, difference.by_after, difference.at_after);
    line.close_object();
  }
  line.close_array();
  line.number("not_listed", std::uint64_t{diff.not_listed});
  line.number("samples", std::uint64_t{diff.samples});
  line.number("not_played", std::uint64_t{diff.not_played});
  line.number("unsampled_conditions", std::uint64_t{diff.unsampled});
  line.close_object();
  print_line(line.take());
}

void print_text(const policy::Diff& diff, const Paint& paint) {
  for (const policy::Difference& difference : diff.differences) {
    const std::string text = policy::to_string(difference);
    const std::string_view word = policy::to_string(difference.change);
    const std::string shown = difference.loosens                             ? paint.bad(word)
                              : difference.change == policy::Change::Decider ? paint.faint(word)
                                                                             : paint.good(word);
    print_line(shown + text.substr(word.size()));
  }
  if (diff.not_listed > 0) fmt::print("and {} differences more\n", diff.not_listed);
  fmt::print("{} of {} samples differ{}\n", diff.differences.size() + diff.not_listed, diff.samples,
             diff.loosens ? "; the new policies are looser" : "");
  if (diff.not_played > 0) {
    fmt::print("{} samples more were not played\n", diff.not_played);
  }
  if (diff.unsampled > 0) {
    fmt::print("{} conditions are regular expressions, which no sample is made for\n",
               diff.unsampled);
  }
}

}  // namespace

int run_policy_diff(Arguments arguments) {
  CLI::App app(
      "What a change of policies allows, denies and holds: sample requests made from the "
      "patterns of both, played through both",
      "capsem policy diff");
  PolicyOptions options;
  std::string before, after;
  bool forbid_loosening = false;
  app.add_option("OLD", before, "a policy file or directory")->required();
  app.add_option("NEW", after, "a policy file or directory")->required();
  add_policy_options(app, options, false);
  app.remove_option(app.get_option("--policy"));
  app.add_flag("--forbid-loosening", forbid_loosening,
               "exit with 1 when something is allowed, or may be approved, that was not");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  options.named = {before};
  const auto old = policies_or_say(options);
  options.named = {after};
  const auto now = policies_or_say(options);
  if (!old || !now) return 1;
  const auto diff = policy::diff(old->snapshot, now->snapshot);
  if (!diff) return fail(diff.error());
  if (options.json) {
    print_json(*diff);
  } else {
    print_text(*diff, Paint(options.color, stdout));
  }
  return forbid_loosening && diff->loosens ? 1 : 0;
}

}  // namespace capsem::app
