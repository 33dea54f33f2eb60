// The units of one phase of one exchange, their hits, and what the policies say of them.
// Belongs to one exchange; not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/audit/record.h"
#include "core/base/index_map.h"
#include "core/engine/patch.h"
#include "core/event/event.h"
#include "core/policy/decision.h"
#include "core/policy/flow_rules.h"
#include "core/policy/hearing.h"
#include "core/policy/pins.h"

namespace capsem::engine {

// What a person has released: the Confirm decisions that carry these names.
struct ReleasedRule {
  std::string policy, rule;  // policy::Decision's
};

class UnitBook {
 public:
  explicit UnitBook(event::Phase phase) : phase_(phase) {}

  event::Phase phase() const { return phase_; }

  // What of the texts is kept because some policy wants it whole. Nothing by default.
  struct Keep {
    // For content policies. Answers: what the model says and thinks.
    bool prompt_text = false, answer_text = false, result_text = false;
    bool turns = false;        // which of the prompt's is of the latest turn
    bool arguments = false;    // of tool calls
    bool definitions = false;  // digests of tool definitions
    // Of all kept texts of answers together (R46, R47); more: overflowed().
    std::size_t answer_bytes_max = 1u << 20;
    // Of one call's arguments; more: overflowed() too, and the call cannot be judged.
    std::size_t arguments_bytes_max = 1u << 20;
    // Of all texts, for the record: what is more is cut off. 0: none.
    std::size_t texts_bytes_max = 0;
  };
  void keep(const Keep& keep) { keep_ = keep; }
  void keep_texts(std::size_t bytes_max) { keep_.texts_bytes_max = bytes_max; }
  // What was kept for the record: a text per unit, in the order they came.
  std::vector<audit::KeptText> kept_texts() const;
  std::size_t kept_text_bytes() const { return recorded_bytes_; }
  bool keeps_texts() const { return keep_.texts_bytes_max != 0; }

  // Where a text stands among those that are patched together: a lane of its inspector.
  static constexpr std::uint32_t kNoPlace = ~std::uint32_t{0};
  // What is put in the place of what at this place; nullptr: nothing. Offsets as Patch has them.
  using PatchesAt = std::function<const PatchList*(std::uint32_t place)>;
  // What was kept for the record is as it left from now on: all at a place that is patched stands
  // where the first of it stood. Once, when all patches are known.
  void redact_kept_texts(const PatchesAt& patches_at);

  // Confirm decisions of these rules are granted as they are made.
  void release(std::vector<ReleasedRule> rules) { released_ = std::move(rules); }

  // An answer's text was longer than what is kept: it was not evaluated as a whole.
  bool overflowed() const { return overflowed_; }

  // The unit this text belongs to, made on first sight; learns the tool's name from the text, and
  // keeps of it what is wanted. `place`: for redact_kept_texts().
  std::uint32_t unit_of(const event::Text& text, std::uint32_t place = kNoPlace);
  const policy::Unit& unit(std::uint32_t index) const { return entries_[index].unit; }
  // Some text of the unit has come; a call that is only mentioned by its id is none.
  bool told(std::uint32_t index) const { return entries_[index].told; }
  // How much the other reading of a name that was said twice has come to.
  std::size_t doubled_name_bytes(std::uint32_t index) const {
    return entries_[index].doubled_name.size();
  }
  // A call that cannot be judged: its arguments are longer than what is kept, or the answer gives
  // its name or its arguments twice, and differently.
  bool unclear(std::uint32_t index) const {
    return entries_[index].overflowed || entries_[index].contradicted;
  }
  bool any_unclear() const;

  // Takes the number of the next text of this unit (policy::Hit::order).
  std::uint32_t next_order(std::uint32_t unit) { return entries_[unit].texts++; }

  // Past kHitsMax hits of all units together, a hit is kept only if it is the first of its rule and
  // part in its unit: verdicts stay what they are, counts are then lower bounds.
  static constexpr std::size_t kHitsMax = 100'000;
  void add_hit(std::uint32_t unit, const policy::Hit& hit);

  // Resolves tool references (call ids) to names for the record (R23).
  void resolve_tools(std::span<const std::pair<std::string, std::string>> names);
  void set_turn_begin(std::uint32_t message);
  // The call is complete: its arguments are whole.
  void complete(std::uint32_t unit) { entries_[unit].complete = true; }

