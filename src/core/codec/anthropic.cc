// Anthropic Messages: POST /v1/messages and /v1/messages/count_tokens.
#include "core/codec/anthropic_error.h"
#include "core/codec/denial.h"
#include "core/codec/dialects.h"
#include "core/codec/table_codec.h"

namespace capsem::codec {
namespace {

using enum Treat;

constexpr Row kRequest[] = {
    {P, kText, Opaque,
     "{model,stream,max_tokens,temperature,top_p,top_k,thinking,service_tier,betas,inference_geo}"},
    {P, kText, Text, "system"},
    {P, kText, Text, "system[+]"},
    {P, kText, Text, "messages[].content"},
    {P, kText, Text, "messages[].content[+]"},
    {P, kText, Opaque, "messages[].role"},

    {TD, kName, Text, "tools[]!.name"},
    {TD, kDesc, Text, "tools[]!.description"},
    {TD, kSchema, Json, "tools[]!.{input_schema,user_location,input_examples}"},
    {TD, kSchema, Text, "tools[]!.{allowed_domains,blocked_domains}[]"},
    {TD, kSchema, Opaque, "tools[]!.{type,cache_control,max_uses,strict,defer_loading}"},
    {TD, kName, Text, "mcp_servers[]!server.name"},
    {TD, kSchema, Text, "mcp_servers[]!server.{url,tool_configuration.allowed_tools[]}"},
    // A secret between client and provider: never looked at, so that it is in no finding.
    {TD, kSchema, Opaque,
     "mcp_servers[]!server.{type,authorization_token,"
     "tool_configuration.enabled}"},
    // A choice defines no tool: what it names is no name of its unit.
    {TD, kSchema, Text, "tool_choice!choice.name"},
    {TD, kSchema, Opaque, "tool_choice!choice.{type,disable_parallel_tool_use}"},

    {P, kText, Opaque, "{output_config.format.type,output_config.effort,output_format.type}"},
    {P, kText, Json, "output_config.format.schema"},
    {P, kText, Text, "output_format"},
    {P, kText, Json, "output_format.schema"},
    {P, kText, Text, "{stop_sequences,stop_sequences[],metadata.user_id,compaction.instructions}"},
    {P, kText, Json, "context_management.**"},
    {P, kText, Unseen, "{container,container.id,thread.previous_message_id}"},
    {P, kText, Unseen, "container.skills[].skill_id"},
    {P, kText, Opaque, "container.skills[].{type,version}"},
};

// Blocks that are text to the one who reads them: in a prompt, in an answer, in a tool's result.
// {0} below is where blocks stand, the point comes from the caller.
struct Readable {
  std::string_view block;  // selector and path
  Treat treat;
};
constexpr Readable kReadable[] = {
    {"[+type=text].text", Text},
    {"[+type=text].citations[].{cited_text,title,document_title,source,url}", Text},
    {"[+type=text].citations[].{type,start_char_index,end_char_index,document_index,file_id,"
     "encrypted_index,start_page_number,end_page_number,start_block_index,end_block_index,"
     "search_result_index}",
     Opaque},
    {"[type=image].source.{url,data}", Media},
    {"[type=image].source.{type,media_type}", Opaque},
    {"[type=image].source.file_id", Unseen},
    {"[type=document].{title,context}", Text},
    {"[type=document].source.{data,url}", Media},
    {"[type=document].source.content", Text},
    {"[type=document].source.content[+]", Text},
    {"[type=document].source.content[+].text", Text},
    {"[type=document].source.content[+].source.{url,data}", Media},
    {"[type=document].source.content[+].{type,source.type,source.media_type,cache_control}",
     Opaque},
    {"[type=document].source.{type,media_type}", Opaque},
    {"[type=document].source.file_id", Unseen},
    {"[type=document].citations", Opaque},
    {"[type=search_result].{source,title}", Text},
    {"[type=search_result].content[+].text", Text},
    {"[type=search_result].{citations,content[+].type}", Opaque},
    {"[type=compaction].content", Text},
    {"[type=container_upload].file_id", Unseen},
};

// What a tool's result says, whoever ran the tool.
constexpr Row kResult[] = {
    {TR, kText, Text, "content"},
    {TR, kText, Text, "content[+]"},
    {TR, kText, Text, "content[type=tool_reference].tool_name"},
    {TR, kText, Text, "content[type=web_search_result].{title,url,page_age}"},
    {TR, kText, Blob, "content[type=web_search_result].encrypted_content"},
    {TR, kText, Opaque, "content[].{type,cache_control,id}"},
    {TR, kText, Opaque, "content.{type,error_code,retrieved_at,return_code}"},
    {TR, kText, Text, "content.{text,url,stdout,stderr,error_message,lines[],file_type}"},
    {TR, kText, Text, "content.content"},
    {TR, kText, Text, "content.content.{title,context}"},
    {TR, kText, Media, "content.content.source.{data,url}"},
    {TR, kText, Opaque, "content.content.{type,citations,source.type,source.media_type}"},
    {TR, kText, Unseen, "content.content[].file_id"},
    {TR, kText, Blob, "content.encrypted_content"},
    {TR, kText, Opaque, "{type,tool_use_id,is_error,cache_control}"},
};

constexpr std::string_view kCalls = "[type=tool_use|server_tool_use|mcp_tool_use]!.";
constexpr Row kCall[] = {
    {TC, kName, Text, "name", "name"},
    {TC, kArgs, Json, "input", "input"},
    {TC, kText, Text, "server_name"},
    {TC, kText, Opaque, "{id,type,cache_control,caller}"},
};

constexpr std::string_view kResults =
    "[type=tool_result|mcp_tool_result|web_search_tool_result|web_fetch_tool_result|"
    "code_execution_tool_result|bash_code_execution_tool_result|"
    "text_editor_code_execution_tool_result|advisor_tool_result]!.";

constexpr Row kDefinitions[] = {
    // Refers to a tool that is defined elsewhere.
    {TD, kSchema, Text, "[type=tool_search_tool_result]!.content.tool_references[]!.tool_name"},
    {TD, kSchema, Opaque,
     "[type=tool_search_tool_result]!.{type,tool_use_id,content.type,"
     "content.tool_references[]!.type}"},
    {TD, kSchema, Json, "[type=mcp_tool_listing|tool_addition|tool_removal]!.**"},
};

constexpr Row kAnswerTop[] = {
    {MO, kText, Opaque, "{id,type,role,model,stop_reason,usage,request_id,container}"},
    {MO, kText, Text, "stop_sequence", kAlone},
    {MO, kText, Text, "stop_details.{category,explanation}", kAlone},
    {MO, kText, Opaque, "stop_details.type"},
    {MO, kText, Json, "context_management.**", kAlone},
    {MO, kText, Text, "{error.message,detail}", kAlone},
    {MO, kText, Json, "error.details", kAlone},
    {MO, kText, Opaque, "error.type"},
};

constexpr Row kEvents[] = {
    {MO, kText, Opaque, "{type,index}"},
    {MO, kText, End, "$[type=content_block_stop]#index@.type"},
    {MO, kText, Opaque, "$[type=message_delta].{delta.stop_reason,usage,delta.container}"},
    {MO, kText, Text, "$[type=message_delta].delta.stop_sequence", kAlone},
    {MO, kText, Text, "$[type=message_delta].delta.stop_details.{category,explanation}", kAlone},
    {MO, kText, Opaque, "$[type=message_delta].delta.stop_details.type"},
    {MO, kText, Json, "$[type=message_delta].context_management.**", kAlone},
    {MO, kText, Text, "$[type=error].error.{message,details}", kAlone},
    {MO, kText, Opaque, "$[type=error].{error.type,request_id}"},
};

constexpr Row kDelta[] = {
    {MO, kText, Text, "[type=text_delta].text", "text"},
    {TH, kText, Text, "[type=thinking_delta].thinking", "thinking"},
    {TC, kArgs, Json, "[type=input_json_delta]!.partial_json", "input"},
    {MO, kText, Opaque, "[type=signature_delta].signature"},
    {MO, kText, Text,
     "[type=citations_delta].citation.{cited_text,title,document_title,source,url}", kAlone},
    {MO, kText, Opaque,
     "[type=citations_delta].citation.{type,start_char_index,end_char_index,"
     "document_index,file_id,encrypted_index,start_page_number,end_page_number,"
     "start_block_index,end_block_index,search_result_index}"},
    {MO, kText, Text, "[type=compaction_delta].content", "compaction"},
    {MO, kText, Opaque,
     "[type=text_delta|thinking_delta|input_json_delta|signature_delta|"
     "citations_delta|compaction_delta].type"},
};

constexpr FactRow kFacts[] = {
    {Where::Request, Fact::Model, "model"},
    {Where::Request, Fact::Stream, "stream"},
    {Where::Request, Fact::Messages, "messages"},
    {Where::Request, Fact::Tools, "tools"},
    {Where::Request, Fact::OutputMax, "max_tokens"},
    {Where::Request, Fact::Attachment, "messages[].content[type=document].source"},
    {Where::Request, Fact::Attachment,
     "messages[].content[type=tool_result].content[type=document].source"},
    {Where::Response, Fact::Model, "model"},
    {Where::Response, Fact::Usage, "usage"},
    {Where::Response, Fact::Finish, "stop_reason"},
    {Where::Stream, Fact::Model, "$[type=message_start].message.model"},
    {Where::Stream, Fact::Usage, "$[type=message_start].message.usage"},
    {Where::Stream, Fact::Usage, "$[type=message_delta].usage"},
    {Where::Stream, Fact::Finish, "$[type=message_delta].delta.stop_reason"},
};

// Every kind of content block at `prefix`, which ends where the selector goes.
void add_blocks(Table& rows, Where where, const std::string& prefix, event::Point point) {
  // An answer's blocks have lanes by their index; a prompt's text blocks continue each other.
  for (const Readable& readable : kReadable) {
    std::string_view path = readable.block;
    std::string own(path);
    if (where != Where::Request && own.starts_with("[+")) own.erase(1, 1);
    std::string_view lane;
    if (where == Where::Stream) lane = kAlone;
    if (own == "[type=text].text") lane = "text";
    if (own == "[type=compaction].content") lane = "compaction";
    const Row row[] = {{point, kText, readable.treat, own, lane}};
    rows.add(where, prefix, row);
    if (point == P || point == MO) {
      // The same kinds inside a tool's result.
      std::string inside = prefix + std::string(kResults) + "content" + own;
      const Row result[] = {{TR, kText, readable.treat, inside}};
      rows.add(where, "", result);
    }
  }
  const auto thought = where == Where::Request ? P : TH;
  const Row rest[] = {
      {thought, kText, Text, "[type=thinking].thinking", "thinking"},
      {point, kText, Opaque, "[type=thinking].signature"},
      {point, kText, Blob, "[type=redacted_thinking].data"},
      {point, kText, Opaque, "[].{type,cache_control,id}"},
  };
  rows.add(where, prefix, rest);
  rows.add(where, prefix + std::string(kCalls), kCall);
  rows.add(where, prefix + std::string(kResults), kResult);
  rows.add(where, prefix, kDefinitions);
}

}  // namespace

void write_anthropic_stream_error(std::string_view message, std::string_view, Framing, bool,
                                  std::uint64_t, std::string& out) {
  out +=
      "event: error\ndata: "
      "{\"type\":\"error\",\"error\":{\"type\":\"permission_error\",\"message\":";
  append_json_string(out, message);
  out += "}}\n\n";
}

std::unique_ptr<Codec> make_anthropic() {
  DialectTable table{.dialect = Dialect::Anthropic,
                     .rows = {},
                     .facts = kFacts,
                     .write_stream_error = write_anthropic_stream_error,
                     .replacement = &kAnthropicReplacement};
  Table& rows = table.rows;
  rows.add(Where::Request, "", kRequest);
  add_blocks(rows, Where::Request, "system", P);
  add_blocks(rows, Where::Request, "messages[].content", P);
  add_blocks(rows, Where::Response, "content", MO);
  rows.add(Where::Response, "", kAnswerTop);

  rows.add(Where::Stream, "", kEvents);
  rows.add(Where::Stream, "$[type=message_start].message.", kAnswerTop);
  add_blocks(rows, Where::Stream, "$[type=message_start].message.content", MO);
  add_blocks(rows, Where::Stream, "$[type=content_block_start]#index@.content_block", MO);
  rows.add(Where::Stream, "$[type=content_block_delta]#index@.delta", kDelta);
  return make_table_codec(std::move(table));
}

}  // namespace capsem::codec
