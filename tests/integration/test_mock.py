"""The mock provider itself: what the other tests rely on."""

import concurrent.futures
import json
import time

import httpx
import pytest

from harness import wait_until

CHAT = "/v1/chat/completions"
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def test_a_misspelt_directive_is_refused(mock):
    assert mock.http.post(CHAT, json=HELLO, headers={"x-mock": "sya=1"}).status_code == 400
    assert mock.http.post("/mock/script", json={"mock": "sya=1"}).status_code == 400


def test_directives_work_by_header_text_and_script(mock):
    texts = [mock.http.post(CHAT, json=HELLO, headers={"x-mock": 'say="one"'}),
             mock.http.post(CHAT, json={"model": "m", "messages": [{"role": "user", "content": 'x [[mock say="two"]]'}]}),
             mock.http.post(CHAT, json={**HELLO, "model": mock.says("three")})]
    assert [t.json()["choices"][0]["message"]["content"] for t in texts] == ["one", "two", "three"]


def test_requests_are_recorded_as_they_came(mock):
    mock.forget()
    body = b'{"model" : "m",  "messages":[]}'
    mock.http.post(CHAT + "?a=b", content=body, headers={"X-Odd": "Value", "Content-Type": "application/json"})
    seen = mock.requests()
    assert mock.count() == 1 and seen[0]["body"].encode() == body and seen[0]["target"] == CHAT + "?a=b"
    assert ["X-Odd", "Value"] in seen[0]["headers"] or ["x-odd", "Value"] in seen[0]["headers"]
    mock.forget()
    assert mock.count() == 0


def test_open_answers_are_counted(mock):
    with mock.http.stream("POST", CHAT, json={**HELLO, "stream": True}, headers={"x-mock": "endless event-delay=20"}) as r:
        pieces = r.iter_bytes()  # kept: the stream is closed when nobody holds it
        next(pieces)
        assert mock.open() == 1
    wait_until(lambda: mock.open() == 0, 2)


@pytest.mark.parametrize("directive,error", [("reset=0", httpx.ReadError), ("truncate", httpx.RemoteProtocolError),
                                             ("stall=0", httpx.ReadTimeout)])
def test_faults_are_seen_by_the_client(mock, directive, error):
    with pytest.raises(error):
        httpx.post(mock.url + CHAT, json=HELLO, headers={"x-mock": directive}, timeout=0.5)


def test_echo_says_what_was_received(mock):
    echo = mock.http.post(CHAT, json=HELLO, headers={"x-mock": "echo"}).json()
    assert (echo["method"], echo["target"]) == ("POST", CHAT) and '"hello"' in echo["body"]


@pytest.mark.parametrize("path,body,usage", [
    (CHAT, HELLO, ["prompt_tokens", "completion_tokens"]),
    ("/v1/completions", {"model": "m", "prompt": "hello"}, ["prompt_tokens", "completion_tokens"]),
    ("/v1/responses", {"model": "m", "input": "hello"}, ["input_tokens", "output_tokens"]),
    ("/v1/messages", {**HELLO, "max_tokens": 9}, ["input_tokens", "output_tokens"]),
    ("/v1beta/models/m:generateContent", {"contents": [{"parts": [{"text": "hello"}]}]},
     ["promptTokenCount", "candidatesTokenCount"]),
])
def test_the_usage_of_an_answer_is_what_it_is_told(mock, path, body, usage):
    answer = mock.http.post(path, json=body, headers={"x-mock": "usage=120/30"}).json()
    reported = answer.get("usage") or answer["usageMetadata"]
    assert [reported[name] for name in usage] == [120, 30]


@pytest.mark.parametrize("path,body", [(CHAT, HELLO), ("/v1/completions", {"model": "m", "prompt": "hello"})])
def test_r64_a_stream_reports_usage_only_when_asked(mock, path, body):
    def chunks(**more):
        text = mock.http.post(path, json={**body, "stream": True, **more}, headers={"x-mock": "usage=120/30"}).text
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert all("usage" not in chunk for chunk in chunks())
    asked = chunks(stream_options={"include_usage": True})
    assert all(chunk["usage"] is None for chunk in asked[:-1])
    assert asked[-1]["choices"] == [] and asked[-1]["usage"]["total_tokens"] == 150


def test_a_tools_name_is_split_when_told(mock):
    text = mock.http.post(CHAT, json={**HELLO, "stream": True}, headers={"x-mock": "tool=file_delete name-cut=4"}).text
    calls = [call["function"] for line in text.splitlines() if line.startswith("data: {")
             for choice in json.loads(line[6:])["choices"] for call in choice["delta"].get("tool_calls", [])]
    assert [call["name"] for call in calls if "name" in call] == ["file", "_del", "ete"]


def test_a_held_answer_holds_up_no_other(mock):
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        held = pool.submit(mock.http.post, CHAT, json=HELLO, headers={"x-mock": "delay=800"})
        assert mock.http.post(CHAT, json=HELLO).status_code == 200
        assert time.monotonic() - began < 0.8 and not held.done()
        assert held.result().status_code == 200
    assert time.monotonic() - began >= 0.8
