#include "core/codec/responses_items.h"

#include <vector>

namespace capsem::codec {
namespace {

using enum Treat;

constexpr Row kCalls[] = {
    {TC, kName, Text, "[type=function_call|custom_tool_call|mcp_call|mcp_approval_request]!.name",
     "name"},
    {TC, kText, Text,
     "[type=function_call|custom_tool_call|mcp_call|mcp_approval_request]!."
     "{namespace,server_label}"},
    {TC, kName, Kind,
     "[type=tool_search_call|file_search_call|web_search_call|computer_call|code_interpreter_call|"
     "local_shell_call|shell_call|apply_patch_call|multi_agent_call|program]!.type",
     "kind"},
    // Its prompt and its picture belong to what is said.
    {TC, kName, Kind, "[type=image_generation_call].type!call", "kind"},
    {TC, kArgs, Json,
     "[type=function_call|mcp_call|mcp_approval_request|multi_agent_call]!."
     "arguments",
     "arguments"},
    {TC, kArgs, Text, "[type=custom_tool_call]!.input", "input"},
    {TC, kArgs, Json, "[type=tool_search_call]!.arguments.**", "arguments"},
    {TR, kText, Text, "[type=mcp_call]!.{output,error}"},
    {TR, kText, Text, "[type=mcp_call]!.error.{message,type}"},
    {TR, kText, Json, "[type=mcp_call]!.error.content.**"},
    {TC, kText, Opaque, "[type=mcp_call]!.{approval_request_id,error.code}"},
    {TC, kArgs, Text, "[type=file_search_call]!.queries[]"},
    {TR, kText, Text, "[type=file_search_call]!.results[].{text,filename}"},
    {TR, kText, Text, "[type=file_search_call]!.results[].attributes.*"},
    {TR, kText, Opaque, "[type=file_search_call]!.results[].{file_id,score,vector_store_id}"},
    {TC, kArgs, Text, "[type=web_search_call]!.action.{query,queries[],url,pattern}"},
    {TR, kText, Text, "[type=web_search_call]!.action.sources[].{url,title,name}"},
    {TR, kText, Json, "[type=web_search_call]!.results.**"},
    {TC, kText, Opaque, "[type=web_search_call]!.action.{type,sources[].type}"},
    {TC, kArgs, Text, "[type=computer_call]!.{action,actions[]}.{text,keys[]}"},
    {TC, kText, Opaque,
     "[type=computer_call]!.{action,actions[]}.{type,button,x,y,scroll_x,scroll_y,"
     "path}"},
    {TC, kArgs, Text, "[type=computer_call]!.pending_safety_checks[].message"},
    {TC, kText, Opaque, "[type=computer_call]!.pending_safety_checks[].{id,code}"},
    {TC, kArgs, Text, "[type=code_interpreter_call]!.code", "code"},
    {TR, kText, Text, "[type=code_interpreter_call]!.outputs[].{logs,url}"},
    {TC, kText, Opaque, "[type=code_interpreter_call]!.{container_id,outputs[].type}"},
    {TC, kArgs, Text,
     "[type=local_shell_call|shell_call]!.action.{command[],user,"
     "working_directory}"},
    {TC, kArgs, Text, "[type=local_shell_call|shell_call]!.action.commands[]", "command"},
    {TC, kArgs, Text, "[type=local_shell_call|shell_call]!.action.env.*"},
    {TC, kArgs, Text,
     "[type=local_shell_call|shell_call]!.environment.skills[]."
     "{name,description,path}"},
    {TC, kText, Opaque,
     "[type=local_shell_call|shell_call]!.{action.type,action.timeout_ms,"
     "action.max_output_length,environment.type,environment.container_id}"},
    {TC, kArgs, Text, "[type=apply_patch_call]!.operation.path"},
    {TC, kArgs, Text, "[type=apply_patch_call]!.operation.diff", "diff"},
    {TC, kText, Opaque, "[type=apply_patch_call]!.operation.type"},
    {TC, kArgs, Text, "[type=program]!.code", "code"},
    {TC, kText, Opaque,
     "[type=function_call|custom_tool_call|mcp_call|mcp_approval_request|multi_agent_call|"
     "tool_search_call|file_search_call|web_search_call|computer_call|code_interpreter_call|"
     "local_shell_call|shell_call|apply_patch_call|program]!.{id,status,call_id,created_by}"},
    {TC, kText, Opaque,
     "[type=function_call|custom_tool_call|mcp_call|mcp_approval_request]!.type"},
};

constexpr Row kResults[] = {
    {TR, kText, Text,
     "[type=function_call_output|custom_tool_call_output|local_shell_call_output|"
     "shell_call_output|apply_patch_call_output|multi_agent_call_output]!.output"},
    {TR, kText, Text,
     "[type=function_call_output|custom_tool_call_output|multi_agent_call_output]!."
     "output[+].{text,filename}"},
    {TR, kText, Media,
     "[type=function_call_output|custom_tool_call_output]!.output[+]."
     "{image_url,file_data,file_url}"},
    {TR, kText, Unseen, "[type=function_call_output|custom_tool_call_output]!.output[+].file_id"},
    {TR, kText, Opaque,
     "[type=function_call_output|custom_tool_call_output|"
     "multi_agent_call_output]!.output[+].{type,detail}"},
    {TR, kText, Text, "[type=shell_call_output]!.output[].stdout", "stdout"},
    {TR, kText, Text, "[type=shell_call_output]!.output[].stderr", "stderr"},
    {TR, kText, Opaque, "[type=shell_call_output]!.{max_output_length,output[].outcome.**}"},
    {TR, kText, Media, "[type=computer_call_output]!.output.image_url"},
    {TR, kText, Unseen, "[type=computer_call_output]!.output.file_id"},
    {TR, kText, Text, "[type=computer_call_output]!.acknowledged_safety_checks[].message"},
    {TR, kText, Opaque,
     "[type=computer_call_output]!.{output.type,acknowledged_safety_checks[].id,"
     "acknowledged_safety_checks[].code}"},
    {TR, kText, Text, "[type=program_output]!.result"},
    {TR, kText, Opaque,
     "[type=function_call_output|custom_tool_call_output|local_shell_call_output|"
     "shell_call_output|apply_patch_call_output|multi_agent_call_output|computer_call_output|"
     "program_output]!.{id,type,status,call_id,created_by}"},
};

constexpr Row kDefinitions[] = {
    {TD, kSchema, Text, "[type=mcp_list_tools]!.{server_label,error}"},
    {TD, kName, Text, "[type=mcp_list_tools]!.tools[]!.name"},
    {TD, kDesc, Text, "[type=mcp_list_tools]!.tools[]!.description"},
    {TD, kSchema, Json, "[type=mcp_list_tools]!.tools[]!.{input_schema,annotations}.**"},
    {TD, kSchema, Opaque, "[type=mcp_list_tools]!.{id,type}"},
    {TD, kSchema, Opaque, "[type=tool_search_output|additional_tools]!.{id,type,status,call_id}"},
};

// A tool, but for its selector: they are told apart by what they hold.
constexpr Row kTool[] = {
    {TD, kName, Text, "name"},
    {TD, kName, Kind, "type"},
    {TD, kSchema, Text, "server_label"},
    {TD, kDesc, Text, "{description,server_description}"},
    {TD, kSchema, Json,
     "{parameters,output_schema,allowed_tools,require_approval,filters,environment}"
     ".**"},
    {TD, kSchema, Text, "server_url"},
    {TD, kSchema, Json, "user_location.**"},
    {TD, kName, Text, "tools[]!nested.name"},
    {TD, kDesc, Text, "tools[]!nested.description"},
    {TD, kSchema, Json, "tools[]!nested.{parameters,format}.**"},
    {TD, kSchema, Text, "format.definition"},
    {TD, kSchema, Opaque,
     "{strict,defer_loading,format.type,format.syntax,search_context_size,"
     "display_width,display_height,connector_id,max_num_results,"
     "vector_store_ids,ranking_options,size,quality,background,output_format,"
     "model,moderation,partial_images,tools[]!nested.strict}"},
    {TD, kName, Kind, "tools[]!nested.type"},
    // Secrets between client and provider: not looked at while they look like one, never logged.
    {TD, kSchema, Opaque, "{authorization,headers.**}"},
    {TD, kSchema, Json, "container.**"},
};

// Messages, reasoning and whatever else is said rather than done.
std::vector<Row> spoken(const ItemsAre& are) {
  const auto T = are.text;
  const auto H = are.thought;
  return {
      {T, kText, Text, "[type=message|].content", "message"},
      {T, kText, Text, "[type=message|].content[+]", "message"},
      {T, kText, Text, "[type=message|].content[type=refusal].refusal", "refusal"},
      {T, kText, Media, "[type=message|].content[type=input_image|computer_screenshot].image_url"},
      {T, kText, Unseen,
       "[type=message|].content[type=input_image|computer_screenshot|input_file]."
       "file_id"},
      {T, kText, Text, "[type=message|].content[type=input_file].filename"},
      {T, kText, Media, "[type=message|].content[type=input_file].{file_data,file_url}"},
      {T, kText, Media, "[type=message|].content[type=input_audio].input_audio.data"},
      {T, kText, Opaque, "[type=message|].content[type=input_audio].input_audio.format"},
      {T, kText, Opaque, "[type=message|].content[].{type,detail,prompt_cache_breakpoint}"},
      {T, kText, Opaque, "[type=message].id"},
      {T, kText, Opaque, "[type=message|].{type,role,status,phase}"},
      {H, kText, Text, "[type=reasoning].summary[].text", "summary"},
      {H, kText, Text, "[type=reasoning].content[].text", "reasoning"},
      {T, kText, Blob, "[type=reasoning|compaction|compaction_summary].encrypted_content"},
      {T, kText, Opaque, "[type=reasoning].{id,type,status,summary[].type,content[].type}"},
      {T, kText, Text, "[type=mcp_approval_response].reason"},
      {T, kText, Opaque, "[type=mcp_approval_response].{id,type,approval_request_id}"},
      {T, kText, Media, "[type=image_generation_call].result"},
      {T, kText, Text, "[type=image_generation_call].revised_prompt"},
      {T, kText, Opaque,
       "[type=image_generation_call].{id,status,action,background,"
       "output_format,quality,size}"},
      {T, kText, Text, "[type=agent_message].{author,recipient,content[].text}"},
      {T, kText, Opaque, "[type=agent_message].{id,type,content[].type}"},
      {T, kText, Unseen, "[type=item_reference|].id"},
      {T, kText, Opaque, "[type=item_reference|compaction|compaction_summary].type"},
      {T, kText, Opaque, "[type=compaction|compaction_summary].id"},
  };
}

constexpr std::string_view kTokens[] = {"token", "top_logprobs[].token"};

}  // namespace

namespace {

void add_rows(Table& rows, Where where, const std::string& prefix, const ItemsAre& are,
              std::span<const Row> some) {
  if (are.echo) {
    rows.add_echo(where, prefix, some);
  } else if (are.stream) {
    rows.add_shared(where, prefix, some, are.repeat);
  } else {
    rows.add(where, prefix, some);
  }
}

}  // namespace

void add_annotation(Table& rows, Where where, const std::string& prefix, const ItemsAre& are) {
  const Row annotation[] = {
      {are.text, kText, Text, "title", "annotation.title"},
      {are.text, kText, Text, "url", "annotation.url"},
      {are.text, kText, Text, "filename", "annotation.filename"},
      {are.text, kText, Text, "quote", "annotation.quote"},
      {are.text, kText, Opaque, "{type,index,start_index,end_index,file_id,container_id}"},
  };
  add_rows(rows, where, prefix, are, annotation);
}

void add_items(Table& rows, Where where, const std::string& prefix, const ItemsAre& are) {
  const auto add = [&](std::span<const Row> some) { add_rows(rows, where, prefix, are, some); };
  add(spoken(are));
  add_annotation(rows, where, prefix + "[type=message|].content[type=output_text].annotations[].",
                 are);
  // Parts of a message that was sent continue each other; those of an answer are streamed apart.
  const bool sent = are.text == P;
  const Row texts[] = {{are.text, kText, Text,
                        sent ? "[type=message|].content[+type=input_text|output_text|text|"
                               "summary_text].text"
                             : "[type=message|].content[type=output_text|input_text|text|"
                               "summary_text].text",
                        "text"}};
  add(texts);
  add(kCalls);
  add(kResults);
  add(kDefinitions);
  add_rows(rows, where, prefix + "[type=tool_search_output|additional_tools]!.tools[]!tool.", are,
           kTool);

  for (const std::string_view token : kTokens) {
    const std::string path = "[type=message|].content[type=output_text].logprobs[+].";
    const std::string name = path + std::string(token);
    const std::string bytes = name.substr(0, name.size() - 5) + "bytes";
    const std::string logprob = name.substr(0, name.size() - 5) + "logprob";
    const Row pieces[] = {{are.text, kText, Text, name},
                          {are.text, kText, Bytes, bytes},
                          {are.text, kText, Opaque, logprob}};
    if (are.echo) {
      rows.add_echo(where, prefix, pieces);
    } else {
      rows.add_repeats(where, prefix, pieces);
    }
  }
}

void add_tools(Table& rows, Where where, const std::string& prefix, bool echo) {
  if (echo) {
    rows.add_echo(where, prefix + "[]!tool.", kTool);
  } else {
    rows.add(where, prefix + "[]!tool.", kTool);
  }
}

}  // namespace capsem::codec
