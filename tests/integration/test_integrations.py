"""R34-R38, R40, R42, R44, R46-R48, R54, X2, T04, T28: what callers see of an integration, with the
official SDKs and by hand."""

import json

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from harness import CANARY, Gateway, header, wait_until

MASTER = {"CAPSEM_MASTER_KEY": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}
STORED = f"sk-stored-{CANARY}-0123456789abcdef"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
POLICY = """\
schema = 1
""" + "".join(f"""
[[policy]]
id = "{name}"
type = "content"
enforcement = "{enforcement}"
{more}
  [[policy.rule]]
  id = "r"
  severity = "high"
  message = "Mentions {word}"
  all = [ {{ field = "content", op = "contains", value = "{word}" }} ]
""" for name, enforcement, word, more in [
    ("earnings", "block", "Q4 earnings", ""),
    ("reports", "block", "report", ""),
    ("budgets", "warn", "budget", ""),
    ("holidays", "monitor", "holiday", ""),
    ("outputs", "block", "merger", 'on = ["response"]\noutput = "log"'),
])
POLICIES = ("earnings", "reports", "budgets", "holidays", "outputs")


@pytest.fixture(scope="module")
def house(mock):
    gateway = Gateway(mock.url, policies={"house.toml": POLICY}, env=MASTER)
    yield gateway
    gateway.close()


def data(answer, status=200):
    assert answer.status_code == status, answer.text
    return answer.json()["data"]


def integrate(gateway, name, provider="openai", policies=POLICIES, **more):
    made = data(gateway.admin("POST", "/v1/integrations", {
        "name": name, "provider": provider, "provider_key": STORED, **more}), 201)
    for policy in policies:
        data(gateway.admin("POST", "/v1/bindings", {"policy": policy, "target": made["id"]}), 201)
    return made


@pytest.fixture(scope="module")
def bot(house):
    return integrate(house, "openai bot")


@pytest.fixture(scope="module")
def gemini_bot(house):
    return integrate(house, "gemini bot", "gemini")


@pytest.fixture(scope="module")
def claude_bot(house):
    return integrate(house, "claude bot", "anthropic")


def ask(bot, text, model="gpt-4o", path="/v1/chat/completions", headers=None, **more):
    return httpx.post(bot["proxy_url"] + path, timeout=20, json={
        "model": model, "messages": [{"role": "user", "content": text}], **more},
        headers={"authorization": f"Bearer {bot['key']}", **(headers or {})})


def records(gateway, **filters):
    return data(gateway.admin("GET", "/v1/records", params=filters))


def record_of(gateway, **members):
    """The latest exchange with these members, which may be kept a moment after its answer."""
    def found():
        return [r["record"] for r in records(gateway, limit=200) if r["kind"] == "exchange"
                and all(r["record"].get(k) == v for k, v in members.items())]
    return wait_until(found)[0]


# ---- The official SDKs, as S2 shows them ----

@pytest.mark.parametrize("version", ["", "/v1"])
def test_r34_openai_with_and_without_v1(house, bot, mock, version):
    model = mock.says("fine")
    client = openai.OpenAI(api_key=bot["key"], base_url=bot["proxy_url"] + version, max_retries=0)
    ask_for = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    assert client.chat.completions.create(**ask_for).choices[0].message.content == "fine"
    chunks = client.chat.completions.create(stream=True, **ask_for)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "fine"
    assert client.responses.create(model=model, input="hello").output_text == "fine"
    for seen in mock.seen_for(model):
        assert seen["target"] in ("/v1/chat/completions", "/v1/responses")
        assert header(seen, "authorization") == [f"Bearer {STORED}"]
        assert bot["key"] not in json.dumps(seen)


def test_r42_openai_raises_with_two_violations(bot, mock):
    client = openai.OpenAI(api_key=bot["key"], base_url=bot["proxy_url"], max_retries=0)
    model = mock.says("fine")
    with pytest.raises(openai.PermissionDeniedError) as raised:
        client.chat.completions.create(model=model, messages=[
            {"role": "user", "content": "Summarize our Q4 earnings report"}])
    assert raised.value.code == "request_blocked" and raised.value.type == "policy_violation"
    assert raised.value.body["message"] == "Request blocked by policy. 2 violation(s) detected."
    assert mock.seen_for(model) == []


@pytest.mark.parametrize("prompt", [
    [{"role": "system", "content": "Q4 earnings"}, {"role": "user", "content": "x"}],
    [{"role": "user", "content": "x"}, {"role": "assistant", "content": "Q4 earnings"}],
    [{"role": "user", "content": [{"type": "text", "text": "Q4 earnings"}]}],
])
def test_r40_all_texts_are_evaluated(bot, prompt):
    answer = httpx.post(bot["proxy_url"] + "/v1/chat/completions", timeout=20,
                        json={"model": "gpt-4o", "messages": prompt},
                        headers={"authorization": f"Bearer {bot['key']}"})
    assert answer.status_code == 403, answer.text
    assert answer.json()["error"]["message"].endswith("1 violation(s) detected.")


