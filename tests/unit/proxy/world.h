// A gateway between real sockets: a client on one side, a provider on the other that answers as a
// test says, a sink that acknowledges when it is told to, reviewers that a test plays.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/policy/loader.h"
#include "server/proxy/gateway.h"
#include "server/proxy/policy_judge.h"

namespace capsem::proxy::test {

// Waits, for as long as a test may take, until `holds`.
template <class Condition>
bool eventually(Condition&& holds) {
  for (int i = 0; i < 4'000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

class TestClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  std::int64_t wall_ms() const override { return wall; }
  std::atomic<std::int64_t> wall{1'000'000};
};

// ---- Sockets -----------------------------------------------------------------------------------

inline int listen_on_loopback(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr generic{};
  std::memcpy(&generic, &address, sizeof address);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd, &generic, size), 0);
  EXPECT_EQ(::listen(fd, 64), 0);
  EXPECT_EQ(::getsockname(fd, &generic, &size), 0);
  std::memcpy(&address, &generic, sizeof address);
  port = ntohs(address.sin_port);
  return fd;
}

// One whole HTTP/1.1 message by its content-length; what was read so far when the peer ends.
inline std::string read_message(int fd) {
  std::string text;
  char buffer[16'384];
  for (;;) {
    const auto head = text.find("\r\n\r\n");
    if (head != std::string::npos) {
      const auto length = text.find("content-length: ");
      if (length != std::string::npos && length < head) {
        const std::size_t size = std::stoul(text.substr(length + 16));
        if (text.size() >= head + 4 + size) return text;
      } else if (text.find("transfer-encoding: chunked") < head) {
        if (text.ends_with("0\r\n\r\n")) return text;
      } else {
        return text;
      }
    }
    const auto got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) return text + "(ended)";
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

class Client {
 public:
  explicit Client(std::uint16_t port, int patience_s = 8)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{patience_s, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    EXPECT_EQ(::connect(fd_, &generic, sizeof generic), 0);
  }
  ~Client() { close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void send(std::string_view bytes) {
    EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string receive() { return read_message(fd_); }
  // Something came, or the gateway hung up; false: nothing for that long.
  bool readable(int ms) const {
    pollfd wanted{fd_, POLLIN, 0};
    return ::poll(&wanted, 1, ms) > 0;
  }

 private:
  int fd_;
};

// A provider whose answers a test writes. One thread per connection.
class FakeProvider {
 public:
  // The request as text; the answer as text, empty: none, the connection stays open.
  using Answer = std::function<std::string(const std::string& request)>;

  FakeProvider() {
    fd_ = listen_on_loopback(port_);
    accepting_ = std::thread([this] { accept_all(); });
  }
  ~FakeProvider() {
    ending_ = true;
    ::shutdown(fd_, SHUT_RDWR);
    ::close(fd_);
    accepting_.join();
    {
      const std::scoped_lock lock(mutex_);
      for (const int open_fd : open_) ::shutdown(open_fd, SHUT_RDWR);
    }
    for (std::thread& thread : serving_) thread.join();
  }
  FakeProvider(const FakeProvider&) = delete;
  FakeProvider& operator=(const FakeProvider&) = delete;

  std::uint16_t port() const { return port_; }
  // `more`, if any, is asked for the rest of the answer once its beginning is sent.
  void answers(Answer answer, Answer more = {}) {
    const std::scoped_lock lock(mutex_);
    answer_ = std::move(answer);
    more_ = std::move(more);
  }
  std::vector<std::string> requests() {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }
  std::size_t count() { return requests().size(); }

 private:
  void accept_all() {
    while (!ending_) {
      const int fd = ::accept(fd_, nullptr, nullptr);
      if (fd < 0) return;
      const std::scoped_lock lock(mutex_);
      open_.push_back(fd);
      serving_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    for (;;) {
      const std::string request = read_message(fd);
      if (request.ends_with("(ended)")) break;
      Answer answer, more;
      {
        const std::scoped_lock lock(mutex_);
        requests_.push_back(request);
        answer = answer_;
        more = more_;
      }
      const std::string text = answer(request);
      if (!text.empty() && ::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) break;
      const std::string rest = more ? more(request) : std::string();
      if (!rest.empty() && ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL) < 0) break;
    }
    const std::scoped_lock lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  Answer answer_ = [](const std::string&) { return std::string(); };
  Answer more_;
  std::vector<std::string> requests_;
  std::vector<int> open_;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

inline std::string http_answer(std::string_view body, std::string_view type = "application/json",
                               std::string_view status = "200 OK") {
  return "HTTP/1.1 " + std::string(status) + "\r\ncontent-type: " + std::string(type) +
         "\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

inline std::string chat_answer(std::string_view text) {
  return R"({"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":)"
         R"("assistant","content":")" +
         std::string(text) +
         R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,)"
         R"("total_tokens":2}})";
}

inline std::string chat(std::string_view text, std::string_view model = "m") {
  return R"({"model":")" + std::string(model) + R"(","messages":[{"role":"user","content":")" +
         std::string(text) + R"("}]})";
}

