"""S3: the file that Sekuire's documentation prints, and all it promises, through the official SDKs.

Most tests drop the file's `permissions`: they demand api.openai.com over TLS, which the mock is not. The test of the
whole file goes there by [upstream] openai_connect_to."""

import itertools
import json
import os
import pathlib
import re
import shutil
import subprocess

import openai
import pytest
from openai import OpenAI

import dialects
from dialects import CHAT, json_events, sse_events
from harness import KEY, ROOT, Gateway
from test_tls import Certificate, TlsProvider, authority, settings  # noqa: F401

SEKUIRE = (ROOT / "tests/corpus/policy/sekuire/sekuire.yml").read_text()
WITHOUT_NETWORK = re.sub(r"^permissions:\n(?: .*\n)+\n", "", SEKUIRE, flags=re.M)
assert "permissions" in SEKUIRE and "permissions" not in WITHOUT_NETWORK and "rate_limits" in WITHOUT_NETWORK
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
PREFIX = "Request blocked by security policy: "
OPENAI_SHAPE = {"X-Capsem-Error-Format": "openai"}
agents = map("agent-{}".format, itertools.count(1))


@pytest.fixture(scope="module")
def gateway(mock):
    gateway = Gateway(mock.url, policies={"sekuire.yml": WITHOUT_NETWORK})
    yield gateway
    gateway.close()


def client_of(gateway, agent=None, **headers):
    """A client that retries as the SDK does when nobody tells it not to; an agent of its own."""
    return OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", timeout=20,
                  default_headers={"X-Capsem-Agent": agent or next(agents), **OPENAI_SHAPE, **headers})


