#include "server/app/reviewing.h"

#include <utility>

#include "server/admin/reviews_api.h"
#include "server/admin/violations_api.h"
#include "server/store/audit_writer.h"
#include "server/store/outbox.h"
#include "server/store/review_texts.h"
#include "server/webhook/signature.h"

namespace capsem::app {
namespace {

constexpr std::size_t kPreviewBytesMax = 64u << 10;

Result<std::unique_ptr<webhook::Sender>> make_sender(const proxy::Settings& settings,
                                                     store::WebhookRules rules, State& state,
                                                     const Clock& clock) {
  const proxy::WebhookSettings& given = settings.webhooks;
  if (given.secret_file.empty()) {
    return gateway_error("invalid_setting",
                         "webhooks.secret_file: deliveries have to be signed; name a file with a "
                         "secret of 16 bytes or more");
  }
  auto secret = webhook::read_signing_secret(given.secret_file);
  if (!secret) return std::unexpected(secret.error());
  webhook::SenderOptions options;
  options.rules = std::move(rules);
  options.secret = std::move(*secret);
  options.post.timeout_ms = given.timeout_ms;
  options.post.allow_private = given.allow_private;
  options.post.ca_file = settings.ca_file;
  options.attempts_max = given.attempts_max;
  options.poll_ms = settings.store.poll_ms;
  return webhook::Sender::make(std::move(options), state.executor(), clock);
}

// Violations of a time in which nobody is told are not told later. That it fails changes little: it
// is done with every start.
void forget_violations(State& state, const Clock& clock) {
  state.executor().submit([&clock](Result<sql::Connection*> connection) {
    if (!connection) return;
    static_cast<void>(store::begin_telling_violations(**connection, false, clock.wall_ms()));
  });
}

}  // namespace

Result<std::unique_ptr<Reviewing>> Reviewing::start(const proxy::Settings& settings, State& state,
                                                    const Clock& clock) {
  std::unique_ptr<Reviewing> made(new Reviewing());
  auto rules = store::WebhookRules::make(settings.webhooks.urls, settings.webhooks.hosts);
  if (!rules) return std::unexpected(rules.error());
  if (rules->any()) {
    auto sender = make_sender(settings, *rules, state, clock);
    if (!sender) return std::unexpected(sender.error());
    made->sender_ = std::move(*sender);
  }

  store::ApprovalOptions options;
  options.ttl_ms = settings.approvals.ttl_ms;
  options.pending_max = settings.approvals.pending_max;
  options.answer_bytes_max = settings.approvals.answer_bytes_max;
  options.poll_ms = settings.store.poll_ms;
  options.answer_ms_max = 2 * settings.store.call_ms;
  options.webhooks = std::move(*rules);
  options.vault = [&state] { return state.vault(); };
  options.seals = state.vault() != nullptr && state.vault()->has_key();
  options.preview = [&state, mask = store::make_content_mask()](
                        const tenant::ApprovalQuestion& question) {
    const audit::ContentLevel level = state.keeper().directory()->tenant(question.tenant).content;
    return store::preview_json(question.texts, level, mask, kPreviewBytesMax);
  };
  Reviewing* self = made.get();
  options.changed = [self] {
    if (self->sender_) self->sender_->poke();
    self->tell_others();
  };
  if (made->sender_) {
    made->sender_->start();
  } else {
    forget_violations(state, clock);
  }
  made->approvals_ =
      std::make_unique<store::StoredApprovals>(std::move(options), state.executor(), clock);
  return made;
}

void Reviewing::on_change(std::function<void()> tell) {
  const std::scoped_lock lock(lock_);
  tell_others_ = std::move(tell);
}

void Reviewing::tell_others() {
  const std::scoped_lock lock(lock_);
  if (tell_others_) tell_others_();
}

void Reviewing::stop() {
  approvals_->stop();
  if (sender_) sender_->stop();
  on_change({});  // a reviewer's last word changes something, too
}

void Reviewing::add_routes(admin::Router& router) {
  admin::add_review_routes(router, *approvals_);
  admin::add_violation_routes(router);
}

}  // namespace capsem::app
