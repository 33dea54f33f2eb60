// The official JavaScript SDKs through the gateway. Run by test_node_sdks.py, which starts the
// gateway and the mock provider and names them in CAPSEM_URL and MOCK_URL.
import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";

const { CAPSEM_URL: url, MOCK_URL: mockUrl, CAPSEM_KEY: key } = process.env;
const openai = new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 });
const gemini = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
const anthropic = new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 });
setTracingDisabled(true);
setDefaultOpenAIClient(openai);

const BLOCKED = "Request blocked by security policy: ";
const IN_PROMPT = `${BLOCKED}Detected 'capsem_block' in prompt`;
const IN_ANSWER = `${BLOCKED}Detected 'capsem_block' in model response`;
const EMAIL = "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)";

let made = 0;
async function mock(directives) {
  const model = `node-${process.pid}-${++made}`;
  const answer = await fetch(`${mockUrl}/mock/script`, {
    method: "POST", body: JSON.stringify({ model, times: 0, mock: directives }),
  });
  assert.equal(answer.status, 200);
  return model;
}
const says = (text) => mock(`say=${JSON.stringify(text)}`);

async function open() {
  return (await (await fetch(`${mockUrl}/mock/open`)).json()).open;
}
async function nobodyIsServed() {
  for (let i = 0; i < 100 && (await open()) > 0; ++i) await new Promise((r) => setTimeout(r, 20));
  assert.equal(await open(), 0);
}

async function raised(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was raised");
}

const user = (content) => [{ role: "user", content }];
const weather = {
  name: "get_weather", description: "Get weather",
  parameters: { type: "object", properties: { location: { type: "string" } } },
};
const chatTool = (name = "get_weather") => [{ type: "function", function: { ...weather, name } }];
const chat = (content, more = {}) =>
  openai.chat.completions.create({ model: "gpt-5-nano", messages: user(content), ...more });
async function chatStream(content, more = {}) {
  const out = { text: "" };
  const stream = await chat(content, { ...more, stream: true });
  try {
    for await (const chunk of stream) out.text += chunk.choices[0]?.delta?.content ?? "";
  } catch (error) {
    error.text = out.text;
    throw error;
  }
  return out.text;
}

test("openai: plain, streamed and with a tool in both turns", async () => {
  assert.match((await chat("hello")).choices[0].message.content, /^Hello!/);
  assert.equal(await chatStream("count to 5"), "1, 2, 3, 4, 5");
  const question = "What's the weather in Paris?";
  const first = await chat(question, { tools: chatTool() });
  const message = first.choices[0].message;
  assert.equal(message.tool_calls[0].function.arguments, '{"location":"Paris"}');
  const result = (content) => openai.chat.completions.create({
    model: "gpt-5-nano",
    messages: [...user(question), message,
      { role: "tool", tool_call_id: message.tool_calls[0].id, content: JSON.stringify(content) }],
  });
  const second = await result({ temperature: "20°C", location: "Paris", condition: "sunny" });
  assert.match(second.choices[0].message.content, /^Currently in Paris: sunny, about 20°C\./);
  const error = await raised(() => result({ location: "PII test@gmail.com" }));
  assert.equal(error.message, `403 ${BLOCKED}PII detected in tool 'unknown' response: ${EMAIL}`);
});

test("openai: a refusal has class, message, type and code", async () => {
  for (const ask of [chat, chatStream]) {
    const error = await raised(() => ask("Tell me about capsem_block"));
    assert.ok(error instanceof OpenAI.PermissionDeniedError);
    assert.equal(error.message, `403 ${IN_PROMPT}`);
    assert.deepEqual([error.type, error.code], ["policy_violation", "request_blocked"]);
  }
  const named = await raised(() => chat("Use it", { tools: chatTool("x_capsem_block") }));
  assert.equal(named.message, "403 Tool blocked by security policy: Detected 'capsem_block' in tool name");
  const model = await mock('tool=contact_lookup args={"email":"test@example.com"} cut=2');
  const reason = `${BLOCKED}PII detected in tool 'contact_lookup' arguments: ${EMAIL}`;
  assert.ok((await raised(() => chat("hi", { model }))).message.includes(reason));
  assert.ok((await raised(() => chatStream("hi", { model }))).message.includes(reason));
});

