"""The check API (R53, R83), explanations, and what binds a key to its agents (X11)."""

import hashlib
import json
import re
import subprocess

import httpx
import pytest

from dialects import BEARER, CHAT
from harness import CANARY, KEY, Gateway, capsem_binary, header, wait_until

USER = hashlib.sha256(KEY.encode()).hexdigest()[:16]
OTHER_KEY = f"sk-other-{CANARY}-0123456789"
OTHER = {"Authorization": f"Bearer {OTHER_KEY}"}
EXPLAIN = {"X-Capsem-Explain": "1"}
RUN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

ALLOWLIST = json.dumps({
    "name": "openai-model-governance",
    "description": "Control which OpenAI models agents can use",
    "rules": [
        {"effect": "allow", "action": "llm.generate", "resource": "model/gpt-4"},
        {"effect": "allow", "action": "llm.generate", "resource": "model/gpt-3.5-turbo"},
        {"effect": "deny", "action": "llm.generate", "resource": "model/gpt-4-turbo*"},
        {"effect": "allow", "action": "embedding.generate", "resource": "model/text-embedding-3-small"},
    ]}, indent=1)

RULES = f"""\
schema = 1
[[key]]
user_id = "{USER}"
explain = true
[[policy]]
id = "models"
type = "access"
default = "block"
  [[policy.rule]]
  id = "premium"
  effect = "allow"
  action = "llm.*"
  resource = "model/premium-*"
  when = {{ agent_id = "premium-*" }}
  [[policy.rule]]
  id = "refused"
  effect = "block"
  action = "llm.*"
  resource = "model/refused*"
  [[policy.rule]]
  id = "rest"
  effect = "allow"
[[policy]]
id = "trial"
type = "access"
mode = "shadow"
default = "block"
[[policy]]
id = "words"
type = "keyword"
keywords = ["stopword"]
"""

BOUND = f"""\
schema = 1
[[key]]
user_id = "{USER}"
agents = ["support-*"]
[[policy]]
id = "bound"
type = "access"
default = "block"
  [[policy.rule]]
  id = "known"
  effect = "allow"
  when = {{ agent_bound = true }}
"""


def post(gateway, path, body, headers=BEARER):
    return gateway.http.post(path, headers=headers, json=body)


def record_of(gateway, run_id):
    return wait_until(lambda: [r for r in gateway.records() if r.get("run_id") == run_id])[0]


@pytest.fixture(scope="module")
def ruled(mock):
    gateway = Gateway(mock.url, policies={"rules.toml": RULES})
    yield gateway
    gateway.close()


# ---- POST /v1/policy/enforce ----

@pytest.mark.parametrize("action, model, reason_code", [
    ("llm.generate", "gpt-4", None),
    ("llm.generate", "gpt-3.5-turbo", None),
    ("llm.generate", "gpt-4-turbo", "RULE_MATCH"),
    ("llm.generate", "gpt-4o", "NO_RULE_MATCH"),
    ("embedding.generate", "text-embedding-3-small", None),
    ("embedding.generate", "gpt-4", "NO_RULE_MATCH"),
])
def test_r83_the_documents_node_example_is_told_before_it_calls(make_gateway, mock, action, model, reason_code):
    gateway = make_gateway(policies={"governance.json": ALLOWLIST})
    before = mock.count()
    answer = post(gateway, "/v1/policy/enforce", {"action": action, "resource": f"model/{model}"})
    body = answer.json()
    assert mock.count() == before
    assert body["allowed"] is (reason_code is None) and body["reason_code"] == reason_code
    assert answer.status_code == (200 if body["allowed"] else 403)
    assert RUN_ID.fullmatch(body["run_id"]) and body["revision"].startswith("sha256:")
    record = record_of(gateway, body["run_id"])
    assert record["status"] == answer.status_code and record["path"] == "/v1/policy/enforce"
    assert record["revision"] == body["revision"]
    if reason_code:
        assert model in body["message"] or "denied" in body["message"], body
        assert record["decided_by"] == body["decided_by"]
        assert record["verdict"] == body["verdict"] == "BLOCK"
        assert "governance.json:" in record["decided_at"] and record["why"]


