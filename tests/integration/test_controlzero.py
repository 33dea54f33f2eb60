"""S4: the policies that Control Zero's documentation prints, word for word, and what it says happens with them."""

import json

import openai
import pytest
from openai import OpenAI

from dialects import ANTHROPIC, BEARER, CHAT, COMPLETIONS, GEMINI, RESPONSES
from harness import KEY, ROOT, Gateway, wait_until

ALLOWLIST = (ROOT / "tests/corpus/policy/allowlist.json").read_text()
AGENTS = (ROOT / "tests/corpus/policy/agents.json").read_text()
PREFIX = "Request blocked by security policy: "


def serving(mock, **policies):
    return Gateway(mock.url, policies={name.replace("_json", ".json").replace("_yaml", ".yaml"): text
                                       for name, text in policies.items()})


@pytest.fixture(scope="module")
def allowlist(mock):
    gateway = serving(mock, openai_model_governance_json=ALLOWLIST)
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def privileges(mock):
    gateway = serving(mock, agents_json=AGENTS)
    yield gateway
    gateway.close()


def wrap_openai(gateway, agent_id=None, header="X-ControlZero-Agent-ID", shape="openai"):
    """What replaces S4's wrapper: another base URL, and who the agent is."""
    headers = {"X-Capsem-Error-Format": shape, **({header: agent_id} if agent_id else {})}
    return OpenAI(api_key=KEY, base_url=f"{gateway.url}/v1", default_headers=headers, max_retries=0, timeout=20)


def chat(client, model, text="What is the capital of France?", **options):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def denied(call):
    with pytest.raises(openai.PermissionDeniedError) as error:
        call()
    return error.value


# ---- The model allow-list --------------------------------------------------------------------------------------------

def test_r71_what_happens_at_runtime_with_this_policy(allowlist, mock):
    client = wrap_openai(allowlist)
    assert chat(client, "gpt-4").choices[0].message.content
    assert chat(client, "gpt-3.5-turbo").choices[0].message.content
    before = mock.count()
    for model in ("gpt-4-turbo", "gpt-4-turbo-2024-04-09"):
        error = denied(lambda: chat(client, model))
        assert (error.code, error.body["reason_code"]) == ("policy_denied", "RULE_MATCH")  # R73
        assert error.body["message"].startswith(f"Action llm.generate on model/{model} denied by rule '")
    for model in ("gpt-4o", "gpt-4-vision", "GPT-4", "gpt-4 "):
        error = denied(lambda: chat(client, model))
        assert error.body["reason_code"] == "NO_RULE_MATCH"
        assert "default deny" in error.body["message"]
    assert mock.count() == before
    assert client.embeddings.create(model="text-embedding-3-small", input="hello").data[0].embedding
    before = mock.count()
    for model in ("text-embedding-3-large", "text-embedding-ada-002", "gpt-4"):
        error = denied(lambda: client.embeddings.create(model=model, input="hello"))
        assert error.body["reason_code"] == "NO_RULE_MATCH"
        assert f"Action embedding.generate on model/{model} denied by default deny" in error.body["message"]
    # The model that embeddings may use is no model to talk to.
    assert denied(lambda: chat(client, "text-embedding-3-small")).body["reason_code"] == "NO_RULE_MATCH"
    assert mock.count() == before


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_r73_the_fallback_example(allowlist, stream):
    client = wrap_openai(allowlist)
    try:
        response = chat(client, "gpt-4-turbo", "Hello", stream=stream)
    except openai.PermissionDeniedError:
        response = chat(client, "gpt-4", "Hello", stream=stream)
    said = "".join(c.choices[0].delta.content or "" for c in response) if stream else response.choices[0].message.content
    assert said == "Hello! How can I help you today?"


def test_r73_in_the_gateways_own_shape_the_reason_code_is_part_of_the_text(allowlist):
    error = denied(lambda: chat(wrap_openai(allowlist, shape="capsem"), "gpt-4o"))
    assert list(error.body) == ["detail"]
    assert error.body["detail"].startswith(PREFIX + "[NO_RULE_MATCH] Action llm.generate on model/gpt-4o denied")


def test_r72_every_generating_route_is_llm_generate(allowlist, mock):
    for dialect in (CHAT, COMPLETIONS, RESPONSES, GEMINI, ANTHROPIC):
        for stream in (False, True):
            assert dialect.ask(allowlist, "hello", "gpt-4", stream).status_code == 200, dialect.name
            before = mock.count()
            answer = dialect.ask(allowlist, "hello", "gpt-4o", stream)
            assert answer.status_code == 403 and "Action llm.generate on model/gpt-4o" in answer.text, dialect.name
            assert mock.count() == before


