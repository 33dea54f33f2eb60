"""R1-R18: routes, relaying, headers, errors."""

import hashlib
import json
import re
import time

import httpx
import pytest

import dialects
from dialects import ANTHROPIC, BEARER, CHAT, GEMINI, RESPONSES, sse_events
from harness import CANARY, KEY, POLICIES, Gateway, capsem_binary, free_port, header, wait_until

TOOL_ANSWER = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "surplus": {"a": [1, 2]},
               "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
                   "role": "assistant", "content": None, "tool_calls": [
                       {"id": "call_9", "type": "function",
                        "function": {"name": "get_weather", "arguments": "{\"location\":\"Paris\"}"}}]}}]}


def test_r1_health_is_the_original_body(gateway):
    response = gateway.http.get("/health")
    assert response.status_code == 200
    body = response.json()
    assert body["status"] == "healthy" and body["version"] == "0.1.0"
    assert body["providers"][:2] == ["openai", "gemini"]


def test_r2_clean_chat_reaches_the_provider_once_and_both_bodies_are_unchanged(gateway, mock):
    answer = json.dumps(TOOL_ANSWER, indent=1)  # odd white space must survive
    model = mock.answers(answer)
    request = ('{ "model":"%s",\n "messages":[{"role":"user","content":"caf\\u00e9 hello"}],'
               ' "x_unknown": {"deep":[1,null,true]}, "temperature":1.50 }' % model)
    response = gateway.http.post("/v1/chat/completions", content=request,
                                 headers={**BEARER, "Content-Type": "application/json"})
    assert response.status_code == 200 and response.text == answer
    seen = mock.seen_for(model)
    assert len(seen) == 1
    assert seen[0]["body"] == request
    assert seen[0]["method"] == "POST" and seen[0]["target"] == "/v1/chat/completions"


def test_r3_a_second_turn_with_everything_model_dump_writes_passes(gateway):
    response = gateway.http.post("/v1/chat/completions", headers=BEARER, json={
        "model": "gpt-5-nano", "messages": [
            {"role": "user", "content": "What's the weather in Paris?"},
            {"content": None, "refusal": None, "role": "assistant", "annotations": [], "audio": None,
             "function_call": None, "tool_calls": [
                 {"id": "call_1", "function": {"arguments": "{\"location\":\"Paris\"}",
                                               "name": "get_weather"}, "type": "function"}]},
            {"role": "tool", "tool_call_id": "call_1",
             "content": "{\"temperature\": \"20\\u00b0C\", \"location\": \"Paris\", \"condition\": \"sunny\"}"}]})
    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["content"].startswith("Currently in Paris: sunny")


def test_r4_a_stream_is_relayed_event_by_event_up_to_done(gateway, mock):
    direct = httpx.post(f"{mock.url}/v1/chat/completions", headers=BEARER, json={
        "model": "gpt-5-nano", "stream": True, "messages": [{"role": "user", "content": "count to 5"}]})
    relayed = gateway.http.post("/v1/chat/completions", headers=BEARER, json={
        "model": "gpt-5-nano", "stream": True, "messages": [{"role": "user", "content": "count to 5"}]})
    assert relayed.status_code == 200
    assert relayed.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in relayed.headers
    assert relayed.headers.get("x-accel-buffering") == "no"
    strip = lambda text: [re.sub(r'"chatcmpl-\w+"', '"id"', d) for _, d in sse_events(text)]
    assert strip(relayed.text) == strip(direct.text)
    assert sse_events(relayed.text)[-1][1] == "[DONE]"


@pytest.mark.parametrize("which", ["debug_gateway", "gateway"])
def test_r4_event_one_arrives_before_the_provider_sends_event_two(which, request, mock):
    gateway = request.getfixturevalue(which)
    model = mock.model('say="one two three" event-delay=700')
    started = time.monotonic()
    first = None
    with gateway.http.stream("POST", "/v1/chat/completions", headers=BEARER, json={
            "model": model, "stream": True, "messages": [{"role": "user", "content": "x"}]}) as response:
        for _ in response.iter_lines():
            first = time.monotonic() - started
            break
    assert first < 1.35, first  # the second event is sent at 1.4 s


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
@pytest.mark.parametrize("given", ["hello", [{"role": "user", "content": "hello"}],
                                   [{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}]],
                         ids=["string", "list", "parts"])
