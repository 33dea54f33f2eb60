"""Two gateways that share their limits over a real Redis, and what they do while it is gone (T40, promise 15)."""

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from dialects import BEARER, CHAT
from harness import wait_until
from servers import PASSWORD

names = map("shared-{}".format, itertools.count(1))


def policy(lines, per="agent"):
    return {"limits.toml": f'schema = 1\n[[policy]]\nid = "limits"\ntype = "limit"\nper = "{per}"\n{lines}\n'}


@pytest.fixture
def make_pair(make_gateway, redis):
    """make_pair(lines): two gateways with this limit on one Redis, connected."""
    def make(lines, settings="", **options):
        pair = [make_gateway(policies=policy(lines, **options), settings=settings, args=["--redis-url", redis.url])
                for _ in range(2)]
        for gateway in pair:
            wait_until(lambda: metric(gateway, "capsem_redis_up") == 1, 20)
        return pair
    return make


def metric(gateway, name):
    return int(re.search(rf"^{name} (\d+)$", httpx.get(f"{gateway.admin_url}/metrics").text, re.MULTILINE).group(1))


def ask(gateway, model, agent, **more):
    return gateway.http.post(CHAT.path, headers={**BEARER, "X-Capsem-Agent": agent, "X-Capsem-Error-Format": "openai"},
                             json={"model": model, "messages": [{"role": "user", "content": "hello"}], **more})


def code_of(response):
    return response.json()["error"]["code"]


def all_up(gateways):
    wait_until(lambda: all(metric(g, "capsem_redis_up") == 1 for g in gateways), 30)


def test_t40_two_gateways_let_a_hundred_through_together(make_pair, mock):
    pair = make_pair("requests_per_hour = 100")
    agent, model = next(names), mock.says("SHARED", "usage=1/1")
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda i: ask(pair[i % 2], model, agent), range(240)))
    assert [r.status_code for r in answers].count(200) == 100
    assert {r.status_code for r in answers} == {200, 429}
    assert len(mock.seen_for(model)) == 100
    refused = next(r for r in answers if r.status_code == 429)
    assert code_of(refused) == "rate_limit_exceeded" and int(refused.headers["retry-after"]) > 3000
    assert ask(pair[0], model, next(names)).status_code == 200  # R65: another agent's own
    assert metric(pair[0], "capsem_redis_failures_total") == 0


def test_r63_a_budget_that_one_gateway_uses_up_is_used_up_for_the_other(make_pair, mock):
    one, other = make_pair("tokens_per_hour = 1000")
    agent, model = next(names), mock.says("PAID ANSWER", "usage=300/150")
    first = ask(one, model, agent)
    assert first.status_code == 200 and first.headers["x-ratelimit-limit-tokens"] == "1000"
    second = ask(other, model, agent)  # its head tells what is left beside its own reservation
    assert second.status_code == 200 and int(second.headers["x-ratelimit-remaining-tokens"]) < 550
    crossing = ask(one, model, agent)
    assert crossing.status_code == 429 and code_of(crossing) == "token_limit_exceeded"
    assert "PAID ANSWER" not in crossing.text
    assert ask(other, model, agent).status_code == 429
    assert len(mock.seen_for(model)) == 3


def test_streams_are_counted_over_both_gateways(make_pair, mock):
    one, other = make_pair("tokens_per_hour = 1000")
    agent, model = next(names), mock.says("one two three", "usage=400/50")
    for gateway in (one, other):
        answer = ask(gateway, model, agent, stream=True)
        assert answer.status_code == 200 and answer.text.rstrip().endswith("data: [DONE]")
        assert '"usage":{' not in answer.text  # R64: it was asked for on the client's behalf
    assert ask(one, model, agent).status_code in (200, 429)
    assert ask(other, model, agent).status_code == 429


