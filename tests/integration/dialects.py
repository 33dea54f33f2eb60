"""The provider APIs as data: how a text gets into a request, and how it comes back out."""

import json
from dataclasses import dataclass, field

from harness import KEY


def sse_events(text: str) -> list[tuple[str, str]]:
    """(event name, data) of every event of a text/event-stream."""
    events = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
        if data:
            events.append((name, "\n".join(data)))
    return events


def json_events(text: str) -> list[dict]:
    return [json.loads(data) for _, data in sse_events(text) if data != "[DONE]"]


@dataclass
class Dialect:
    """One API. `request` makes a body from a prompt; the other fields say how it differs."""
    name: str
    path: str                       # {model} where the path names it
    stream_path: str
    headers: dict
    user: object                    # text -> body members
    tools: object = None            # [(name, description, properties)] -> body members
    tool_result: object = None      # (text, tool name, arguments) -> body members: a second turn
    system: object = None           # text -> body members
    tool_prefix: str = "Request blocked by security policy: "
    stream_tool_prefix: str = ""
    stream_flag: bool = True        # the body says "stream": true
    extra: dict = field(default_factory=dict)

    def url(self, model: str, stream=False) -> str:
        return (self.stream_path if stream else self.path).replace("{model}", model)

    def body(self, model: str, parts: dict, stream=False) -> dict:
        body = {**self.extra, **parts}
        if "{model}" not in self.path:
            body["model"] = model
        if stream and self.stream_flag:
            body["stream"] = True
        return body

    def post(self, gateway, parts: dict, model="gpt-5-nano", stream=False, **options):
        headers = {**self.headers, **options.pop("headers", {})}
        return gateway.http.post(self.url(model, stream), json=self.body(model, parts, stream),
                                 headers=headers, **options)

    def ask(self, gateway, text: str, model="gpt-5-nano", stream=False, **options):
        return self.post(gateway, self.user(text), model, stream, **options)


BEARER = {"Authorization": f"Bearer {KEY}"}


def _chat_tools(tools):
    return {"tools": [{"type": "function", "function": {
        "name": n, "description": d, "parameters": {"type": "object", "properties": p}}}
        for n, d, p in tools]}


def _chat_result(text, name, arguments):
    return {"messages": [
        {"role": "user", "content": "What's the weather in Paris?"},
        {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": [
            {"id": "call_1", "type": "function",
             "function": {"name": name, "arguments": json.dumps(arguments)}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": text}]}


CHAT = Dialect(
    "openai_chat", "/v1/chat/completions", "/v1/chat/completions", BEARER,
    user=lambda text: {"messages": [{"role": "user", "content": text}]},
    system=lambda text: {"messages": [{"role": "system", "content": text},
                                      {"role": "user", "content": "hello"}]},
    tools=_chat_tools, tool_result=_chat_result,
    tool_prefix="Tool blocked by security policy: ",
    stream_tool_prefix="Tool blocked by security policy: ")

COMPLETIONS = Dialect(
    "openai_completions", "/v1/completions", "/v1/completions", BEARER,
    user=lambda text: {"prompt": text})

RESPONSES = Dialect(
    "openai_responses", "/v1/responses", "/v1/responses", BEARER,
    user=lambda text: {"input": [{"role": "user", "content": text}]},
    system=lambda text: {"instructions": text, "input": "hello"},
    tools=lambda tools: {"tools": [{"type": "function", "name": n, "description": d,
                                    "parameters": {"type": "object", "properties": p}}
                                   for n, d, p in tools]},
    tool_result=lambda text, name, arguments: {"input": [
        {"role": "user", "content": "What's the weather in Paris?"},
        {"type": "function_call", "call_id": "call_1", "name": name,
         "arguments": json.dumps(arguments)},
        {"type": "function_call_output", "call_id": "call_1", "output": text}]},
    stream_tool_prefix="Request blocked by security policy: ")


def _gemini_result(text, name, arguments):
    return {"contents": [
        {"role": "user", "parts": [{"text": "What's the weather in Paris?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": name, "args": arguments}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": name,
                                                         "response": {"result": text}}}]}]}


GEMINI = Dialect(
    "gemini", "/v1beta/models/{model}:generateContent",
    "/v1beta/models/{model}:streamGenerateContent?alt=sse", {"x-goog-api-key": KEY},
    user=lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
    system=lambda text: {"systemInstruction": {"parts": [{"text": text}]},
                         "contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    tools=lambda tools: {"tools": [{"functionDeclarations": [
        {"name": n, "description": d, "parameters": {"type": "object", "properties": p}}
        for n, d, p in tools]}]},
    tool_result=_gemini_result, stream_flag=False,
    stream_tool_prefix="Tool blocked by security policy: ")