def test_r5_responses_take_strings_and_lists_streamed_or_not(gateway, given, stream):
    response = gateway.http.post("/v1/responses", headers=BEARER,
                                 json={"model": "gpt-5-nano", "input": given, "stream": stream})
    assert response.status_code == 200
    if not stream:
        assert dialects.answer_text(RESPONSES, response.json()).startswith("Hello!")
        return
    events = sse_events(response.text)
    assert [n for n, _ in events][0] == "response.created"
    assert events[-1][0] == "response.completed"
    assert all(json.loads(d)["type"] == n for n, d in events)
    assert dialects.streamed_text(RESPONSES, response.text).startswith("Hello!")


def test_r6_gemini_keeps_path_key_and_function_declarations(gateway, mock):
    model = mock.says("fine")
    tools = [{"functionDeclarations": [{"name": "get_weather", "description": "Get weather", "parameters": {
        "type": "object", "properties": {"location": {"type": "string"}}}}]}]
    response = gateway.http.post(f"/v1beta/models/{model}:generateContent",
                                 headers={"x-goog-api-key": KEY},
                                 json={"contents": [{"parts": [{"text": "Weather?"}]}], "tools": tools})
    assert response.status_code == 200, response.text
    seen = mock.seen_for(model)[0]
    assert seen["target"] == f"/v1beta/models/{model}:generateContent"
    assert header(seen, "x-goog-api-key") == [KEY]
    assert json.loads(seen["body"])["tools"] == tools


def test_r6_a_model_with_dots_dashes_and_a_version_prefix_is_routed(gateway):
    for path in ("/v1/models/gemini-2.0-flash-exp:generateContent",
                 "/v1alpha/models/gemini-2.5:generateContent",
                 "/v1beta/tunedModels/my-model:generateContent"):
        response = gateway.http.post(path, headers={"x-goog-api-key": KEY},
                                     json={"contents": [{"parts": [{"text": "hello"}]}]})
        assert response.status_code == 200, (path, response.text)


def test_r7_the_query_string_decides_the_form_of_a_gemini_stream(gateway, mock):
    model = mock.says("one two three")
    body = {"contents": [{"parts": [{"text": "hello"}]}]}
    path = f"/v1beta/models/{model}:streamGenerateContent"
    sse = gateway.http.post(path + "?alt=sse", headers={"x-goog-api-key": KEY}, json=body)
    assert sse.headers["content-type"].startswith("text/event-stream")
    assert dialects.streamed_text(GEMINI, sse.text) == "one two three"
    assert "[DONE]" not in sse.text and "event:" not in sse.text
    array = gateway.http.post(path, headers={"x-goog-api-key": KEY}, json=body)
    assert array.headers["content-type"].startswith("application/json")
    parts = [p["text"] for e in array.json() for p in e["candidates"][0]["content"]["parts"]]
    assert "".join(parts) == "one two three"
    assert [r["target"] for r in mock.seen_for(model)] == [path + "?alt=sse", path]


def test_r8_a_base_url_may_carry_a_prefix_or_a_pasted_version(make_gateway, mock):
    for suffix, expected in (("/v1", "/v1/chat/completions"), ("", "/v1/chat/completions"),
                             ("/openai", "/openai/v1/chat/completions")):
        gateway = make_gateway(upstream=mock.url + suffix)
        model = mock.says("fine")
        response = CHAT.ask(gateway, "hello", model)
        assert response.status_code == 200
        assert mock.seen_for(model)[0]["target"] == expected


def test_r9_the_key_reaches_the_provider_unchanged(gateway, mock):
    for dialect, name, value in ((CHAT, "authorization", f"Bearer {KEY}"),
                                 (GEMINI, "x-goog-api-key", KEY), (ANTHROPIC, "x-api-key", KEY)):
        model = mock.says("fine")
        assert dialect.ask(gateway, "hello", model).status_code == 200
        assert header(mock.seen_for(model)[0], name) == [value]


def test_r9_a_gemini_key_in_the_query_is_forwarded_and_not_logged(make_gateway, mock):
    gateway = make_gateway()
    model = mock.says("fine")
    response = gateway.http.post(f"/v1beta/models/{model}:generateContent?key={KEY}",
                                 json={"contents": [{"parts": [{"text": "hello"}]}]})
    assert response.status_code == 200, response.text
    assert f"key={KEY}" in mock.seen_for(model)[0]["target"]
    wait_until(lambda: gateway.records())
    assert CANARY not in gateway.output


