#include "server/app/banner.h"

#include <fmt/format.h>

#include <array>

#include "server/app/settings_table.h"
#include "server/app/version.h"

namespace capsem::app {
namespace {

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

bool is_any(std::string_view host) {
  return host == "0.0.0.0" || host == "::" || host.empty();
}

std::string address(bool tls, std::string_view host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string_view::npos;
  return fmt::format("{}://{}{}{}:{}", tls ? "https" : "http", v6 ? "[" : "", host, v6 ? "]" : "",
                     port);
}

// What a client on this machine would write.
std::string client_base(const proxy::Settings& settings, std::uint16_t port) {
  const bool tls = !settings.tls_cert.empty();
  return address(tls, is_any(settings.host) ? std::string_view("127.0.0.1") : settings.host, port);
}

}  // namespace

std::string banner(const proxy::Settings& settings, const BannerFacts& facts) {
  const std::string base = client_base(settings, facts.port);
  std::string text = fmt::format("CAPSEM Proxy {}\n", program_version());
  text += fmt::format("Listening on {}\n",
                      address(!settings.tls_cert.empty(), settings.host, facts.port));
  if (facts.admin_port != 0) {
    text += fmt::format("Admin on {}\n", address(false, settings.admin_host, facts.admin_port));
  }
  constexpr std::array<std::string_view, proxy::kProviderCount> kNames = {"OpenAI", "Gemini",
                                                                          "Anthropic"};
  text += "Base URLs:\n";
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const std::string dial = to_text(settings.connect_to[i]);
    // Only OpenAI's SDKs want the version in the base URL.
    text += fmt::format("  {:<10} {}{} -> {}{}\n", kNames[i], base, i == 0 ? "/v1" : "",
                        to_text(settings.base_urls[i]),
                        dial.empty() ? std::string() : fmt::format(" (by {})", dial));
  }
  text += fmt::format("Enabled Policies: {}\n", facts.enabled.size());
  for (const std::string& policy : facts.enabled) text += fmt::format("  ✓ {}\n", policy);
  for (const std::string& warning : facts.warnings) text += fmt::format("Warning: {}\n", warning);
  return text;
}

std::vector<std::string> exposure_warnings(const proxy::Settings& settings) {
  std::vector<std::string> warnings;
  if (settings.tls_cert.empty() && !is_loopback(settings.host)) {
    warnings.push_back(fmt::format(
        "{} is not a loopback address and there is no TLS: keys and prompts travel in the clear",
        settings.host));
  }
  if (settings.admin_port != 0 && !is_loopback(settings.admin_host)) {
    warnings.push_back(
        fmt::format("the admin listener on {} has no TLS, and tells its figures to whoever asks",
                    settings.admin_host));
  }
  for (const proxy::BaseUrl& url : settings.base_urls) {
    if (url.tls || is_loopback(url.host)) continue;
    warnings.push_back(
        fmt::format("{} has no TLS: keys and prompts travel in the clear", to_text(url)));
  }
  return warnings;
}

}  // namespace capsem::app