def chat(client, text="hello", model="gpt-4o-mini", **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def function(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


def raised(call, kind=openai.APIError):
    with pytest.raises(kind) as error:
        call()
    return error.value


def scripted(directives):
    """Puts the directives into the user's text: the allow list knows no models of the mock's own."""
    return f"hello [[mock {directives}]]"


# ---- Models (R55-R57) ------------------------------------------------------------------------------------------------

def test_r55_r70_the_allowed_models_answer_and_nothing_but_the_base_url_changes(gateway):
    for model in ("gpt-4o-mini", "gpt-4o"):
        assert chat(client_of(gateway), model=model).choices[0].message.content == "Hello! How can I help you today?"


@STREAM
@pytest.mark.parametrize("model", ["gpt-3.5-turbo", "gpt-4", "gpt-4o-mini-2024", "GPT-4o"])
def test_r55_r56_a_blocked_or_unlisted_model_is_refused_before_any_contact(gateway, mock, stream, model):
    before = mock.count()
    error = raised(lambda: chat(client_of(gateway), model=model, stream=stream), openai.PermissionDeniedError)
    assert (error.code, error.type) == ("model_blocked", "policy_violation")
    assert error.body["message"] == f"Model {model} is not allowed"
    capsem = raised(lambda: chat(client_of(gateway, **{"X-Capsem-Error-Format": "capsem"}), model=model, stream=stream))
    assert capsem.body == {"detail": f"{PREFIX}[model_blocked] Model {model} is not allowed"}
    assert mock.count() == before


def test_r57_a_blocked_model_takes_no_slot_and_a_blocked_tool_does(gateway):
    client = client_of(gateway)
    for _ in range(12):
        assert raised(lambda: chat(client, model="gpt-3.5-turbo")).code == "model_blocked"
    for _ in range(9):
        chat(client)
    assert raised(lambda: chat(client, tools=[function("file_delete")])).code == "tool.blocked"
    assert raised(lambda: chat(client)).code == "rate_limit_exceeded"
    # The model is looked at first: it is what a caller over the limit is told of.
    assert raised(lambda: chat(client, model="gpt-3.5-turbo")).code == "model_blocked"


# ---- Tools (R58-R61) -------------------------------------------------------------------------------------------------

@STREAM
@pytest.mark.parametrize("name, code, message", [
    ("file_delete", "tool.blocked", "Tool file_delete is blocked"),
    ("env_set", "tool.blocked", "Tool env_set is blocked"),
    ("x", "tool.not_allowed", "Tool x is not in the allowlist")])
def test_r58_a_blocked_or_unlisted_definition_is_refused_before_any_contact(gateway, mock, stream, name, code, message):
    before = mock.count()
    tools = [function("calculator"), function(name)]
    error = raised(lambda: chat(client_of(gateway), tools=tools, stream=stream), openai.PermissionDeniedError)
    assert (error.code, error.body["message"]) == (code, message)
    capsem = raised(lambda: chat(client_of(gateway, **{"X-Capsem-Error-Format": "capsem"}), tools=tools))
    assert capsem.body == {"detail": f"Tool blocked by security policy: [{code}] {message}"}
    assert mock.count() == before


def test_r58_the_allowed_tools_pass_colon_and_all(gateway):
    tools = [function(n) for n in ("web_search", "files:read", "calculator")]
    assert chat(client_of(gateway), tools=tools).choices


def test_r59_built_in_tools_go_by_their_type(gateway, mock):
    client = client_of(gateway)
    assert client.responses.create(model="gpt-4o", input="hello", tools=[{"type": "web_search"}]).output_text
    before = mock.count()
    for tool in ({"type": "code_interpreter", "container": {"type": "auto"}},
                 {"type": "mcp", "server_label": "calculator", "server_url": "https://x.example"}):
        error = raised(lambda: client.responses.create(model="gpt-4o", input="hello", tools=[tool]))
        assert (error.code, error.body["message"]) == (
            "tool.not_allowed", f"Tool {tool['type']} is not in the allowlist")
    assert mock.count() == before


@pytest.mark.parametrize("more", ["", "cut=1", "escape", "choices=2"])
def test_r60_an_answer_with_a_blocked_call_is_withheld(gateway, mock, more):
    text = scripted(f'say="SECRET" tool=file_delete args={{"path":"/etc"}} {more}')
    error = raised(lambda: chat(client_of(gateway), text, tools=[function("calculator")]), openai.PermissionDeniedError)
    assert (error.code, error.body["message"]) == ("tool.blocked", "Tool file_delete is blocked")
    assert "SECRET" not in error.response.text and "/etc" not in error.response.text


def test_r60_every_choice_is_checked(gateway, mock):
    def choice(index, name):
        return {"index": index, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [
            {"id": f"c{index}", "type": "function", "function": {"name": name, "arguments": "{}"}}]}}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "gpt-4o",
            "choices": [choice(0, "calculator"), choice(1, "web_search"), choice(2, "env_set")]}
    mock.script(model="gpt-4o", times=1, pieces=[{"data": json.dumps(body)}], headers={"Content-Type": "application/json"})
    error = raised(lambda: chat(client_of(gateway), model="gpt-4o"))
    assert error.body["message"] == "Tool env_set is blocked"


@pytest.mark.parametrize("more", ["", "name-cut=1", "name-cut=3 cut=1", "name-cut=5 cut=2 segment=7", "whole",
                                  "choices=2 interleave name-cut=2"])
def test_r61_a_blocked_call_in_a_stream_raises_and_nothing_of_it_is_delivered(gateway, mock, more):
    text = scripted(f'say="Let me see." tool=file_delete args={{"path":"/etc/passwd"}} {more}')
    chunks = []

    def read():
        for chunk in chat(client_of(gateway), text, stream=True, tools=[function("calculator")]):
            chunks.append(chunk)
    error = raised(read)
    assert str(error) == "Tool file_delete is blocked"
    assert (error.code, error.type) == ("tool.blocked", "policy_violation")
    assert not any(c.choices[0].delta.tool_calls for c in chunks if c.choices)
    response = CHAT.post(gateway, CHAT.user(text), "gpt-4o-mini", True, headers={"X-Capsem-Agent": next(agents)})
    assert response.status_code == 200 and "[DONE]" not in response.text
    last = json.loads(sse_events(response.text)[-1][1])
    assert last["error"]["code"] == "tool.blocked"
    before = response.text.split('"error"')[0]
    assert "file" not in before and "passwd" not in before and "tool_calls" not in before


def test_r61_the_first_of_two_calls_may_be_fine(gateway, mock):
    text = scripted('tool=calculator args={"x":1} tool=file_delete args={"path":"/etc/passwd"} name-cut=2')
    response = CHAT.post(gateway, CHAT.user(text), "gpt-4o", True, headers={"X-Capsem-Agent": next(agents)})
    assert '"tool.blocked"' in response.text and "passwd" not in response.text and "file_" not in response.text.split('"error"')[0]