inline std::string request(std::string_view method, std::string_view path, std::string_view body,
                           std::string_view fields) {
  std::string text = std::string(method) + " " + std::string(path) +
                     " HTTP/1.1\r\nhost: localhost\r\n" + std::string(fields);
  if (method == "POST" || !body.empty()) {
    text += "content-length: " + std::to_string(body.size()) + "\r\n";
  }
  return text + "\r\n" + std::string(body);
}

inline std::string stream_chunk(std::string_view text) {
  return R"(data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,)"
         R"("delta":{"content":")" +
         std::string(text) + "\"}}]}\n\n";
}

// A stream in two parts, so that something of it has left when its end comes: the client says so.
class TwoPartStream {
 public:
  void play(FakeProvider& provider, std::string_view last) {
    const std::string first =
        stream_chunk(std::string(600, 'x')) + stream_chunk(std::string(600, 'x'));
    const std::string rest = stream_chunk(last) + "data: [DONE]\n\n";
    const std::string head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: " +
        std::to_string(first.size() + rest.size()) + "\r\n\r\n";
    provider.answers([text = head + first](const std::string&) { return text; },
                     [this, rest](const std::string&) {
                       eventually([this] { return seen_.load(); });
                       return rest;
                     });
  }
  void first_part_has_left() { seen_ = true; }

 private:
  std::atomic<bool> seen_{false};
};

// ---- The audit ---------------------------------------------------------------------------------

class HoldingSink final : public audit::Sink {
 public:
  using audit::Sink::write;
  enum class Mode { AtOnce, Refuse, Hold, HoldOthers };

  void write(const audit::Record& record, Written written) override {
    Mode mode = mode_;
    {
      const std::scoped_lock lock(mutex_);
      records_.push_back(record);
      if (written && mode == Mode::Hold) {
        held_.push_back(std::move(written));
        return;
      }
    }
    if (written) written(mode == Mode::AtOnce);
  }
  bool available() const override { return available_; }

  std::vector<audit::Record> records() {
    const std::scoped_lock lock(mutex_);
    return records_;
  }
  // The records of finished exchanges, once there are `count` of them.
  std::vector<audit::Record> wait_for(std::size_t count) {
    eventually([&] { return records().size() >= count; });
    EXPECT_EQ(records().size(), count);
    return records();
  }
  bool wait_held(std::size_t count) {
    return eventually([&] {
      const std::scoped_lock lock(mutex_);
      return held_.size() >= count;
    });
  }
  // From a thread that is not the loop's.
  void acknowledge(bool kept) {
    std::vector<Written> held;
    {
      const std::scoped_lock lock(mutex_);
      held.swap(held_);
    }
    for (Written& written : held) written(kept);
  }

  std::atomic<Mode> mode_{Mode::AtOnce};
  std::atomic<bool> available_{true};

 private:
  std::mutex mutex_;
  std::vector<audit::Record> records_;
  std::vector<Written> held_;
};

// ---- Reviewers ---------------------------------------------------------------------------------

