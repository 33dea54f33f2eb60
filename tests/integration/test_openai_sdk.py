"""OpenAI's Python client and the Agents SDK through the gateway."""

import asyncio
import json

import agents
import openai
import pytest
from openai import OpenAI

from harness import KEY, wait_until

BLOCKED = "Request blocked by security policy: "
EMAIL = "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Get weather", "parameters": {
    "type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}}}
CONTACT = {"type": "function", "function": {"name": "contact_lookup", "description": "Look up", "parameters": {
    "type": "object", "properties": {"email": {"type": "string"}}}}}
QUESTION = {"role": "user", "content": "What's the weather in Paris?"}


@pytest.fixture
def client(gateway):
    return OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", max_retries=0, timeout=20)


def user(text):
    return [{"role": "user", "content": text}]


def chat(client, text, **options):
    return client.chat.completions.create(model=options.pop("model", "gpt-5-nano"), messages=user(text), **options)


def test_plain_and_streamed_answers(client):
    assert chat(client, "hello").choices[0].message.content == "Hello! How can I help you today?"
    stream = chat(client, "count to 5", stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "1, 2, 3, 4, 5"
    assert chunks[-1].usage.total_tokens > 0


def test_a_tool_call_and_its_result(client):
    first = client.chat.completions.create(model="gpt-5-nano", messages=[QUESTION], tools=[WEATHER])
    call = first.choices[0].message.tool_calls[0]
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"location":"Paris"}')
    result = json.dumps({"temperature": "20°C", "location": "Paris", "condition": "sunny"})
    second = client.chat.completions.create(model="gpt-5-nano", messages=[
        QUESTION, first.choices[0].message.model_dump(),
        {"role": "tool", "tool_call_id": call.id, "content": result}])
    assert second.choices[0].message.content == (
        "Currently in Paris: sunny, about 20°C. Would you like an hourly forecast or a 7-day outlook?")


def test_streamed_tool_calls_are_assembled_by_the_helper(client, mock):
    model = mock.model('tool=a args={"x":"one"} tool=b args={"y":"zwei °"} interleave cut=3')
    with client.chat.completions.stream(model=model, messages=user("hi"), tools=[WEATHER]) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [(c.function.name, json.loads(c.function.arguments)) for c in calls] == [
        ("a", {"x": "one"}), ("b", {"y": "zwei °"})]


def raised(call):
    with pytest.raises(openai.APIError) as error:
        call()
    return error.value


SCENES = [
    ("tool arguments", "test contact lookup tool for a test email", [CONTACT],
     f"{BLOCKED}PII detected in tool 'contact_lookup' arguments: {EMAIL}"),
    ("prompt", "Tell me about capsem_block technology", None, f"{BLOCKED}Detected 'capsem_block' in prompt"),
    ("tool name", "Use the dangerous tool",
     [{"type": "function", "function": {"name": "dangerous_capsem_block", "description": "A blocked tool",
                                        "parameters": {"type": "object", "properties": {}}}}],
     "Tool blocked by security policy: Detected 'capsem_block' in tool name")]


@pytest.mark.parametrize("name,text,tools,reason", SCENES, ids=[s[0] for s in SCENES])
def test_r19_r20_r22_refusals_print_the_founding_demos_lines(client, name, text, tools, reason):
    error = raised(lambda: chat(client, text, **({"tools": tools} if tools else {})))
    assert isinstance(error, openai.PermissionDeniedError)
    assert str(error) == f"Error code: 403 - {{'detail': \"{reason}\"}}"
    assert error.body == {"detail": reason}
    streamed = raised(lambda: list(chat(client, text, stream=True, **({"tools": tools} if tools else {}))))
    assert reason in str(streamed)


def test_r23_a_tool_result_with_an_address(client):
    first = client.chat.completions.create(model="gpt-5-nano", messages=[QUESTION], tools=[WEATHER])
    messages = [QUESTION, first.choices[0].message.model_dump(),
                {"role": "tool", "tool_call_id": first.choices[0].message.tool_calls[0].id,
                 "content": json.dumps({"temperature": "20°C", "location": "PII test@gmail.com"})}]
    error = raised(lambda: client.chat.completions.create(model="gpt-5-nano", messages=messages))
    assert str(error) == ("Error code: 403 - {'detail': \"" + BLOCKED +
                          f"PII detected in tool 'unknown' response: {EMAIL}\"}}")


def test_r24_an_answer_with_thirteen_addresses(client):
    text = "My name is Elie - generate me an idea for an email address @gmail.com"
    assert str(raised(lambda: chat(client, text))) == (
        "Error code: 403 - {'detail': '" + BLOCKED + "PII detected in model response: "
        "EMAIL_ADDRESS(count=13, score=1.00, action=BLOCK), PERSON(count=2, score=0.85, action=LOG)'}")


def test_a_block_in_mid_stream_raises_the_reason(client, mock):
    model = mock.says("This begins well and goes on, then comes capsem_block at the end")
    pieces = []

    def read():
        for chunk in chat(client, "hi", model=model, stream=True):
            pieces.append(chunk.choices[0].delta.content or "")
    error = raised(read)
    assert str(error) == f"{BLOCKED}Detected 'capsem_block' in model response"
    assert (error.code, error.type) == ("request_blocked", "policy_violation")
    assert "".join(pieces).strip() == "This begins well and goes on, then comes"


def test_responses_plain_streamed_and_with_tools(client, mock):
    assert client.responses.create(model="gpt-5-nano", input="hello").output_text.startswith("Hello!")
    with client.responses.stream(model="gpt-5-nano", input="count to 5") as stream:
        assert "".join(e.delta for e in stream if e.type == "response.output_text.delta") == "1, 2, 3, 4, 5"
        assert stream.get_final_response().output_text == "1, 2, 3, 4, 5"
    tool = {"type": "function", **WEATHER["function"]}
    first = client.responses.create(model="gpt-5-nano", input=[QUESTION], tools=[tool])
    call = first.output[0]
    assert (call.name, call.arguments) == ("get_weather", '{"location":"Paris"}')
    second = client.responses.create(model="gpt-5-nano", input=[
        QUESTION, call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id,
         "output": json.dumps({"temperature": "20°C", "location": "Paris", "condition": "sunny"})}])
    assert second.output_text.startswith("Currently in Paris: sunny, about 20°C.")


