#include "core/audit/explanation.h"

#include <array>
#include <vector>

#include "core/audit/json_line.h"

namespace capsem::audit {
namespace {

constexpr std::size_t kListMax = 200;
constexpr std::size_t kTextBytesMax = 1'024;

struct Spelling {
  std::size_t text_bytes_max = kTextBytesMax;
  bool ascii = false;
};

// Entries are written one by one, so that it is known what leaving one out saves.
struct List {
  std::string_view key, left_out_key;
  std::vector<std::string> entries{};
  std::size_t left_out = 0;

  void add(std::string entry) {
    if (entries.size() < kListMax) {
      entries.push_back(std::move(entry));
    } else {
      ++left_out;
    }
  }
};

struct Lists {
  List considered{"considered", "considered_left_out"}, also{"also", "also_left_out"},
      shadow{"shadow", "shadow_left_out"}, not_checked{"not_checked", "not_checked_left_out"};
};

template <class Write>
std::string entry(const Spelling& spelling, Write write) {
  JsonLine line(spelling.text_bytes_max, spelling.ascii);
  line.open_object();
  write(line);
  line.close_object();
  return line.take();
}

std::string considered_entry(const policy::Considered& c, const Spelling& spelling) {
  return entry(spelling, [&c](JsonLine& line) {
    line.text("rule", c.rule);
    line.boolean("matched", c.matched);
    line.text("because", c.because);
  });
}

std::string also_entry(const policy::Decision& d, const Spelling& spelling) {
  return entry(spelling, [&d](JsonLine& line) {
    line.text("policy", d.policy);
    line.text("verdict", to_string(d.verdict));
    line.text("where", to_string(d.point));
    line.text("detail", d.details);
    if (!d.enforced) line.boolean("enforced", false);
  });
}

std::string shadow_entry(const policy::Decision& d, const Spelling& spelling) {
  return entry(spelling, [&d](JsonLine& line) {
    line.text("policy", d.policy);
    line.text("rule", d.rule);
    line.text("would", to_string(d.verdict));
  });
}

std::string not_checked_entry(const NotChecked& n, const Spelling& spelling) {
  return entry(spelling, [&n](JsonLine& line) {
    line.text("surface", n.surface);
    line.text("reason", n.reason);
  });
}

Lists lists_of(const Explanation& e, const Spelling& spelling) {
  Lists lists;
  if (e.trace != nullptr) {
    for (const policy::Considered& c : e.trace->considered) {
      lists.considered.add(considered_entry(c, spelling));
    }
    lists.considered.left_out += e.trace->left_out;
  }
  for (const policy::Decision& d : e.decisions) {
    if (d.shadow) {
      lists.shadow.add(shadow_entry(d, spelling));
    } else if (&d != e.decided) {
      lists.also.add(also_entry(d, spelling));
    }
  }
  for (const NotChecked& n : e.not_checked) {
    lists.not_checked.add(not_checked_entry(n, spelling));
  }
  return lists;
}

std::string_view without_directory(std::string_view place) {
  return place.substr(place.rfind('/') + 1);  // all of it when there is none
}

void write_list(JsonLine& line, const List& list) {
  line.open_array(list.key);
  for (const std::string& one : list.entries) line.raw({}, one);
  line.close_array();
  if (list.left_out != 0) line.number(list.left_out_key, std::uint64_t{list.left_out});
}

std::string write(const Explanation& e, const Lists& lists, const Spelling& spelling) {
  JsonLine line(spelling.text_bytes_max, spelling.ascii);
  line.open_object();
  if (!e.run_id.empty()) line.text("run_id", e.run_id);
  line.text("revision", e.revision);
  line.text("verdict", to_string(e.verdict));
  line.number("http", std::int64_t{e.http});
  const event::Phase phase = e.decided != nullptr ? e.decided->phase : e.phase;
  line.text("phase", phase == event::Phase::Request ? "request" : "response");
  if (e.decided != nullptr) {
    line.open_object("decided_by");
    line.text("policy", e.decided->policy);
    line.text("rule", e.decided->rule);
    line.text("at", e.hides_directories ? without_directory(e.decided->at) : e.decided->at);
    line.text("why", e.decided->why.empty() ? e.decided->details : e.decided->why);
    line.close_object();
  } else {
    line.raw("decided_by", "null");
  }
  write_list(line, lists.considered);
  write_list(line, lists.also);
  write_list(line, lists.shadow);
  write_list(line, lists.not_checked);
  line.open_object("us");
  for (const auto& [name, us] : e.us) line.number(name, us);
  line.close_object();
  line.close_object();
  return line.take();
}

// Leaves entries out until `excess` bytes are saved.
void shorten(Lists& lists, std::size_t excess) {
  // Saying how many were left out takes bytes of its own.
  constexpr std::size_t kLeftOutBytes = 32;
  std::size_t saved = 0;
  for (List* list : {&lists.considered, &lists.not_checked, &lists.shadow, &lists.also}) {
    if (saved >= excess) return;
    if (list->entries.empty()) continue;
    excess += kLeftOutBytes;
    while (saved < excess && !list->entries.empty()) {
      saved += list->entries.back().size() + 1;  // and a comma
      list->entries.pop_back();
      ++list->left_out;
    }
  }
}

}  // namespace

const policy::Decision* deciding(std::span<const policy::Decision> decisions,
                                 policy::Verdict verdict) {
  if (verdict == policy::Verdict::Allow) return nullptr;
  for (const policy::Decision& decision : decisions) {
    if (decision.enforced && decision.verdict == verdict) return &decision;
  }
  return nullptr;
}

std::string explanation_json(const Explanation& explanation) {
  const Spelling spelling;
  return write(explanation, lists_of(explanation, spelling), spelling);
}

std::string explanation_field(const Explanation& explanation, std::size_t bytes_max) {
  std::string out;
  // Names alone can be too long; then they are cut, too.
  constexpr std::array<std::size_t, 4> kTextBytes = {256, 96, 32, 8};
  for (const std::size_t text_bytes_max : kTextBytes) {
    const Spelling spelling{.text_bytes_max = text_bytes_max, .ascii = true};
    Lists lists = lists_of(explanation, spelling);
    out = write(explanation, lists, spelling);
    if (out.size() <= bytes_max) return out;
    shorten(lists, out.size() - bytes_max);
    out = write(explanation, lists, spelling);
    if (out.size() <= bytes_max) return out;
  }
  return out;
}

}  // namespace capsem::audit
