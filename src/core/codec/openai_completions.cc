// Legacy Completions: POST /v1/completions.
#include "core/codec/dialects.h"
#include "core/codec/table_codec.h"

namespace capsem::codec {
namespace {

using enum Treat;

constexpr Row kRequest[] = {
    {P, kText, Opaque,
     "{model,stream,stream_options,n,best_of,echo,logprobs,temperature,top_p,max_tokens,seed,"
     "presence_penalty,frequency_penalty,logit_bias}"},
    {P, kText, Text, "{prompt,prompt[],suffix,stop,stop[],user}"},
    {P, kText, Tokens, "prompt"},
};

constexpr Row kChoice[] = {
    {MO, kText, Text, "text"},
    {MO, kText, End, "finish_reason"},
    {MO, kText, Opaque, "{index,token_ids,prompt_token_ids,content_filter_results}"},
    {MO, kText, Text, "stop_reason", kAlone},
    {MO, kText, Json, "prompt_logprobs.**", kAlone},
};

constexpr Row kLogprobs[] = {
    {MO, kText, Text, "tokens[+]"},
    {MO, kText, Keys, "top_logprobs[+]"},
    {MO, kText, Opaque, "{token_logprobs,text_offset}"},
};

constexpr Row kEnvelope[] = {
    {MO, kText, Opaque, "{id,object,created,model,system_fingerprint,usage,prompt_filter_results}"},
    {MO, kText, Text, "{error,error.message,detail}", kAlone},
    {MO, kText, Opaque, "error.{type,code,param,status}"},
};

constexpr FactRow kFacts[] = {
    {Where::Request, Fact::Model, "model"},
    {Where::Request, Fact::Stream, "stream"},
    {Where::Request, Fact::StreamOptions, "stream_options"},
    {Where::Request, Fact::Choices, "n"},
    {Where::Request, Fact::Messages, "prompt"},
    {Where::Request, Fact::OutputMax, "max_tokens"},
    {Where::Response, Fact::Model, "model"},
    {Where::Response, Fact::Usage, "usage"},
    {Where::Response, Fact::Finish, "choices[#index].finish_reason"},
    {Where::Stream, Fact::Model, "model"},
    {Where::Stream, Fact::Usage, "usage"},
    {Where::Stream, Fact::Finish, "choices[#index].finish_reason"},
};

}  // namespace

std::unique_ptr<Codec> make_openai_completions() {
  DialectTable table{.dialect = Dialect::OpenAiCompletions,
                     .rows = {},
                     .facts = kFacts,
                     .write_stream_error = write_openai_stream_error,
                     .asks_for_usage = true};
  table.rows.add(Where::Request, "", kRequest);
  for (const Where where : {Where::Response, Where::Stream}) {
    table.rows.add(where, "choices[#index]!@.", kChoice);
    table.rows.add_repeats(where, "choices[#index]!@.logprobs.", kLogprobs);
    table.rows.add(where, "", kEnvelope);
  }
  return make_table_codec(std::move(table));
}

}  // namespace capsem::codec
