// What a demo plays on: a mock provider and a gateway in front of it, on free loopback ports.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/base/error.h"
#include "core/policy/loader.h"

namespace capsem::mock {

inline constexpr std::string_view kDemoModel = "gpt-5-nano";
inline constexpr std::string_view kDemoChatPath = "/v1/chat/completions";
// Any key does: the mock asks for none, and the gateway only hashes it.
inline constexpr std::string_view kDemoAuthorization = "Bearer sk-demo-not-a-real-key";

// Construct, start(), then the ports. Everything ends with it.
class DemoStage {
 public:
  DemoStage();
  ~DemoStage();
  DemoStage(const DemoStage&) = delete;
  DemoStage& operator=(const DemoStage&) = delete;

  // A gateway with the policies of these files. Errors: the policies', or that no port is free.
  Status start(std::span<const policy::SourceFile> files);
  std::uint16_t port() const;
  std::uint16_t upstream_port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capsem::mock