def test_r9_the_proxy_starts_without_keys_and_still_refuses_requests_without_one(make_gateway):
    gateway = make_gateway(settings="")
    assert CHAT.ask(gateway, "hello", headers={"Authorization": ""}).status_code in (400, 422)
    assert gateway.http.post("/v1/chat/completions", json={}).status_code == 422


def test_r10_the_user_id_is_the_keys_digest_in_every_dialect(make_gateway):
    gateway = make_gateway()
    keys = {"one": hashlib.sha256(b"sk-one").hexdigest()[:16], "two": hashlib.sha256(b"sk-two").hexdigest()[:16]}
    CHAT.ask(gateway, "hello", headers={"Authorization": "Bearer sk-one"})
    CHAT.ask(gateway, "hello", headers={"Authorization": "Bearer sk-two"})
    GEMINI.ask(gateway, "hello", headers={"x-goog-api-key": "sk-one"})
    ANTHROPIC.ask(gateway, "hello", headers={"x-api-key": "sk-one"})
    wait_until(lambda: len(gateway.records()) >= 4)
    ids = [r["user_id"] for r in gateway.records()]
    assert ids == [keys["one"], keys["two"], keys["one"], keys["one"]]


def test_r10_requests_in_flight_are_counted_per_key_and_in_total(make_gateway, mock):
    per_key = make_gateway(settings="[http]\nin_flight_per_key_max = 1\n", args=["--workers", "1"])
    in_all = make_gateway(settings="[http]\nin_flight_max = 1\n", args=["--workers", "1"])
    slow = mock.model("endless event-delay=50")
    for gateway, status, other_status in ((per_key, 429, 200), (in_all, 503, 503)):
        with gateway.http.stream("POST", "/v1/chat/completions", headers=BEARER, json={
                "model": slow, "stream": True, "messages": [{"role": "user", "content": "x"}]}) as response:
            assert response.status_code == 200
            again = CHAT.ask(gateway, "hello")
            assert again.status_code == status and "retry-after" in again.headers
            assert CHAT.ask(gateway, "hello", headers={"Authorization": "Bearer other"}).status_code == other_status
        wait_until(lambda: CHAT.ask(gateway, "hello").status_code == 200, 15)


MISSING = lambda loc: {"detail": [{"type": "missing", "loc": ["header", loc], "msg": "Field required",
                                   "input": None}]}


def test_r11_a_missing_key_is_422_in_the_originals_words(gateway):
    chat = gateway.http.post("/v1/chat/completions", json={"model": "m", "messages": []})
    assert (chat.status_code, chat.json()) == (422, MISSING("Authorization"))
    gemini = gateway.http.post("/v1beta/models/m:generateContent", json={"contents": []})
    assert (gemini.status_code, gemini.json()) == (422, MISSING("x-goog-api-key"))
    assert gateway.http.post("/v1/messages", json={}, headers={"anthropic-version": "2023-06-01"}).status_code == 422


@pytest.mark.parametrize("value", ["InvalidFormat", "Basic abc", "Bearer", "Bearer a b"])
def test_r12_a_malformed_authorization_is_400(gateway, value):
    response = gateway.http.post("/v1/chat/completions", json={"model": "m", "messages": []},
                                 headers={"Authorization": value})
    assert response.status_code == 400
    assert response.json() == {"detail": "Invalid Authorization header format. Expected: Bearer <key>"}


def test_r12_the_scheme_may_have_any_letter_case(gateway):
    for scheme in ("bearer", "BEARER"):
        assert CHAT.ask(gateway, "hello", headers={"Authorization": f"{scheme} {KEY}"}).status_code == 200


@pytest.mark.parametrize("body", [b"not json", b"", b"{", b"[1]", b'{"a":1}x', b"\xff\xfe{}"])
def test_r13_a_body_that_is_not_a_json_object_is_400(gateway, mock, body):
    before = mock.count()
    response = gateway.http.post("/v1/chat/completions", content=body,
                                 headers={**BEARER, "Content-Type": "application/json"})
    assert response.status_code == 400, response.text
    assert response.json()["detail"].startswith("Invalid JSON in request body:") or body == b"[1]"
    assert mock.count() == before


def test_r13_get_on_the_openai_paths_is_405(gateway):
    for path in ("/v1/chat/completions", "/v1/responses"):
        response = gateway.http.get(path, headers=BEARER)
        assert response.status_code == 405
        assert response.json() == {
            "detail": "Method not allowed. Use POST for chat completions and responses."}


