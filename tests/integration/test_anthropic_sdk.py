"""Anthropic's client through the gateway."""

import json

import anthropic
import pytest

from harness import KEY, wait_until

BLOCKED = "Request blocked by security policy: "
EMAIL = "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"
WEATHER = {"name": "get_weather", "description": "Get weather", "input_schema": {
    "type": "object", "properties": {"location": {"type": "string"}}}}


@pytest.fixture
def client(gateway):
    return anthropic.Anthropic(api_key=KEY, base_url=gateway.url, max_retries=0, timeout=20)


def create(client, messages, model="claude-test", **options):
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    return client.messages.create(model=model, max_tokens=100, messages=messages, **options)


def stream(client, text, model="claude-test", **options):
    with client.messages.stream(model=model, max_tokens=100, messages=[{"role": "user", "content": text}],
                                **options) as s:
        for _ in s:
            pass
        return s.get_final_message()


def raised(call):
    with pytest.raises(anthropic.APIError) as error:
        call()
    return error.value


def test_plain_and_streamed_answers(client):
    assert create(client, "hello").content[0].text == "Hello! How can I help you today?"
    message = stream(client, "count to 5")
    assert message.content[0].text == "1, 2, 3, 4, 5" and message.stop_reason == "end_turn"


def test_a_tool_call_and_its_result(client):
    first = create(client, "What's the weather in Paris?", tools=[WEATHER])
    call = first.content[-1]
    assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"location": "Paris"})

    def result(content):
        return [{"role": "user", "content": "What's the weather in Paris?"},
                {"role": "assistant", "content": [b.model_dump() for b in first.content]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id,
                                              "content": json.dumps(content)}]}]
    weather = {"temperature": "20°C", "location": "Paris", "condition": "sunny"}
    assert create(client, result(weather), tools=[WEATHER]).content[0].text.startswith("Currently in Paris: sunny")
    error = raised(lambda: create(client, result({"location": "PII test@gmail.com"}), tools=[WEATHER]))
    assert f"PII detected in tool 'unknown' response: {EMAIL}" in str(error)


def test_streamed_tool_calls_and_thoughts_are_assembled_by_the_helper(client, mock):
    model = mock.model('reasoning="let me think" say="I will call" tool=get_weather args={"location":"Köln °"} cut=3')
    message = stream(client, "hi", model, tools=[WEATHER])
    assert [b.type for b in message.content] == ["thinking", "text", "tool_use"]
    assert message.content[0].thinking == "let me think" and message.content[0].signature
    assert message.content[2].input == {"location": "Köln °"}


def test_r19_r20_refused_requests(client):
    reason = f"{BLOCKED}Detected 'capsem_block' in prompt"
    for ask in (create, stream):
        error = raised(lambda: ask(client, "Tell me about capsem_block"))
        assert isinstance(error, anthropic.PermissionDeniedError)
        assert str(error) == f"Error code: 403 - {{'detail': \"{reason}\"}}"
        error = raised(lambda: ask(client, "hi", tools=[{**WEATHER, "name": "x_capsem_block"}]))
        assert "Detected 'capsem_block' in tool name" in str(error)


def test_r22_r24_refused_answers(client, mock):
    call = mock.model('tool=contact_lookup args={"email":"test@example.com"} cut=2')
    reason = f"PII detected in tool 'contact_lookup' arguments: {EMAIL}"
    for ask in (create, stream):
        assert reason in str(raised(lambda: ask(client, "hi", call, tools=[WEATHER])))
    told = str(raised(lambda: create(client, "generate me an idea for an email address @gmail.com")))
    assert "EMAIL_ADDRESS(count=13, score=1.00, action=BLOCK)" in told


def test_a_block_in_mid_stream_raises_the_reason(client, mock):
    model = mock.says("This begins well and then comes capsem_block at the end")
    pieces = []

    def read():
        with client.messages.stream(model=model, max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as s:
            for text in s.text_stream:
                pieces.append(text)
    error = raised(read)
    assert isinstance(error, anthropic.APIStatusError)
    assert f"{BLOCKED}Detected 'capsem_block' in model response" in str(error)
    assert error.body["error"]["type"] == "permission_error"
    assert "".join(pieces).strip() == "This begins well and then comes"


@pytest.mark.parametrize("status,kind", [(401, anthropic.AuthenticationError), (429, anthropic.RateLimitError),
                                         (500, anthropic.InternalServerError)])
def test_r15_a_providers_errors_keep_their_class(client, mock, status, kind):
    model = mock.model(f'status={status} message="no luck"')
    for ask in (create, stream):
        error = raised(lambda: ask(client, "hi", model))
        assert isinstance(error, kind) and "no luck" in str(error)


def test_t12_a_client_that_leaves_ends_the_providers_work(client, mock):
    with client.messages.stream(model=mock.model("endless event-delay=20"), max_tokens=9,
                                messages=[{"role": "user", "content": "hi"}]) as s:
        for _ in s:
            break
    client.close()
    wait_until(lambda: mock.open() == 0, 2)


def test_count_tokens_and_models(client):
    assert client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "hi"}]).input_tokens > 0
    error = raised(lambda: client.messages.count_tokens(
        model="m", messages=[{"role": "user", "content": "capsem_block"}]))
    assert "in prompt" in str(error)
    assert client.models.list().data[0].id == "claude-mock"