def test_r83_its_words_are_those_of_an_exchange(make_gateway):
    gateway = make_gateway(policies={"governance.json": ALLOWLIST})
    asked = post(gateway, "/v1/policy/enforce", {"action": "llm.generate", "resource": "model/gpt-4o"}).json()
    refused = gateway.http.post("/v1/chat/completions", json=CHAT.body("gpt-4o", CHAT.user("hi"), False),
                                headers={**BEARER, "X-Capsem-Error-Format": "openai"})
    error = refused.json()["error"]
    assert refused.status_code == 403
    assert (error["message"], error["code"], error["reason_code"]) == (
        asked["message"], asked["code"], asked["reason_code"])
    assert record_of(gateway, error["run_id"])["path"] == "/v1/chat/completions"


def test_r83_the_context_says_which_agent(ruled):
    def allowed(agent):
        answer = post(ruled, "/v1/policy/enforce", {"action": "llm.generate", "resource": "model/refused-1",
                                                     "context": {"agent_id": agent}})
        return answer.status_code
    assert allowed("premium-1") == 403
    question = {"model": "premium-x", "context": {"agent_id": "premium-1"}}
    assert post(ruled, "/v1/policy/evaluate", question).json()["considered"][0]["matched"] is True
    question["context"]["agent_id"] = "basic-1"
    first = post(ruled, "/v1/policy/evaluate", question).json()["considered"][0]
    assert first == {"rule": "models/premium", "matched": False,
                     "because": "when.agent_id: basic-1 !~ premium-*"}


@pytest.mark.parametrize("path, body, says", [
    ("/v1/policy/enforce", {"action": "llm.generate"}, "resource"),
    ("/v1/policy/evaluate", {"modle": "x"}, "modle"),
])
def test_r83_a_question_that_cannot_be_read_is_400(ruled, path, body, says):
    answer = post(ruled, path, body)
    assert answer.status_code == 400 and says in answer.text


# ---- POST /v1/policy/evaluate ----

def test_an_evaluation_is_200_and_says_what_decided_where_and_why(ruled):
    answer = post(ruled, "/v1/policy/evaluate", {"model": "refused-1", "prompt": "a stopword"})
    told = answer.json()
    assert answer.status_code == 200
    assert list(told) == ["run_id", "revision", "verdict", "http", "phase", "decided_by", "considered", "also",
                          "shadow", "not_checked", "us"]
    assert (told["verdict"], told["http"], told["phase"]) == ("BLOCK", 403, "request")
    decided = told["decided_by"]
    assert (decided["policy"], decided["rule"]) == ("models", "refused")
    line = RULES.splitlines().index('  id = "refused"')  # of the rule's header, counted from 1
    assert decided["at"] == f"rules.toml:{line}:3" and decided["why"]
    assert [c["rule"] for c in told["considered"]][:2] == ["models/premium", "models/refused"]
    assert [(a["policy"], a["verdict"], a["where"]) for a in told["also"]] == [("words", "BLOCK", "prompt")]
    assert told["shadow"] == [{"policy": "trial", "rule": "default", "would": "BLOCK"}]
    record = record_of(ruled, told["run_id"])
    assert record["status"] == 200 and record["verdict"] == "BLOCK" and record["outcome"] == "evaluated"
    assert [d["policy"] for d in record["decisions"] if d.get("shadow")] == ["trial"]


def test_an_evaluation_of_what_is_allowed_has_nobody_who_decided(ruled):
    told = post(ruled, "/v1/policy/evaluate", {"model": "fine", "prompt": "hello"}).json()
    assert (told["verdict"], told["http"], told["decided_by"]) == ("ALLOW", 200, None)
    assert told["shadow"][0]["policy"] == "trial"


# ---- POST /v1/evaluate ----

