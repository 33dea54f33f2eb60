"""Google's Gemini client through the gateway."""

import pytest
from google import genai
from google.genai import errors, types

from harness import KEY, wait_until

BLOCKED = "Request blocked by security policy: "
EMAIL = "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"


@pytest.fixture
def client(gateway):
    return genai.Client(api_key=KEY, http_options={"base_url": gateway.url, "timeout": 20000})


def tools(name="get_weather"):
    return types.GenerateContentConfig(tools=[types.Tool(function_declarations=[types.FunctionDeclaration(
        name=name, description="A tool", parameters={"type": "OBJECT", "properties": {"location": {"type": "STRING"}}})])])


def generate(client, contents, model="gemini-2.0-flash-exp", config=None):
    return client.models.generate_content(model=model, contents=contents, config=config)


def stream(client, contents, model="gemini-2.0-flash-exp", config=None):
    return list(client.models.generate_content_stream(model=model, contents=contents, config=config))


def raised(call):
    with pytest.raises(errors.APIError) as error:
        call()
    return error.value


def test_plain_and_streamed_answers(client):
    assert generate(client, "Hello!").text == "Hello! How can I help you today?"
    chunks = stream(client, "Count to 5")
    assert "".join(c.text or "" for c in chunks) == "1, 2, 3, 4, 5"
    assert len(chunks) > 2


def test_a_tool_call_and_its_result(client):
    question = types.Content(role="user", parts=[types.Part(text="Weather in Paris?")])
    first = generate(client, [question], config=tools())
    call = first.function_calls[0]
    assert (call.name, call.args) == ("get_weather", {"location": "Paris"})
    result = types.Part.from_function_response(name=call.name, response={
        "temperature": "20°C", "location": "Paris", "condition": "sunny"})
    second = generate(client, [question, first.candidates[0].content, types.Content(role="user", parts=[result])],
                      config=tools())
    assert second.text.startswith("Currently in Paris: sunny, about 20°C.")
    leak = types.Part.from_function_response(name=call.name, response={"location": "PII test@gmail.com"})
    for ask in (generate, stream):
        error = raised(lambda: ask(client, [question, first.candidates[0].content,
                                            types.Content(role="user", parts=[leak])], config=tools()))
        assert f"PII detected in tool 'get_weather' response: {EMAIL}" in str(error)


def test_streamed_tool_calls(client, mock):
    chunks = stream(client, "hi", mock.model('tool=a args={"x":"°"} tool=b args={}'), tools())
    assert [(c.name, c.args) for chunk in chunks for c in chunk.function_calls or []] == [("a", {"x": "°"}), ("b", {})]


def test_r19_a_refused_prompt(client):
    reason = f"{BLOCKED}Detected 'capsem_block' in prompt"
    for ask in (generate, stream):
        error = raised(lambda: ask(client, "Tell me about capsem_block"))
        assert isinstance(error, errors.ClientError) and error.code == 403
        assert str(error) == f"403 None. {{'detail': \"{reason}\"}}"


def test_r20_a_refused_tool_name_has_the_routes_prefix(client):
    body = raised(lambda: generate(client, "Use it", config=tools("x_capsem_block")))
    assert f"{BLOCKED}Detected 'capsem_block' in tool name" in str(body)
    streamed = raised(lambda: stream(client, "Use it", config=tools("x_capsem_block")))
    assert "Tool blocked by security policy: Detected 'capsem_block' in tool name" in str(streamed)


def test_r22_r24_refused_answers(client, mock):
    call = mock.model('tool=contact_lookup args={"email":"test@example.com"}')
    reason = f"PII detected in tool 'contact_lookup' arguments: {EMAIL}"
    assert reason in str(raised(lambda: generate(client, "hi", call, tools("contact_lookup"))))
    assert reason in str(raised(lambda: stream(client, "hi", call, tools("contact_lookup"))))
    told = str(raised(lambda: generate(client, "generate me an idea for an email address @gmail.com")))
    assert "EMAIL_ADDRESS(count=13, score=1.00, action=BLOCK)" in told


def test_a_block_in_mid_stream_raises_with_its_code(client, mock):
    model = mock.says("This begins well and then comes capsem_block at the end")
    pieces = []

    def read():
        for chunk in client.models.generate_content_stream(model=model, contents="hi"):
            pieces.append(chunk.text or "")
    error = raised(read)
    assert (error.code, error.status) == (403, "PERMISSION_DENIED")
    assert error.message == f"{BLOCKED}Detected 'capsem_block' in model response"
    assert "".join(pieces).strip() == "This begins well and then comes"


@pytest.mark.parametrize("status,kind", [(401, errors.ClientError), (429, errors.ClientError), (500, errors.ServerError)])
def test_r15_a_providers_errors_keep_their_class(client, mock, status, kind):
    model = mock.model(f'status={status} message="no luck"')
    for ask in (generate, stream):
        error = raised(lambda: ask(client, "hi", model))
        assert type(error) is kind and error.code == status and "no luck" in str(error)


def test_lines_that_python_would_split_arrive_whole(client, mock):
    said = "a\u2028b\u2029c\u0085d and nothing more"
    assert "".join(c.text or "" for c in stream(client, "hi", mock.says(said + " end"))).startswith("a")


def test_t12_a_client_that_leaves_ends_the_providers_work(client, mock):
    for _ in client.models.generate_content_stream(model=mock.model("endless event-delay=20"), contents="hi"):
        break
    client.close()
    wait_until(lambda: mock.open() == 0, 2)


def test_count_tokens_and_embeddings(client):
    assert client.models.count_tokens(model="m", contents="hello").total_tokens > 0
    assert client.models.embed_content(model="m", contents="hello").embeddings[0].values[0] == 0.25
    assert "in prompt" in str(raised(lambda: client.models.count_tokens(model="m", contents="capsem_block")))
