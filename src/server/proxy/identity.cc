#include "server/proxy/identity.h"

#include <array>
#include <optional>

#include "core/base/sha256.h"

namespace capsem::proxy {
namespace {

enum class Form : std::uint8_t { None, Authorization, XApiKey, XGoogApiKey, ApiKey };

Form form_of(const http::Field& field) {
  if (field.id == http::FieldId::authorization) return Form::Authorization;
  if (field.id != http::FieldId::unknown) return Form::None;
  if (http::equals_ignoring_case(field.name, "x-api-key")) return Form::XApiKey;
  if (http::equals_ignoring_case(field.name, "x-goog-api-key")) return Form::XGoogApiKey;
  if (http::equals_ignoring_case(field.name, "api-key")) return Form::ApiKey;
  return Form::None;
}

bool reads(Provider provider, Form form) {
  switch (form) {
    case Form::Authorization:
      return true;
    case Form::XApiKey:
      return provider == Provider::Anthropic;
    case Form::XGoogApiKey:
      return provider == Provider::Gemini;
    case Form::ApiKey:
      return provider == Provider::OpenAi;
    case Form::None:
      return false;
  }
  return false;
}

// Exactly two words, the first "Bearer" in any case (R12).
std::optional<std::string_view> bearer_key(std::string_view value) {
  const auto space = value.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  if (!http::equals_ignoring_case(value.substr(0, space), "bearer")) return std::nullopt;
  const std::string_view key = http::trim(value.substr(space));
  if (key.empty() || key.find_first_of(" \t") != std::string_view::npos) return std::nullopt;
  return key;
}

std::string_view wanted_header(Provider provider) {
  switch (provider) {
    case Provider::OpenAi:
      return "Authorization";
    case Provider::Gemini:
      return "x-goog-api-key";
    case Provider::Anthropic:
      return "x-api-key";
  }
  return "Authorization";
}

}  // namespace

std::expected<Identity, IdentityError> identify(const http::RequestHead& head,
                                                const http::Target& target,
                                                std::optional<Provider> provider) {
  using Kind = IdentityError::Kind;
  std::string_view key;
  bool readable = false;
  // False: another credential was there already, and it is not the same.
  const auto add = [&](std::string_view found, bool for_provider) {
    if (!key.empty() && key != found) return false;
    key = found;
    readable |= for_provider;
    return true;
  };
  for (const http::Field& field : head.fields) {
    const Form form = form_of(field);
    if (form == Form::None || field.value.empty()) continue;
    std::string_view found = field.value;
    if (form == Form::Authorization) {
      const auto bearer = bearer_key(field.value);
      if (!bearer) return std::unexpected(IdentityError{Kind::Malformed, "Authorization"});
      found = *bearer;
    }
    if (!add(found, !provider || reads(*provider, form))) {
      return std::unexpected(IdentityError{Kind::Conflicting, {}});
    }
  }
  std::string from_query;
  if (target.query.find("key=") != std::string_view::npos) {
    int count = 0;
    from_query = http::query_value(target.query, "key", count);
    if (count > 1 ||
        (!from_query.empty() && !add(from_query, !provider || provider == Provider::Gemini))) {
      return std::unexpected(IdentityError{Kind::Conflicting, {}});
    }
  }
  if (key.empty() || !readable) {
    return std::unexpected(
        IdentityError{Kind::Missing, wanted_header(provider.value_or(Provider::OpenAi))});
  }
  return Identity{Secret(key)};
}

std::string user_id_of(const Secret& key) {
  return sha256_hex(key.reveal(), 16);
}

bool is_credential(const http::Field& field) {
  return form_of(field) != Form::None;
}

bool foreign_credential(const http::Field& field, Provider provider) {
  const Form form = form_of(field);
  return form != Form::None && !reads(provider, form);
}

}  // namespace capsem::proxy
