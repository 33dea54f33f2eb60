// Embeddings: POST /v1/embeddings. The answer is numbers.
#include "core/codec/dialects.h"
#include "core/codec/table_codec.h"

namespace capsem::codec {
namespace {

using enum Treat;

constexpr Row kRequest[] = {
    {P, kText, Opaque, "{model,encoding_format,dimensions,input_type,truncate}"},
    {P, kText, Text, "{input,input[],input[].text,user}"},
    {P, kText, Media, "input[].{image_url,image_url.url}"},
    {P, kText, Opaque, "input[].type"},
    {P, kText, Tokens, "input"},
};

constexpr Row kAnswer[] = {
    {MO, kText, Opaque, "{id,object,created,model,usage}"},
    {MO, kText, Opaque, "data[].{object,index,embedding}"},
    {MO, kText, Text, "{error,error.message,detail}", kAlone},
    {MO, kText, Opaque, "error.{type,code,param,status}"},
};

constexpr FactRow kFacts[] = {
    {Where::Request, Fact::Model, "model"},
    {Where::Request, Fact::Messages, "input"},
    {Where::Response, Fact::Model, "model"},
    {Where::Response, Fact::Usage, "usage"},
};

}  // namespace

std::unique_ptr<Codec> make_openai_embeddings() {
  DialectTable table{.dialect = Dialect::OpenAiEmbeddings,
                     .rows = {},
                     .facts = kFacts,
                     .write_stream_error = write_openai_stream_error};
  table.rows.add(Where::Request, "", kRequest);
  table.rows.add(Where::Response, "", kAnswer);
  return make_table_codec(std::move(table));
}

}  // namespace capsem::codec