def test_r61_names_in_pieces_are_joined_before_they_are_matched(gateway, mock):
    """`calculator_x` begins like an allowed name, `file_` ends inside a blocked one."""
    for name, code in (("calculator", None), ("calculator_x", "tool.not_allowed"), ("file_deleter", "tool.not_allowed")):
        for cut in (1, 4, 10, 11):
            text = scripted(f"tool={name} args={{}} name-cut={cut}")
            events = CHAT.post(gateway, CHAT.user(text), "gpt-4o", True, headers={"X-Capsem-Agent": next(agents)}).text
            if code:
                assert json.loads(sse_events(events)[-1][1])["error"]["code"] == code, (name, cut)
            else:
                assert events.rstrip().endswith("[DONE]")
                calls = [c for e in json_events(events) for ch in e["choices"] for c in ch["delta"].get("tool_calls", [])]
                assert "".join(c["function"].get("name") or "" for c in calls) == name


# ---- Requests (R62, R65) ---------------------------------------------------------------------------------------------

def test_r62_of_twelve_quick_requests_ten_pass(gateway, mock):
    client, before = client_of(gateway, "twelve"), mock.count()
    heads = []
    for i in range(1, 13):
        if i <= 10:
            answer = client.chat.completions.with_raw_response.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": f"Request {i}"}])
            heads.append(answer.headers)
            continue
        error = raised(lambda: chat(client), openai.RateLimitError)  # not resent, although the SDK would
        assert (error.code, error.status_code) == ("rate_limit_exceeded", 429)
        assert error.body["message"] == "Rate limit exceeded: 10 requests per minute for agent 'twelve'"
        assert 0 < int(error.response.headers["retry-after"]) <= 60
        assert error.response.headers["x-should-retry"] == "false"
        assert error.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert mock.count() == before + 10
    assert [h["x-ratelimit-limit-requests"] for h in heads] == ["10"] * 10
    assert [int(h["x-ratelimit-remaining-requests"]) for h in heads] == list(range(9, -1, -1))
    assert all(h["x-ratelimit-reset-requests"].endswith("s") for h in heads)


def test_r65_agents_have_windows_of_their_own(gateway):
    a, b = client_of(gateway, "window-a"), client_of(gateway, "window-b")
    for _ in range(10):
        chat(a)
    assert raised(lambda: chat(a)).code == "rate_limit_exceeded"
    for _ in range(10):
        chat(b)
    assert raised(lambda: chat(b)).code == "rate_limit_exceeded"
    # Another key that calls itself by the same name is another caller.
    other = OpenAI(api_key=KEY + "2", base_url=f"{gateway.url}/v1", default_headers={"X-Capsem-Agent": "window-a"})
    assert chat(other).choices


def test_r62_the_other_dialects_count_in_the_same_window(gateway):
    agent = {"X-Capsem-Agent": "all-dialects"}
    for _ in range(5):
        assert CHAT.ask(gateway, "hello", "gpt-4o", headers=agent).status_code == 200
        assert dialects.RESPONSES.ask(gateway, "hello", "gpt-4o", headers=agent).status_code == 200
    for dialect in dialects.ALL:
        answer = dialect.ask(gateway, "hello", "gpt-4o", headers=agent)
        assert answer.status_code == 429 and answer.headers["x-should-retry"] == "false", dialect.name


OLDER = """\
project: {name: workspace}
models:
  allowed_models: [gpt-4o]
rate_limits:
  requests: {max_per_minute: 3, max_per_hour: 500}
  tokens: {max_per_minute: 50000}
"""


def test_r65_the_older_spelling_counts_too(make_gateway):
    client = client_of(make_gateway(policies={"sekuire.yml": OLDER}))
    for _ in range(3):
        chat(client, model="gpt-4o")
    error = raised(lambda: chat(client, model="gpt-4o"))
    assert error.body["message"].startswith("Rate limit exceeded: 3 requests per minute")
    assert raised(lambda: chat(client)).code == "model_blocked"


