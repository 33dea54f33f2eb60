// The CAPSEM demo with OpenAI's JavaScript client. CAPSEM_URL says where the gateway is.
import OpenAI from "openai";

const CAPSEM_PROXY = process.env.CAPSEM_URL ?? "http://127.0.0.1:8000";
const MODEL_NAME = process.env.CAPSEM_DEMO_MODEL ?? "gpt-5-nano";
const client = new OpenAI({
  baseURL: `${CAPSEM_PROXY}/v1`,
  apiKey: process.env.OPENAI_API_KEY ?? "sk-demo-not-a-real-key",
});

const tool = (name, description, properties) => ({
  type: "function",
  function: { name, description, parameters: { type: "object", properties } },
});
const question = { role: "user", content: "What's the weather in Paris?" };
const weather = tool("get_weather", "Get the current weather for a location", {
  location: { type: "string", description: "City name" },
});

async function callingOpenAiViaCapsem() {
  console.log("\n## Calling OpenAI via CAPSEM Proxy\n");
  const first = await client.chat.completions.create({
    model: MODEL_NAME, messages: [question], tools: [weather],
  });
  const message = first.choices[0].message;
  const call = message.tool_calls[0];
  console.log(`Model requested tool call:\nTool: ${call.function.name}`);
  console.log(`Arguments: ${call.function.arguments}`);
  const { location } = JSON.parse(call.function.arguments);
  const answer = (result) => client.chat.completions.create({
    model: MODEL_NAME,
    messages: [question, message,
      { role: "tool", tool_call_id: call.id, content: JSON.stringify(result) }],
  });
  const final = await answer({ temperature: "20°C", location, condition: "sunny" });
  console.log(`\nFinal response: ${final.choices[0].message.content}`);

  console.log("\n## PII Detection in Tool Result\n");
  try {
    await answer({ temperature: "20°C", location: "PII test@gmail.com" });
  } catch (e) {
    console.log(`CAPSEM BLOCKED: ${e.message}`);
  }
}

async function ask(title, text, tools) {
  console.log(`\n## ${title}\n`);
  const request = { model: MODEL_NAME, messages: [{ role: "user", content: text }], tools };
  try {
    const response = await client.chat.completions.create(request);
    console.log(response.choices[0].message.content);
  } catch (e) {
    console.log(`CAPSEM BLOCKED: ${e.message}`);
  }
  try {
    const stream = await client.chat.completions.create({ ...request, stream: true });
    for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
    console.log();
  } catch (e) {
    console.log(`\nCAPSEM BLOCKED (streamed): ${e.message}`);
  }
}

await callingOpenAiViaCapsem();
await ask("PII Detection in Tool Call", "test contact lookup tool for a test email",
  [tool("contact_lookup", "Look up contact information by email", { email: { type: "string" } })]);
await ask("PII Detection in Model Response",
  "My name is Elie - generate me an idea for an email address @gmail.com");
await ask("Debug Policy - Blocking Test Keyword in prompt", "Tell me about capsem_block technology");
await ask("Tool name", "Use the dangerous tool",
  [tool("dangerous_capsem_block", "A blocked tool", {})]);
