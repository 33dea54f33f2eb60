// How the tables are written down: rows with braces, put together under prefixes. Internal to
// codec/.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/field.h"

namespace capsem::codec {

// Short names, so that a row of a table fits a line.
inline constexpr auto P = event::Point::Prompt;
inline constexpr auto TD = event::Point::ToolDefinition;
inline constexpr auto TC = event::Point::ToolCall;
inline constexpr auto TR = event::Point::ToolResult;
inline constexpr auto MO = event::Point::ModelOutput;
inline constexpr auto TH = event::Point::Thought;

inline constexpr auto kText = event::Part::Text;
inline constexpr auto kName = event::Part::ToolName;
inline constexpr auto kArgs = event::Part::Arguments;
inline constexpr auto kDesc = event::Part::Description;
inline constexpr auto kSchema = event::Part::Schema;

inline constexpr std::string_view kAlone = "-";

// `path` may hold alternatives in braces, nested if need be: "function.{name,arguments}".
struct Row {
  event::Point point;
  event::Part part;
  Treat treat;
  std::string_view path;
  std::string_view lane = {};
  bool repeat = false;
};

class Table {
 public:
  // Appends the rows with their braces expanded; `prefix` goes before each path as it stands (end
  // it with a dot where one is needed) and may hold braces too.
  void add(Where where, std::string_view prefix, std::span<const Row> rows);
  // The same, as repeats of what the rows describe elsewhere. Rows without a lane name repeat
  // piecewise.
  void add_repeats(Where where, std::string_view prefix, std::span<const Row> rows);
  // Rows that stand under several prefixes of a stream for the same things: a row without a lane
  // name gets its own path as one, so that the first to come says it and the others repeat it.
  void add_shared(Where where, std::string_view prefix, std::span<const Row> rows, bool repeat);
  // What an answer echoes of its request: repeats, each whole by itself.
  void add_echo(Where where, std::string_view prefix, std::span<const Row> rows);

  std::span<const Field> fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
  std::deque<std::string> paths_;  // what the fields' views point into
};

}  // namespace capsem::codec