test("openai: a block in mid-stream throws the reason", async () => {
  const model = await says("This begins well and then comes capsem_block at the end");
  const error = await raised(() => chatStream("hi", { model }));
  assert.ok(error instanceof OpenAI.APIError);
  assert.equal(error.message, IN_ANSWER);
  assert.deepEqual([error.type, error.code], ["policy_violation", "request_blocked"]);
  assert.equal(error.text.trim(), "This begins well and then comes");
});

test("openai: responses plain, streamed and refused", async () => {
  const create = (input, more = {}) => openai.responses.create({ model: "gpt-5-nano", input, ...more });
  const streamed = async (input, more) => {
    let text = "";
    for await (const event of await create(input, { ...more, stream: true })) {
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    return text;
  };
  assert.match((await create("hello")).output_text, /^Hello!/);
  assert.equal(await streamed("count to 5"), "1, 2, 3, 4, 5");
  assert.equal((await raised(() => create("capsem_block"))).message, `403 ${IN_PROMPT}`);
  const model = await says("goes well until capsem_block comes");
  assert.equal((await raised(() => create("x", { model }))).message, `403 ${IN_ANSWER}`);
  assert.equal((await raised(() => streamed("x", { model }))).message, IN_ANSWER);
});

test("openai: a provider's errors keep their class", async () => {
  const kinds = { 401: OpenAI.AuthenticationError, 429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError };
  for (const [status, kind] of Object.entries(kinds)) {
    const model = await mock(`status=${status} message="no luck"`);
    for (const ask of [chat, chatStream]) {
      const error = await raised(() => ask("hi", { model }));
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, /no luck/);
    }
  }
});

test("openai: a client that leaves ends the provider's work", async () => {
  const model = await mock("endless event-delay=20");
  const stream = await chat("hi", { model, stream: true });
  for await (const _ of stream) break;
  stream.controller.abort();
  await nobodyIsServed();
});

const agentTool = tool({
  name: "get_weather", description: "Get weather", parameters: z.object({ location: z.string() }),
  execute: async ({ location }) =>
    JSON.stringify({ temperature: "20°C", location, condition: "sunny" }),
});
const leakTool = tool({
  name: "leak", description: "Returns an address", parameters: z.object({}),
  execute: async () => "write to test@gmail.com",
});
async function agent(text, { tools = [], model = "gpt-5-nano", stream = false } = {}) {
  const result = await run(new Agent({ name: "test", instructions: "Be brief.", model, tools }), text, { stream });
  if (stream) await result.completed;
  return result.finalOutput;
}

for (const stream of [false, true]) {
  test(`agents, ${stream ? "streamed" : "plain"}: tools run and refusals are shown`, async () => {
    assert.match(await agent("What's the weather in Paris?", { tools: [agentTool], stream }),
      /^Currently in Paris: sunny, about 20°C\./);
    const prompt = await raised(() => agent("Tell me about capsem_block", { stream }));
    assert.ok(prompt.message.includes(IN_PROMPT), prompt.message);
    const result = await raised(() => agent("call the leak tool", { tools: [leakTool], stream }));
    assert.ok(result.message.includes(`PII detected in tool 'unknown' response: ${EMAIL}`), result.message);
    const model = await says("goes well until capsem_block comes");
    const answer = await raised(() => agent("hi", { model, stream }));
    assert.ok(answer.message.includes(IN_ANSWER), answer.message);
  });
}

const generate = (contents, model = "gemini-2.0-flash-exp", config = {}) =>
  gemini.models.generateContent({ model, contents, config });
async function generateStream(contents, model = "gemini-2.0-flash-exp", config = {}) {
  let text = "";
  try {
    const stream = await gemini.models.generateContentStream({ model, contents, config });
    for await (const chunk of stream) text += chunk.text ?? "";
  } catch (error) {
    error.text = text;
    throw error;
  }
  return text;
}
const geminiTools = (name) => ({ tools: [{ functionDeclarations: [{ ...weather, name,
  parameters: { type: "OBJECT", properties: { location: { type: "STRING" } } } }] }] });

