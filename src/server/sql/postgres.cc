#include "server/sql/postgres.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "server/sql/postgres_error.h"
#include "server/sql/postgres_values.h"

namespace capsem::sql {
namespace {

using Clock = std::chrono::steady_clock;

// The server ends a statement after statement_ms. If it says nothing for this much longer, it is
// stopped, or the network is.
constexpr std::chrono::milliseconds kGrace{250};

struct Clear {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Reply = std::unique_ptr<PGresult, Clear>;
struct Finish {
  void operator()(PGconn* link) const { PQfinish(link); }
};
struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

// Waits until `link` has one of `events`. False: the time is over.
bool wait_for(PGconn* link, short events, Clock::time_point end) {
  while (true) {
    pollfd wanted{.fd = PQsocket(link), .events = events, .revents = 0};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count() + 1;
    const int ready =
        ::poll(&wanted, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
    if (ready > 0) return true;
    if (Clock::now() >= end || (ready < 0 && errno != EINTR)) return false;
  }
}

class PostgresConnection final : public Connection {
 public:
  explicit PostgresConnection(const Target& target) : target_(target) {}

  Status connect();

  Kind kind() const override { return Kind::Postgres; }
  using Connection::run;
  Result<std::uint64_t> run(std::string_view statement, std::span<const Value> values,
                            const OnRow& on_row) override;
  Status begin() override;
  Status commit() override;
  void rollback() noexcept override;
  bool usable() const override;

 private:
  static constexpr std::size_t kStatementsMax = 1'024;

  std::unexpected<Error> gone(std::string why);
  std::unexpected<Error> fail(const PGresult* result);
  Status settle_session();
  // What the server answers to what was just sent.
  Result<Reply> receive(int sent);
  Result<std::string> prepared(std::string_view statement, const Parameters& parameters);

  // Constant after construction.
  const Target target_;

  std::unique_ptr<PGconn, Finish> link_;
  std::unordered_map<std::string, std::string> statements_;  // signature and text -> name
  std::uint64_t names_ = 0;
  bool broken_ = false;  // a statement of the open transaction failed
};

std::unexpected<Error> PostgresConnection::gone(std::string why) {
  link_.reset();
  return gateway_error("store_gone", "postgres: " + std::move(why));
}

std::unexpected<Error> PostgresConnection::fail(const PGresult* result) {
  Error error = postgres_error(result);
  if (PQtransactionStatus(link_.get()) != PQTRANS_IDLE) broken_ = true;
  if (error.code == "store_gone" || error.code == "store_io") link_.reset();
  return std::unexpected(std::move(error));
}

Status PostgresConnection::connect() {
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds(target_.connect_ms);
  // The first row may be overruled by the location (expanded where it stands), the last ones not.
  // Without an answer a broken network is noticed after 10 + 3 * 3 s even between statements.
  const char* const names[] = {"target_session_attrs",      "dbname",           "client_encoding",
                               "fallback_application_name", "keepalives",       "keepalives_idle",
                               "keepalives_interval",       "keepalives_count", nullptr};
  const char* const values[] = {
      "read-write", target_.location.c_str(), "UTF8", "capsem", "1", "10", "3", "3", nullptr};
  link_.reset(PQconnectStartParams(names, values, 1));
  if (!link_) return gone("out of memory");
  PQsetNoticeProcessor(link_.get(), [](void*, const char*) {}, nullptr);
  // libpq begins as if PGRES_POLLING_WRITING had been returned.
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (PQstatus(link_.get()) != CONNECTION_BAD && next != PGRES_POLLING_OK) {
    if (!wait_for(link_.get(), next == PGRES_POLLING_READING ? POLLIN : POLLOUT, end)) {
      return gone("no connection within " + std::to_string(target_.connect_ms) + " ms");
    }
    next = PQconnectPoll(link_.get());
    if (next == PGRES_POLLING_FAILED) break;
  }
  if (PQstatus(link_.get()) != CONNECTION_OK) {
    // Names hosts, users and what they lack; the password is not in it.
    std::string why = PQerrorMessage(link_.get());
    while (why.ends_with('\n')) why.pop_back();
    return gone(std::move(why));
  }
  PQsetnonblocking(link_.get(), 1);
  return settle_session();
}

Status PostgresConnection::settle_session() {
  const char* const encoding = PQparameterStatus(link_.get(), "server_encoding");
  if (encoding == nullptr || std::strcmp(encoding, "UTF8") != 0) {
    return gateway_error("store_invalid", "postgres: the database's encoding is not UTF8");
  }
  // A lock that is waited for as long as the statement may take would be reported as a server that
  // is gone. A gateway that is stopped in a transaction must not keep its locks for ever.
  const std::string statement = std::to_string(target_.statement_ms);
  const std::string lock = std::to_string(
      std::max(1u, std::min(target_.busy_ms, target_.statement_ms - target_.statement_ms / 10)));
  const std::string idle = std::to_string(target_.statement_ms + 10'000);
  auto set =
      run("SELECT set_config('statement_timeout', $1, false),"
          " set_config('lock_timeout', $2, false),"
          " set_config('idle_in_transaction_session_timeout', $3, false),"
          " set_config('default_transaction_isolation', 'read committed', false),"
          " set_config('bytea_output', 'hex', false)",
          {std::string_view(statement), std::string_view(lock), std::string_view(idle)});
  // What was acknowledged is kept (promise 3), whatever the server's default is.
  if (set) {
    set =
        run("SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'");
  }
  if (!set) return std::unexpected(std::move(set.error()));
  return {};
}

Result<Reply> PostgresConnection::receive(int sent) {
  if (sent == 0) return gone("cannot send");
  const Clock::time_point end =
      Clock::now() + std::chrono::milliseconds(target_.statement_ms) + kGrace;
  Reply last;
  while (true) {
    const int unsent = PQflush(link_.get());
    if (unsent < 0) return gone("cannot send");
    if (unsent > 0 || PQisBusy(link_.get()) != 0) {
      const short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
      if (!wait_for(link_.get(), events, end)) {
        return gone("no answer within " + std::to_string(target_.statement_ms) + " ms");
      }
      if (PQconsumeInput(link_.get()) == 0) return gone("the connection broke");
      continue;
    }
    Reply reply(PQgetResult(link_.get()));
    if (!reply) break;
    // After an error nothing better comes.
    if (!last || PQresultStatus(last.get()) != PGRES_FATAL_ERROR) last = std::move(reply);
  }
  if (!last) return gone("no answer");
  const ExecStatusType status = PQresultStatus(last.get());
  if (status == PGRES_EMPTY_QUERY) return gateway_error("store_invalid", "postgres: no statement");
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return fail(last.get());
  return last;
}

Result<std::string> PostgresConnection::prepared(std::string_view statement,
                                                 const Parameters& parameters) {
  const std::string key = parameters.signature() + ' ' + std::string(statement);
  if (const auto found = statements_.find(key); found != statements_.end()) return found->second;
  const std::string name = "s" + std::to_string(++names_);
  const std::string text(statement);
  auto made = receive(PQsendPrepare(link_.get(), name.c_str(), text.c_str(), parameters.count(),
                                    parameters.types()));
  if (!made) return std::unexpected(std::move(made.error()));
  if (statements_.size() < kStatementsMax) statements_.emplace(key, name);
  return name;
}

Result<std::uint64_t> PostgresConnection::run(std::string_view statement,
                                              std::span<const Value> values, const OnRow& on_row) {
  if (!link_)
    return gateway_error("store_gone", "postgres: the connection is closed after an error");
  const Parameters parameters(values);
  auto name = prepared(statement, parameters);
  if (!name) return std::unexpected(std::move(name.error()));
  auto reply =
      receive(PQsendQueryPrepared(link_.get(), name->c_str(), parameters.count(), parameters.data(),
                                  parameters.lengths(), parameters.formats(), 0));
  if (!reply) {
    // The plan may be the reason: a table changed under it, or the session was exchanged.
    std::erase_if(statements_, [&](const auto& entry) { return entry.second == *name; });
    return std::unexpected(std::move(reply.error()));
  }
  PGresult* const rows = reply->get();
  if (on_row) {
    for (int i = 0; i < PQntuples(rows); ++i) on_row(PostgresRow(rows, i));
  }
  // A SELECT counts what it found.
  if (std::string_view(PQcmdStatus(rows)).starts_with("SELECT")) return 0;
  std::uint64_t changed = 0;
  const std::string_view digits = PQcmdTuples(rows);
  std::from_chars(digits.data(), digits.data() + digits.size(), changed);
  return changed;
}

Status PostgresConnection::begin() {
  if (!link_)
    return gateway_error("store_gone", "postgres: the connection is closed after an error");
  broken_ = false;
  auto begun = receive(PQsendQuery(link_.get(), "BEGIN"));
  if (!begun) return std::unexpected(std::move(begun.error()));
  return {};
}

Status PostgresConnection::commit() {
  if (!link_)
    return gateway_error("store_gone", "postgres: the connection is closed after an error");
  // To COMMIT after an error the server answers ROLLBACK, and calls it a success.
  if (broken_ || PQtransactionStatus(link_.get()) != PQTRANS_INTRANS) {
    rollback();
    return gateway_error("store_invalid", "postgres: a statement of the transaction had failed");
  }
  auto done = receive(PQsendQuery(link_.get(), "COMMIT"));
  broken_ = false;
  if (!done) return std::unexpected(std::move(done.error()));
  if (std::string_view(PQcmdStatus(done->get())) != "COMMIT") {
    return gateway_error("store_invalid", "postgres: the transaction was rolled back");
  }
  return {};
}

void PostgresConnection::rollback() noexcept {
  broken_ = false;
  if (!link_ || PQtransactionStatus(link_.get()) == PQTRANS_IDLE) return;
  try {
    if (!receive(PQsendQuery(link_.get(), "ROLLBACK"))) link_.reset();
  } catch (...) {
    link_.reset();  // which rolls back as well
  }
}

// Sees also that the server went away since the last statement.
bool PostgresConnection::usable() const {
  if (!link_ || PQstatus(link_.get()) != CONNECTION_OK) return false;
  pollfd input{.fd = PQsocket(link_.get()), .events = POLLIN, .revents = 0};
  if (::poll(&input, 1, 0) <= 0) return true;
  return PQconsumeInput(link_.get()) != 0 && PQstatus(link_.get()) == CONNECTION_OK;
}

Options parse(const std::string& location) {
  char* message = nullptr;  // may repeat the location, with the password
  Options options(PQconninfoParse(location.c_str(), &message));
  PQfreemem(message);
  return options;
}

std::string option(const Options& options, std::string_view keyword) {
  for (const PQconninfoOption* at = options.get(); at->keyword != nullptr; ++at) {
    if (keyword == at->keyword && at->val != nullptr) return at->val;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Connection>> open_postgres(const Target& target) {
  auto connection = std::make_unique<PostgresConnection>(target);
  if (Status connected = connection->connect(); !connected) {
    return std::unexpected(std::move(connected.error()));
  }
  return connection;
}

Result<PostgresPlace> place_of_postgres(const std::string& location) {
  const Options options = parse(location);
  if (!options) {
    return gateway_error("store_invalid", "the address of the PostgreSQL database cannot be read");
  }
  PostgresPlace place{.host = option(options, "host"),
                      .port = option(options, "port"),
                      .user = option(options, "user"),
                      .database = option(options, "dbname")};
  if (place.host.empty()) place.host = option(options, "hostaddr");
  if (place.host.empty()) place.host = "localhost";
  if (place.port.empty()) place.port = "5432";
  if (place.database.empty()) place.database = place.user;
  return place;
}

std::string describe_postgres(const std::string& location) {
  const auto place = place_of_postgres(location);
  return place ? place->host + ":" + place->port + "/" + place->database : "?";
}

Status check_postgres(const std::string& location) {
  auto place = place_of_postgres(location);
  if (!place) return std::unexpected(std::move(place.error()));
  return {};
}

}  // namespace capsem::sql
