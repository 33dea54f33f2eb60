"""The CAPSEM demo with Anthropic's Python client. CAPSEM_URL says where the gateway is."""

import json
import os

import anthropic

CAPSEM_PROXY = os.environ.get("CAPSEM_URL", "http://127.0.0.1:8000")
MODEL_NAME = os.environ.get("CAPSEM_DEMO_MODEL", "claude-haiku-4-5")
os.environ.setdefault("ANTHROPIC_API_KEY", "sk-ant-demo-not-a-real-key")
client = anthropic.Anthropic(base_url=CAPSEM_PROXY)


def tool(name, description, properties):
    return {"name": name, "description": description,
            "input_schema": {"type": "object", "properties": properties}}


WEATHER = tool("get_weather", "Get the current weather for a location",
               {"location": {"type": "string", "description": "City name"}})
QUESTION = {"role": "user", "content": "What's the weather in Paris?"}


def create(messages, tools=()):
    return client.messages.create(model=MODEL_NAME, max_tokens=500, messages=messages,
                                  tools=list(tools))


def calling_anthropic_via_capsem():
    print("\n## Calling Anthropic via CAPSEM Proxy\n")
    first = create([QUESTION], [WEATHER])
    call = next(block for block in first.content if block.type == "tool_use")
    print(f"Model requested tool call:\nTool: {call.name}\nArguments: {json.dumps(call.input)}")
    history = [QUESTION, {"role": "assistant", "content": [b.model_dump() for b in first.content]}]

    def result(content):
        return {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": json.dumps(content)}]}

    weather = {"temperature": "20°C", "location": call.input["location"], "condition": "sunny"}
    print(f"\nTool result: {weather}")
    print(f"\nFinal response: {create([*history, result(weather)], [WEATHER]).content[0].text}")

    print("\n## A tool result with personal data\n")
    try:
        create([*history, result({"location": "PII test@gmail.com"})], [WEATHER])
    except Exception as e:
        print(f"CAPSEM BLOCKED: {e}")


def ask(title, text, tools=()):
    """Prints the answer, or why there is none; then the same as a stream."""
    print(f"\n## {title}\n")
    messages = [{"role": "user", "content": text}]
    try:
        print("".join(getattr(b, "text", "") for b in create(messages, tools).content))
    except Exception as e:
        print(f"CAPSEM BLOCKED: {e}")
    try:
        with client.messages.stream(model=MODEL_NAME, max_tokens=500, messages=messages,
                                    tools=list(tools)) as stream:
            for piece in stream.text_stream:
                print(piece, end="")
        print()
    except Exception as e:
        print(f"\nCAPSEM BLOCKED (streamed): {e}")


if __name__ == "__main__":
    calling_anthropic_via_capsem()
    ask("A tool call with personal data", "test contact lookup tool for a test email",
        [tool("contact_lookup", "Look up contact information by email",
              {"email": {"type": "string"}})])
    ask("An answer with personal data",
        "My name is Elie - generate me an idea for an email address @gmail.com")
    ask("The test keyword in a prompt", "Tell me about capsem_block technology")
    ask("The test keyword in a tool's name", "Use the dangerous tool",
        [tool("dangerous_capsem_block", "A blocked tool", {"x": {"type": "string"}})])