class FakeApprovals final : public tenant::Approvals {
 public:
  void ask(tenant::ApprovalQuestion question,
           std::function<void(tenant::ApprovalAnswer)> answer) override {
    std::optional<tenant::ApprovalAnswer> said;
    {
      const std::scoped_lock lock(mutex_);
      asked_.push_back(std::move(question));
      if (!hold_) {
        said = next_;
      } else {
        waiting_.push_back(std::move(answer));
      }
    }
    if (said) answer(std::move(*said));
  }
  bool may_have_answer(std::string_view, std::string_view) const override { return may_have_; }
  void find_answer(tenant::ApprovalQuestion question,
                   std::function<void(std::optional<tenant::ApprovalAnswer>)> answer) override {
    std::optional<tenant::ApprovalAnswer> said;
    {
      const std::scoped_lock lock(mutex_);
      looked_.push_back(std::move(question));
      said = found_;
    }
    answer(std::move(said));
  }
  void withdraw(std::string review_id) override {
    const std::scoped_lock lock(mutex_);
    withdrawn_.push_back(std::move(review_id));
  }
  bool callback_allowed(std::string_view url) const override {
    return url.starts_with("https://told.example/");
  }
  void poll(std::string review_id, std::string tenant, std::string integration, std::string caller,
            std::function<void(int, std::string)> answer) override {
    polled_ = review_id + "|" + tenant + "|" + integration + "|" + caller;
    if (review_id == "silent") return;
    const bool known = review_id == "r-1";
    std::thread([known, answer = std::move(answer)] {
      answer(known ? 200 : 404, known ? R"({"data":{"id":"r-1"}})" : "");
    }).detach();
  }

  void says(tenant::ApprovalAnswer answer) {
    const std::scoped_lock lock(mutex_);
    next_ = std::move(answer);
  }
  void finds(std::optional<tenant::ApprovalAnswer> answer) {
    const std::scoped_lock lock(mutex_);
    found_ = std::move(answer);
    may_have_ = true;
  }
  // Answers what waits, from this thread.
  void answer_all(const tenant::ApprovalAnswer& answer) {
    std::vector<std::function<void(tenant::ApprovalAnswer)>> waiting;
    {
      const std::scoped_lock lock(mutex_);
      waiting.swap(waiting_);
    }
    for (auto& one : waiting) one(answer);
  }
  std::vector<tenant::ApprovalQuestion> asked() {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }
  std::vector<tenant::ApprovalQuestion> looked() {
    const std::scoped_lock lock(mutex_);
    return looked_;
  }
  std::vector<std::string> withdrawn() {
    const std::scoped_lock lock(mutex_);
    return withdrawn_;
  }

  std::atomic<bool> hold_{false}, may_have_{false};
  std::string polled_;

 private:
  std::mutex mutex_;
  tenant::ApprovalAnswer next_{.kind = tenant::ApprovalAnswer::Kind::Held, .review_id = "r-1"};
  std::optional<tenant::ApprovalAnswer> found_;
  std::vector<tenant::ApprovalQuestion> asked_, looked_;
  std::vector<std::function<void(tenant::ApprovalAnswer)>> waiting_;
  std::vector<std::string> withdrawn_;
};

// ---- The gateway -------------------------------------------------------------------------------

inline constexpr std::string_view kToken = "ag_live_0123456789012345678901234567890123456789";
inline constexpr std::string_view kStoredKey = "sk-stored-of-the-vault";
inline constexpr std::string_view kPepper = "pepperpepperpepperpepperpepper32";

inline std::shared_ptr<const policy::Snapshot> snapshot_of(std::string_view policies) {
  const policy::SourceFile file{.name = "dir/policy.toml", .text = std::string(policies)};
  policy::Loaded loaded = policy::load_files({&file, 1});
  for (const policy::Diagnostic& d : loaded.diagnostics) {
    if (d.error) ADD_FAILURE() << to_string(d);
  }
  auto snapshot = policy::Snapshot::freeze(std::move(loaded.documents), loaded.revision);
  EXPECT_TRUE(snapshot);
  return *snapshot;
}

