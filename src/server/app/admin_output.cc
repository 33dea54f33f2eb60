#include "server/app/admin_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/wire/json.h"

namespace capsem::app {
namespace {

using wire::JsonKind;
using wire::JsonNode;

constexpr std::size_t kCellBytesMax = 48;

// A parsed text that owns its bytes.
class Document {
 public:
  Status parse(std::string_view text) {
    bytes_.assign(text);
    bytes_.append(wire::JsonReader::kPadding, '\0');
    return reader_.parse(std::string_view(bytes_).substr(0, text.size()));
  }
  const JsonNode* root() const { return reader_.nodes().empty() ? nullptr : &reader_.nodes()[0]; }
  const JsonNode* find(const JsonNode& object, std::string_view name) const {
    return object.kind == JsonKind::Object ? reader_.find(object, name) : nullptr;
  }
  // The values directly inside of a container.
  std::vector<const JsonNode*> inside(const JsonNode& container) const {
    std::vector<const JsonNode*> found;
    const auto nodes = reader_.nodes();
    const auto at = static_cast<std::size_t>(&container - nodes.data());
    for (std::size_t i = at + 1; i < container.next; i = nodes[i].next) found.push_back(&nodes[i]);
    return found;
  }

 private:
  std::string bytes_;
  wire::JsonReader reader_;
};

bool is_container(const JsonNode& node) {
  return node.kind == JsonKind::Object || node.kind == JsonKind::Array;
}

std::string scalar(const JsonNode& node) {
  return node.kind == JsonKind::Null ? "-" : printable(node.text);
}

std::string cell(const Document& document, const JsonNode* node) {
  if (node == nullptr) return "-";
  std::string text;
  if (is_container(*node)) {
    for (const JsonNode* part : document.inside(*node)) {
      if (!text.empty()) text += ',';
      text += is_container(*part) ? "..." : scalar(*part);
    }
  } else {
    text = scalar(*node);
  }
  if (text.size() > kCellBytesMax) {
    std::size_t end = kCellBytesMax - 3;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  return text.empty() ? "-" : text;
}

const JsonNode* member(const Document& document, const JsonNode& row, std::string_view name) {
  const auto dot = name.find('.');
  const JsonNode* found = document.find(row, name.substr(0, dot));
  if (found == nullptr || dot == std::string_view::npos) return found;
  return member(document, *found, name.substr(dot + 1));
}

// Those that some row has: what rows have may depend on what was asked for.
std::vector<Column> used_columns(const Document& document, const std::vector<Column>& columns,
                                 const JsonNode& rows) {
  const auto lines = document.inside(rows);
  if (lines.empty()) return columns;
  std::vector<Column> used;
  for (const Column& column : columns) {
    const bool any = std::ranges::any_of(lines, [&](const JsonNode* row) {
      return member(document, *row, column.member) != nullptr;
    });
    if (any) used.push_back(column);
  }
  return used;
}

std::string table(const Document& document, const std::vector<Column>& all, const JsonNode& rows) {
  const std::vector<Column> columns = used_columns(document, all, rows);
  if (columns.empty()) return {};
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns) lines[0].emplace_back(column.title);
  for (const JsonNode* row : document.inside(rows)) {
    auto& line = lines.emplace_back();
    for (const Column& column : columns) {
      line.push_back(cell(document, member(document, *row, column.member)));
    }
  }
  std::vector<std::size_t> widths(columns.size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const auto& line : lines) {
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
      out += fmt::format("{:<{}}  ", line[i], widths[i]);
    }
    out += line.back() + '\n';
  }
  return out;
}

void append_members(const Document& document, const JsonNode& node, std::size_t indent,
                    std::string& out);

void append_value(const Document& document, const JsonNode& node, std::size_t indent,
                  std::string& out) {
  if (is_container(node)) {
    const bool flat = std::ranges::none_of(document.inside(node),
                                           [](const JsonNode* n) { return is_container(*n); });
    if (node.kind == JsonKind::Array && flat) {
      std::string texts;
      for (const JsonNode* part : document.inside(node)) {
        texts += (texts.empty() ? "" : ", ") + scalar(*part);
      }
      out += ' ' + (texts.empty() ? "-" : texts) + '\n';
      return;
    }
    out += '\n';
    append_members(document, node, indent + 2, out);
    return;
  }
  if (node.text.find('\n') == std::string_view::npos) {
    out += ' ' + scalar(node) + '\n';
    return;
  }
  out += '\n';
  for (std::string_view rest = node.text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    out += std::string(indent + 2, ' ') + printable(rest.substr(0, end)) + '\n';
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void append_members(const Document& document, const JsonNode& node, std::size_t indent,
                    std::string& out) {
  for (const JsonNode* part : document.inside(node)) {
    out += std::string(indent, ' ');
    out += node.kind == JsonKind::Array ? "-" : printable(part->key) + ':';
    append_value(document, *part, indent, out);
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters, too: C2 80 to C2 9F.
    const bool c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte >= 0x20 && byte != 0x7f && !c1) {
      out += text[i];
      continue;
    }
    out += fmt::format("\\x{:02x}", byte);
    if (c1) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
  }
  return out;
}

Result<Shown> show_answer(const Word& word, std::string_view body) {
  Document document;
  const bool parsed = document.parse(body).has_value() && document.root() != nullptr;
  if (!parsed) return gateway_error("bad_answer", "the answer is no JSON: is this the admin API?");
  const JsonNode* data = document.find(*document.root(), "data");
  if (data == nullptr) data = document.root();

  Shown shown;
  if (!word.columns.empty() && data->kind == JsonKind::Array) {
    shown.text = table(document, word.columns, *data);
  } else if (is_container(*data)) {
    append_members(document, *data, 0, shown.text);
  } else {
    shown.text = scalar(*data) + '\n';
  }
  if (const JsonNode* next = document.find(*document.root(), "next")) {
    if (next->kind == JsonKind::String) shown.next = printable(next->text);
  }
  if (!word.must_hold.empty()) {
    const JsonNode* holds = member(document, *data, word.must_hold);
    shown.holds = holds != nullptr && holds->kind == JsonKind::True;
  }
  if (word.shown_once.empty()) return shown;
  if (const JsonNode* once = member(document, *data, word.shown_once)) {
    if (once->kind == JsonKind::String) shown.shown_once = printable(once->text);
  }
  return shown;
}

std::string show_errors(int status, std::string_view body) {
  Document document;
  std::string out;
  if (document.parse(body) && document.root() != nullptr) {
    const JsonNode* errors = document.find(*document.root(), "errors");
    for (const JsonNode* error :
         errors == nullptr ? std::vector<const JsonNode*>{} : document.inside(*errors)) {
      const JsonNode* message = document.find(*error, "message");
      const JsonNode* code = document.find(*error, "code");
      const std::string text = message == nullptr ? scalar(*error) : printable(message->text);
      if (!out.empty()) out += '\n';
      out += text;
      if (code != nullptr) out += fmt::format(" ({})", printable(code->text));
    }
  }
  return out.empty() ? fmt::format("the admin API answered {}", status) : out;
}

}  // namespace capsem::app
