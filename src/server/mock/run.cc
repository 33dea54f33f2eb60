#include <signal.h>

#include <charconv>
#include <iostream>
#include <string_view>

#include "server/mock/behaviour.h"
#include "server/mock/upstream.h"

namespace capsem::mock {
namespace {

constexpr std::string_view kUsage =
    "usage: capsem mock-upstream [--host ADDRESS] [--port N] [--threads N] [--no-record]\n\n"
    "A stand-in for the OpenAI, Gemini and Anthropic APIs: chat completions, completions,\n"
    "responses, embeddings, generateContent, streamGenerateContent, countTokens, embedContent,\n"
    "messages, count_tokens and models, streamed or not, with tool calls and with faults.\n"
    "--port 0 takes a free port. --no-record keeps no requests (for benchmarks).\n\n";

template <class Number>
bool read_number(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

// False: the arguments are wrong, and the reason has been printed.
bool read_options(std::span<const std::string> args, MockOptions& options) {
  for (std::size_t i = 0; i < args.size(); ++i) {
    std::string name = args[i], value;
    const bool has_value = name != "--no-record";
    if (const auto equals = name.find('='); has_value && equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (has_value && i + 1 < args.size()) {
      value = args[++i];
    }
    bool understood = true;
    if (name == "--no-record") {
      options.record = false;
    } else if (name == "--host") {
      options.host = value;
    } else if (name == "--port") {
      understood = read_number(value, options.port);
    } else if (name == "--threads") {
      understood = read_number(value, options.threads);
    } else {
      understood = false;
    }
    if (!understood) {
      std::cerr << "capsem mock-upstream: not understood: " << args[i] << '\n';
      return false;
    }
  }
  return true;
}

}  // namespace

int run_mock_upstream(std::span<const std::string> args) {
  for (const std::string& arg : args) {
    if (arg == "--help" || arg == "-h") {
      std::cout << kUsage << directive_help();
      return 0;
    }
  }
  MockOptions options;
  options.port = 8100;
  if (!read_options(args, options)) return 2;
  // Blocked before the threads start, so that all of them inherit it and sigwait sees the signal.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  MockUpstream upstream;
  if (!upstream.start(options)) {
    std::cerr << "capsem mock-upstream: cannot listen on " << options.host << ':' << options.port
              << '\n';
    return 1;
  }
  std::cout << "mock upstream on http://" << options.host << ':' << upstream.port() << std::endl;
  int received = 0;
  sigwait(&signals, &received);
  upstream.stop();
  return 0;
}

}  // namespace capsem::mock