# ---- The whole file (R66) --------------------------------------------------------------------------------------------

def test_r66_the_whole_file_lets_api_openai_com_over_tls_alone(make_gateway, mock, authority, tmp_path):  # noqa: F811
    policies = {"sekuire.yml": SEKUIRE}
    provider = TlsProvider(Certificate(tmp_path, "good", authority, names=("api.openai.com",)))
    way = settings(authority) + f'openai_connect_to = "127.0.0.1:{provider.port}"\n'
    gateway = make_gateway(upstream="https://api.openai.com", policies=policies, settings=way)
    assert chat(client_of(gateway)).choices[0].message.content == "over TLS"
    provider.close()
    before = mock.count()
    plain = make_gateway(policies=policies)  # http://127.0.0.1
    error = raised(lambda: chat(client_of(plain)))
    assert (error.code, error.body["message"]) == ("network.tls_required", "TLS is required for network requests")
    elsewhere = make_gateway(upstream="https://llm.example", policies=policies)
    error = raised(lambda: chat(client_of(elsewhere)))
    assert (error.code, error.body["message"]) == ("network.not_allowed", "Domain llm.example is not in the allowlist")
    bad = make_gateway(upstream="https://c2.malware.net", policies=policies)
    error = raised(lambda: chat(client_of(bad)))
    assert (error.code, error.body["message"]) == ("network.blocked", "Domain c2.malware.net is blocked by policy")
    assert mock.count() == before


@pytest.mark.parametrize("permissions, code, message", [
    ("permissions: {filesystem: {}}", "network.missing", "Network permissions not configured"),
    ("permissions: {network: {enabled: false}}", "network.disabled", "Network access is disabled")])
def test_r66_permissions_without_a_network_let_nothing_out(make_gateway, mock, permissions, code, message):
    gateway = make_gateway(policies={"sekuire.yml": f"project: {{name: p}}\n{permissions}\n"})
    before = mock.count()
    error = raised(lambda: chat(client_of(gateway)))
    assert (error.code, error.body["message"]) == (code, message)
    assert mock.count() == before


def test_r67_urls_in_arguments_are_held_to_the_same_lists(make_gateway, mock):
    gateway = make_gateway(policies={"p.toml": """schema = 1
[[policy]]
id = "net"
type = "lists"
network = { allow = ["127.0.0.1", "*.wikipedia.org"], deny = ["*.malware.net"] }
"""})
    for url, code in (("https://wikipedia.org/x", None), ("https://en.m.wikipedia.org/x", None),
                      ("https://evil.example/x", "network.not_allowed"), ("https://a.malware.net", "network.blocked"),
                      ("https://xwikipedia.org/", "network.not_allowed")):
        model = mock.model(f"tool=fetch args={json.dumps({'a': [{'url': url}]})} cut=2")
        for stream in (False, True):
            client = client_of(gateway)
            if code is None:
                list(chat(client, model=model, stream=stream))
            else:
                error = raised(lambda: list(chat(client, model=model, stream=stream)))
                assert error.code == code, url


def test_r69_a_file_without_any_policy_refuses_the_start(make_gateway):
    with pytest.raises(AssertionError, match="sekuire.yml"):
        make_gateway(policies={"sekuire.yml": "project: {name: p, version: 1.0.0}\nagent: {name: A}\n"})


# ---- JavaScript ------------------------------------------------------------------------------------------------------

NODE = pathlib.Path(__file__).parent / "node"


@pytest.mark.skipif(not shutil.which("node") or not (NODE / "node_modules").exists(),
                    reason="node and its packages are not installed")
def test_r55_r62_the_documentations_scenes_print_what_it_says(gateway):
    run = subprocess.run(["node", str(NODE / "sekuire.mjs")], cwd=NODE, text=True, capture_output=True, timeout=50,
                         env={**os.environ, "CAPSEM_URL": gateway.url, "CAPSEM_KEY": KEY})
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines() == [
        *["string", "gpt-3.5-turbo blocked: [model_blocked] Model gpt-3.5-turbo is not allowed"] * 4,
        *[f"Request {i}: ALLOWED" for i in range(5, 11)],
        *[f"Request {i}: BLOCKED 429 true rate_limit_exceeded" for i in (11, 12)]]