def test_slots_are_shared_and_come_back(make_pair, mock):
    pair = make_pair("concurrent_requests = 2")
    agent, model = next(names), mock.says("SLOW", "usage=1/1 delay=400")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda i: ask(pair[i % 2], model, agent), range(8)))
    statuses = [r.status_code for r in answers]
    assert statuses.count(200) >= 2 and set(statuses) == {200, 429}
    quick = mock.says("QUICK", "usage=1/1")
    for i in range(6):
        wait_until(lambda: ask(pair[i % 2], quick, agent).status_code == 200, 10)


@pytest.mark.parametrize("fault", ["kill", "pause"])
def test_promise15_each_limit_goes_by_its_own_word_while_redis_is_down(make_gateway, make_pair, redis, mock, fault):
    replicas = "[store]\nreplicas = 2\nredis_breaker_errors = 2\n"
    requests = make_pair("requests_per_hour = 10", settings=replicas)
    budget = make_pair("tokens_per_hour = 100000", settings=replicas)
    opened = make_pair('tokens_per_hour = 100000\non_store_down = "open"', settings=replicas)
    model, agent = mock.says("HELLO", "usage=1/1"), next(names)
    assert all(ask(g, model, agent).status_code == 200 for g in requests + budget + opened)
    getattr(redis, fault)()

    # What is known to be down is not asked. A call that was on its way waits for redis_call_ms.
    for gateway in requests + budget + opened:
        wait_until(lambda: (ask(gateway, model, next(names)), metric(gateway, "capsem_redis_connections"))[1] == 0, 30)
    for gateway in requests:  # 10 / 2 each, by itself; the request that Redis has counted is not known here
        local = [ask(gateway, model, "while-down").status_code for _ in range(8)]
        assert local == [200] * 5 + [429] * 3
    for gateway in budget:
        refused = ask(gateway, model, agent)
        assert refused.status_code == 503 and code_of(refused) == "limits_unavailable"
    for gateway in opened:
        assert ask(gateway, model, agent).status_code == 200
    for gateway in requests + budget + opened:  # an optional store: it takes part in serving all the same
        assert gateway.http.get("/health").status_code == 200
        assert httpx.get(f"{gateway.admin_url}/ready").status_code == 200

    getattr(redis, {"kill": "start", "pause": "resume"}[fault])()
    all_up(requests + budget + opened)
    assert all(ask(g, model, next(names)).status_code == 200 for g in requests + budget + opened)
    for gateway in requests + budget + opened:
        assert PASSWORD not in gateway.output


def test_scripts_that_redis_forgets_are_sent_again(make_pair, redis, mock):
    pair = make_pair("requests_per_hour = 20")
    agent, model = next(names), mock.says("HELLO", "usage=1/1")
    statuses = []
    for i in range(30):
        if i % 5 == 0:
            redis.call("SCRIPT", "FLUSH")
        statuses.append(ask(pair[i % 2], model, agent).status_code)
    assert statuses == [200] * 20 + [429] * 10


def test_what_a_gateway_that_died_held_is_free_again(make_pair, mock):
    one, other = make_pair("concurrent_requests = 1", per="everyone")
    slow, model = mock.says("SLOW", "usage=1/1 delay=60000"), mock.says("HELLO", "usage=1/1")
    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(lambda: pytest.raises(httpx.HTTPError, ask, one, slow, "a"))
        wait_until(lambda: mock.seen_for(slow), 20)
        assert ask(other, model, "a").status_code == 429
        one.process.kill()
        held.result(20)
    started = time.monotonic()
    wait_until(lambda: ask(other, model, "a").status_code == 200, 40)
    assert time.monotonic() - started > 2  # not before it is certain


def test_a_redis_url_that_cannot_be_read_is_refused_without_being_shown(make_gateway):
    with pytest.raises(AssertionError) as error:
        make_gateway(args=["--redis-url", f"redis://user:{PASSWORD}@"])
    assert "redis_url" in str(error.value) and PASSWORD not in str(error.value)