// One integration of each provider, "i-openai" and so on, by the names "openai", ...; and one key
// each: kToken, its last character '0' for OpenAI, '1' for Gemini, '2' for Anthropic.
struct World {
  TestClock clock;
  HoldingSink sink;
  FakeApprovals approvals;
  FakeProvider provider;
  Settings settings;
  tenant::Directory::Contents contents;
  std::unique_ptr<Gateway> gateway;
  bool with_approvals = true, with_directory = true;
  RemoteCounters remote_counters{};

  World() {
    settings.port = settings.admin_port = 0;
    settings.workers = 1;
    settings.audit.write_ms_max = 60'000;
    for (BaseUrl& base : settings.base_urls) base = {false, "127.0.0.1", provider.port(), ""};
    contents.pepper = kPepper;
    contents.as_of_ns = clock.monotonic_ns();
    contents.tenants.push_back({.id = "t-1", .name = "Tenant"});
    for (const std::string name : {"openai", "gemini", "anthropic"}) {
      contents.integrations.push_back({.id = "i-" + name,
                                       .name = name,
                                       .tenant = "t-1",
                                       .provider = name,
                                       .provider_key = Secret(kStoredKey)});
      contents.keys.emplace_back(tenant::mac_of(token(name), kPepper),
                                 tenant::Key{.id = "k-" + name, .integration = "i-" + name});
    }
    provider.answers([](const std::string&) { return http_answer(chat_answer("fine")); });
  }
  ~World() { stop(); }

  static std::string token(std::string_view name) {
    std::string text(kToken);
    text.back() = name == "openai" ? '0' : name == "gemini" ? '1' : '2';
    return text;
  }
  std::shared_ptr<const tenant::Directory> directory() {
    tenant::Directory::Contents copy;
    copy.tenants = contents.tenants;
    for (const tenant::Integration& one : contents.integrations) {
      copy.integrations.push_back({.id = one.id,
                                   .name = one.name,
                                   .tenant = one.tenant,
                                   .provider = one.provider,
                                   .base_url = one.base_url,
                                   .allow_private = one.allow_private,
                                   .active = one.active,
                                   .provider_key = one.provider_key.clone()});
    }
    copy.keys = contents.keys;
    copy.pepper = contents.pepper;
    copy.as_of_ns = contents.as_of_ns;
    copy.sealed = contents.sealed;
    return std::make_shared<tenant::Directory>(std::move(copy));
  }
  void start(std::string_view policies = "schema = 1\n") {
    Further further;
    further.judge = rehearsing_judge(clock);
    if (with_approvals) further.approvals = &approvals;
    if (with_directory) further.directory = directory();
    further.remote_counters = remote_counters;
    gateway =
        std::make_unique<Gateway>(settings, snapshot_of(policies), sink, clock, std::move(further));
    const Status started = gateway->start();
    ASSERT_TRUE(started) << started.error().detail;
  }
  void set_directory() {
    std::promise<void> taken;
    gateway->set_directory(directory(), [&] { taken.set_value(); });
    ASSERT_EQ(taken.get_future().wait_for(std::chrono::seconds(8)), std::future_status::ready);
  }
  void stop() { gateway.reset(); }

  static std::string bearer(std::string_view key) {
    return "authorization: Bearer " + std::string(key) + "\r\n";
  }
  std::string ask(std::string_view method, std::string_view path, std::string_view body,
                  std::string_view fields) {
    Client client(gateway->port());
    client.send(request(method, path, body, fields));
    return client.receive();
  }
  // On the root route, with a provider's key.
  std::string ask_root(std::string_view text) {
    return ask("POST", "/v1/chat/completions", chat(text), bearer("sk-own"));
  }
  // Through the OpenAI integration.
  std::string ask_openai(std::string_view text, std::string_view path = "/v1/chat/completions") {
    return ask("POST", "/v1/integrations/openai/proxy/i-openai" + std::string(path), chat(text),
               bearer(token("openai")));
  }
};

inline std::string status_in(const std::string& answer) {
  return answer.size() < 12 ? answer : answer.substr(9, 3);
}
inline std::string body_in(const std::string& answer) {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace capsem::proxy::test
