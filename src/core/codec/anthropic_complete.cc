// Anthropic's legacy completions: POST /v1/complete.
#include "core/codec/anthropic_error.h"
#include "core/codec/dialects.h"
#include "core/codec/table_codec.h"

namespace capsem::codec {
namespace {

using enum Treat;

constexpr Row kRequest[] = {
    {P, kText, Opaque, "{model,stream,max_tokens_to_sample,temperature,top_p,top_k}"},
    {P, kText, Text, "{prompt,stop_sequences,stop_sequences[],metadata.user_id}"},
};

constexpr Row kAnswer[] = {
    {MO, kText, Text, "completion"},
    {MO, kText, Opaque, "{type,id,model,log_id,request_id,stop_reason,truncated,usage}"},
    {MO, kText, Text, "stop", kAlone},
    {MO, kText, Text, "{error.message,detail}", kAlone},
    {MO, kText, Json, "error.details", kAlone},
    {MO, kText, Opaque, "error.type"},
};

constexpr FactRow kFacts[] = {
    {Where::Request, Fact::Messages, "prompt"},
    {Where::Request, Fact::OutputMax, "max_tokens_to_sample"},
    {Where::Request, Fact::Model, "model"},
    {Where::Request, Fact::Stream, "stream"},
    {Where::Response, Fact::Model, "model"},
    {Where::Response, Fact::Finish, "stop_reason"},
    {Where::Stream, Fact::Model, "model"},
    {Where::Stream, Fact::Finish, "stop_reason"},
};

}  // namespace

std::unique_ptr<Codec> make_anthropic_complete() {
  DialectTable table{.dialect = Dialect::AnthropicComplete,
                     .rows = {},
                     .facts = kFacts,
                     .write_stream_error = write_anthropic_stream_error};
  table.rows.add(Where::Request, "", kRequest);
  table.rows.add(Where::Response, "", kAnswer);
  table.rows.add(Where::Stream, "", kAnswer);
  return make_table_codec(std::move(table));
}

}  // namespace capsem::codec
