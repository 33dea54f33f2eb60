"""R57, R62-R65, T40: budgets of tokens and money, requests at a time, and what a stream's usage costs whom."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from openai import OpenAI

from dialects import ALL, ANTHROPIC, BEARER, CHAT, ids, sse_events
from harness import KEY, Gateway, wait_until

OPENAI_SHAPE = {"X-Capsem-Error-Format": "openai"}
names = map("limited-{}".format, itertools.count(1))


def policy(lines, head='per = "agent"', more=""):
    return {"limits.toml": f'schema = 1\n{more}\n[[policy]]\nid = "limits"\ntype = "limit"\n{head}\n{lines}\n'}


def client_of(gateway, agent=None, key=KEY):
    return OpenAI(api_key=key, base_url=f"{gateway.url}/v1", timeout=20, max_retries=0,
                  default_headers={"X-Capsem-Agent": agent or next(names), **OPENAI_SHAPE})


def chat(client, model, text="hello", **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def raised(call, kind=openai.APIError):
    with pytest.raises(kind) as error:
        call()
    return error.value


# ---- Tokens ----------------------------------------------------------------------------------------------------------

def test_r63_the_call_that_crosses_the_budget_is_withheld_and_later_ones_never_leave(make_gateway, mock):
    gateway = make_gateway(policies=policy("tokens_per_hour = 1000"))
    client = client_of(gateway, "spender")
    model = mock.says("PAID ANSWER", "usage=300/100")
    first = client.chat.completions.with_raw_response.create(model=model, messages=[{"role": "user", "content": "hi"}])
    assert first.headers["x-ratelimit-limit-tokens"] == "1000"
    assert first.parse().usage.total_tokens == 400
    chat(client, model)
    error = raised(lambda: chat(client, model), openai.RateLimitError)  # 1,200
    assert error.code == "token_limit_exceeded"
    assert error.body["message"] == "Token limit exceeded: 1000 tokens per hour for agent 'spender'"
    assert "PAID ANSWER" not in error.response.text and error.response.headers["x-should-retry"] == "false"
    assert len(mock.seen_for(model)) == 3
    for _ in range(3):
        later = raised(lambda: chat(client, model), openai.RateLimitError)
        assert later.code == "token_limit_exceeded" and int(later.response.headers["retry-after"]) > 3000
    assert len(mock.seen_for(model)) == 3
    assert chat(client_of(gateway, "thrifty"), model).choices  # R65


def test_r63_deliver_keeps_the_answer_that_was_paid_for(make_gateway, mock):
    gateway = make_gateway(policies=policy('tokens_per_hour = 1000\ntoken_overrun = "deliver"'))
    client = client_of(gateway)
    model = mock.says("PAID ANSWER", "usage=3000/100")
    assert chat(client, model).choices[0].message.content == "PAID ANSWER"
    assert raised(lambda: chat(client, model)).code == "token_limit_exceeded"
    streaming = client_of(gateway)
    text = "".join(c.choices[0].delta.content or "" for c in chat(streaming, model, stream=True) if c.choices)
    assert text == "PAID ANSWER"
    assert raised(lambda: chat(streaming, model, stream=True)).code == "token_limit_exceeded"
    assert len(mock.seen_for(model)) == 2


@pytest.mark.parametrize("dialect", ALL, ids=ids)
@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_r63_every_dialects_usage_is_charged(limited, mock, dialect, stream):
    agent = {"X-Capsem-Agent": next(names)}
    model = mock.says("fine", "usage=600/150")
    assert dialect.ask(limited, "hello", model, stream, headers=agent).status_code == 200
    crossing = dialect.ask(limited, "hello", model, stream, headers=agent)
    if not stream:
        assert crossing.status_code == 429 and "fine" not in crossing.text
    later = dialect.ask(limited, "hello", model, stream, headers=agent)
    assert later.status_code == 429, later.text
    assert "token_limit_exceeded" in later.text or "Token limit exceeded" in later.text
    assert len(mock.seen_for(model)) == 2


@pytest.fixture(scope="module")
def limited(mock):
    gateway = Gateway(mock.url, policies=policy("tokens_per_hour = 1000"))
    yield gateway
    gateway.close()


# ---- Streams (R64) ---------------------------------------------------------------------------------------------------

def test_r64_usage_is_asked_for_and_hidden_from_who_did_not_ask(limited, mock):
    client = client_of(limited)
    model = mock.says("fine", "usage=30/10")
    chunks = list(chat(client, model, stream=True))
    assert all(c.choices and c.usage is None for c in chunks)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "fine"
    asked = list(chat(client, model, stream=True, stream_options={"include_usage": True}))
    assert asked[-1].usage.total_tokens == 40 and asked[-1].choices == []
    refused = list(chat(client, model, stream=True, stream_options={"include_usage": False}))
    assert all(c.choices and c.usage is None for c in refused)
    sent = [json.loads(r["body"]) for r in mock.seen_for(model)]
    assert [b["stream_options"]["include_usage"] for b in sent] == [True] * 3
    completions = list(client.completions.create(model=model, prompt="hello", stream=True))
    assert all(c.choices and c.usage is None for c in completions)
    raw = CHAT.ask(limited, "hello", model, True, headers={"X-Capsem-Agent": next(names)})
    assert raw.text.rstrip().endswith("data: [DONE]") and '"usage":{' not in raw.text


def test_r64_without_a_limit_nothing_is_added(debug_gateway, mock):
    model = mock.says("fine")
    CHAT.ask(debug_gateway, "hello", model, True)
    assert "stream_options" not in json.loads(mock.seen_for(model)[0]["body"])


@pytest.mark.parametrize("dialect", ALL, ids=ids)
def test_r64_a_stream_stops_when_its_budget_is_used_up(make_gateway, mock, dialect):
    gateway = make_gateway(policies=policy("tokens_per_hour = 2000"))
    model = mock.model("endless event-delay=0")
    started = time.monotonic()
    answer = dialect.ask(gateway, "hello", model, True)
    assert time.monotonic() - started < 8
    assert answer.status_code == 200 and "Token limit exceeded: 2000 tokens per hour" in sse_events(answer.text)[-1][1]
    assert "[DONE]" not in answer.text
    wait_until(lambda: mock.open() == 0)
    assert dialect.ask(gateway, "hello", model, True).status_code == 429
    assert len(mock.seen_for(model)) == 1


# ---- Quota (R48) -----------------------------------------------------------------------------------------------------

def test_r48_an_evaluated_request_costs_one_of_the_quota_and_a_relayed_path_nothing(make_gateway, mock):
    gateway = make_gateway(policies=policy("evaluations_per_month = 3", head='per = "key"'))
    client = client_of(gateway)
    model = mock.says("fine")
    chat(client, model)
    list(chat(client, model, stream=True))  # the answer is judged, too: still one
    for _ in range(5):
        client.models.list()
    chat(client, model)
    error = raised(lambda: chat(client, model), openai.RateLimitError)
    assert error.code == "evaluation_quota_exceeded" and error.response.headers["x-should-retry"] == "false"
    assert len(mock.seen_for(model)) == 3  # never unevaluated and forwarded
    assert client.models.list().data


# ---- Requests at a time ----------------------------------------------------------------------------------------------

def test_concurrent_requests_past_the_limit_are_refused_and_slots_come_back(make_gateway, mock):
    gateway = make_gateway(policies=policy("concurrent_requests = 2"))
    client = client_of(gateway, "parallel")
    slow = mock.model('say="fine" delay=5000')
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(chat, client, slow) for _ in range(2)]
        wait_until(lambda: len(mock.seen_for(slow)) == 2)
        error = raised(lambda: chat(client, mock.says("fine")), openai.RateLimitError)
        assert error.code == "concurrency_limit_exceeded" and "agent 'parallel'" in error.body["message"]
        assert chat(client_of(gateway, "another"), mock.says("fine")).choices
        assert all(h.result().choices for h in held)
    for _ in range(3):
        assert chat(client, mock.says("fine")).choices
    # A stream holds its slot until it ends, or its client leaves.
    endless = mock.model("endless event-delay=20")
    streams = [chat(client, endless, stream=True) for _ in range(2)]
    for stream in streams:
        next(iter(stream))
    assert raised(lambda: chat(client, mock.says("fine"))).code == "concurrency_limit_exceeded"
    for stream in streams:
        stream.close()
    wait_until(lambda: mock.open() == 0)
    assert wait_until(lambda: _passes(client, mock))


def _passes(client, mock):
    try:
        return chat(client, mock.says("fine")).choices
    except openai.RateLimitError:
        return None


# ---- Money -----------------------------------------------------------------------------------------------------------

PRICES = """[[price]]
model = "mock-free*"
input_per_million = 0
output_per_million = 0
[[price]]
model = "mock-*"
input_per_million = 2.50
output_per_million = 10
"""


def test_a_budget_of_money_is_charged_by_the_price_table(make_gateway, mock):
    gateway = make_gateway(policies=policy('cost_per_day = 0.05\nestimate_output_tokens = 10', more=PRICES))
    client = client_of(gateway, "buyer")
    model = mock.says("fine", "usage=8000/1000")  # 0.03
    assert chat(client, model).choices
    error = raised(lambda: chat(client, model), openai.RateLimitError)
    assert error.code == "budget_exceeded"
    assert error.body["message"].startswith("Budget exceeded: 0.05") and "agent 'buyer'" in error.body["message"]
    assert raised(lambda: chat(client, model)).code == "budget_exceeded"
    assert len(mock.seen_for(model)) == 2


# ---- Everybody at once (T40) -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("per", ["agent", "key", "everyone"])
def test_t40_five_hundred_at_once_on_a_limit_of_one_hundred(make_gateway, mock, per):
    gateway = make_gateway(policies=policy("requests_per_minute = 100", head=f'per = "{per}"'),
                           settings="[http]\nin_flight_per_key_max = 2000\nconnections_per_peer_max = 2000\n")
    model = mock.says("fine")
    gate, statuses = threading.Barrier(50), []

    def ten(n):
        with httpx.Client(base_url=gateway.url, timeout=20) as http:
            http.get("/health")
            gate.wait()
            for _ in range(10):
                statuses.append(http.post("/v1/chat/completions", headers={**BEARER, "X-Capsem-Agent": "same"},
                                          json=CHAT.body(model, CHAT.user("hi"))).status_code)
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(ten, range(50)))
    assert sorted(set(statuses)) == [200, 429] and statuses.count(200) == 100 and len(statuses) == 500
    assert len(mock.seen_for(model)) == 100


@pytest.mark.parametrize("per, same, other", [
    ("key", {"agent": "x"}, {"key": KEY + "2"}),
    ("everyone", {"agent": "x", "key": KEY + "2"}, None),
    ("agent", {}, {"agent": "x"})])
def test_r65_per_says_who_shares_a_counter(make_gateway, mock, per, same, other):
    gateway = make_gateway(policies=policy("requests_per_minute = 2", head=f'per = "{per}"'))
    model = mock.says("fine")
    first = {"agent": "a", "key": KEY}
    for _ in range(2):
        chat(client_of(gateway, **first), model)
    assert raised(lambda: chat(client_of(gateway, **{**first, **same}), model)).code == "rate_limit_exceeded"
    if other:
        assert chat(client_of(gateway, **{**first, **other}), model).choices


def test_r62_a_shadow_limit_refuses_nobody_and_says_what_it_would_have_done(make_gateway, mock):
    gateway = make_gateway(policies=policy('requests_per_minute = 1\nmode = "shadow"'))
    model = mock.says("fine")
    for _ in range(3):
        chat(client_of(gateway, "a"), model)
    wait_until(lambda: len(gateway.records()) >= 3)
    assert "rate_limit_exceeded" in json.dumps(gateway.records()[-1]), gateway.records()[-1]


def test_anthropics_callers_get_anthropics_fields(limited, mock):
    answer = ANTHROPIC.ask(limited, "hello", mock.says("fine"), headers={"X-Capsem-Agent": next(names)})
    assert answer.headers["anthropic-ratelimit-tokens-limit"] == "1000"
    assert answer.headers["anthropic-ratelimit-tokens-reset"].endswith("Z")