def test_r53_an_evaluation_is_told_in_its_products_words_and_stored(ruled):
    body = {"input": "a stopword", "targetKey": "ticket-7", "targetMetadata": {"team": "a"},
            "correlationId": "corr-1", "sessionId": "session-1"}
    answer = post(ruled, "/v1/evaluate", body)
    data = answer.json()["data"]
    assert answer.status_code == 200
    assert (data["outcome"], data["enforcementAction"]) == ("BLOCK", "BLOCK")
    assert data["reviewRequestId"] is None and data["pollUrl"] is None
    assert [v["policy"] for v in data["violations"]] == ["words"]
    record = record_of(ruled, data["evaluationRunId"])
    assert (record["correlation_id"], record["session_id"], record["target_key"]) == (
        "corr-1", "session-1", "ticket-7")
    assert json.loads(record["target_metadata"]) == {"team": "a"}


def test_r53_a_text_alone_is_no_models_and_what_is_not_asked_for_is_not_stored(ruled):
    data = post(ruled, "/v1/evaluate", {"input": "hello"}).json()["data"]
    assert (data["outcome"], data["violations"]) == ("ALLOW", [])
    record = record_of(ruled, data["evaluationRunId"])
    assert not {"correlation_id", "session_id", "target_key", "target_metadata"} & set(record)


def test_r53_errors_have_its_products_envelope(ruled):
    answer = post(ruled, "/v1/evaluate", {"targetKey": "x"})
    assert answer.status_code == 400
    assert "input" in answer.json()["errors"][0]["message"]


# ---- X-Capsem-Explain ----

def chat(gateway, text, model, headers, stream=False):
    return gateway.http.post(CHAT.url(model, stream), json=CHAT.body(model, CHAT.user(text), stream), headers=headers)


def test_a_refusal_is_explained_to_a_key_that_may(ruled):
    answer = chat(ruled, "hello", "refused-1", {**BEARER, **EXPLAIN})
    told = answer.json()["explain"]
    assert answer.status_code == told["http"] == 403
    assert (told["decided_by"]["policy"], told["decided_by"]["rule"]) == ("models", "refused")
    assert told["shadow"] == [{"policy": "trial", "rule": "default", "would": "BLOCK"}]
    record = record_of(ruled, told["run_id"])
    assert record["decided_by"] == "models/refused"
    assert record["decided_at"].endswith("/" + told["decided_by"]["at"]) and record["why"] == told["decided_by"]["why"]


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
def test_an_allowed_answer_is_explained_in_a_header(ruled, mock, stream):
    model = mock.says("fine")
    answer = chat(ruled, "hello", model, {**BEARER, **EXPLAIN}, stream)
    assert answer.status_code == 200
    field = answer.headers["x-capsem-explain"]
    assert field.isascii() and len(field) <= 4096
    told = json.loads(field)
    assert (told["verdict"], told["http"], told["decided_by"]) == ("ALLOW", 200, None)
    assert told["considered"][-1]["matched"] is True
    assert record_of(ruled, told["run_id"])["status"] == 200
    for request in mock.seen_for(model):
        assert header(request, "x-capsem-explain") == []


@pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
@pytest.mark.parametrize("headers", [{**OTHER, **EXPLAIN}, BEARER, {**BEARER, "X-Capsem-Explain": "0"}],
                         ids=["no-right", "not-asked", "zero"])
def test_who_may_not_or_does_not_ask_hears_nothing(ruled, mock, headers, stream):
    assert "x-capsem-explain" not in chat(ruled, "hello", mock.says("fine"), headers, stream).headers
    refused = chat(ruled, "hello", "refused-1", headers, stream)
    assert refused.status_code == 403 and set(refused.json()) == {"detail"}


def test_a_long_explanation_loses_what_was_considered_last_and_counts_it(make_gateway, mock):
    rules = "".join(f'  [[policy.rule]]\n  id = "rule-{i}-{"x" * 30}"\n  effect = "block"\n'
                    f'  resource = "model/none-{i}*"\n' for i in range(150))
    text = RULES.replace('  [[policy.rule]]\n  id = "premium"', rules + '  [[policy.rule]]\n  id = "premium"')
    gateway = make_gateway(policies={"rules.toml": text})
    told = chat(gateway, "hello", mock.says("fine"), {**BEARER, **EXPLAIN}).headers["x-capsem-explain"]
    assert 3000 < len(told) <= 4096
    told = json.loads(told)
    assert told["considered_left_out"] > 0 and told["considered"][0]["rule"].startswith("models/rule-0")


