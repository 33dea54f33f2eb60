// Responses API: POST /v1/responses (and /compact, /input_tokens), GET /v1/responses/{id}. The
// items and tools it is made of are in responses_items.cc.
#include "core/codec/denial.h"
#include "core/codec/dialects.h"
#include "core/codec/responses_items.h"
#include "core/codec/table_codec.h"

namespace capsem::codec {
namespace {

using enum Treat;

constexpr Row kRequest[] = {
    {P, kText, Opaque,
     "{model,stream,stream_options,background,store,temperature,top_p,max_output_tokens,"
     "max_tool_calls,parallel_tool_calls,truncation,service_tier,include,reasoning,top_logprobs,"
     "context_management,prompt_cache_retention,text.verbosity}"},
    {P, kText, Text, "{input,input[]}"},
};

// What a request says and its answer echoes.
constexpr Row kSettings[] = {
    {P, kText, Text, "instructions"},
    {P, kText, Unseen, "prompt.id"},
    {P, kText, Opaque, "prompt.version"},
    {P, kText, Text, "prompt.variables.*"},
    {P, kText, Text, "prompt.variables.*.{text,filename}"},
    {P, kText, Media, "prompt.variables.*.{image_url,file_data,file_url}"},
    {P, kText, Unseen, "prompt.variables.*.file_id"},
    {P, kText, Opaque, "prompt.variables.*.{type,detail}"},
    {P, kText, Unseen, "{previous_response_id,conversation,conversation.id}"},
    // A choice defines no tool: what it names is no name of its unit.
    {TD, kSchema, Text, "tool_choice!choice"},
    {TD, kSchema, Text, "tool_choice!choice.name"},
    {TD, kSchema, Text, "tool_choice!choice.server_label"},
    {TD, kSchema, Json, "tool_choice!choice.tools.**"},
    {TD, kSchema, Opaque, "tool_choice!choice.{type,mode}"},
    {P, kText, Opaque, "text.format.{type,strict}"},
    {P, kText, Text, "text.format.{name,description}"},
    {P, kText, Json, "text.format.schema"},
    {P, kText, Json, "metadata.**"},
    {P, kText, Text, "{user,safety_identifier,prompt_cache_key}"},
};

constexpr Row kAnswer[] = {
    {MO, kText, Opaque,
     "{id,object,created_at,completed_at,status,model,usage,incomplete_details,background,store,"
     "temperature,top_p,max_output_tokens,max_tool_calls,parallel_tool_calls,truncation,"
     "service_tier,reasoning,top_logprobs,billing,prompt_cache_retention,text.verbosity,data}"},
    {MO, kText, Text, "{error,error.message,detail}", kAlone},
    {MO, kText, Opaque, "error.{code,type,param}"},
};
// The whole answer once more, joined: not a repeat of any single lane.
constexpr Row kOutputText[] = {
    {MO, kText, Text, "output_text", kAlone, true},
};

constexpr std::string_view kWholeAnswers =
    "$[type=response.created|response.queued|response.in_progress|response.completed|"
    "response.incomplete|response.failed].";

#define CAPSEM_ITEM "#output_index@"
#define CAPSEM_PART "#output_index@#content_index"
#define CAPSEM_SUMMARY "#output_index@#summary_index"

// Deltas. Their lanes are called like the leaf of the item that they build up.
constexpr Row kDeltas[] = {
    {MO, kText, Text, "$[type=response.output_text.delta]" CAPSEM_PART ".delta", "text"},
    {MO, kText, Text, "$[type=response.refusal.delta]" CAPSEM_PART ".delta", "refusal"},
    {TH, kText, Text, "$[type=response.reasoning_summary_text.delta]" CAPSEM_SUMMARY ".delta",
     "summary"},
    {TH, kText, Text, "$[type=response.reasoning_summary.delta]" CAPSEM_SUMMARY ".delta.text",
     "summary"},
    {TH, kText, Text,
     "$[type=response.reasoning_text.delta|response.reasoning.delta]" CAPSEM_PART ".delta",
     "reasoning"},
    {TC, kArgs, Json,
     "$[type=response.function_call_arguments.delta|"
     "response.mcp_call_arguments.delta]" CAPSEM_ITEM "!.delta",
     "arguments"},
    {TC, kArgs, Text, "$[type=response.custom_tool_call_input.delta]" CAPSEM_ITEM "!.delta",
     "input"},
    {TC, kArgs, Text, "$[type=response.code_interpreter_call_code.delta]" CAPSEM_ITEM "!.delta",
     "code"},
    {TC, kArgs, Text,
     "$[type=response.apply_patch_call_operation_diff.delta]" CAPSEM_ITEM "!.delta", "diff"},
    {TC, kArgs, Text,
     "$[type=response.shell_call_command.delta]" CAPSEM_ITEM "!#command_index.delta", "command"},
    {TR, kText, Text,
     "$[type=response.shell_call_output_content.delta]" CAPSEM_ITEM "!#command_index.delta.stdout",
     "stdout"},
    {TR, kText, Text,
     "$[type=response.shell_call_output_content.delta]" CAPSEM_ITEM "!#command_index.delta.stderr",
     "stderr"},
    {MO, kText, Text,
     "$[type=response.audio.transcript.delta|"
     "response.output_audio_transcript.delta].delta",
     "transcript"},
    {MO, kText, Media, "$[type=response.audio.delta|response.output_audio.delta].delta"},
    {MO, kText, Media, "$[type=response.image_generation_call.partial_image].partial_image_b64"},
};

constexpr Row kDeltaLogprobs[] = {
    {MO, kText, Text, "logprobs[+].token"},
    {MO, kText, Bytes, "logprobs[+].bytes"},
    {MO, kText, Text, "logprobs[+].top_logprobs[].token"},
    {MO, kText, Bytes, "logprobs[+].top_logprobs[].bytes"},
    {MO, kText, Opaque, "logprobs[+].{logprob,top_logprobs[].logprob}"},
};

// What comes once, and is not said by a delta.
constexpr Row kOnce[] = {
    {MO, kText, Opaque, "$[type=response.output_text.annotation.added].annotation_index"},
    {TC, kArgs, Text,
     "$[type=response.shell_call_command.added]" CAPSEM_ITEM "!#command_index.command", "command"},
    {MO, kText, Text, "$[type=error].{message,param}", kAlone},
    {MO, kText, Text, "$[type=error].error.message", kAlone},
    {MO, kText, Opaque, "$[type=error].{code,error.{type,code,param}}"},
};

constexpr Row kDone[] = {
    {MO, kText, Text, "$[type=response.output_text.done]" CAPSEM_PART ".text", "text"},
    {MO, kText, Text, "$[type=response.refusal.done]" CAPSEM_PART ".refusal", "refusal"},
    {TH, kText, Text,
     "$[type=response.reasoning_summary_text.done|"
     "response.reasoning_summary.done]" CAPSEM_SUMMARY ".text",
     "summary"},
    {TH, kText, Text,
     "$[type=response.reasoning_summary_part.added|"
     "response.reasoning_summary_part.done]" CAPSEM_SUMMARY ".part.text",
     "summary"},
    {TH, kText, Opaque,
     "$[type=response.reasoning_summary_part.added|"
     "response.reasoning_summary_part.done]" CAPSEM_SUMMARY ".part.type"},
    {TH, kText, Text,
     "$[type=response.reasoning_text.done|response.reasoning.done]" CAPSEM_PART ".text",
     "reasoning"},
    {TC, kName, Text,
     "$[type=response.function_call_arguments.done|"
     "response.mcp_call_arguments.done]" CAPSEM_ITEM "!.name",
     "name"},
    {TC, kArgs, Json,
     "$[type=response.function_call_arguments.done|"
     "response.mcp_call_arguments.done]" CAPSEM_ITEM "!.arguments",
     "arguments"},
    {TC, kArgs, Text, "$[type=response.custom_tool_call_input.done]" CAPSEM_ITEM "!.input",
     "input"},
    {TC, kArgs, Text, "$[type=response.code_interpreter_call_code.done]" CAPSEM_ITEM "!.code",
     "code"},
    {TC, kArgs, Text, "$[type=response.apply_patch_call_operation_diff.done]" CAPSEM_ITEM "!.diff",
     "diff"},
    {TC, kArgs, Text,
     "$[type=response.shell_call_command.done]" CAPSEM_ITEM "!#command_index.command", "command"},
    {TR, kText, Text,
     "$[type=response.shell_call_output_content.done]" CAPSEM_ITEM
     "!#command_index.output[+].stdout",
     "stdout"},
    {TR, kText, Text,
     "$[type=response.shell_call_output_content.done]" CAPSEM_ITEM
     "!#command_index.output[+].stderr",
     "stderr"},
    {TR, kText, Opaque,
     "$[type=response.shell_call_output_content.done]" CAPSEM_ITEM
     "!#command_index.output[+].outcome.**"},
};

// A content part, whole: `added` is usually empty, `done` repeats the deltas.
constexpr Row kPart[] = {
    {MO, kText, Text, "part[type=output_text].text", "text"},
    {MO, kText, Text, "part[type=refusal].refusal", "refusal"},
    {TH, kText, Text, "part[type=reasoning_text].text", "reasoning"},
    {MO, kText, Opaque, "part[type=output_text|refusal|reasoning_text].type"},
};

#undef CAPSEM_ITEM
#undef CAPSEM_PART
#undef CAPSEM_SUMMARY

constexpr Row kEvent[] = {
    {MO, kText, Opaque,
     "{type,sequence_number,item_id,output_index,content_index,summary_index,"
     "command_index,response_id,partial_image_index,obfuscation,event_id,"
     "created_at}"},
    {MO, kText, End, "$[type=response.output_item.done]#output_index@.type"},
};

constexpr FactRow kFacts[] = {
    {Where::Request, Fact::Model, "model"},
    {Where::Request, Fact::Stream, "stream"},
    {Where::Request, Fact::Background, "background"},
    {Where::Request, Fact::Messages, "input"},
    {Where::Request, Fact::Tools, "tools"},
    {Where::Request, Fact::OutputMax, "max_output_tokens"},
    {Where::Response, Fact::Model, "model"},
    {Where::Response, Fact::Usage, "usage"},
    {Where::Response, Fact::Finish, "status"},
    {Where::Stream, Fact::Model, "$[type=response.created|response.completed].response.model"},
    {Where::Stream, Fact::Usage,
     "$[type=response.completed|response.incomplete|response.failed].response.usage"},
    {Where::Stream, Fact::Finish,
     "$[type=response.completed|response.incomplete|response.failed].response.status"},
};

// The response object: the answer, and an echo of what was asked.
void add_response(Table& rows, Where where, const std::string& prefix, bool repeat) {
  rows.add(where, prefix, kAnswer);
  rows.add(where, prefix, kOutputText);
  add_items(rows, where, prefix + "output",
            {.text = MO, .thought = TH, .stream = repeat, .repeat = repeat});
  // GET .../input_items lists what was sent.
  if (where == Where::Response) {
    add_items(rows, where, prefix + "data", {.text = P, .thought = P});
  }
  rows.add_echo(where, prefix, kSettings);
  add_items(rows, where, prefix + "instructions", {.text = P, .thought = P, .echo = true});
  add_tools(rows, where, prefix + "tools", true);
}

void write_stream_error(std::string_view message, std::string_view code, Framing, bool,
                        std::uint64_t next_sequence, std::string& out) {
  out += "event: error\ndata: {\"type\":\"error\",\"sequence_number\":";
  out += std::to_string(next_sequence);
  out += ",\"code\":";
  append_json_string(out, code);
  out += ",\"message\":";
  append_json_string(out, message);
  out += ",\"param\":null,\"error\":";
  append_openai_error(out, message, code);
  out += "}\n\n";
}

}  // namespace

std::unique_ptr<Codec> make_openai_responses() {
  DialectTable table{.dialect = Dialect::OpenAiResponses,
                     .rows = {},
                     .facts = kFacts,
                     .write_stream_error = write_stream_error,
                     .replacement = &kResponsesReplacement};
  Table& rows = table.rows;
  rows.add(Where::Request, "", kRequest);
  rows.add(Where::Request, "", kSettings);
  add_items(rows, Where::Request, "input", {.text = P, .thought = P});
  add_tools(rows, Where::Request, "tools", false);
  add_response(rows, Where::Response, "", false);

  rows.add(Where::Stream, "", kEvent);
  rows.add(Where::Stream, "", kDeltas);
  for (const std::string_view text : {"delta", "done"}) {
    rows.add_repeats(
        Where::Stream,
        "$[type=response.output_text." + std::string(text) + "]#output_index@#content_index.",
        kDeltaLogprobs);
  }
  rows.add(Where::Stream, "", kOnce);
  add_annotation(rows, Where::Stream,
                 "$[type=response.output_text.annotation.added]#output_index@#content_index"
                 "#annotation_index.annotation.",
                 {.text = MO, .thought = TH, .stream = true});
  rows.add_shared(Where::Stream, "", kDone, true);
  for (const std::string_view part : {"added", "done"}) {
    const std::string prefix =
        "$[type=response.content_part." + std::string(part) + "]#output_index@#content_index.";
    rows.add_shared(Where::Stream, prefix, kPart, part == "done");
    rows.add_repeats(Where::Stream, prefix + "part[type=output_text].", kDeltaLogprobs);
    add_annotation(rows, Where::Stream, prefix + "part[type=output_text].annotations[].",
                   {.text = MO, .thought = TH, .stream = true, .repeat = part == "done"});
  }
  for (const std::string_view item : {"added", "done"}) {
    add_items(rows, Where::Stream,
              "$[type=response.output_item." + std::string(item) + "]#output_index@.item",
              {.text = MO, .thought = TH, .stream = true, .repeat = item == "done"});
  }
  add_response(rows, Where::Stream, std::string(kWholeAnswers) + "response.", true);
  return make_table_codec(std::move(table));
}

}  // namespace capsem::codec
