#include "server/mock/upstream.h"

#include <sys/socket.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <thread>
#include <vector>

#include "server/mock/session.h"

namespace capsem::mock {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
// Every loop has a listener of its own on the one port; the kernel spreads the connections.
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

namespace {

// One thread, its loop and its listener.
class Loop {
 public:
  explicit Loop(std::shared_ptr<State> state) : acceptor_(context_), state_(std::move(state)) {}

  bool listen(const tcp::endpoint& endpoint) {
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.set_option(ReusePort(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(4096, error);
    return !error;
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void start() {
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }

  void stop() {
    asio::post(context_, [this] {
      error_code ignored;
      acceptor_.close(ignored);
      for (const auto& weak : sessions_) {
        if (const auto session = weak.lock()) session->stop();
      }
      context_.stop();
    });
    if (thread_.joinable()) thread_.join();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code error, Socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) {
        auto session = std::make_shared<Session>(std::move(socket), state_);
        forget_closed();
        sessions_.push_back(session);
        session->start();
      }
      accept();
    });
  }

  // Halves the list whenever it has doubled, so that it stays proportional to what is open.
  void forget_closed() {
    if (sessions_.size() < sweep_at_) return;
    std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
    sweep_at_ = std::max<std::size_t>(64, 2 * sessions_.size());
  }

  asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  Acceptor acceptor_;
  const std::shared_ptr<State> state_;
  std::vector<std::weak_ptr<Session>> sessions_;
  std::size_t sweep_at_ = 64;
  std::thread thread_;
};

}  // namespace

struct MockUpstream::Impl {
  std::shared_ptr<State> state;
  std::vector<std::unique_ptr<Loop>> loops;
  std::uint16_t port = 0;
};

MockUpstream::MockUpstream() : impl_(std::make_unique<Impl>()) {}
MockUpstream::~MockUpstream() {
  stop();
}

bool MockUpstream::start(const MockOptions& options) {
  error_code error;
  const auto address = asio::ip::make_address(options.host, error);
  if (error) return false;
  impl_->state = std::make_shared<State>(options.record);
  impl_->port = options.port;
  for (std::uint32_t i = 0; i < std::max<std::uint32_t>(1, options.threads); ++i) {
    auto loop = std::make_unique<Loop>(impl_->state);
    if (!loop->listen({address, impl_->port})) return false;
    impl_->port = loop->port();
    impl_->loops.push_back(std::move(loop));
  }
  for (auto& loop : impl_->loops) loop->start();
  return true;
}

std::uint16_t MockUpstream::port() const {
  return impl_->port;
}
std::uint64_t MockUpstream::requests() const {
  return impl_->state->requests.load();
}

void MockUpstream::stop() {
  for (auto& loop : impl_->loops) loop->stop();
  impl_->loops.clear();
}

}  // namespace capsem::mock
