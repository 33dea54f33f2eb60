// Gemini's Interactions API: POST /v1beta/interactions, GET /v1beta/interactions/{id}.
#include "core/codec/denial.h"
#include "core/codec/dialects.h"
#include "core/codec/table_codec.h"

namespace capsem::codec {
namespace {

using enum Treat;

constexpr Row kControl[] = {{P, kText, Opaque, "{model,agent,service_tier}"}};

// What a request says and its answer echoes.
constexpr Row kAsked[] = {
    {P, kText, Opaque, "{stream,background,store,response_modalities,response_mime_type}"},
    {P, kText, Text, "{input,input[],system_instruction}"},
    {P, kText, Json, "{response_format,generation_config,agent_config}.**"},
    {P, kText, Unseen, "{previous_interaction_id,cached_content}"},
    {P, kText, Json, "labels.**"},
    {TD, kName, Text, "tools[]!.name"},
    {TD, kDesc, Text, "tools[]!.description"},
    {TD, kSchema, Json, "tools[]!.{parameters,allowed_tools,search_types,environment}.**"},
    {TD, kSchema, Text, "tools[]!.url"},
    // Secrets: looked at only while they do not look like one.
    {TD, kSchema, Opaque, "tools[]!.headers.**"},
    {TD, kName, Kind, "tools[]!.type"},
    {TD, kSchema, Json, "tool_choice.**"},
};

constexpr Row kCall[] = {
    {TC, kName, Text, "[type=function_call|mcp_server_tool_call]!.name", "name"},
    {TC, kArgs, Json,
     "[type=function_call|mcp_server_tool_call|code_execution_call|"
     "url_context_call|google_search_call|file_search_call]!.arguments",
     "arguments"},
    {TC, kText, Text, "[type=mcp_server_tool_call]!.server_name"},
    {TC, kText, Opaque,
     "[type=function_call|mcp_server_tool_call|code_execution_call|"
     "url_context_call|google_search_call|file_search_call]!."
     "{id,signature}"},
    {TC, kText, Opaque, "[type=function_call|mcp_server_tool_call]!.type"},
    {TC, kName, Kind,
     "[type=code_execution_call|url_context_call|google_search_call|file_search_call]!.type",
     "kind"},
};

constexpr Row kResult[] = {
    {TR, kName, Text,
     "[type=function_result|mcp_server_tool_result|code_execution_result|"
     "url_context_result|google_search_result|file_search_result]!.name"},
    {TR, kText, Json,
     "[type=function_result|mcp_server_tool_result|code_execution_result|"
     "url_context_result|google_search_result|file_search_result]!.result",
     "result"},
    {TR, kText, Text, "[type=mcp_server_tool_result]!.server_name"},
    {TR, kText, Opaque,
     "[type=function_result|mcp_server_tool_result|code_execution_result|"
     "url_context_result|google_search_result|file_search_result]!."
     "{id,type,call_id,is_error,signature}"},
};

constexpr Row kAnswer[] = {
    {MO, kText, Opaque,
     "{id,object,model,agent,status,role,created,updated,usage,etag,"
     "service_tier}"},
    {MO, kText, Text, "{error,error.message,detail}", kAlone},
    {MO, kText, Json, "error.details.**", kAlone},
    {MO, kText, Opaque, "error.{code,status,type}"},
};

constexpr Row kOutputText[] = {{MO, kText, Text, "output_text", kAlone, true}};

constexpr std::string_view kWhole =
    "$[event_type=interaction.created|interaction.start|interaction.status_update|"
    "interaction.completed|interaction.complete].interaction.";
constexpr std::string_view kStart = "$[event_type=step.start|content.start]#index@.";
constexpr std::string_view kDelta = "$[event_type=step.delta|content.delta]#index@.delta";

constexpr Row kEvents[] = {
    {MO, kText, Opaque, "{event_type,event_id,index,interaction_id,status}"},
    {MO, kText, End, "$[event_type=step.stop|content.stop]#index@.event_type"},
    {MO, kText, Text, "$[event_type=error].error.message", kAlone},
    {MO, kText, Opaque, "$[event_type=error].error.{code,status,type}"},
};

constexpr Row kDeltas[] = {
    {MO, kText, Text, "[type=text].text", "text"},
    {TH, kText, Text, "[type=thought_summary].content.text", "summary"},
    {TH, kText, Text, "[type=thought].thought", "summary"},
    {TH, kText, Opaque,
     "[type=thought_summary|thought|thought_signature].{content.type,signature}"},
    {TC, kArgs, Json, "[type=arguments_delta]!.arguments", "arguments"},
    {MO, kText, Media, "[type=image|audio|video|document].{data,uri}"},
    {MO, kText, Opaque, "[type=image|audio|video|document].{mime_type,resolution}"},
    {MO, kText, Opaque,
     "[type=text|thought_summary|thought|thought_signature|arguments_delta|image|"
     "audio|video|document].type"},
};

constexpr FactRow kFacts[] = {
    {Where::Request, Fact::Model, "model"},
    {Where::Request, Fact::Stream, "stream"},
    {Where::Request, Fact::Background, "background"},
    {Where::Request, Fact::Messages, "input"},
    {Where::Request, Fact::Tools, "tools"},
    {Where::Request, Fact::GenerationConfig, "generation_config"},
    {Where::Response, Fact::Model, "model"},
    {Where::Response, Fact::Usage, "usage"},
    {Where::Response, Fact::Finish, "status"},
    {Where::Stream, Fact::Model, "$[event_type=interaction.completed].interaction.model"},
    {Where::Stream, Fact::Usage, "$[event_type=interaction.completed].interaction.usage"},
    {Where::Stream, Fact::Finish, "$[event_type=interaction.completed].interaction.status"},
};

enum class Steps {
  Own,       // of a request, or of an answer that comes at once
  Streamed,  // begins what deltas continue
  Repeated,  // says again what was streamed
  Echoed,    // says again what was asked
};

// Content is text or media; steps are messages, thoughts, calls and results. Both may stand in the
// same list.
void add_steps(Table& rows, Where where, const std::string& prefix, event::Point said,
               event::Point thought, Steps steps) {
  // A prompt's texts continue each other; an answer's are streamed apart by their step.
  const std::string texts = where == Where::Request ? "[+type=text|]" : "[type=text|]";
  const std::string text = texts + ".text";
  const std::string annotations = texts + ".annotations[].{title,url,file_name,source}";
  const std::string annotation_ids = texts + ".annotations[].{type,start_index,end_index}";
  const Row said_rows[] = {
      {said, kText, Text, text, "text"},
      {said, kText, Text, annotations},
      {said, kText, Opaque, annotation_ids},
      {said, kText, Text, "[type=model_output|user_input|message|].content", "text"},
      {said, kText, Text, "[type=model_output|user_input|message|].content[+]", "text"},
      {said, kText, Text, "[type=model_output|user_input|message|].content[+].text", "text"},
      {said, kText, Text,
       "[type=model_output|user_input|message|].content[+].annotations[]."
       "{title,url,file_name,source}"},
      {said, kText, Media, "[type=model_output|user_input|message|].content[+].{data,uri}"},
      {said, kText, Opaque,
       "[type=model_output|user_input|message|].content[+].{type,mime_type,"
       "annotations[].type,annotations[].start_index,"
       "annotations[].end_index}"},
      {said, kText, Media, "[type=image|audio|video|document].{data,uri}"},
      {said, kText, Opaque, "[type=image|audio|video|document].{mime_type,resolution}"},
      {thought, kText, Text, "[type=thought].summary[+].text", "summary"},
      {thought, kText, Text, "[type=thought].summary", "summary"},
      {thought, kText, Opaque, "[type=thought].{signature,summary[+].type}"},
      {said, kText, Opaque, "[].{type,role,id,status}"},
  };
  for (const std::span<const Row> some :
       {std::span<const Row>(said_rows), std::span<const Row>(kCall),
        std::span<const Row>(kResult)}) {
    switch (steps) {
      case Steps::Own:
        rows.add(where, prefix, some);
        break;
      case Steps::Streamed:
        rows.add_shared(where, prefix, some, false);
        break;
      case Steps::Repeated:
        rows.add_shared(where, prefix, some, true);
        break;
      case Steps::Echoed:
        rows.add_echo(where, prefix, some);
        break;
    }
  }
}

void add_interaction(Table& rows, Where where, const std::string& prefix) {
  rows.add(where, prefix, kAnswer);
  rows.add(where, prefix, kOutputText);
  for (const std::string_view list : {"steps", "outputs"}) {
    add_steps(rows, where, prefix + std::string(list), MO, TH,
              where == Where::Stream ? Steps::Repeated : Steps::Own);
  }
  rows.add_echo(where, prefix, kAsked);
  add_steps(rows, where, prefix + "input", P, P, Steps::Echoed);
}

void write_stream_error(std::string_view message, std::string_view code, Framing framing,
                        bool first, std::uint64_t next_sequence, std::string& out) {
  codec_for(Dialect::Gemini).write_stream_error(message, code, framing, first, next_sequence, out);
}

}  // namespace

std::unique_ptr<Codec> make_gemini_interactions() {
  DialectTable table{.dialect = Dialect::GeminiInteractions,
                     .rows = {},
                     .facts = kFacts,
                     .write_stream_error = write_stream_error};
  Table& rows = table.rows;
  rows.add(Where::Request, "", kControl);
  rows.add(Where::Request, "", kAsked);
  add_steps(rows, Where::Request, "input", P, P, Steps::Own);
  add_interaction(rows, Where::Response, "");
  rows.add(Where::Stream, "", kEvents);
  add_interaction(rows, Where::Stream, std::string(kWhole));
  add_steps(rows, Where::Stream, std::string(kStart) + "step", MO, TH, Steps::Streamed);
  rows.add(Where::Stream, std::string(kDelta), kDeltas);
  return make_table_codec(std::move(table));
}

}  // namespace capsem::codec