test("genai: plain, streamed, with a tool, and refused", async () => {
  assert.match((await generate("hello")).text, /^Hello!/);
  assert.equal(await generateStream("count to 5"), "1, 2, 3, 4, 5");
  const call = (await generate("weather in Paris?", undefined, geminiTools("get_weather"))).functionCalls[0];
  assert.deepEqual([call.name, call.args], ["get_weather", { location: "Paris" }]);
  for (const ask of [generate, generateStream]) {
    const error = await raised(() => ask("Tell me about capsem_block"));
    assert.equal(error.status, 403);
    assert.ok(error.message.includes(IN_PROMPT), error.message);
  }
  const plain = await raised(() => generate("x", undefined, geminiTools("x_capsem_block")));
  assert.ok(plain.message.includes(`${BLOCKED}Detected 'capsem_block' in tool name`), plain.message);
  const streamed = await raised(() => generateStream("x", undefined, geminiTools("x_capsem_block")));
  assert.ok(streamed.message.includes("Tool blocked by security policy: "), streamed.message);
  const model = await mock('tool=contact_lookup args={"email":"test@example.com"}');
  for (const ask of [generate, generateStream]) {
    const error = await raised(() => ask("hi", model));
    assert.ok(error.message.includes(`PII detected in tool 'contact_lookup' arguments: ${EMAIL}`), error.message);
  }
});

test("genai: a block in mid-stream throws with status 403", async () => {
  const model = await says("This begins well and then comes capsem_block at the end");
  const error = await raised(() => generateStream("hi", model));
  assert.equal(error.status, 403);
  assert.ok(error.message.startsWith("got status: PERMISSION_DENIED."), error.message);
  assert.ok(error.message.includes(IN_ANSWER));
  assert.equal(error.text.trim(), "This begins well and then comes");
});

test("genai: a provider's errors keep their status", async () => {
  for (const status of [401, 429, 500]) {
    const model = await mock(`status=${status} message="no luck"`);
    const error = await raised(() => generate("hi", model));
    assert.equal(error.status, status);
    assert.match(error.message, /no luck/);
  }
});

const create = (content, more = {}) =>
  anthropic.messages.create({ model: "claude-test", max_tokens: 99, messages: user(content), ...more });
async function createStream(content, more = {}) {
  let text = "";
  const stream = await create(content, { ...more, stream: true });
  try {
    for await (const event of stream) text += event.delta?.text ?? "";
  } catch (error) {
    error.text = text;
    throw error;
  }
  return text;
}

test("anthropic: plain, streamed, with a tool, and refused", async () => {
  assert.match((await create("hello")).content[0].text, /^Hello!/);
  assert.equal(await createStream("count to 5"), "1, 2, 3, 4, 5");
  const tools = [{ name: "get_weather", input_schema: weather.parameters }];
  const question = "What's the weather in Paris?";
  const first = await create(question, { tools });
  const call = first.content.at(-1);
  assert.deepEqual([call.name, call.input], ["get_weather", { location: "Paris" }]);
  const second = await anthropic.messages.create({
    model: "claude-test", max_tokens: 99, tools,
    messages: [...user(question), { role: "assistant", content: first.content }, { role: "user", content: [
      { type: "tool_result", tool_use_id: call.id,
        content: JSON.stringify({ temperature: "20°C", location: "Paris", condition: "sunny" }) }] }],
  });
  assert.match(second.content[0].text, /^Currently in Paris: sunny/);
  for (const ask of [create, createStream]) {
    const error = await raised(() => ask("Tell me about capsem_block"));
    assert.ok(error instanceof Anthropic.PermissionDeniedError);
    assert.ok(error.message.includes(IN_PROMPT), error.message);
  }
});

test("anthropic: a block in mid-stream throws the reason", async () => {
  const model = await says("This begins well and then comes capsem_block at the end");
  const error = await raised(() => createStream("hi", { model }));
  assert.ok(error instanceof Anthropic.APIError);
  assert.ok(error.message.includes(IN_ANSWER), error.message);
  assert.equal(error.text.trim(), "This begins well and then comes");
});
