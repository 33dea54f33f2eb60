#include "server/admin/fields.h"

#include <algorithm>
#include <charconv>

namespace capsem::admin {
namespace {

using wire::JsonKind;
using wire::JsonNode;

bool is_control(char c, bool lines) {
  const auto byte = static_cast<unsigned char>(c);
  if (lines && (c == '\n' || c == '\r' || c == '\t')) return false;
  return byte < 0x20 || byte == 0x7f;
}

std::string list_words(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace

Fields::Fields(const wire::JsonReader* body)
    : body_(body != nullptr && !body->nodes().empty() ? body : nullptr) {
  if (body_ != nullptr && body_->nodes()[0].kind != JsonKind::Object) {
    body_ = nullptr;
    error_ = Error{Fault::Client, "invalid_request", "The body must be a JSON object"};
  }
}

void Fields::wrong(std::string_view name, std::string_view what) {
  if (error_) return;
  std::string detail = "`";
  detail.append(name).append("` ").append(what);
  error_ = Error{Fault::Client, "invalid_request", std::move(detail)};
}

bool Fields::has(std::string_view name) const {
  return body_ != nullptr && body_->find(0, name) != nullptr;
}

bool Fields::is_null(std::string_view name) const {
  const JsonNode* found = body_ == nullptr ? nullptr : body_->find(0, name);
  return found != nullptr && found->kind == JsonKind::Null;
}

const JsonNode* Fields::node(std::string_view name) {
  read_.push_back(name);
  const JsonNode* found = body_ == nullptr ? nullptr : body_->find(0, name);
  return found;
}

// A null is the same as a missing member.
const JsonNode* Fields::take(std::string_view name) {
  const JsonNode* found = node(name);
  return found != nullptr && found->kind == JsonKind::Null ? nullptr : found;
}

std::string Fields::text_of(std::string_view name, const JsonNode& node, TextBounds bounds) {
  if (node.kind != JsonKind::String) {
    wrong(name, "must be a text");
    return {};
  }
  if (node.text.size() < bounds.min || node.text.size() > bounds.max) {
    wrong(name, "must have from " + std::to_string(bounds.min) + " to " +
                    std::to_string(bounds.max) + " bytes");
    return {};
  }
  if (std::ranges::any_of(node.text, [&](char c) { return is_control(c, bounds.lines); })) {
    wrong(name, "must not have control characters");
    return {};
  }
  return std::string(node.text);
}

std::optional<std::string> Fields::optional_text(std::string_view name, TextBounds bounds) {
  const JsonNode* found = take(name);
  if (found == nullptr) return std::nullopt;
  return text_of(name, *found, bounds);
}

std::string Fields::text(std::string_view name, TextBounds bounds) {
  auto found = optional_text(name, bounds);
  if (!found) wrong(name, "is missing");
  return std::move(found).value_or(std::string());
}

std::optional<std::string> Fields::optional_word(std::string_view name,
                                                 std::initializer_list<std::string_view> words) {
  const JsonNode* found = take(name);
  if (found == nullptr) return std::nullopt;
  if (found->kind == JsonKind::String && std::ranges::find(words, found->text) != words.end()) {
    return std::string(found->text);
  }
  wrong(name, "must be one of " + list_words(words));
  return std::string();
}

std::string Fields::word(std::string_view name, std::initializer_list<std::string_view> words) {
  auto found = optional_word(name, words);
  if (!found) wrong(name, "is missing");
  return std::move(found).value_or(std::string());
}

Secret Fields::optional_secret(std::string_view name, TextBounds bounds) {
  const JsonNode* found = take(name);
  if (found == nullptr) return {};
  if (found->kind != JsonKind::String || found->text.size() < bounds.min ||
      found->text.size() > bounds.max) {
    wrong(name, "must be a text of " + std::to_string(bounds.min) + " to " +
                    std::to_string(bounds.max) + " bytes");
    return {};
  }
  // It will stand in a header field of its own.
  if (std::ranges::any_of(found->text, [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f;
      })) {
    wrong(name, "must have visible ASCII characters only");
    return {};
  }
  return Secret(found->text);
}

Secret Fields::secret(std::string_view name, TextBounds bounds) {
  Secret found = optional_secret(name, bounds);
  if (found.empty()) wrong(name, "is missing");
  return found;
}

std::optional<std::int64_t> Fields::optional_number(std::string_view name, std::int64_t min,
                                                    std::int64_t max) {
  const JsonNode* found = take(name);
  if (found == nullptr) return std::nullopt;
  std::int64_t value = 0;
  const char* const end = found->text.data() + found->text.size();
  if (found->kind == JsonKind::Number) {
    const auto [stop, fault] = std::from_chars(found->text.data(), end, value);
    if (fault == std::errc() && stop == end && value >= min && value <= max) return value;
  }
  wrong(name, "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max));
  return min;
}

std::int64_t Fields::number(std::string_view name, std::int64_t min, std::int64_t max) {
  const auto found = optional_number(name, min, max);
  if (!found) wrong(name, "is missing");
  return found.value_or(min);
}

std::optional<bool> Fields::optional_flag(std::string_view name) {
  const JsonNode* found = take(name);
  if (found == nullptr) return std::nullopt;
  if (found->kind != JsonKind::True && found->kind != JsonKind::False) {
    wrong(name, "must be true or false");
  }
  return found->kind == JsonKind::True;
}

std::optional<std::vector<std::string>> Fields::optional_list(std::string_view name,
                                                              std::size_t count_max,
                                                              TextBounds bounds) {
  const JsonNode* found = take(name);
  if (found == nullptr) return std::nullopt;
  std::vector<std::string> list;
  if (found->kind != JsonKind::Array) {
    wrong(name, "must be a list of texts");
    return list;
  }
  const auto nodes = body_->nodes();
  const auto first = static_cast<std::size_t>(found - nodes.data()) + 1;
  for (std::size_t i = first; i < found->next; i = nodes[i].next) {
    if (list.size() == count_max) {
      wrong(name, "must have at most " + std::to_string(count_max) + " entries");
      break;
    }
    list.push_back(text_of(name, nodes[i], bounds));
  }
  return list;
}

Status Fields::done() {
  if (error_) return std::unexpected(*error_);
  if (body_ == nullptr) return {};
  const auto nodes = body_->nodes();
  for (std::size_t i = 1; i < nodes.size(); i = nodes[i].next) {
    if (std::ranges::find(read_, nodes[i].key) != read_.end()) continue;
    // Not the name itself: it may be anything, a misplaced secret too.
    return client_error("invalid_request",
                        "The body has a member that is not known here (at byte " +
                            std::to_string(nodes[i].begin) + ")");
  }
  return {};
}

}  // namespace capsem::admin
