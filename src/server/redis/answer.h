// What hiredis has read, as the floor's own code looks at it. Null means that nothing came: the
// call took too long, or the connection broke. Views live as long as the reply: during the
// callback.
#pragma once

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace capsem::redis {

struct ReplyFree {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using OwnedReply = std::unique_ptr<redisReply, ReplyFree>;

class Answer {
 public:
  Answer() = default;
  explicit Answer(const redisReply* raw) : raw_(raw) {}

  bool came() const { return raw_ != nullptr; }
  bool error() const { return raw_ != nullptr && raw_->type == REDIS_REPLY_ERROR; }
  bool good() const { return came() && !error(); }
  std::string_view text() const {
    return raw_ == nullptr || raw_->str == nullptr ? std::string_view()
                                                   : std::string_view(raw_->str, raw_->len);
  }
  // "NOSCRIPT No matching script": the word in front.
  bool error_is(std::string_view word) const { return error() && text().starts_with(word); }
  std::int64_t number() const {
    return raw_ != nullptr && raw_->type == REDIS_REPLY_INTEGER ? raw_->integer : 0;
  }
  bool none() const { return raw_ == nullptr || raw_->type == REDIS_REPLY_NIL; }
  std::size_t size() const {
    return raw_ != nullptr && raw_->type == REDIS_REPLY_ARRAY ? raw_->elements : 0;
  }
  Answer operator[](std::size_t i) const {
    return i < size() ? Answer(raw_->element[i]) : Answer();
  }

 private:
  const redisReply* raw_ = nullptr;
};

}  // namespace capsem::redis
