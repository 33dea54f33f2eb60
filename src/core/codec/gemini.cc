// Gemini: generateContent, streamGenerateContent, countTokens, embedContent, batchEmbedContents.
// Requests are proto JSON: camelCase and snake_case are the same field.
#include "core/codec/denial.h"
#include "core/codec/dialects.h"
#include "core/codec/table_codec.h"

namespace capsem::codec {
namespace {

using enum Treat;

// Parts that are tools' business, wherever a content stands. Each comes whole, in one part: nothing
// continues it, and in a stream, where positions say nothing, calls are told apart by their name.
constexpr Row kParts[] = {
    {TC, kName, Text, "parts[].functionCall!call+.name", kAlone},
    {TC, kArgs, Json, "parts[].functionCall!call+.args", kAlone},
    {TC, kText, Opaque, "parts[].functionCall!call+.id"},
    {TC, kName, Kind, "parts[].toolCall!server+.toolType", kAlone},
    {TC, kArgs, Json, "parts[].toolCall!server+.args", kAlone},
    {TC, kText, Opaque, "parts[].toolCall!server+.id"},
    {TC, kName, Kind, "parts[].executableCode!code+", kAlone},
    {TC, kArgs, Text, "parts[].executableCode!code+.code", kAlone},
    {TC, kText, Opaque, "parts[].executableCode!code+.{language,id}"},
    {TR, kName, Text, "parts[].functionResponse!call+.name", kAlone},
    {TR, kText, Json, "parts[].functionResponse!call+.response", kAlone},
    {TR, kText, Text, "parts[].functionResponse!call+.parts[+].text", kAlone},
    {TR, kText, Media, "parts[].functionResponse!call+.parts[+].inlineData.data", kAlone},
    {TR, kText, Text, "parts[].functionResponse!call+.parts[+].{inlineData,fileData}.displayName",
     kAlone},
    {TR, kText, Opaque, "parts[].functionResponse!call+.parts[+].{inlineData,fileData}.mimeType"},
    {TR, kText, Media, "parts[].functionResponse!call+.parts[+].fileData.fileUri", kAlone},
    {TR, kText, Opaque, "parts[].functionResponse!call+.{id,willContinue,scheduling}"},
    {TR, kText, Json, "parts[].toolResponse!server+.response", kAlone},
    {TR, kText, Opaque, "parts[].toolResponse!server+.{id,toolType}"},
    {TR, kText, Text, "parts[].codeExecutionResult!code+.output", kAlone},
    {TR, kText, Opaque, "parts[].codeExecutionResult!code+.{outcome,id}"},
};

constexpr Row kRequest[] = {
    {P, kText, Opaque, "{safetySettings,serviceTier,store}"},
    {TD, kName, Text, "tools[]!.functionDeclarations[]!.name"},
    {TD, kDesc, Text, "tools[]!.functionDeclarations[]!.description"},
    {TD, kSchema, Json,
     "tools[]!.functionDeclarations[]!.{parameters,parametersJsonSchema,response,"
     "responseJsonSchema}"},
    {TD, kSchema, Opaque, "tools[]!.functionDeclarations[]!.behavior"},
    {TD, kName, Text, "tools[]!.mcpServers[]!server.name"},
    {TD, kSchema, Text, "tools[]!.mcpServers[]!server.streamableHttpTransport.url"},
    // Header values are secrets: only what does not look like one is looked at.
    {TD, kSchema, Opaque,
     "tools[]!.mcpServers[]!server.streamableHttpTransport.{headers.**,timeout,"
     "sseReadTimeout,terminateOnClose}"},
    {TD, kName, Kind,
     "tools[]!.{googleSearch!search,googleSearchRetrieval!retrieve,urlContext!url,"
     "codeExecution!code,computerUse!computer,retrieval!retrieval,googleMaps!maps,"
     "fileSearch!file,enterpriseWebSearch!enterprise}"},
    {TD, kSchema, Json,
     "tools[]!.{googleSearch!search,googleSearchRetrieval!retrieve,urlContext!url,"
     "codeExecution!code,computerUse!computer,retrieval!retrieval,googleMaps!maps,"
     "fileSearch!file,enterpriseWebSearch!enterprise}.**"},
    // A tool of a kind to come.
    {TD, kName, Kind, "tools[]!.*!other"},
    {TD, kSchema, Text, "toolConfig.functionCallingConfig.allowedFunctionNames[]"},
    {TD, kSchema, Opaque,
     "toolConfig.{functionCallingConfig.mode,"
     "functionCallingConfig.streamFunctionCallArguments,retrievalConfig}"},
    {P, kText, Json, "generationConfig.{responseSchema,responseJsonSchema,speechConfig}.**"},
    {P, kText, Text, "generationConfig.stopSequences[]"},
    {P, kText, Opaque,
     "generationConfig.{temperature,topP,topK,candidateCount,maxOutputTokens,responseMimeType,"
     "thinkingConfig,seed,presencePenalty,frequencyPenalty,responseLogprobs,logprobs,"
     "responseModalities,mediaResolution}"},
    {P, kText, Json, "labels.**"},
    {P, kText, Text, "continuationToken"},
    {P, kText, Unseen, "cachedContent"},
};

constexpr Row kModel[] = {{P, kText, Opaque, "model"}};

constexpr Row kEmbed[] = {
    {P, kText, Opaque, "{taskType,outputDimensionality}"},
    {P, kText, Text, "title"},
};

// finishReason ends no scope: older models put "STOP" on every chunk of a stream.
constexpr Row kCandidate[] = {
    {MO, kText, Opaque, "{finishReason,index,safetyRatings,avgLogprobs,tokenCount}"},
    {MO, kText, Text, "finishMessage", kAlone},
    {MO, kText, Text, "citationMetadata.{citations,citationSources}[].{uri,title,license}", kAlone},
    {MO, kText, Opaque,
     "citationMetadata.{citations,citationSources}[].{startIndex,endIndex,"
     "publicationDate}"},
    {MO, kText, Text,
     "groundingMetadata.{webSearchQueries[],retrievalQueries[],"
     "searchEntryPoint.renderedContent}",
     kAlone},
    {MO, kText, Opaque,
     "groundingMetadata.{searchEntryPoint.sdkBlob,retrievalMetadata,"
     "googleMapsWidgetContextToken}"},
    {MO, kText, Opaque,
     "groundingMetadata.groundingSupports[].{groundingChunkIndices,"
     "confidenceScores,segment.startIndex,segment.endIndex,segment.partIndex}"},
    {MO, kText, Text,
     "groundingMetadata.groundingChunks[].{web,retrievedContext,maps,image}."
     "{title,uri,text,domain}",
     kAlone},
    {MO, kText, Text, "urlContextMetadata.urlMetadata[].retrievedUrl", kAlone},
    {MO, kText, Opaque, "urlContextMetadata.urlMetadata[].urlRetrievalStatus"},
    // Arguments in pieces (streamFunctionCallArguments): each piece says to which member it belongs
    // and continues that member's last one. The whole is a text, not JSON, and can never be taken
    // for JSON: it begins with a path, "$.city".
    {TC, kArgs, Text, "content.parts[].functionCall!call+.partialArgs[+].jsonPath", kAlone},
    {TC, kText, Opaque,
     "content.parts[].functionCall!call+.{willContinue,"
     "partialArgs[+].{willContinue,nullValue,boolValue}}"},
    {TC, kArgs, Text, "content.parts[].functionCall!call+.partialArgs[+]#jsonPath.stringValue"},
    {TC, kArgs, Text, "content.parts[].functionCall!call+.partialArgs[+]#jsonPath.numberValue"},
};

constexpr Row kCandidateRepeats[] = {
    {MO, kText, Text, "groundingMetadata.groundingSupports[].segment.text", kAlone},
    {MO, kText, Text, "logprobsResult.chosenCandidates[+].token"},
    {MO, kText, Text, "logprobsResult.topCandidates[+].candidates[].token"},
    {MO, kText, Opaque,
     "logprobsResult.{chosenCandidates[+],topCandidates[+].candidates[]}."
     "{tokenId,logProbability}"},
};

constexpr Row kAnswer[] = {
    {MO, kText, Opaque,
     "{responseId,modelVersion,createTime,usageMetadata,totalTokens,modelStatus,"
     "promptTokensDetails,cachedContentTokenCount,cacheTokensDetails}"},
    {MO, kText, Opaque, "promptFeedback.{blockReason,safetyRatings}"},
    {MO, kText, Text, "promptFeedback.blockReasonMessage", kAlone},
    {MO, kText, Opaque, "{embedding,embeddings[]}.{values,shape,statistics}"},
    {MO, kText, Text, "{error,error.message,detail}", kAlone},
    {MO, kText, Json, "error.details.**", kAlone},
    {MO, kText, Opaque, "error.{code,status}"},
};

constexpr FactRow kFacts[] = {
    {Where::Request, Fact::Model, "model"},
    {Where::Request, Fact::Messages, "contents"},
    {Where::Request, Fact::Messages, "generateContentRequest.contents"},
    {Where::Request, Fact::Messages, "requests"},
    {Where::Request, Fact::Messages, "content"},
    {Where::Request, Fact::Tools, "tools"},
    {Where::Request, Fact::Choices, "generationConfig.candidateCount"},
    {Where::Request, Fact::OutputMax, "generationConfig.maxOutputTokens"},
    {Where::Request, Fact::OutputMax, "generateContentRequest.generationConfig.maxOutputTokens"},
    {Where::Response, Fact::Model, "modelVersion"},
    {Where::Response, Fact::Usage, "usageMetadata"},
    {Where::Response, Fact::Finish, "candidates[#index].finishReason"},
    {Where::Stream, Fact::Model, "modelVersion"},
    {Where::Stream, Fact::Usage, "usageMetadata"},
    {Where::Stream, Fact::Finish, "candidates[#index].finishReason"},
};

// A Content at `prefix`. `said` is the point of its plain text, `thought` of parts marked so.
void add_content(Table& rows, Where where, const std::string& prefix, event::Point said,
                 event::Point thought) {
  const Row texts[] = {
      {said, kText, Text, "parts[+].text"},
      {said, kText, Text, "parts[+]"},
      {thought, kText, Text, "parts[+thought=true].text"},
      {said, kText, Opaque, "parts[+].{thought,thoughtSignature,videoMetadata,mediaResolution}"},
      {said, kText, Media, "parts[+].inlineData.data"},
      {said, kText, Opaque, "parts[+].{inlineData,fileData}.mimeType"},
      {said, kText, Text, "parts[+].{inlineData,fileData}.displayName"},
      {said, kText, Media, "parts[+].fileData.fileUri"},
      {said, kText, Text, "parts[+].audioTranscription.text"},
      {said, kText, Json, "parts[+].{partMetadata,speechMetadata}.**"},
      {said, kText, Opaque, "role"},
  };
  rows.add(where, prefix, texts);
  rows.add(where, prefix, kParts);
}

void add_generate(Table& rows, const std::string& prefix) {
  rows.add(Where::Request, prefix, kRequest);
  add_content(rows, Where::Request, prefix + "systemInstruction.", P, P);
  add_content(rows, Where::Request, prefix + "contents[].", P, P);
  const Row strings[] = {{P, kText, Text, "{systemInstruction,contents[]}"}};
  rows.add(Where::Request, prefix, strings);
}

void write_stream_error(std::string_view message, std::string_view, Framing framing, bool first,
                        std::uint64_t, std::string& out) {
  // `error` is the first key: google-genai's Python client matches the text's beginning.
  if (framing == Framing::Sse) {
    out += "data: ";
  } else {
    out += first ? '[' : ',';
  }
  out += "{\"error\":{\"code\":403,\"message\":";
  append_json_string(out, message);
  out += ",\"status\":\"PERMISSION_DENIED\"}}";
  out += framing == Framing::Sse ? "\n\n" : "]";
}

}  // namespace

std::unique_ptr<Codec> make_gemini() {
  DialectTable table{.dialect = Dialect::Gemini,
                     .both_spellings = true,
                     .rows = {},
                     .facts = kFacts,
                     .write_stream_error = write_stream_error,
                     .replacement = &kGeminiReplacement};
  Table& rows = table.rows;
  add_generate(rows, "");
  add_generate(rows, "generateContentRequest.");
  rows.add(Where::Request, "generateContentRequest.", kModel);
  for (const std::string_view request : {"", "requests[]."}) {
    const std::string prefix(request);
    rows.add(Where::Request, prefix, kModel);
    rows.add(Where::Request, prefix, kEmbed);
    add_content(rows, Where::Request, prefix + "content.", P, P);
    const Row strings[] = {{P, kText, Text, "content"}};
    rows.add(Where::Request, prefix, strings);
  }
  for (const Where where : {Where::Response, Where::Stream}) {
    add_content(rows, where, "candidates[#index]!@.content.", MO, TH);
    rows.add(where, "candidates[#index]!@.", kCandidate);
    rows.add_repeats(where, "candidates[#index]!@.", kCandidateRepeats);
    rows.add(where, "", kAnswer);
  }
  return make_table_codec(std::move(table));
}

}  // namespace capsem::codec
