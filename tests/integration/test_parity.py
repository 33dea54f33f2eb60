"""One text, one verdict: whatever the dialect, streamed or not, cut anywhere, in any segments."""

import json

import pytest

import dialects
from dialects import ALL, CHAT, WITH_TOOLS, refusal_of

BLOCKED = "Request blocked by security policy: "
# The text of an answer, and what is said of it (empty: it passes).
TEXTS = {
    "keyword": ("It is capsem_block here", "Detected 'capsem_block' in model response"),
    "address": ("write to jane.doe@example.com today",
                "PII detected in model response: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"),
    "card": ("the card is 4111 1111 1111 1111 ok",
             "PII detected in model response: CREDIT_CARD(count=1, score=1.00, action=BLOCK)"),
    "nearly the keyword": ("capsem_bloc capsem block capsem_", ""),
    "nearly an address": ("jane.doe@ example.com, a@b, @gmail.com", ""),
    "nearly a card": ("4111 1111 1111 1112 is none", ""),
    "other scripts": ("naïve 日本語 \u200bтекст 😀 and 20°C", ""),
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("dialect", ALL, ids=dialects.ids)
def test_item17_a_text_gets_one_verdict_at_every_cut(gateway, mock, dialect, name):
    said, reason = TEXTS[name]
    expected = BLOCKED + reason if reason else ""
    whole = dialect.ask(gateway, "hello", mock.says(said))
    assert refusal_of(dialect, whole) == expected
    for more in ("", "cut=1", "cut=2", "cut=3", "cut=5", "cut=8", "cut=13", "cut=4 segment=7", "cut=100"):
        response = dialect.ask(gateway, "hello", mock.says(said, more), stream=True)
        assert refusal_of(dialect, response) == expected, more
        if not reason:
            assert dialects.streamed_text(dialect, response.text) == said, more
        else:
            for secret in ("jane.doe", "4111 1111 1111 1111", "is capsem_b"):
                assert secret not in response.text.replace("'capsem_block'", ""), more


@pytest.mark.parametrize("dialect", WITH_TOOLS, ids=dialects.ids)
@pytest.mark.parametrize("arguments,reason", [
    ({"email": "test@example.com"}, "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"),
    ({"a": {"b": ["x", "jane.doe@example.com"]}}, "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)"),
    ({"a": "nothing", "b": 1}, "")], ids=["flat", "deep", "clean"])
def test_item17_tool_arguments_get_one_verdict_at_every_cut(gateway, mock, dialect, arguments, reason):
    expected = f"{BLOCKED}PII detected in tool 'lookup' arguments: {reason}" if reason else ""
    directives = f"tool=lookup args={json.dumps(arguments)}"
    for stream in (False, True):
        for more in ("", "escape", "cut=1", "cut=1 escape", "cut=3", "cut=4 escape", "cut=7", "whole", "interleave cut=2"):
            response = dialect.ask(gateway, "hello", mock.model(f"{directives} {more}"), stream=stream)
            assert refusal_of(dialect, response) == expected, (stream, more)
            assert "example.com" not in response.text


@pytest.mark.parametrize("cut", [1, 3, 9])
def test_item17_choices_that_take_turns_do_not_mix(gateway, mock, cut):
    halves = mock.model(f'choices=2 say="capsem_ and more" say="block and more" cut={cut}')
    assert refusal_of(CHAT, CHAT.ask(gateway, "hi", halves, True)) == ""
    second = mock.model(f'choices=2 say="all is well here" say="it is capsem_block" cut={cut}')
    assert "in model response" in refusal_of(CHAT, CHAT.ask(gateway, "hi", second, True))


def test_item17_a_buffered_stream_gets_the_same_verdict_and_no_partial_text(make_gateway, mock):
    gateway = make_gateway(settings='[streams]\nmode = "buffer"\n')
    for dialect in ALL:
        response = dialect.ask(gateway, "hello", mock.says("All begins well but then capsem_block"), stream=True)
        assert refusal_of(dialect, response) == BLOCKED + "Detected 'capsem_block' in model response"
        assert "begins" not in response.text
        clean = dialect.ask(gateway, "hello", mock.says("all is well"), stream=True)
        assert clean.headers["content-type"].startswith("text/event-stream")
        assert dialects.streamed_text(dialect, clean.text) == "all is well"


def test_item17_the_array_form_of_gemini_is_judged_like_the_events(gateway, mock):
    path = "/v1beta/models/{}:streamGenerateContent"
    for said, is_clean in (("all is well", True), ("All begins well but then capsem_block comes", False)):
        for more in ("", "cut=3", "segment=5"):
            response = gateway.http.post(path.format(mock.says(said, more)), headers=dialects.GEMINI.headers,
                                         json={"contents": [{"parts": [{"text": "hi"}]}]})
            if response.status_code == 403:
                assert not is_clean
                continue
            elements = response.json()  # valid JSON also after a block
            assert ("error" in elements[-1]) == (not is_clean), more
            text = "".join(p["text"] for e in elements for c in e.get("candidates", []) for p in c["content"]["parts"])
            assert said.startswith(text) and "capsem" not in text


def test_a_stream_keeps_odd_framing(gateway, mock):
    """Comments, CRLF, CR, several data lines, an unfinished last event."""
    def chunk(text):
        return json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                           "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
    pieces = [": keep-alive\n\n", f"data: {chunk('one ')}\r\n\r\n", f"data:{chunk('two ')}\n\n",
              "id: 7\nretry: 10\n" + f"data: {chunk('three')}\n\n", "data: [DONE]\n\n"]
    response = CHAT.ask(gateway, "hi", mock.streams(pieces), True)
    assert dialects.streamed_text(CHAT, response.text) == "one two three"
    assert response.text.rstrip().endswith("data: [DONE]")


def test_a_stream_request_answered_with_json_is_judged_like_a_body(gateway, mock):
    response = CHAT.ask(gateway, "hi", mock.says("capsem_block", "not-stream"), True)
    assert response.status_code == 403
    response = CHAT.ask(gateway, "hi", mock.says("fine", "not-stream"), True)
    assert response.status_code == 200 and "fine" in response.text


JUNK = [": capsem_block\n\n", "capsem_block: x\n\n", "capsem_block\n\n", "id: capsem_block\n\n",
        "event: capsem_block\n", "retry: capsem_block\n\n", '{"a": "capsem_block"}']


@pytest.mark.parametrize("junk", JUNK)
def test_item17_what_clients_ignore_in_a_stream_is_inspected_too(gateway, mock, junk):
    chunk = json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                        "choices": [{"index": 0, "delta": {"content": "hi "}, "finish_reason": None}]})
    event = f"data: {chunk}\n\n"
    for pieces in ([event, junk], [junk, event], [event, junk, "data: [DONE]\n\n"]):
        response = CHAT.ask(gateway, "hi", mock.streams(pieces), True)
        assert refusal_of(CHAT, response) == BLOCKED + "Detected 'capsem_block' in model response"
        assert "capsem_block" not in response.text.replace("'capsem_block'", "")


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_item18_what_cannot_be_read_is_not_passed_on(gateway, mock, stream):
    models = [mock.streams(["data: {not json\n\n"]), mock.streams(["data: \xff\xfe\n\n"])]
    # Of a body the content counts, whatever it calls itself; of a stream the framing.
    models.append(mock.model('say="x" type=text/plain' if stream else "bad-json"))
    for model in models:
        response = CHAT.ask(gateway, "hi", model, stream)
        assert response.status_code >= 400 or '"error"' in response.text, response.text
        assert "not json" not in response.text