def test_responses_refusals_streamed_and_not(client, mock):
    reason = f"{BLOCKED}Detected 'capsem_block' in prompt"
    assert str(raised(lambda: client.responses.create(model="m", input="capsem_block"))) == (
        f"Error code: 403 - {{'detail': \"{reason}\"}}")
    model = mock.says("goes well until capsem_block comes")
    answer = f"{BLOCKED}Detected 'capsem_block' in model response"
    assert answer in str(raised(lambda: client.responses.create(model=model, input="x")))
    assert str(raised(lambda: list(client.responses.create(model=model, input="x", stream=True)))) == answer
    error = raised(lambda: client.responses.create(
        model="m", input="x", tools=[{"type": "function", "name": "capsem_block", "parameters": {}}]))
    assert f"{BLOCKED}Detected 'capsem_block' in tool name" in str(error)


@pytest.mark.parametrize("status,kind", [(401, openai.AuthenticationError), (429, openai.RateLimitError),
                                         (500, openai.InternalServerError)])
def test_r15_a_providers_errors_keep_their_class(client, mock, status, kind):
    model = mock.model(f'status={status} message="no luck"')
    for stream in (False, True):
        error = raised(lambda: chat(client, "hi", model=model, stream=stream))
        assert type(error) is kind and "no luck" in str(error)


def test_a_refusal_is_not_tried_again_and_a_429_is(gateway, mock):
    client = OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", max_retries=2)
    model = mock.says("capsem_block")
    raised(lambda: chat(client, "hi", model=model))
    assert len(mock.seen_for(model)) == 1
    model = mock.model("status=429 header=retry-after-ms:10")
    raised(lambda: chat(client, "hi", model=model))
    assert len(mock.seen_for(model)) == 3


def test_newer_python_clients_get_a_body_that_they_show(gateway):
    for agent, version in (("OpenAI/Python 3.52.0", "3.52.0"), ("AsyncOpenAI/Python 4.0.1", "4.0.1"),
                           ("Agents/Python 0.24.0", "3.38.0")):
        response = gateway.http.post("/v1/chat/completions", json={"model": "m", "messages": user("capsem_block")},
                                     headers={"Authorization": f"Bearer {KEY}", "user-agent": agent,
                                              "x-stainless-lang": "python", "x-stainless-package-version": version})
        assert response.json()["error"]["message"] == f"{BLOCKED}Detected 'capsem_block' in prompt"


def test_t12_a_client_that_leaves_ends_the_providers_work(client, mock):
    model = mock.model("endless event-delay=20")
    stream = chat(client, "hi", model=model, stream=True)
    next(iter(stream))
    assert mock.open() >= 1
    stream.close()
    client.close()
    wait_until(lambda: mock.open() == 0, 2)


def test_completions_and_embeddings(client):
    assert client.completions.create(model="m", prompt="hello").choices[0].text.startswith("Hello!")
    assert "".join(c.choices[0].text for c in client.completions.create(
        model="m", prompt="count to 5", stream=True)) == "1, 2, 3, 4, 5"
    vectors = client.embeddings.create(model="m", input=["a", "b"]).data
    assert [v.embedding for v in vectors] == [[0.25] * 8] * 2
    assert "in prompt" in str(raised(lambda: client.embeddings.create(model="m", input=["a", "capsem_block"])))


def run_agent(gateway, text, tools=(), stream=False, model="gpt-5-nano"):
    """Each run has an event loop and a client of its own."""
    agents.set_tracing_disabled(True)

    async def go():
        client = openai.AsyncOpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", max_retries=0)
        agent = agents.Agent(name="test", instructions="Be brief.", tools=list(tools),
                             model=agents.OpenAIResponsesModel(model, client))
        async with client:
            if not stream:
                return (await agents.Runner.run(agent, text)).final_output
            result = agents.Runner.run_streamed(agent, text)
            async for _ in result.stream_events():
                pass
            return result.final_output
    return asyncio.run(go())


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_agents_sdk_runs_tools_and_shows_refusals(gateway, mock, stream):
    @agents.function_tool
    def get_weather(location: str) -> str:
        """Get the weather."""
        return json.dumps({"temperature": "20°C", "location": location, "condition": "sunny"})

    @agents.function_tool
    def leak(x: str = "") -> str:
        """Returns an address."""
        return "write to test@gmail.com"

    output = run_agent(gateway, "What's the weather in Paris?", [get_weather], stream)
    assert output.startswith("Currently in Paris: sunny, about 20°C.")
    for text, tools, reason in (
            ("Tell me about capsem_block", [], f"{BLOCKED}Detected 'capsem_block' in prompt"),
            ("call the leak tool", [leak], f"{BLOCKED}PII detected in tool 'unknown' response: {EMAIL}")):
        with pytest.raises(openai.APIError) as error:
            run_agent(gateway, text, tools, stream)
        assert reason in str(error.value)
    with pytest.raises(openai.APIError) as error:
        run_agent(gateway, "hi", [], stream, model=mock.says("then capsem_block"))
    assert "in model response" in str(error.value)