def test_r14_cors_preflight_is_answered(gateway):
    response = gateway.http.options("/v1/chat/completions", headers={
        "Origin": "https://app.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-custom"})
    h = response.headers
    assert response.status_code == 200
    assert h["access-control-allow-origin"] == "https://app.example"
    assert h["access-control-allow-credentials"] == "true"
    assert h["access-control-max-age"] == "600"
    assert h["access-control-allow-headers"] == "authorization,content-type,x-custom"
    assert "POST" in h["access-control-allow-methods"]


def test_r14_plain_options_is_answered_and_answers_carry_the_origin(gateway):
    response = gateway.http.options("/v1/chat/completions")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    response = CHAT.ask(gateway, "hello", headers={"Origin": "https://app.example"})
    assert response.headers["access-control-allow-origin"] == "https://app.example"


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503, 529])
@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, GEMINI, ANTHROPIC], ids=dialects.ids)
def test_r15_r17_a_providers_error_keeps_status_body_and_retry_after(gateway, mock, dialect, status, stream):
    model = mock.model(f'status={status} retry-after=7 message="no luck today"')
    response = dialect.ask(gateway, "hello", model, stream)
    direct = httpx.post(mock.url + dialect.url(model, stream), headers=dialect.headers,
                        json=dialect.body(model, dialect.user("hello"), stream))
    assert response.status_code == status
    assert response.json() == direct.json()
    assert response.headers["retry-after"] == "7"


def test_r15_errors_can_be_masked_as_the_original_did(make_gateway, mock):
    gateway = make_gateway(settings='[errors]\nupstream_errors = "mask"\n')
    response = CHAT.ask(gateway, "hello", mock.model('status=401 message="your key sk-x is wrong"'))
    assert (response.status_code, response.json()) == (401, {"detail": "Upstream provider error"})


def test_r15_an_error_body_that_quotes_forbidden_text_is_not_passed_on(gateway, mock):
    response = CHAT.ask(gateway, "hello", mock.model('status=400 message="you said CAPSEM_BLOCK"'))
    assert "capsem_block technology" not in response.text.lower()
    assert "you said" not in response.text


def test_r16_an_unreachable_provider_is_502(make_gateway):
    gateway = make_gateway(upstream=f"http://127.0.0.1:{free_port()}")
    for stream in (False, True):
        response = CHAT.ask(gateway, "hello", stream=stream)
        assert (response.status_code, response.json()["detail"]) == (502, "Bad gateway")


def test_r16_an_answer_that_is_not_json_is_502(gateway, mock):
    response = CHAT.ask(gateway, "hello", mock.model("bad-json"))
    assert (response.status_code, response.json()["detail"]) == (502, "Invalid response from provider")


@pytest.mark.parametrize("fault", ["reset=0", "close=0", "truncate", "close=1", "reset=1"])
def test_r16_a_connection_that_breaks_before_a_whole_answer_is_502(gateway, mock, fault):
    response = CHAT.ask(gateway, "hello", mock.model(fault))
    assert response.status_code == 502
    assert response.json()["detail"] in ("Bad gateway", "Invalid response from provider")


@pytest.mark.parametrize("fault", ["close=3", "reset=3", "stall=3"])
def test_r17_a_stream_that_breaks_off_ends_with_an_error_frame(make_gateway, mock, fault):
    gateway = make_gateway(settings="[upstream]\ngap_ms = 500\n")
    model = mock.model(f'say="one two three four" {fault}')
    response = CHAT.ask(gateway, "hello", model, stream=True)
    last = sse_events(response.text)[-1][1]
    assert '"error"' in last and "[DONE]" not in response.text, response.text


def test_r16_timeouts_have_clocks_of_their_own(make_gateway, mock):
    gateway = make_gateway(settings="[upstream]\nfirst_byte_ms = 300\nfirst_byte_stream_ms = 300\n")
    for stream in (False, True):
        started = time.monotonic()
        response = CHAT.ask(gateway, "hello", mock.model("delay=5000"), stream)
        assert response.status_code in (502, 504)
        assert time.monotonic() - started < 3