  // Every value that was found, with its place: what flow policies learn from.
  std::vector<policy::Tainted::Sighting> sightings() const;

  // Asks about each tool that a request defines.
  void judge_definitions(policy::Hearing& hearing, wire::JsonReader& reader,
                         std::vector<policy::Decision>& decisions);

  // Asks the policies about every unit there is something to say of, in check order (R26): tool
  // results, prompt, thoughts, tool calls, tool definitions of a request; tool calls, tool results,
  // text, thoughts of an answer. Appends the decisions. `usage`: of the answer, when it is known.
  // `finished`: the answer is whole, so that calls and texts that nobody ended are, too.
  void judge_all(policy::Hearing& hearing, const event::Usage* usage, bool finished,
                 std::vector<policy::Decision>& decisions) const;

  // Asks the judge services in force about every text that is kept (units_judges.cc).
  policy::JudgeRound ask_judges(const policy::Hearing& hearing, policy::JudgeDesk* desk) const;

  // Asks about one returned call: its name, and, when it is complete, its arguments.
  void judge_call(std::uint32_t unit, bool complete, policy::Hearing& hearing,
                  std::vector<policy::Decision>& decisions) const;

  // Asks about one hit of a unit, as if it were the unit's only one.
  void judge_hit(std::uint32_t unit, const policy::Hit& hit, policy::Hearing& hearing,
                 std::vector<policy::Decision>& decisions) const;

 private:
  // What stands of one place in a text that is kept for the record.
  struct Stretch {
    std::uint32_t place = kNoPlace;
    bool json = false;
    std::size_t begin = 0, end = 0;
  };
  struct Entry {
    policy::Unit unit;
    std::string tool_ref;
    std::vector<std::uint32_t> kinds;  // rule, part and repeat of the hits it has
    std::uint32_t texts = 0;
    std::uint64_t last_lane = 0;  // of the text kept last
    std::string recorded;         // for the record
    std::uint64_t recorded_lane = 0;
    bool recorded_repeat = false;
    std::vector<Stretch> stretches;  // of `recorded`, by where they begin
    // Where in the kept text each message begins.
    std::vector<std::pair<std::uint32_t, std::size_t>> messages;
    std::unique_ptr<policy::DefinitionDigest> digest;
    std::string doubled_name;       // the other reading of a name that was said twice
    bool told = false;              // some text of it has come: it is more than an id
    bool arguments_repeat = false;  // all arguments so far came as repeats
    bool complete = false, overflowed = false, contradicted = false;
  };

  static void learn_name(Entry& entry, const event::Text& text);
  void keep_of(Entry& entry, const event::Text& text);
  static void repeat_arguments(Entry& entry, std::string_view text);
  void keep_text(Entry& entry, const event::Text& text);
  void record_text(Entry& entry, const event::Text& text, std::uint32_t place);
  static void note_stretch(Entry& entry, const event::Text& text, std::uint32_t place,
                           std::size_t begin);
  static std::string redacted(const Entry& entry, const PatchesAt& patches_at);
  void grant_released(std::span<policy::Decision> decisions) const;
  static void append_turn(const Entry& entry, std::string& out);
  bool is_call(const Entry& entry) const;
  bool speaks(const Entry& entry, const policy::Hearing& hearing) const;
  policy::Unit whole_prompt() const;
  void judge_content(policy::Hearing& hearing, const event::Usage* usage,
                     std::vector<policy::Decision>& decisions) const;

  event::Phase phase_;
  Keep keep_;
  std::vector<Entry> entries_;
  IndexMap index_;
  std::uint64_t last_key_ = 0;
  std::uint32_t last_ = 0;
  std::size_t hits_ = 0, kept_bytes_ = 0, recorded_bytes_ = 0;
  std::vector<ReleasedRule> released_;
  bool overflowed_ = false;
  std::vector<std::uint32_t> hit_units_;  // units with hits, in the order of their first hit
};

// The decision that settles the exchange: the first enforced Block in order, else the first
// Confirm that nobody has granted, else nullptr. `confirm_allows` is X7's option.
const policy::Decision* settling(std::span<const policy::Decision> decisions, bool confirm_allows);

}  // namespace capsem::engine