def test_r72_other_methods_pass_unchanged(allowlist):
    assert wrap_openai(allowlist).models.list().data


@pytest.mark.parametrize("body", [{"messages": [{"role": "user", "content": "hi"}]},
                                  {"model": "", "messages": [{"role": "user", "content": "hi"}]},
                                  {"model": None, "messages": [{"role": "user", "content": "hi"}]}],
                         ids=["missing", "empty", "null"])
def test_r79_without_a_model_nothing_is_allowed(allowlist, mock, body):
    before = mock.count()
    answer = allowlist.http.post("/v1/chat/completions", json=body, headers={**BEARER, "X-Capsem-Error-Format": "openai"})
    assert answer.status_code == 403 and answer.json()["error"]["reason_code"] == "NO_RULE_MATCH"
    assert mock.count() == before


def test_r79_not_even_by_a_rule_that_allows_everything(make_gateway):
    gateway = make_gateway(policies={"all.json": json.dumps({"rules": [{"effect": "allow", "action": "*", "resource": "*"}]})})
    answer = gateway.http.post("/v1/chat/completions", json={"model": "", **CHAT.user("hi")}, headers=BEARER)
    assert answer.status_code == 403 and "NO_RULE_MATCH" in answer.text
    assert CHAT.ask(gateway, "hi", "anything").status_code == 200


# ---- Agents ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("header", ["X-Capsem-Agent", "X-ControlZero-Agent-ID"])
def test_r74_r76_premium_and_basic_agents(privileges, header):
    premium = wrap_openai(privileges, "premium-support", header)
    basic = wrap_openai(privileges, "basic-support", header)
    assert chat(premium, "gpt-4").choices and chat(premium, "gpt-3.5-turbo").choices
    assert chat(basic, "gpt-3.5-turbo").choices
    for client in (basic, wrap_openai(privileges), wrap_openai(privileges, "not-premium-x", header),
                   wrap_openai(privileges, "Premium-support", header)):
        error = denied(lambda: chat(client, "gpt-4"))
        assert error.body["reason_code"] == "RULE_MATCH" and "denied by rule" in error.body["message"]
    for model in ("gpt-4o", "gpt-4-turbo"):
        assert denied(lambda: chat(premium, model)).body["reason_code"] == "RULE_MATCH"
    # Embeddings: no rule of this policy speaks of them.
    error = denied(lambda: premium.embeddings.create(model="text-embedding-3-small", input="x"))
    assert error.body["reason_code"] == "NO_RULE_MATCH"


def test_r77_a_star_crosses_slashes(privileges, make_gateway):
    client = wrap_openai(privileges, "premium-support")
    assert denied(lambda: chat(client, "openai/gpt-4")).body["reason_code"] == "RULE_MATCH"
    rules = [{"effect": "deny", "action": "*", "resource": "model/openai/gpt-?"},
             {"effect": "deny", "action": "*", "resource": "model/[ab]*"},
             {"effect": "allow", "action": "*", "resource": "model/*"}]
    gateway = make_gateway(policies={"p.json": json.dumps({"rules": rules})})
    client = wrap_openai(gateway)
    for model, passes in (("openai/gpt-4", False), ("openai/gpt-4o", True), ("openai/x/gpt-4", True),
                          ("alpha", False), ("gamma", True), ("Alpha", True)):
        if passes:
            assert chat(client, model).choices
        else:
            assert denied(lambda: chat(client, model)).body["reason_code"] == "RULE_MATCH"


@pytest.mark.parametrize("action", ["llm.generate", "llm:generate", "llm:call", "llm", "*"])
def test_r78_the_spellings_of_one_action(make_gateway, action):
    gateway = make_gateway(policies={"p.json": json.dumps({"rules": [
        {"effect": "allow", "action": action, "resource": "model/gpt-4"}]})})
    client = wrap_openai(gateway)
    assert chat(client, "gpt-4").choices
    assert denied(lambda: chat(client, "gpt-4o")).body["reason_code"] == "NO_RULE_MATCH"
    if action != "*":
        error = denied(lambda: client.embeddings.create(model="gpt-4", input="x"))
        assert error.body["reason_code"] == "NO_RULE_MATCH"


# ---- Forms and several files -----------------------------------------------------------------------------------------

