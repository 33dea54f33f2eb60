"""The CAPSEM demo with OpenAI's Python client: a tool call that passes, and five things that do not.

Point it at a gateway with CAPSEM_URL (default http://127.0.0.1:8000). See README.md.
"""

import json
import os

from openai import OpenAI

CAPSEM_PROXY = os.environ.get("CAPSEM_URL", "http://127.0.0.1:8000")
MODEL_NAME = os.environ.get("CAPSEM_DEMO_MODEL", "gpt-5-nano")
os.environ.setdefault("OPENAI_API_KEY", "sk-demo-not-a-real-key")
client = OpenAI(base_url=f"{CAPSEM_PROXY}/v1")


def tool(name, description, properties, required=()):
    """A tool definition."""
    parameters = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = list(required)
    return {"type": "function",
            "function": {"name": name, "description": description, "parameters": parameters}}


def get_weather(location: str) -> dict:
    return {"temperature": "20°C", "location": location, "condition": "sunny"}


WEATHER = tool("get_weather", "Get the current weather for a location",
               {"location": {"type": "string", "description": "City name"}}, ["location"])
QUESTION = {"role": "user", "content": "What's the weather in Paris?"}


def calling_openai_via_capsem():
    print("\n## Calling OpenAI via CAPSEM Proxy\n")
    # First turn: the model asks for a tool call.
    response1 = client.chat.completions.create(model=MODEL_NAME, messages=[QUESTION], tools=[WEATHER])
    tool_call = response1.choices[0].message.tool_calls[0]
    print("Model requested tool call:")
    print(f"Tool: {tool_call.function.name}")
    print(f"Arguments: {tool_call.function.arguments}")

    # The tool runs here, on the client's side.
    tool_result = get_weather(**json.loads(tool_call.function.arguments))
    print(f"\nTool result: {tool_result}")

    # Second turn: the result goes back.
    response2 = client.chat.completions.create(model=MODEL_NAME, messages=[
        QUESTION, response1.choices[0].message.model_dump(),
        {"role": "tool", "tool_call_id": tool_call.id, "content": json.dumps(tool_result)}])
    print(f"\nFinal response: {response2.choices[0].message.content}")


def pii_in_tool_call():
    print("\n## PII Detection in Tool Call\n")
    lookup = tool("contact_lookup", "Look up contact information by email",
                  {"email": {"type": "string", "description": "Email address to lookup"}}, ["email"])
    ask("CAPSEM BLOCKED", "test contact lookup tool for a test email", [lookup])


def pii_in_tool_result():
    print("\n## PII Detection in Tool Result\n")
    response1 = client.chat.completions.create(model=MODEL_NAME, messages=[QUESTION], tools=[WEATHER])
    tool_call = response1.choices[0].message.tool_calls[0]
    try:
        response2 = client.chat.completions.create(model=MODEL_NAME, messages=[
            QUESTION, response1.choices[0].message.model_dump(),
            {"role": "tool", "tool_call_id": tool_call.id,
             "content": json.dumps({"temperature": "20°C", "location": "PII test@gmail.com"})}])
        print(response2.choices[0].message.content)
    except Exception as e:
        print(f"CAPSEM BLOCKED: {e}")


def pii_in_model_response():
    print("\n## PII Detection in Model Response\n")
    ask("CAPSEM BLOCKED", "My name is Elie - generate me an idea for an email address @gmail.com")


def keyword_in_prompt():
    print("\n## Debug Policy - Blocking Test Keyword in prompt\n")
    ask("CAPSEM BLOCKED PROMPT", "Tell me about capsem_block technology")


def keyword_in_tool_name():
    print("\n## Tool name\n")
    ask("CAPSEM BLOCKED TOOL NAME", "Use the dangerous tool",
        [tool("dangerous_capsem_block", "A blocked tool", {})])


def ask(label, text, tools=None):
    """Prints the answer, or why there is none; then the same as a stream."""
    request = {"model": MODEL_NAME, "messages": [{"role": "user", "content": text}]}
    if tools:
        request["tools"] = tools
    try:
        response = client.chat.completions.create(**request)
        print(response.choices[0].message.content)
    except Exception as e:
        print(f"{label}: {e}")
    try:
        for chunk in client.chat.completions.create(stream=True, **request):
            print(chunk.choices[0].delta.content or "", end="")
        print()
    except Exception as e:
        print(f"\n{label} (streamed): {e}")


if __name__ == "__main__":
    calling_openai_via_capsem()
    pii_in_tool_call()
    pii_in_tool_result()
    pii_in_model_response()
    keyword_in_prompt()
    keyword_in_tool_name()
