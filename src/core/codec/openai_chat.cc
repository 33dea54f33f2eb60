// Chat Completions: POST /v1/chat/completions, also on Azure, vLLM, Ollama and Gemini's compatible
// route.
#include "core/codec/dialects.h"
#include "core/codec/table_codec.h"

namespace capsem::codec {
namespace {

using enum Treat;

constexpr Row kRequest[] = {
    {P, kText, Opaque, "{model,object,id}"},
    {P, kText, Opaque,
     "{stream,stream_options,n,temperature,top_p,max_tokens,max_completion_tokens,seed,logprobs,"
     "top_logprobs,modalities,store,parallel_tool_calls,presence_penalty,frequency_penalty,"
     "logit_bias,reasoning_effort,verbosity,service_tier}"},
    {P, kText, Text, "messages[].content"},
    {P, kText, Text, "messages[].content[+].{text,refusal}"},
    {P, kText, Text, "messages[].content[+]"},
    {P, kText, Opaque, "messages[].content[+].{type,id,image_url.detail,input_audio.format}"},
    {P, kText, Media,
     "messages[].content[+].{image_url,image_url.url,input_audio.data,"
     "video_url.url,audio_url.url,file.file_data}"},
    {P, kText, Text, "messages[].content[+].file.filename"},
    {P, kText, Unseen, "messages[].content[+].file.file_id"},
    {P, kText, Text, "messages[].{refusal,name,reasoning,reasoning_content,thinking}"},
    {P, kText, Unseen, "messages[].audio.id"},
    {P, kText, Text, "messages[].annotations[].url_citation.{title,url}"},
    {P, kText, Opaque, "messages[].annotations[].type"},
    {P, kText, Opaque, "messages[].{role,id,tool_call_id}"},

    // `custom` is a unit of its own beside `function`: names are never glued together.
    {TC, kName, Text, "messages[].tool_calls[]!.{function,custom!custom}.name"},
    {TC, kArgs, Json, "messages[].tool_calls[]!.function.arguments"},
    {TC, kArgs, Text, "messages[].tool_calls[]!.custom!custom.input"},
    {TC, kText, Opaque, "messages[].tool_calls[]!.{id,type,index}"},
    {TC, kName, Text, "messages[].function_call!legacy.name"},
    {TC, kArgs, Json, "messages[].function_call!legacy.arguments"},

    {TR, kText, Text, "messages[role=tool|function]!.content"},
    {TR, kText, Text, "messages[role=tool|function]!.content[+].{text,refusal}"},
    {TR, kText, Text, "messages[role=tool|function]!.content[+]"},
    {TR, kText, Opaque, "messages[role=tool|function]!.content[+].type"},
    {TR, kText, Media,
     "messages[role=tool|function]!.content[+].{image_url,image_url.url,"
     "input_audio.data,file.file_data}"},
    {TR, kName, Text, "messages[role=tool|function]!.name"},
    {TR, kText, Opaque, "messages[role=tool|function]!.{role,tool_call_id}"},

    {TD, kName, Text, "tools[]!.{function,custom!custom}.name"},
    {TD, kDesc, Text, "tools[]!.{function,custom!custom}.description"},
    {TD, kSchema, Json, "tools[]!.function.parameters"},
    {TD, kSchema, Opaque,
     "tools[]!.{function.strict,custom!custom.format.type,"
     "custom!custom.format.grammar.syntax}"},
    {TD, kName, Kind, "tools[]!.type"},
    {TD, kSchema, Text, "tools[]!.custom!custom.format.grammar.definition"},
    {TD, kName, Text, "functions[]!legacy.name"},
    {TD, kDesc, Text, "functions[]!legacy.description"},
    {TD, kSchema, Json, "functions[]!legacy.parameters"},
    // A choice defines no tool: what it names is no name of its unit.
    {TD, kSchema, Text, "function_call!choice"},
    {TD, kSchema, Text, "function_call!choice.name"},
    {TD, kSchema, Text, "tool_choice!choice"},
    {TD, kSchema, Text, "tool_choice!choice.{function,custom!custom}.name"},
    {TD, kSchema, Json, "tool_choice!choice.allowed_tools.tools.**"},
    {TD, kSchema, Opaque, "tool_choice!choice.{type,allowed_tools.mode}"},

    {P, kText, Opaque, "response_format.{type,json_schema.strict}"},
    {P, kText, Text, "response_format.json_schema.{name,description}"},
    {P, kText, Json, "response_format.json_schema.schema"},
    {P, kText, Text, "prediction.content"},
    {P, kText, Text, "prediction.content[+].text"},
    {P, kText, Opaque, "prediction.{type,content[+].type}"},
    {P, kText, Text, "stop"},
    {P, kText, Text, "stop[]"},
    {P, kText, Text, "{user,safety_identifier,prompt_cache_key}"},
    {P, kText, Json, "metadata.**"},
    {P, kText, Text, "web_search_options.user_location.approximate.{city,country,region,timezone}"},
    {P, kText, Opaque, "web_search_options.{search_context_size,user_location.type}"},
    {P, kText, Text, "audio.voice"},
    {P, kText, Unseen, "audio.voice.id"},
    {P, kText, Opaque, "audio.format"},
    // Compatible servers.
    {P, kText, Json,
     "{documents,chat_template_kwargs,structured_outputs,guided_json,guided_choice,"
     "bad_words,extra_body,data_sources}.**"},
    {P, kText, Text, "{chat_template,guided_regex,guided_grammar}"},
};

// What an answer's message and a stream's delta have in common.
constexpr Row kMessage[] = {
    {MO, kText, Text, "{content,content[+],content[+].text}", "content"},
    {MO, kText, Opaque, "content[+].type"},
    {MO, kText, Text, "{refusal,content[+].refusal}", "refusal"},
    {TH, kText, Text, "{reasoning,reasoning_content,thinking}"},
    {MO, kText, Opaque, "role"},
    {TC, kName, Text, "tool_calls[#index]!.{function,custom!custom}.name"},
    {TC, kArgs, Json, "tool_calls[#index]!.function.arguments"},
    {TC, kArgs, Text, "tool_calls[#index]!.custom!custom.input"},
    {TC, kText, Opaque, "tool_calls[#index]!.{id,type,index}"},
    {TC, kName, Text, "function_call!legacy.name"},
    {TC, kArgs, Json, "function_call!legacy.arguments"},
    {MO, kText, Text, "audio.transcript"},
    {MO, kText, Media, "audio.data"},
    {MO, kText, Opaque, "audio.{id,expires_at}"},
    {MO, kText, Text, "annotations[].url_citation.{title,url}", kAlone},
    {MO, kText, Opaque, "annotations[].{type,url_citation.start_index,url_citation.end_index}"},
};

// The tokens of the answer once more, and the alternatives of each rank.
constexpr Row kLogprobs[] = {
    {MO, kText, Text, "{content,refusal}[+].token"},
    {MO, kText, Bytes, "{content,refusal}[+].bytes"},
    {MO, kText, Text, "{content,refusal}[+].top_logprobs[].token"},
    {MO, kText, Bytes, "{content,refusal}[+].top_logprobs[].bytes"},
    {MO, kText, Opaque, "{content,refusal}[+].{logprob,top_logprobs[].logprob}"},
};

constexpr Row kChoice[] = {
    {MO, kText, End, "finish_reason"},
    {MO, kText, Opaque, "index"},
    {MO, kText, Text, "stop_reason", kAlone},
    {MO, kText, Opaque, "{token_ids,content_filter_results}"},
};

constexpr Row kEnvelope[] = {
    {MO, kText, Opaque,
     "{id,object,created,model,service_tier,system_fingerprint,usage,obfuscation,"
     "prompt_filter_results,prompt_token_ids}"},
    {MO, kText, Json, "metadata.**", kAlone},
    {MO, kText, Text, "{prompt_text,detail}", kAlone},
    {MO, kText, Json, "{prompt_logprobs,moderation}.**", kAlone},
    {MO, kText, Text, "error", kAlone},
    {MO, kText, Text, "error.message", kAlone},
    {MO, kText, Opaque, "error.{type,code,param,status}"},
};

constexpr FactRow kFacts[] = {
    {Where::Request, Fact::Model, "model"},
    {Where::Request, Fact::Stream, "stream"},
    {Where::Request, Fact::StreamOptions, "stream_options"},
    {Where::Request, Fact::Choices, "n"},
    {Where::Request, Fact::Messages, "messages"},
    {Where::Request, Fact::Tools, "tools"},
    {Where::Request, Fact::Tools, "functions"},
    {Where::Request, Fact::OutputMax, "max_tokens"},
    {Where::Request, Fact::OutputMax, "max_completion_tokens"},
    {Where::Request, Fact::Attachment, "messages[].content[+].file"},
    {Where::Response, Fact::Model, "model"},
    {Where::Response, Fact::Usage, "usage"},
    {Where::Response, Fact::Finish, "choices[#index].finish_reason"},
    {Where::Stream, Fact::Model, "model"},
    {Where::Stream, Fact::Usage, "usage"},
    {Where::Stream, Fact::Finish, "choices[#index].finish_reason"},
};

}  // namespace

std::unique_ptr<Codec> make_openai_chat() {
  DialectTable table{.dialect = Dialect::OpenAiChat,
                     .rows = {},
                     .facts = kFacts,
                     .write_stream_error = write_openai_stream_error,
                     .asks_for_usage = true,
                     .replacement = &kChatReplacement};
  table.rows.add(Where::Request, "", kRequest);
  for (const Where where : {Where::Response, Where::Stream}) {
    // Some servers send a whole message where a delta is due.
    const bool stream = where == Where::Stream;
    table.rows.add(where, stream ? "choices[#index]!@.delta." : "choices[#index]!@.message.",
                   kMessage);
    table.rows.add_repeats(where, "choices[#index]!@.logprobs.", kLogprobs);
    table.rows.add(where, "choices[#index]!@.", kChoice);
    table.rows.add(where, "", kEnvelope);
  }
  return make_table_codec(std::move(table));
}

}  // namespace capsem::codec
