"""Which agent a request speaks for (R81, X11), and the operator's own way to a provider."""

import pytest

from dialects import ANTHROPIC, CHAT, GEMINI
from harness import KEY, header, wait_until
from test_tls import Certificate, TlsProvider, authority, settings  # noqa: F401


def ask(gateway, dialect, headers, model="m"):
    return gateway.http.post(dialect.url(model, False), json=dialect.body(model, dialect.user("hello"), False),
                             headers={**dialect.headers, **headers})


def last_agent(gateway, count):
    records = wait_until(lambda: len(gateway.records()) >= count and gateway.records())
    return records[count - 1]["agent"]


def test_r81_the_agent_is_recorded_and_stays_here(make_gateway, mock):
    gateway = make_gateway()
    model = mock.says("fine")
    cases = [
        (CHAT, {"X-Capsem-Agent": "premium-1"}, "premium-1"),
        (CHAT, {"x-controlzero-agent-id": "premium-2"}, "premium-2"),
        (CHAT, {"X-Capsem-Agent": "same", "X-ControlZero-Agent-ID": "same"}, "same"),
        (CHAT, {}, "openai-direct"),
        (GEMINI, {}, "gemini-direct"),
        (ANTHROPIC, {}, "anthropic-direct"),
        (ANTHROPIC, {"X-Capsem-Agent": "a" * 128}, "a" * 128),
    ]
    for i, (dialect, headers, agent) in enumerate(cases):
        assert ask(gateway, dialect, {**headers, "X-Capsem-Explain": "0"}, model).status_code == 200
        assert last_agent(gateway, i + 1) == agent
    for request in mock.seen_for(model):
        for name in ("x-capsem-agent", "x-controlzero-agent-id", "x-capsem-explain"):
            assert header(request, name) == [], name


@pytest.mark.parametrize("headers, code", [
    ({"X-Capsem-Agent": "a", "X-ControlZero-Agent-ID": "b"}, "conflicting_agents"),
    ({"X-Capsem-Agent": "a" * 129}, "invalid_agent"),
    ({"X-Capsem-Agent": "a\tb"}, "invalid_agent"),
    ({"X-Capsem-Agent": "caf\u00e9".encode()}, "invalid_agent"),
])
def test_x11_an_agent_that_cannot_be_one_is_400_and_goes_nowhere(make_gateway, mock, headers, code):
    gateway = make_gateway()
    before = mock.count()
    answer = ask(gateway, CHAT, {**headers, "X-Capsem-Error-Format": "openai"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == code
    assert mock.count() == before
    record = wait_until(gateway.records)[0]
    assert record["status"] == 400 and record["error_code"] == code


def test_connect_to_changes_the_way_and_not_the_name(make_gateway, authority, tmp_path):  # noqa: F811
    provider = TlsProvider(Certificate(tmp_path, "good", authority, names=("api.openai.example",)))
    gateway = make_gateway(upstream="https://api.openai.example",
                           settings=settings(authority) + f'openai_connect_to = "127.0.0.1:{provider.port}"\n')
    answer = CHAT.ask(gateway, "hello")
    assert answer.status_code == 200 and "over TLS" in answer.text
    assert b"\r\nhost: api.openai.example\r\n" in provider.received and KEY.encode() in provider.received
    assert f"(by 127.0.0.1:{provider.port})" in gateway.output
    provider.close()


def test_connect_to_still_wants_the_base_urls_certificate(make_gateway, authority, tmp_path):  # noqa: F811
    provider = TlsProvider(Certificate(tmp_path, "other", authority, names=("other.example",)))
    gateway = make_gateway(upstream="https://api.openai.example",
                           settings=settings(authority) + f'openai_connect_to = "127.0.0.1:{provider.port}"\n')
    assert CHAT.ask(gateway, "hello").status_code == 502
    assert provider.received == b""
    provider.close()
