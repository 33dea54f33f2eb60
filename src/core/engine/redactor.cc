#include "core/engine/redactor.h"

#include <charconv>
#include <cstring>

#include "core/base/sha256.h"

namespace capsem::engine {
namespace {

constexpr std::size_t kHashDigits = 8;

std::string_view bytes_of(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string hash_of(std::string_view key, std::uint64_t digest) {
  constexpr char kHex[] = "0123456789abcdef";
  const auto hash = hmac_sha256(key, bytes_of(digest));
  std::string text;
  for (std::size_t i = 0; i < kHashDigits; ++i) {
    text += kHex[hash[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
  }
  return text;
}

std::uint64_t digest_key(std::string_view key) {
  const auto hash = hmac_sha256(key, "redacted values");
  std::uint64_t number = 0;
  std::memcpy(&number, hash.data(), sizeof number);
  return number;
}

}  // namespace

Secret redaction_key_of(std::string_view secret, std::string_view tenant) {
  const auto key = hmac_sha256(secret, std::string("redacted values of ").append(tenant));
  Secret made(std::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
  return made;
}

Redactor::Redactor(std::string_view key) : key_(key), value_key_(digest_key(key)) {}

std::string Redactor::name(const policy::RedactionOrder& order, std::uint64_t digest) {
  using policy::RedactionStyle;
  if (order.redaction.style == RedactionStyle::Placeholder) {
    return placeholder_of(order.label, digest);
  }
  std::string text = "[" + order.label;
  if (!order.family.empty()) text.append(":").append(order.family);
  if (order.redaction.style == RedactionStyle::Hash) text.append(":").append(hash_of(key_, digest));
  return text + "]";
}

std::string Redactor::name_for_now(const policy::RedactionOrder& order, std::uint64_t digest,
                                   std::string_view value) {
  std::string text = name(order, digest);
  if (order.redaction.restore) values_.try_emplace(text, Secret(value));
  return text;
}

std::string Redactor::placeholder_of(const std::string& label, std::uint64_t digest) {
  std::string& known = placeholders_[{label, digest}];
  if (!known.empty()) return known;
  const std::set<std::uint64_t>& avoided = taken(label);
  std::uint64_t& number = counters_[label];
  do {
    ++number;
  } while (avoided.contains(number));
  return known = "<" + label + "_" + std::to_string(number) + ">";
}

// One look at the request per label, however many values it has.
const std::set<std::uint64_t>& Redactor::taken(const std::string& label) {
  const auto [entry, fresh] = taken_.try_emplace(label);
  const std::string opening = "<" + label + "_";
  for (std::size_t at = 0; fresh && (at = request_.find(opening, at)) != std::string_view::npos;) {
    at += opening.size();
    std::uint64_t number = 0;
    const char* end = request_.data() + request_.size();
    const auto [stop, error] = std::from_chars(request_.data() + at, end, number);
    if (error == std::errc() && stop != end && *stop == '>') entry->second.insert(number);
  }
  return entry->second;
}

const Secret* Redactor::value_of(std::string_view placeholder) const {
  const auto found = values_.find(placeholder);
  return found == values_.end() ? nullptr : &found->second;
}

bool Redactor::begins_placeholder(std::string_view text) const {
  const auto found = values_.lower_bound(text);
  return found != values_.end() && found->first.starts_with(text);
}

}  // namespace capsem::engine
