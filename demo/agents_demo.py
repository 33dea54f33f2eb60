"""The CAPSEM demo with the OpenAI Agents SDK, which talks to the Responses API."""

import asyncio
import json
import os

from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI

CAPSEM_PROXY = os.environ.get("CAPSEM_URL", "http://127.0.0.1:8000")
MODEL_NAME = os.environ.get("CAPSEM_DEMO_MODEL", "gpt-5-nano")
os.environ.setdefault("OPENAI_API_KEY", "sk-demo-not-a-real-key")
# Traces go to OpenAI's own address, prompts included: past the gateway.
set_tracing_disabled(True)
set_default_openai_client(AsyncOpenAI(base_url=f"{CAPSEM_PROXY}/v1"), use_for_tracing=False)


@function_tool
def get_weather(location: str) -> str:
    """Get the current weather for a location."""
    return json.dumps({"temperature": "20°C", "location": location, "condition": "sunny"})


@function_tool
def contact_lookup(email: str) -> str:
    """Look up contact information by email."""
    return "this tool is never reached"


async def ask(title, text, tools=()):
    print(f"\n## {title}\n")
    agent = Agent(name="Demo", instructions="Be brief.", model=MODEL_NAME, tools=list(tools))
    try:
        result = await Runner.run(agent, text)
        print(f"Final response: {result.final_output}")
    except Exception as e:
        print(f"CAPSEM BLOCKED: {e}")
    try:
        streamed = Runner.run_streamed(agent, text)
        async for _ in streamed.stream_events():
            pass
        print(f"Final response (streamed): {streamed.final_output}")
    except Exception as e:
        print(f"CAPSEM BLOCKED (streamed): {e}")


async def main():
    await ask("An agent with a tool", "What's the weather in Paris?", [get_weather])
    await ask("A tool call with personal data", "test contact lookup tool for a test email",
              [contact_lookup])
    await ask("An answer with personal data",
              "My name is Elie - generate me an idea for an email address @gmail.com")
    await ask("The test keyword in a prompt", "Tell me about capsem_block technology")


if __name__ == "__main__":
    asyncio.run(main())