def test_r18_environment_and_flags_set_the_same_things(mock, tmp_path):
    import subprocess
    (tmp_path / "debug.toml").write_text("enabled = true\n")
    env = {"PATH": "/usr/bin:/bin", "PROXY_HOST": "127.0.0.9", "PROXY_PORT": "8765", "PROXY_WORKERS": "3",
           "PROXY_LOG_LEVEL": "warning", "PROXY_ACCESS_LOG": "true", "PROXY_LIMIT_CONCURRENCY": "17",
           "PROXY_BACKLOG": "99", "PROXY_CONFIG_DIR": str(tmp_path)}
    out = subprocess.run([capsem_binary(), "serve", "--print-effective-config"], env=env, text=True,
                         capture_output=True, timeout=20)
    assert out.returncode == 0, out.stderr
    for expected in ("host = \"127.0.0.9\"", "port = 8765", "workers = 3", "log_level = \"warning\"",
                     "limit_concurrency = 17", "backlog = 99"):
        assert expected in out.stdout, out.stdout
    assert "PROXY_PORT" in out.stdout
    out = subprocess.run([capsem_binary(), "serve", "--port", "8766", "--config", str(tmp_path),
                          "--print-effective-config"], env=env, text=True, capture_output=True, timeout=20)
    assert "port = 8766" in out.stdout


def test_r18_the_banner_names_the_policies(gateway, debug_gateway):
    assert "Enabled Policies: 4\n  ✓ Debug\n  ✓ PromptInjection\n  ✓ PIIDetection\n  ✓ SecretDetection\n" in gateway.output
    assert "Enabled Policies: 1" in debug_gateway.output


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_compressed_answers_are_inspected_like_plain_ones(gateway, mock, encoding, stream):
    clean = mock.says("all is well", f"encoding={encoding}")
    response = CHAT.ask(gateway, "hello", clean, stream)
    assert response.status_code == 200, response.text
    read = dialects.streamed_text if stream else lambda d, t: dialects.answer_text(d, json.loads(t))
    assert read(CHAT, response.text) == "all is well"
    dirty = mock.says("all is Capsem_Block", f"encoding={encoding}")
    response = CHAT.ask(gateway, "hello", dirty, stream)
    assert dialects.refusal_of(CHAT, response).endswith("Detected 'capsem_block' in model response")


def test_provider_headers_are_relayed(gateway):
    response = CHAT.ask(gateway, "hello")
    assert response.headers["openai-processing-ms"] == "1"
    assert response.headers["x-ratelimit-remaining-requests"] == "4999"
    assert "x-request-id" in response.headers


def test_other_inspected_routes_are_relayed(gateway):
    post = lambda path, body, headers=BEARER: gateway.http.post(path, json=body, headers=headers)
    assert post("/v1/embeddings", {"model": "m", "input": "hi"}).status_code == 200
    assert post("/v1/responses/input_tokens", {"model": "m", "input": "hi"}).status_code == 200
    anthropic = ANTHROPIC.headers
    assert post("/v1/messages/count_tokens", {"model": "m", "messages": [
        {"role": "user", "content": "hi"}]}, anthropic).json()["input_tokens"] > 0
    gemini = GEMINI.headers
    assert post("/v1beta/models/m:countTokens", {"contents": [{"parts": [{"text": "hi"}]}]}, gemini).status_code == 200
    assert post("/v1beta/models/m:embedContent", {"content": {"parts": [{"text": "hi"}]}}, gemini).status_code == 200
    assert gateway.http.get("/v1/responses/resp_123", headers=BEARER).status_code == 200
    assert gateway.http.get("/v1/models", headers=BEARER).json()["data"][0]["id"] == "gpt-5-nano"


def test_a_stored_response_is_inspected_when_it_is_fetched(gateway, mock):
    mock.script(model="resp_dirty", times=0, mock='say="the capsem_block word"')
    for query in ("", "?stream=true"):
        response = gateway.http.get(f"/v1/responses/resp_dirty{query}", headers=BEARER)
        assert dialects.refusal_of(RESPONSES, response).endswith("in model response"), query


def test_an_unlisted_path_is_404_and_reaches_nobody(gateway, mock):
    before = mock.count()
    for path in ("/v1/files", "/v1/audio/speech", "/nothing", "/v1/chat/completions/x"):
        assert gateway.http.post(path, json={"a": 1}, headers=BEARER).status_code == 404, path
    assert mock.count() == before


def test_an_unlisted_path_is_relayed_where_that_is_configured(make_gateway, mock):
    gateway = make_gateway(settings='[routes]\nunlisted = "relay"\n')
    mock.script(path="/v1/files", times=1, pieces=[{"data": "{\"ok\":1}"}], length=True,
                headers={"Content-Type": "application/json"})
    assert gateway.http.post("/v1/files", json={"a": 1}, headers=BEARER).json() == {"ok": 1}
