// Reading and showing the value of one setting; see settings_table.h.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/base/ascii.h"
#include "server/app/settings_table.h"

namespace capsem::app {
namespace {

std::unexpected<Error> must_be(std::string what) {
  return gateway_error("invalid_config", "must be " + std::move(what));
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto part = trim(text.substr(0, comma));
    if (!part.empty()) parts.emplace_back(part);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return parts;
}

std::string listed(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

// A setting's value is put into its slot by the overload for the slot's type.
struct Assign {
  const Setting& setting;
  const RawValue& value;
  proxy::Settings& settings;

  Status operator()(bool* slot) const {
    const auto* flag = std::get_if<bool>(&value);
    if (flag == nullptr) return must_be("true or false");
    *slot = *flag;
    return {};
  }

  template <class Number>
  Status operator()(Number* slot) const {
    const std::uint64_t max =
        std::min<std::uint64_t>(setting.max, std::numeric_limits<Number>::max());
    const auto* number = std::get_if<std::int64_t>(&value);
    if (number == nullptr || *number < 0 || static_cast<std::uint64_t>(*number) < setting.min ||
        static_cast<std::uint64_t>(*number) > max) {
      return must_be(fmt::format("a whole number from {} to {}", setting.min, max));
    }
    *slot = static_cast<Number>(*number);
    return {};
  }

  Status operator()(std::string* slot) const {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) return must_be("a string");
    if (text->find('\0') != std::string::npos) return must_be("a string without NUL bytes");
    *slot = *text;
    return {};
  }

  Status operator()(std::vector<std::string>* slot) const {
    const auto* list = std::get_if<std::vector<std::string>>(&value);
    if (list == nullptr) return must_be("a list of strings");
    *slot = *list;
    return {};
  }

  Status operator()(proxy::BaseUrl* slot) const {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) return must_be("a base URL");
    auto url = proxy::parse_base_url(trim(*text));
    if (!url) return must_be("a base URL: " + url.error().detail);
    *slot = std::move(*url);
    return {};
  }

  Status operator()(proxy::Endpoint* slot) const {
    const auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) return must_be("host:port");
    auto endpoint = proxy::parse_endpoint(trim(*text));
    if (!endpoint) return must_be("host:port: " + endpoint.error().detail);
    *slot = std::move(*endpoint);
    return {};
  }

  Status operator()(const Choice& choice) const {
    const auto* text = std::get_if<std::string>(&value);
    const auto at =
        text == nullptr ? choice.words.end() : std::ranges::find(choice.words, ascii_lower(*text));
    if (at == choice.words.end()) return must_be("one of: " + listed(choice.words));
    choice.set(settings, static_cast<std::size_t>(at - choice.words.begin()));
    return {};
  }
};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

struct Show {
  const proxy::Settings& settings;

  std::string operator()(const bool* slot) const { return *slot ? "true" : "false"; }
  template <class Number>
  std::string operator()(const Number* slot) const {
    return fmt::format("{}", *slot);
  }
  std::string operator()(const std::string* slot) const { return quoted(*slot); }
  std::string operator()(const std::vector<std::string>* slot) const {
    std::string text;
    for (const auto& item : *slot) text += (text.empty() ? "" : ", ") + quoted(item);
    return "[" + text + "]";
  }
  std::string operator()(const proxy::BaseUrl* slot) const { return quoted(to_text(*slot)); }
  std::string operator()(const proxy::Endpoint* slot) const { return quoted(to_text(*slot)); }
  std::string operator()(const Choice& choice) const {
    return quoted(choice.words[choice.get(settings)]);
  }
};

}  // namespace

std::string to_text(const proxy::BaseUrl& url) {
  const bool v6 = url.host.find(':') != std::string::npos;
  std::string text = fmt::format("{}://{}{}{}", url.tls ? "https" : "http", v6 ? "[" : "", url.host,
                                 v6 ? "]" : "");
  if (url.port != (url.tls ? 443 : 80)) text += fmt::format(":{}", url.port);
  return text + url.prefix;
}

std::string to_text(const proxy::Endpoint& endpoint) {
  if (endpoint.host.empty()) return {};
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", endpoint.host, v6 ? "]" : "", endpoint.port);
}

RawValue from_text(const Setting& setting, std::string_view text) {
  proxy::Settings unused;
  const Slot slot = setting.slot(unused);
  const std::string_view word = trim(text);
  if (std::holds_alternative<bool*>(slot)) {
    const std::string flag = ascii_lower(word);
    if (flag == "true" || flag == "1" || flag == "yes" || flag == "on") return true;
    if (flag == "false" || flag == "0" || flag == "no" || flag == "off") return false;
  } else if (std::holds_alternative<std::vector<std::string>*>(slot)) {
    return split(text);
  } else if (std::holds_alternative<std::uint16_t*>(slot) ||
             std::holds_alternative<std::uint32_t*>(slot) ||
             std::holds_alternative<std::uint64_t*>(slot)) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error == std::errc() && end == word.data() + word.size()) return number;
  }
  return std::string(text);
}

Status assign(const Setting& setting, const RawValue& value, proxy::Settings& settings) {
  return std::visit(Assign{setting, value, settings}, setting.slot(settings));
}

std::string show(const Setting& setting, const proxy::Settings& settings) {
  proxy::Settings copy = settings;
  if (setting.secret) {
    const Slot slot = setting.slot(copy);
    const auto* text = std::get_if<std::string*>(&slot);
    if (text != nullptr && !(*text)->empty()) return "\"***\"";
  }
  return std::visit(Show{settings}, setting.slot(copy));
}

}  // namespace capsem::app
