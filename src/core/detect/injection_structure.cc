// Forged structure: what only the software around a model may write. Marks of chat templates, role
// headers, calls of tools.
#include "core/detect/injection_scan.h"
#include "core/detect/injection_words.h"

namespace capsem::detect::injection {
namespace {

constexpr float kTemplate = 0.9F, kHeader = 0.6F, kCall = 0.6F;
constexpr float kInCode = 0.4F;  // people discuss templates, and code builds them
constexpr std::size_t kPipedMax = 40;

// Marks as they stand, lower case.
constexpr std::string_view kMarks[] = {"<<sys>>",
                                       "<</sys>>",
                                       "[inst]",
                                       "[/inst]",
                                       "<start_of_turn>",
                                       "<end_of_turn>",
                                       "[system_prompt]",
                                       "[/system_prompt]",
                                       "[available_tools]",
                                       "[tool_results]",
                                       "<\xEF\xBD\x9C",  // <| of DeepSeek's, full width
                                       "<bos>",
                                       "<eos>",
                                       "<|begin",
                                       "<start_of_image>",
                                       "[tool_calls]",
                                       "<extra_id_",
                                       "</s><s>",
                                       "<sep>"};
constexpr std::string_view kCalls[] = {"<tool_call>",    "</tool_call>",    "<function_calls>",
                                       "<invoke name=",  "<function=",      "<tool_response>",
                                       "<function_call", "</function_call", "<tool_result"};
constexpr std::string_view kRoleTags[] = {
    "<system>",          "</system>",        "<assistant>",
    "[system]",          "[assistant]",      "<system_prompt>",
    "</system_prompt>",  "<system-message>", "<system_message>",
    "[system message]",  "<|system",         "{{#system",
    "<system-reminder>", "[system](#",       "[system note",
    "[system:",          "<<system",         "[admin]",
    "<human>:",          "<bot>:",           "<admin>"};

// Inside a code fence or span, as far as the text near by tells.
bool in_code(std::string_view s, std::size_t p) {
  const std::string_view before = s.substr(floor_of(p), p - floor_of(p));
  bool fenced = false;
  for (auto at = before.find("```"); at != std::string_view::npos;
       at = before.find("```", at + 3)) {
    fenced = !fenced;
  }
  if (fenced) return true;
  const auto line = before.rfind('\n');
  bool span = false;
  for (const char c : before.substr(line == std::string_view::npos ? 0 : line + 1)) {
    if (c == '`') span = !span;
  }
  return span;
}

// "<|name|>", whoever's model it is.
std::size_t piped_end(Ahead& text, std::size_t p) {
  if (text.at(p) != '<' || text.at(p + 1) != '|') return 0;
  std::size_t end = p + 2;
  while (end < p + kPipedMax && (is_alnum(text.at(end)) || text.at(end) == '_' ||
                                 text.at(end) == '-' || text.at(end) == ' ')) {
    ++end;
  }
  return end > p + 3 && text.at(end) == '|' && text.at(end + 1) == '>' ? end + 2 : 0;
}

bool line_begins(const Ahead& text, std::size_t p) {
  while (p > 0 && (text.before(p, 1) == ' ' || text.before(p, 1) == '*')) --p;
  return p == 0 || text.before(p, 1) == '\n';
}

// "### Instruction:", "## System", as fine-tuning formats have them.
void match_heading(Ahead& text, std::size_t p, Hits& hits) {
  if (text.at(p + 1) != '#' || text.before(p, 1) == '#' || !line_begins(text, p)) return;
  std::size_t at = p;
  while (text.at(at) == '#') ++at;
  while (text.at(at) == ' ') ++at;
  for (const std::string_view name :
       {"instruction:", "instructions:", "system:", "response:", "human:", "assistant:", "user:",
        "system prompt:", "new instructions:", "system message:", "end of prompt"}) {
    if (text.has(at, name)) {
      hits.add(Sign::RoleHeader, in_code(text.text(), p) ? kInCode : kHeader, at + name.size());
      return;
    }
  }
}

// "Human: " or "SYSTEM:" at the beginning of a line after the first.
void match_role_line(Ahead& text, std::size_t p, Hits& hits) {
  if (text.before(p, 1) != '\n') return;
  for (const std::string_view name : {"human:", "assistant:", "system:"}) {
    if (!text.has(p, name)) continue;
    const float score = text.before(p, 2) == '\n' && name != "system:" ? kHeader : 0.5F;
    hits.add(Sign::RoleHeader, in_code(text.text(), p) ? kInCode : score, p + name.size());
    return;
  }
}

// What an agent would write of its own doing: "Thought: ... Action: ...", line by line.
void match_agent_line(Ahead& text, std::size_t p, Hits& hits) {
  if (!line_begins(text, p)) return;
  if (text.has(p, "action input:")) hits.add(Sign::ToolCallForgery, kCall, p + 13);
  if (!text.has(p, "thought:")) return;
  for (std::size_t at = p; at < p + kReach && text.at(at) != '\0'; ++at) {
    if (text.at(at) == '\n' && text.has(at + 1, "action:")) {
      hits.add(Sign::ToolCallForgery, kCall, at + 8);
      return;
    }
  }
}

// A message of a conversation, as JSON: {"role": "system", ...}
void match_role_member(Ahead& text, std::size_t p, Hits& hits) {
  if (!text.has(p, "\"role\":")) return;
  std::size_t at = p + 7;
  while (text.at(at) == ' ' && at < p + 10) ++at;
  for (const std::string_view role : {"\"system\"", "\"developer\""}) {
    if (text.has(at, role)) hits.add(Sign::RoleHeader, 0.5F, at + role.size());
  }
}

}  // namespace

void match_structure(Ahead& text, std::size_t p, Hits& hits) {
  const char c = text.at(p);
  if (c == '"') return match_role_member(text, p, hits);
  if (is_alpha(c)) {
    match_role_line(text, p, hits);
    return match_agent_line(text, p, hits);
  }
  if (c == '#') return match_heading(text, p, hits);
  const auto score = [&](float full) { return in_code(text.text(), p) ? kInCode : full; };
  if (const std::size_t end = piped_end(text, p); end != 0) {
    hits.add(Sign::ChatTemplate, score(kTemplate), end);
  }
  for (const std::string_view mark : kMarks) {
    if (text.has(p, mark)) hits.add(Sign::ChatTemplate, score(kTemplate), p + mark.size());
  }
  for (const std::string_view mark : kCalls) {
    if (text.has(p, mark)) hits.add(Sign::ToolCallForgery, score(kCall), p + mark.size());
  }
  for (const std::string_view mark : kRoleTags) {
    if (text.has(p, mark)) hits.add(Sign::RoleHeader, score(kHeader), p + mark.size());
  }
}

}  // namespace capsem::detect::injection
