"""The mock provider itself: what the other tests rely on."""

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