@pytest.mark.parametrize("body,path", [
    ({"model": "m", "prompt": "Q4 earnings"}, "/v1/completions"),
    ({"model": "m", "prompt": ["x", "Q4 earnings"]}, "/completions"),
    ({"model": "m", "input": "Q4 earnings"}, "/v1/responses"),
])
def test_r40_r35_other_evaluated_paths(bot, body, path):
    answer = httpx.post(bot["proxy_url"] + path, json=body, timeout=20,
                        headers={"authorization": f"Bearer {bot['key']}"})
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("version", ["v1beta", "v1alpha"])
def test_gemini_sdk(house, gemini_bot, mock, version):
    client = genai.Client(api_key=gemini_bot["key"], http_options=genai_types.HttpOptions(
        base_url=gemini_bot["proxy_url"], api_version=version))
    model = mock.says("fine")
    assert client.models.generate_content(model=model, contents="hello").text == "fine"
    chunks = client.models.generate_content_stream(model=model, contents="hello")
    assert "".join(c.text or "" for c in chunks) == "fine"
    for seen in mock.seen_for(model):
        assert seen["target"].startswith(f"/{version}/models/{model}:")
        assert header(seen, "x-goog-api-key") == [STORED]
        assert gemini_bot["key"] not in json.dumps(seen)
    with pytest.raises(genai_errors.ClientError) as raised:
        client.models.generate_content(model=model, contents="Q4 earnings")
    assert raised.value.code == 403 and raised.value.status == "PERMISSION_DENIED"
    assert raised.value.message == "Request blocked by policy. 1 violation(s) detected."
    stranger = genai.Client(api_key="ag_live_unknown", http_options=genai_types.HttpOptions(
        base_url=gemini_bot["proxy_url"]))
    with pytest.raises(genai_errors.ClientError) as raised:
        stranger.models.generate_content(model=model, contents="x")
    assert raised.value.code == 401 and raised.value.status == "UNAUTHENTICATED"


def test_anthropic_sdk(house, claude_bot, mock):
    client = anthropic.Anthropic(api_key=claude_bot["key"], base_url=claude_bot["proxy_url"],
                                 max_retries=0)
    model = mock.says("fine")
    call = {"model": model, "max_tokens": 10, "messages": [{"role": "user", "content": "hello"}]}
    assert client.messages.create(**call).content[0].text == "fine"
    with client.messages.stream(**call) as stream:
        assert stream.get_final_text() == "fine"
    for seen in mock.seen_for(model):
        assert seen["target"] == "/v1/messages" and header(seen, "x-api-key") == [STORED]
        assert claude_bot["key"] not in json.dumps(seen)
    call["messages"][0]["content"] = "Q4 earnings"
    with pytest.raises(anthropic.PermissionDeniedError) as raised:
        client.messages.create(**call)
    assert raised.value.body["type"] == "error"
    assert raised.value.body["error"]["message"].endswith("1 violation(s) detected.")
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(api_key="ag_live_unknown", base_url=claude_bot["proxy_url"],
                            max_retries=0).messages.create(**call)


# ---- Paths and keys ----

def test_r35_other_paths_pass_unread_and_are_no_runs(house, bot, mock):
    client = openai.OpenAI(api_key=bot["key"], base_url=bot["proxy_url"], max_retries=0)
    client.models.list()
    client.embeddings.create(model="text-embedding-3-small", input="our Q4 earnings report")
    path = f"/v1/integrations/openai/proxy/{bot['id']}/embeddings"
    record = record_of(house, path=path)
    assert record["status"] == 200 and record.get("decisions", []) == []
    assert not record.get("evaluated", False)
    assert {"surface": "request", "reason": "relayed unread"} in record["not_checked"]
    runs = data(house.admin("GET", "/v1/runs", params={"limit": 200}))
    assert path not in json.dumps(runs)


@pytest.mark.parametrize("path", [
    "/v1/chat/completions/", "/V1/chat/completions", "/v1/v1/chat/completions", "/v1/messages",
    "/openai/deployments/gpt/chat/completions", "/v1/chat%2fcompletions",
])
def test_t04_spellings_of_evaluated_paths_do_not_pass(bot, mock, path):
    model = mock.says("fine")
    with httpx.Client(timeout=20) as client:
        sent = client.build_request("POST", bot["proxy_url"], headers={"authorization": f"Bearer {bot['key']}"},
                                    json={"model": model, "messages": [{"role": "user", "content": "Q4 earnings"}]})
        sent.url = sent.url.copy_with(raw_path=sent.url.raw_path + path.encode())
        assert client.send(sent).status_code in (400, 404)
    assert mock.seen_for(model) == []


