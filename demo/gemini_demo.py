"""The CAPSEM demo with Google's Gemini client. CAPSEM_URL says where the gateway is."""

import os

from google import genai
from google.genai import types

CAPSEM_PROXY = os.environ.get("CAPSEM_URL", "http://127.0.0.1:8000")
MODEL_NAME = os.environ.get("CAPSEM_DEMO_MODEL", "gemini-2.0-flash-exp")
client = genai.Client(api_key=os.environ.get("GEMINI_API_KEY", "demo-not-a-real-key"),
                      http_options={"base_url": CAPSEM_PROXY, "timeout": 60000})


def tool(name, description, properties):
    return types.Tool(function_declarations=[types.FunctionDeclaration(
        name=name, description=description,
        parameters={"type": "OBJECT", "properties": properties})])


WEATHER = tool("get_weather", "Get weather for a location",
               {"location": {"type": "STRING", "description": "City name"}})


def calling_gemini_via_capsem():
    print("\n## Calling Gemini via CAPSEM Proxy\n")
    question = types.Content(role="user", parts=[types.Part(text="What's the weather in Paris?")])
    config = types.GenerateContentConfig(tools=[WEATHER])
    first = client.models.generate_content(model=MODEL_NAME, contents=[question], config=config)
    call = first.function_calls[0]
    print(f"Model requested tool call:\nTool: {call.name}\nArguments: {dict(call.args)}")
    result = {"temperature": "20°C", "location": call.args["location"], "condition": "sunny"}
    print(f"\nTool result: {result}")
    answer = types.Part.from_function_response(name=call.name, response=result)
    final = client.models.generate_content(model=MODEL_NAME, config=config, contents=[
        question, first.candidates[0].content, types.Content(role="user", parts=[answer])])
    print(f"\nFinal response: {final.text}")

    print("\n## A tool result with personal data\n")
    leak = types.Part.from_function_response(name=call.name,
                                             response={"location": "PII test@gmail.com"})
    try:
        print(client.models.generate_content(model=MODEL_NAME, config=config, contents=[
            question, first.candidates[0].content,
            types.Content(role="user", parts=[leak])]).text)
    except Exception as e:
        print(f"CAPSEM BLOCKED: {e}")


def ask(title, text, tools=None):
    """Prints the answer, or why there is none; then the same as a stream."""
    print(f"\n## {title}\n")
    config = types.GenerateContentConfig(tools=tools) if tools else None
    try:
        print(client.models.generate_content(model=MODEL_NAME, contents=text, config=config).text)
    except Exception as e:
        print(f"CAPSEM BLOCKED: {e}")
    try:
        for chunk in client.models.generate_content_stream(model=MODEL_NAME, contents=text,
                                                           config=config):
            print(chunk.text or "", end="")
        print()
    except Exception as e:
        print(f"\nCAPSEM BLOCKED (streamed): {e}")


if __name__ == "__main__":
    calling_gemini_via_capsem()
    ask("A tool call with personal data", "test contact lookup tool for a test email",
        [tool("contact_lookup", "Look up contact information by email",
              {"email": {"type": "STRING"}})])
    ask("An answer with personal data",
        "My name is Elie - generate me an idea for an email address @gmail.com")
    ask("The test keyword in a prompt", "Tell me about capsem_block technology")
    ask("The test keyword in a tool's name", "Use the dangerous tool",
        [tool("dangerous_capsem_block", "A blocked tool", {"x": {"type": "STRING"}})])