def _anthropic_result(text, name, arguments):
    return {"messages": [
        {"role": "user", "content": "What's the weather in Paris?"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": text}]}]}


ANTHROPIC = Dialect(
    "anthropic", "/v1/messages", "/v1/messages",
    {"x-api-key": KEY, "anthropic-version": "2023-06-01"},
    user=lambda text: {"messages": [{"role": "user", "content": text}]},
    system=lambda text: {"system": text, "messages": [{"role": "user", "content": "hello"}]},
    tools=lambda tools: {"tools": [{"name": n, "description": d,
                                    "input_schema": {"type": "object", "properties": p}}
                                   for n, d, p in tools]},
    tool_result=_anthropic_result, extra={"max_tokens": 100},
    stream_tool_prefix="Request blocked by security policy: ")

ALL = [CHAT, COMPLETIONS, RESPONSES, GEMINI, ANTHROPIC]
WITH_TOOLS = [CHAT, RESPONSES, GEMINI, ANTHROPIC]


def ids(dialect):
    return dialect.name


def answer_text(dialect: Dialect, body: dict) -> str:
    """All text of an unstreamed answer."""
    if dialect is CHAT:
        return "".join(c["message"]["content"] or "" for c in body["choices"])
    if dialect is COMPLETIONS:
        return "".join(c["text"] for c in body["choices"])
    if dialect is RESPONSES:
        return "".join(p.get("text", "") for item in body["output"] for p in item.get("content", []))
    if dialect is GEMINI:
        return "".join(p.get("text", "") for c in body["candidates"] for p in c["content"]["parts"])
    return "".join(b.get("text", "") for b in body["content"])


def streamed_text(dialect: Dialect, text: str) -> str:
    """The text that the deltas of a stream add up to, whatever ended it."""
    out = ""
    for event in json_events(text):
        if dialect is CHAT:
            out += "".join(c["delta"].get("content") or "" for c in event.get("choices", []))
        elif dialect is COMPLETIONS:
            out += "".join(c["text"] for c in event.get("choices", []))
        elif dialect is RESPONSES and event["type"] == "response.output_text.delta":
            out += event["delta"]
        elif dialect is GEMINI:
            out += "".join(p.get("text", "") for c in event.get("candidates", [])
                           for p in c.get("content", {}).get("parts", []))
        elif dialect is ANTHROPIC and event["type"] == "content_block_delta":
            out += event["delta"].get("text", "")
    return out


def refusal_of(dialect: Dialect, response) -> str:
    """Why a request or its answer was refused: of a 403, or of the frame that ends a stream.
    Empty when it was not refused. Checks the shape on the way."""
    if response.status_code == 403:
        body = response.json()
        assert list(body)[0] == "detail", body
        assert response.headers["content-type"].startswith("application/json")
        return body["detail"]
    assert response.status_code == 200, (response.status_code, response.text)
    if not response.headers["content-type"].startswith("text/event-stream"):
        return ""
    events = sse_events(response.text)
    if not events:
        return ""
    name, data = events[-1]
    if data == "[DONE]":
        return ""
    last = json.loads(data)
    if "error" not in last:
        return ""
    error = last["error"]
    if dialect in (CHAT, COMPLETIONS):
        assert list(last)[0] == "error"
        assert error["type"] == "policy_violation" and error["code"] == "request_blocked"
    elif dialect is RESPONSES:
        assert name == "error" and last["type"] == "error" and last["code"] == "request_blocked"
        numbers = [json.loads(d)["sequence_number"] for _, d in events]
        assert numbers == sorted(set(numbers)), numbers
        assert last["message"] == error["message"]
    elif dialect is GEMINI:
        assert data.startswith('{"error"') and error["code"] == 403
        assert error["status"] == "PERMISSION_DENIED"
    else:
        assert name == "error" and last["type"] == "error"
        assert error["type"] == "permission_error"
    return error["message"]
