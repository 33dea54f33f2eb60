// The CAPSEM demo with the OpenAI Agents SDK for JavaScript, which talks to the Responses API.
import { Agent, run, setDefaultOpenAIClient, setTracingDisabled, tool } from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";

const CAPSEM_PROXY = process.env.CAPSEM_URL ?? "http://127.0.0.1:8000";
const MODEL_NAME = process.env.CAPSEM_DEMO_MODEL ?? "gpt-5-nano";
// Traces go to OpenAI's own address, prompts included: past the gateway.
setTracingDisabled(true);
setDefaultOpenAIClient(new OpenAI({
  baseURL: `${CAPSEM_PROXY}/v1`,
  apiKey: process.env.OPENAI_API_KEY ?? "sk-demo-not-a-real-key",
}));

const getWeather = tool({
  name: "get_weather",
  description: "Get the current weather for a location",
  parameters: z.object({ location: z.string() }),
  execute: async ({ location }) =>
    JSON.stringify({ temperature: "20°C", location, condition: "sunny" }),
});
const contactLookup = tool({
  name: "contact_lookup",
  description: "Look up contact information by email",
  parameters: z.object({ email: z.string() }),
  execute: async () => "this tool is never reached",
});

async function ask(title, text, tools = []) {
  console.log(`\n## ${title}\n`);
  const agent = new Agent({ name: "Demo", instructions: "Be brief.", model: MODEL_NAME, tools });
  try {
    const result = await run(agent, text);
    console.log(`Final response: ${result.finalOutput}`);
  } catch (e) {
    console.log(`CAPSEM BLOCKED: ${e.message}`);
  }
  try {
    const streamed = await run(agent, text, { stream: true });
    await streamed.completed;
    console.log(`Final response (streamed): ${streamed.finalOutput}`);
  } catch (e) {
    console.log(`CAPSEM BLOCKED (streamed): ${e.message}`);
  }
}

await ask("An agent with a tool", "What's the weather in Paris?", [getWeather]);
await ask("A tool call with personal data", "test contact lookup tool for a test email",
  [contactLookup]);
await ask("An answer with personal data",
  "My name is Elie - generate me an idea for an email address @gmail.com");
await ask("The test keyword in a prompt", "Tell me about capsem_block technology");
