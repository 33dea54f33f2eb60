#include "server/store/meta.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>
#include <charconv>

namespace capsem::store {
namespace {

constexpr std::size_t kPepperBytes = 32;

template <std::size_t N>
Result<std::array<unsigned char, N>> random_bytes() {
  std::array<unsigned char, N> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(N)) != 1) {
    return gateway_error("no_randomness", "The system gives no random bytes");
  }
  return bytes;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit_of(text[i]), low = digit_of(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

}  // namespace

Result<std::optional<std::string>> read_meta(sql::Connection& connection, std::string_view name) {
  std::optional<std::string> value;
  const auto read = connection.run("SELECT value FROM meta WHERE name = $1", {name},
                                   [&](const sql::Row& row) { value = row.text(0); });
  if (!read) return std::unexpected(read.error());
  return value;
}

Status write_meta(sql::Connection& connection, std::string_view name, std::string_view value) {
  const auto written = connection.run(
      "INSERT INTO meta (name, value) VALUES ($1, $2) "
      "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      {name, value});
  if (!written) return std::unexpected(written.error());
  return {};
}

Result<std::int64_t> read_version(sql::Connection& connection, std::string_view name) {
  const auto text = read_meta(connection, name);
  if (!text) return std::unexpected(text.error());
  std::int64_t version = 0;
  if (*text) std::from_chars((*text)->data(), (*text)->data() + (*text)->size(), version);
  return version;
}

Status raise_version(sql::Connection& connection, std::string_view name) {
  const auto raised = connection.run(
      "INSERT INTO meta (name, value) VALUES ($1, '1') "
      "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)",
      {name});
  if (!raised) return std::unexpected(raised.error());
  return {};
}

Result<std::string> pepper_of(sql::Connection& connection) {
  const auto fresh = random_bytes<kPepperBytes>();
  if (!fresh) return std::unexpected(fresh.error());
  std::string digits;
  for (const unsigned char byte : *fresh) digits += fmt::format("{:02x}", byte);
  // Two gateways that ask at once get the same one: whoever comes second inserts nothing.
  const auto made = connection.run(
      "INSERT INTO meta (name, value) VALUES ('pepper', $1) ON CONFLICT (name) DO NOTHING",
      {std::string_view(digits)});
  if (!made) return std::unexpected(made.error());
  const auto kept = read_meta(connection, "pepper");
  if (!kept) return std::unexpected(kept.error());
  auto bytes = from_hex(kept->value_or(""));
  if (!bytes || bytes->size() != kPepperBytes) {
    return gateway_error("store_invalid", "The pepper in the database is damaged");
  }
  return std::move(*bytes);
}

std::string new_id() {
  const auto random = random_bytes<16>();
  if (!random) std::terminate();  // an id that can be guessed or repeats is worse than none
  auto bytes = *random;
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string id;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += fmt::format("{:02x}", bytes[i]);
  }
  return id;
}

}  // namespace capsem::store