YAML = """\
name: openai-model-governance
rules:
  - {effect: allow, action: llm.generate, resource: model/gpt-4, conditions: {agent_id: "premium-*"}}
  - allow: "llm:generate"
    resource: [model/gpt-3.5-turbo, model/gpt-4o]
  - deny: llm.generate
    resource: model/*
    reason: ask the platform team
"""


def test_r80_the_yaml_form_and_its_shorthand(make_gateway):
    gateway = make_gateway(policies={"policy.yaml": YAML})
    premium, basic = wrap_openai(gateway, "premium-1"), wrap_openai(gateway, "basic-1")
    assert chat(premium, "gpt-4").choices and chat(basic, "gpt-4o").choices
    error = denied(lambda: chat(basic, "gpt-4"))
    assert error.body["message"].endswith(": ask the platform team") and error.body["reason_code"] == "RULE_MATCH"


def rules(effect, resource, **more):
    return json.dumps({"rules": [{"effect": effect, "action": "llm.generate", "resource": resource}], **more})


def test_r75_several_files_flatten_by_priority_and_then_by_name(make_gateway):
    gateway = make_gateway(policies={
        "a.json": rules("deny", "model/gpt-4*"),                    # 100
        "b.json": rules("allow", "model/gpt-4o", priority=50),      # before it, although after it by name
        "c.json": rules("allow", "model/gpt-4.1"),                  # 100, but after a.json: too late
        "d.json": rules("allow", "model/*", priority=200),
        "e.json": rules("deny", "model/gpt-4o", priority=51)})
    client = wrap_openai(gateway)
    for model in ("gpt-4o", "gpt-3.5-turbo"):
        assert chat(client, model).choices
    for model in ("gpt-4", "gpt-4.1", "gpt-4-turbo"):
        assert denied(lambda: chat(client, model)).body["reason_code"] == "RULE_MATCH"


@pytest.mark.parametrize("action, status", [("allow", 200), ("warn", 200), ("deny", 403)])
def test_r80_the_default_action_is_the_files(make_gateway, action, status):
    gateway = make_gateway(policies={"p.json": rules("deny", "model/bad", settings={"default_action": action})})
    assert CHAT.ask(gateway, "hi", "good").status_code == status
    assert CHAT.ask(gateway, "hi", "bad").status_code == 403


@pytest.mark.parametrize("effect, verdict", [("warn", "LOG"), ("audit", "MONITOR")])
def test_r80_warn_and_audit_let_pass_and_are_recorded(make_gateway, effect, verdict):
    gateway = make_gateway(policies={"p.json": rules(effect, "model/*")})
    assert CHAT.ask(gateway, "hi", "gpt-4").status_code == 200
    record = wait_until(gateway.records)[-1]
    assert [(d["verdict"], d["rule"]) for d in record["decisions"]] == [(verdict, "0")], record


def test_r80_a_document_without_rules_observes(make_gateway):
    gateway = make_gateway(policies={"p.json": '{"name": "empty", "rules": []}'})
    assert CHAT.ask(gateway, "hi", "gpt-4").status_code == 200


@pytest.mark.parametrize("text", ['{"rules": [{"effect": "allow", "resource": "model/x", "condition": {"agent_id": "a"}}]}',
                                  '{"rules": [{"effect": "allwo", "action": "*"}]}',
                                  '{"rules": [{"effect": "allow", "action": "*", "conditions": {"moon": "full"}}]}',
                                  '{"rules": [', '{"rules": [], "rules": []}'],
                         ids=["unknown key", "unknown effect", "unknown field", "not JSON", "twice"])
def test_r80_a_file_that_cannot_be_read_refuses_the_start(make_gateway, text):
    with pytest.raises(AssertionError, match=r"p\.json:1:"):
        make_gateway(policies={"p.json": text})


# ---- Tools -----------------------------------------------------------------------------------------------------------

def test_r76_conditions_on_a_calls_arguments(make_gateway, mock):
    gateway = make_gateway(policies={"p.json": json.dumps({"rules": [
        {"effect": "deny", "action": "tool.call", "resource": "tool/transfer", "conditions": {"args.amount": {"gt": 100}}},
        {"effect": "allow", "action": "*", "resource": "*"}]})})
    client = wrap_openai(gateway)
    # A rule that forbids and cannot be evaluated forbids.
    for amount, passes in ((100, True), (-1, True), (100.5, False), (1e9, False), ("lots", False)):
        model = mock.model(f"tool=transfer args={json.dumps({'amount': amount})}")
        for stream in (False, True):
            if passes:
                assert list(chat(client, model, stream=stream))
            else:
                with pytest.raises(openai.APIError, match="tool/transfer"):
                    list(chat(client, model, stream=stream))