def test_r38_wrong_keys(house, bot, claude_bot, mock):
    model = mock.says("fine")
    for key in ("ag_live_" + "0" * 40, "sk-a-provider-key", STORED, claude_bot["key"]):
        answer = ask({**bot, "key": key}, "hello", model)
        assert answer.status_code == 401 and answer.json()["error"]["code"] == "invalid_api_key"
        assert "detail" not in answer.json() and STORED not in answer.text
    other = bot["proxy_url"].replace("/openai/", "/anthropic/")
    assert ask({**bot, "proxy_url": other}, "hello", model, path="/v1/messages").status_code == 401
    # X2: and none of the gateway's own on a root route.
    root = ask({"proxy_url": house.url, "key": bot["key"]}, "hello", model)
    assert root.status_code == 401
    assert mock.seen_for(model) == []


def test_r36_a_revoked_key_is_refused_at_once(house, mock):
    mine = integrate(house, "revoked", policies=())
    model = mock.says("fine")
    with httpx.Client(headers={"authorization": f"Bearer {mine['key']}"}, timeout=20) as client:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
        assert client.post(mine["proxy_url"] + "/v1/chat/completions", json=body).status_code == 200
        (key,) = data(house.admin("GET", f"/v1/integrations/{mine['id']}/keys"))
        assert mine["key"] not in json.dumps(key)
        data(house.admin("POST", f"/v1/keys/{key['id']}/revoke"))
        refused = client.post(mine["proxy_url"] + "/v1/chat/completions", json=body)
    assert refused.status_code == 401 and len(mock.seen_for(model)) == 1


def test_t28_one_identity_or_none(bot):
    both = ask(bot, "hello", headers={"x-api-key": bot["key"]})
    assert both.status_code == 200
    assert ask(bot, "hello", headers={"x-api-key": "sk-other"}).status_code == 400


def test_r54_no_cors(bot):
    origin = {"origin": "https://page.example"}
    for answer in (ask(bot, "hello", headers=origin), ask(bot, "Q4 earnings", headers=origin),
                   httpx.options(bot["proxy_url"] + "/v1/chat/completions", headers={
                       **origin, "access-control-request-method": "POST"})):
        assert not [h for h in answer.headers if h.startswith("access-control")]
    assert answer.status_code == 405


# ---- Modes, outputs, quota ----

def test_r44_warnings_pass_and_silent_ones_say_nothing(house, bot, mock):
    model = mock.says("fine")
    warned = ask(bot, "a budget and a holiday", model)
    assert warned.status_code == 200 and warned.headers["x-capsem-violations"] == "1"
    assert warned.json()["choices"][0]["message"]["content"] == "fine"
    quiet = mock.says("fine")
    silent = ask(bot, "a holiday", quiet)
    assert silent.status_code == 200 and "x-capsem-violations" not in silent.headers
    decisions = record_of(house, model=quiet)["decisions"]
    assert [d["policy"] for d in decisions] == ["holidays"]


@pytest.mark.parametrize("stream", [False, True])
def test_r46_outputs_are_judged_and_left_alone(house, bot, mock, stream):
    said = mock.says("about the merger")
    plain = mock.says("about the weather")
    answers = [ask(bot, "hello", model, stream=stream) for model in (said, plain)]
    assert [a.status_code for a in answers] == [200, 200]
    assert [{k for k in a.headers if k.startswith("x-capsem")} for a in answers] == [set(), set()]
    assert ("merger" in answers[0].text.replace('"}', "")) or stream
    decisions = record_of(house, model=said)["decisions"]
    assert [(d["policy"], d["phase"], d["enforced"]) for d in decisions] == [("outputs", "response", False)]
    assert record_of(house, model=plain).get("decisions", []) == []


def test_r47_outputs_past_1_mib_are_given_whole(house, bot, mock):
    long = mock.says("x" * (1 << 20) + " merger")
    answer = ask(bot, "hello", long)
    assert answer.status_code == 200 and answer.text.count("x") >= 1 << 20
    record = record_of(house, model=long)
    assert {"surface": "answer", "reason": "too_large"} in record["not_checked"]


def test_r48_a_quota_counts_what_is_evaluated(house, mock):
    mine = integrate(house, "quota", policies=(), evaluations_per_month=2)
    model = mock.says("fine")
    for _ in range(3):
        assert httpx.get(mine["proxy_url"] + "/v1/models", timeout=20, headers={
            "authorization": f"Bearer {mine['key']}"}).status_code == 200
    assert [ask(mine, "hello", model).status_code for _ in range(3)] == [200, 200, 429]
    assert ask(mine, "hello", model).json()["error"]["code"] == "evaluation_quota_exceeded"
    assert len(mock.seen_for(model)) == 2


def test_r37_the_stored_key_is_in_no_file(house, bot):
    ask(bot, "hello")
    files = b"".join(p.read_bytes() for p in house.data.rglob("*") if p.is_file())
    assert STORED.encode() not in files and bot["key"].encode() not in files
    assert STORED not in house.output and bot["key"] not in house.output
