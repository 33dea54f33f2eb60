// S3's index.ts and its demo of a blocked model, with the gateway in place of the governed client: what they print.
// Run by test_sekuire.py, which starts the gateway and names it in CAPSEM_URL.
import { Agent, run, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled } from "@openai/agents";
import OpenAI from "openai";

const client = new OpenAI({
  apiKey: process.env.CAPSEM_KEY, baseURL: `${process.env.CAPSEM_URL}/v1`, defaultHeaders: { "X-Capsem-Agent": "index-ts" },
});
setTracingDisabled(true);
setDefaultOpenAIClient(client);

for (const api of ["chat_completions", "responses"]) {
  setOpenAIAPI(api);
  for (const stream of [false, true]) {
    const agent = new Agent({
      name: "Research Assistant", instructions: "You are a helpful research assistant. Be concise.", model: "gpt-4o-mini",
    });
    const result = await run(agent, "What is the capital of France?", { stream });
    if (stream) await result.completed;
    console.log(typeof result.finalOutput);

    const blockedAgent = new Agent({
      name: "Blocked Assistant", instructions: "You should never run.", model: "gpt-3.5-turbo",
    });
    try {
      const refused = await run(blockedAgent, "Hello", { stream });
      if (stream) await refused.completed;
    } catch (err) {
      console.log(`gpt-3.5-turbo blocked: [${err.code}] ${err.error.message}`);
    }
  }
}

// The limit of the file: 4 of 10 requests are taken. The SDK does not send a refused one again.
for (let i = 5; i <= 12; i++) {
  try {
    await client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hi" }] });
    console.log(`Request ${i}: ALLOWED`);
  } catch (err) {
    console.log(`Request ${i}: BLOCKED ${err.status} ${err instanceof OpenAI.RateLimitError} ${err.code}`);
  }
}