# ---- Agents that a key may speak for ----

def test_x11_an_agent_of_the_keys_is_bound_and_another_is_refused(make_gateway, mock):
    gateway = make_gateway(policies={"rules.toml": BOUND})
    model = mock.says("fine")

    def says(agent, key=BEARER):
        return chat(gateway, "hello", model, {**key, "X-Capsem-Agent": agent})

    assert says("support-1").status_code == 200
    before = mock.count()
    other = says("billing-1")
    assert other.status_code == 403 and "billing-1" in other.json()["detail"]
    # A key that no rule speaks of may name any agent; it is not bound to it.
    unbound = says("support-1", OTHER)
    assert unbound.status_code == 403 and "billing" not in unbound.text
    assert mock.count() == before
    codes = wait_until(lambda: len(gateway.records()) >= 3 and [r.get("error_code") for r in gateway.records()])
    assert codes[1] == "agent_not_allowed" and codes[2] == "policy_denied"


@pytest.mark.parametrize("path, question", [
    ("/v1/policy/enforce", {"action": "llm.generate", "resource": "model/m"}),
    ("/v1/policy/evaluate", {"model": "m"}),
])
def test_x11_the_check_api_asks_the_key_too(make_gateway, path, question):
    gateway = make_gateway(policies={"rules.toml": BOUND})

    def verdict(agent, key=BEARER):
        return post(gateway, path, {**question, "context": {"agent_id": agent}}, key)

    assert verdict("support-1").json()["verdict"] == "ALLOW"
    refused = verdict("billing-1")
    assert refused.status_code == 403 and "billing-1" in refused.text
    assert verdict("support-1", OTHER).json()["verdict"] == "BLOCK"


# ---- [[test]] blocks ----

FAILING = RULES + '[[test]]\ngiven = { model = "refused-1" }\nexpect = { verdict = "allow" }\n'
PASSING = RULES + '[[test]]\ngiven = { model = "refused-1" }\nexpect = { verdict = "block" }\n'
LINE = 1 + FAILING.splitlines().index("[[test]]")


def test_policies_that_break_their_own_tests_are_not_taken(make_gateway, mock):
    gateway = make_gateway(policies={"rules.toml": PASSING}, settings="[policies]\nwatch = false\n")

    def reload(text):
        (gateway.config / "rules.toml").write_text(text)
        return gateway.admin("POST", "/v1/policies/reload", {})

    looser = FAILING.replace('resource = "model/refused*"', 'resource = "model/elsewhere*"')
    tighter = PASSING.replace('resource = "model/refused*"', 'resource = "model/nothing*"')
    model = mock.says("fine")
    assert chat(gateway, "hi", "refused-1", BEARER).status_code == 403
    answer = reload(tighter)
    assert answer.status_code >= 400, answer.text
    assert f"rules.toml:{LINE}:1: E07 " in answer.text and "expected BLOCK, got ALLOW" in answer.text
    assert chat(gateway, "hi", "refused-1", BEARER).status_code == 403
    assert reload(looser).status_code == 200
    assert chat(gateway, "hi", model, BEARER).status_code == 200
    verdict = post(gateway, "/v1/policy/enforce", {"action": "llm.generate", "resource": "model/refused-1"})
    assert verdict.status_code == 200


def test_policies_that_break_their_own_tests_do_not_start(tmp_path):
    (tmp_path / "rules.toml").write_text(FAILING)
    ended = subprocess.run([capsem_binary(), "serve", "--port", "0", "--config-dir", tmp_path], timeout=20,
                           capture_output=True, text=True)
    assert ended.returncode != 0
    assert f"rules.toml:{LINE}:1: E07 the test fails: verdict: expected ALLOW, got BLOCK" in ended.stderr
