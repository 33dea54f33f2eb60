"""S2's rules on the root routes: conditions on texts and on what is known of a request, and what each enforcement does."""

import json
import re

import pytest

import dialects
from dialects import ALL, BEARER, CHAT, COMPLETIONS, refusal_of
from harness import Gateway, wait_until

STREAM = pytest.mark.parametrize("stream", [False, True], ids=["body", "stream"])
EVERY = pytest.mark.parametrize("dialect", ALL, ids=dialects.ids)
BLOCKED, HELD = "Request blocked by security policy: ", "Request held for review: "
PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0xLjQK"


def policy(conditions, head="", message="No."):
    return {"content.toml": f'''schema = 1
[[policy]]
id = "words"
type = "content"
{head}
  [[policy.rule]]
  id = "it"
  severity = "high"
  message = "{message}"
  all = [ {conditions} ]
'''}


def condition(field, op, value=None):
    shown = "" if value is None else f", value = {json.dumps(value)}"
    return f'{{ field = "{field}", op = "{op}"{shown} }}'


EARNINGS = condition("content", "matches", r"(?i)\bq4 earnings\b")


def user(*parts):
    return {"messages": [{"role": "user", "content": list(parts)}]}


TEXT = {"type": "text", "text": "What is this?"}
IMAGE = {"type": "image_url", "image_url": {"url": PNG}}
FILE = {"type": "file", "file": {"filename": "x.pdf", "file_data": PDF}}
STORED = {"type": "file", "file": {"file_id": "file-123"}}


# ---- What rules may look at (R40, R41, R52) --------------------------------------------------------------------------

@pytest.mark.parametrize("field, value, violates, passes", [
    ("metadata.hasImages", True, user(TEXT, IMAGE), user(TEXT)),
    ("metadata.hasFiles", True, user(TEXT, FILE), user(TEXT, IMAGE)),
    ("metadata.hasFiles", True, user(TEXT, STORED), user(TEXT)),
    ("metadata.fileTypes", "application/pdf", user(TEXT, FILE), user(TEXT)),
    ("metadata.stream", True, {**CHAT.user("hi"), "stream": True}, CHAT.user("hi")),
    ("metadata.endpoint", "/v1/chat/completions", CHAT.user("hi"), None),
    ("model", "m-forbidden", {**CHAT.user("hi"), "model": "m-forbidden"}, CHAT.user("hi"))])
def test_r41_conditions_on_what_is_known_of_a_request(make_gateway, mock, field, value, violates, passes):
    gateway = make_gateway(policies=policy(condition(field, "equals", value)))

    def ask(body):
        return gateway.http.post("/v1/chat/completions", headers=BEARER, json={"model": "gpt-4o", **body})
    before = mock.count()
    answer = ask(violates)
    assert answer.status_code == 403 and answer.json() == {"detail": BLOCKED + "No."}, answer.text
    assert mock.count() == before
    if passes is not None:
        assert ask(passes).status_code == 200
    else:
        assert gateway.http.post("/v1/completions", headers=BEARER, json={"model": "m", "prompt": "hi"}).status_code == 200


@pytest.fixture(scope="module")
def operators(mock):
    """One rule per operator, each about a word of its own."""
    text = "schema = 1\n"
    for name, op, value in (("c", "contains", "Alpha"), ("m", "matches", r"\bbe(ta|ts)\b")):
        text += f'[[policy]]\nid = "{name}"\ntype = "content"\n[[policy.rule]]\nmessage = "{name}"\nall = [ {condition("content", op, value)} ]\n'
    text += ('[[policy]]\nid = "nc"\ntype = "content"\n[[policy.rule]]\nmessage = "nc"\nall = [ '
             + condition("content", "contains", "loud") + ", " + condition("content", "not_contains", "quiet") + " ]\n")
    gateway = Gateway(mock.url, policies={"operators.toml": text})
    yield gateway
    gateway.close()


@pytest.mark.parametrize("said, message", [
    ("hello", ""), ("xaLPHax", "c"), ("alp ha", ""), ("a beta b", "m"), ("abetab", ""), ("bets", "m"),
    ("loud", "nc"), ("loud and quiet", "")])
@EVERY
def test_r40_r52_operators_on_the_prompt_in_every_dialect(operators, mock, dialect, said, message):
    assert refusal_of(dialect, dialect.ask(operators, said)) == (BLOCKED + message if message else "")


def test_r40_all_messages_count_and_so_does_the_legacy_prompt(operators):
    messages = [{"role": "system", "content": "be Alpha"}, {"role": "user", "content": "hi"}]
    for body in ({"messages": messages}, {"messages": messages[::-1]},
                 {"messages": [{"role": "assistant", "content": "be Alpha"}, messages[1]]}):
        assert operators.http.post("/v1/chat/completions", headers=BEARER, json={"model": "m", **body}).status_code == 403
    for prompt in ("be Alpha", ["hi", "be Alpha"]):
        assert COMPLETIONS.post(operators, {"prompt": prompt}).status_code == 403


# ---- What each enforcement does (R43-R45) ----------------------------------------------------------------------------

def test_r42_all_violated_rules_are_recorded_and_evaluate_first_stops_at_one(make_gateway):
    text = '''schema = 1
[[policy]]
id = "two"
type = "content"
EVALUATE
[[policy.rule]]
id = "one"
message = "One."
all = [ { field = "content", op = "contains", value = "x" } ]
[[policy.rule]]
id = "other"
message = "Other."
all = [ { field = "content", op = "contains", value = "y" } ]
'''
    for evaluate, rules in (('evaluate = "all"', ["one", "other"]), ('evaluate = "first"', ["one"])):
        gateway = make_gateway(policies={"two.toml": text.replace("EVALUATE", evaluate)})
        answer = gateway.http.post("/v1/chat/completions", headers={**BEARER, "X-Capsem-Error-Format": "openai"},
                                   json={"model": "m", **CHAT.user("x y")})
        assert answer.status_code == 403 and answer.json()["error"]["run_id"]
        record = wait_until(gateway.records)[-1]
        assert [d["rule"] for d in record["decisions"]] == rules
        assert {d["severity"] for d in record["decisions"]} == {"MEDIUM"}


def test_r43_approval_is_a_403_that_says_held(make_gateway, mock):
    gateway = make_gateway(policies=policy(EARNINGS, 'enforcement = "approval"', "Mentions unreleased results"))
    before = mock.count()
    answer = CHAT.ask(gateway, "summarize our Q4 Earnings report")
    assert answer.status_code == 403 and answer.json() == {"detail": HELD + "Mentions unreleased results"}
    shaped = CHAT.ask(gateway, "summarize our Q4 Earnings report", headers={"X-Capsem-Error-Format": "openai"})
    assert shaped.json()["error"]["code"] == "approval_required"
    assert mock.count() == before
    assert CHAT.ask(gateway, "summarize our Q3 earnings report").status_code == 200


@pytest.mark.parametrize("enforcement, verdict", [("warn", "LOG"), ("monitor", "MONITOR")])
@STREAM
def test_r44_warn_and_monitor_pass_unchanged_and_are_recorded(make_gateway, mock, enforcement, verdict, stream):
    gateway = make_gateway(policies=policy(EARNINGS, f'enforcement = "{enforcement}"'))
    model = mock.says("fine")
    plain = CHAT.ask(gateway, "hello", model, stream)
    answer = CHAT.ask(gateway, "our q4 earnings", model, stream)
    assert answer.status_code == 200 and set(answer.headers) == set(plain.headers)
    assert dialects.streamed_text(CHAT, answer.text) == "fine" if stream else "fine" in answer.text
    record = wait_until(lambda: len(gateway.records()) >= 2 and gateway.records())[1]
    assert [(d["policy"], d["rule"], d["verdict"], d["severity"]) for d in record["decisions"]] == [
        ("words", "it", verdict, "HIGH")]


def test_r51_the_record_of_a_violation_says_what_where_and_how_bad(make_gateway):
    gateway = make_gateway(policies=policy(EARNINGS))
    answer = CHAT.ask(gateway, "our q4 earnings", headers={"X-Capsem-Error-Format": "openai"})
    record = wait_until(gateway.records)[-1]
    assert record["run_id"] == answer.json()["error"]["run_id"] and record["ts"]
    decision = record["decisions"][0]
    assert len(decision["id"]) == 12
    assert {k: decision[k] for k in ("policy", "rule", "severity", "verdict", "phase", "details")} == {
        "policy": "words", "rule": "it", "severity": "HIGH", "verdict": "BLOCK", "phase": "request", "details": "No."}
    assert decision["at"].endswith("content.toml:6:3"), decision
    assert "q4" not in gateway.output  # no content


def test_r45_a_block_is_told_before_an_approval(make_gateway):
    texts = policy(EARNINGS, 'enforcement = "approval"', "Held.")["content.toml"]
    texts += policy(condition("content", "contains", "leak"), message="Blocked.")["content.toml"].replace(
        "schema = 1\n", "").replace('"words"', '"other"')
    gateway = make_gateway(policies={"both.toml": texts})
    assert CHAT.ask(gateway, "q4 earnings").json()["detail"] == HELD + "Held."
    assert CHAT.ask(gateway, "q4 earnings leak").json()["detail"] == BLOCKED + "Blocked."


def test_shadow_judges_and_never_enforces(make_gateway):
    gateway = make_gateway(policies=policy(EARNINGS, 'mode = "shadow"'))
    assert CHAT.ask(gateway, "q4 earnings").status_code == 200
    record = wait_until(gateway.records)[-1]
    assert record["verdict"] == "ALLOW", record
    assert [(d["policy"], d["verdict"], d["shadow"], d["enforced"]) for d in record["decisions"]] == [
        ("words", "BLOCK", True, False)]


@pytest.mark.parametrize("state, status", [("draft", 200), ("active", 403), ("deprecated", 200)])
def test_r39_only_active_policies_act(make_gateway, state, status):
    gateway = make_gateway(policies=policy(EARNINGS, f'state = "{state}"'))
    assert CHAT.ask(gateway, "q4 earnings").status_code == status


@pytest.mark.parametrize("bind, agent, status", [
    ('bind = { integrations = ["fin-*"] }', "any", 200), ('bind = { models = ["gpt-4*"] }', "any", 403),
    ('bind = { models = ["gpt-5*"] }', "any", 200), ('agents = ["fin-*"]', "fin-1", 403), ('agents = ["fin-*"]', "hr-1", 200),
    ('bind = { agents = ["fin-*"], models = ["gpt-5*"] }', "fin-1", 200)])
def test_r39_only_bound_policies_act(make_gateway, bind, agent, status):
    gateway = make_gateway(policies=policy(EARNINGS, bind))
    assert CHAT.ask(gateway, "q4 earnings", "gpt-4o", headers={"X-Capsem-Agent": agent}).status_code == status


def test_scope_latest_turn_leaves_the_past_alone(make_gateway):
    past = {"messages": [{"role": "user", "content": "q4 earnings"}, {"role": "assistant", "content": "no"},
                         {"role": "user", "content": "then hello"}]}
    for scope, status in (("all", 403), ("latest_turn", 200)):
        gateway = make_gateway(policies=policy(EARNINGS, f'scope = "{scope}"'))
        assert CHAT.post(gateway, past).status_code == status
        assert CHAT.ask(gateway, "q4 earnings").status_code == 403
        for later in ("and q4 earnings?", "q4\nearnings and q4 earnings"):
            latest = {"messages": past["messages"][:2] + [{"role": "user", "content": later}]}
            assert CHAT.post(gateway, latest).status_code == 403
        # The parts of one message are one turn; a line each.
        parts = {"messages": past["messages"][:2] + [user(TEXT, {"type": "text", "text": "q4 earnings"})["messages"][0]]}
        assert CHAT.post(gateway, parts).status_code == 403
        gemini = {"contents": [{"role": "user", "parts": [{"text": "q4 earnings"}]}, {"role": "model", "parts": [{"text": "no"}]},
                               {"role": "user", "parts": [{"text": "hello"}]}]}
        assert dialects.GEMINI.post(gateway, gemini).status_code == status


# ---- Answers (R46, R47) ----------------------------------------------------------------------------------------------

@EVERY
@STREAM
def test_r46_output_log_leaves_every_byte_as_it_was_and_is_recorded(answers_logged, debug_gateway, mock, dialect, stream):
    """The provider's bytes are the same for both gateways: one of them has nothing to say of them."""
    model = mock.says("It holds Q4 earnings twice, q4 earnings.", "cut=5")
    seen = [dialect.ask(gateway, "hello", model, stream) for gateway in (answers_logged, debug_gateway)]
    assert [s.status_code for s in seen] == [200, 200]
    assert _still(seen[0].text) == _still(seen[1].text)
    record = wait_until(lambda: [r for r in answers_logged.records() if r["model"] == model])[-1]
    assert [(d["rule"], d["phase"], d["verdict"]) for d in record["decisions"]] == [("it", "response", "BLOCK")], record
    assert record["status"] == 200


def _still(text):
    """Without what the mock makes up anew for every answer."""
    return re.sub(r'"(id|item_id|created|created_at|responseId|createTime|completed_at)":\s*("[^"]*"|\d+)', "", text)


@pytest.fixture(scope="module")
def answers_logged(mock):
    gateway = Gateway(mock.url, policies=policy(EARNINGS, 'output = "log"\non = ["response"]'))
    yield gateway
    gateway.close()


@EVERY
@STREAM
def test_r46_output_block_withholds_the_answer(answers_blocked, mock, dialect, stream):
    model = mock.says("It holds Q4 earnings.", "cut=5")
    answer = dialect.ask(answers_blocked, "hello", model, stream)
    assert refusal_of(dialect, answer) == BLOCKED + "No."
    assert "Q4 earnings" not in (dialects.streamed_text(dialect, answer.text) if answer.status_code == 200 else answer.text)


@pytest.fixture(scope="module")
def answers_blocked(mock):
    gateway = Gateway(mock.url, policies=policy(EARNINGS, 'output = "block"\non = ["response"]'))
    yield gateway
    gateway.close()


@STREAM
def test_r47_more_than_a_mebibyte_arrives_whole_and_is_recorded_as_not_evaluated(answers_logged, mock, stream):
    model = mock.model("bytes=1200000 cut=60000")
    answer = CHAT.ask(answers_logged, "hello", model, stream)
    text = dialects.streamed_text(CHAT, answer.text) if stream else dialects.answer_text(CHAT, answer.json())
    assert answer.status_code == 200 and len(text) == 1200000
    record = wait_until(lambda: [r for r in answers_logged.records() if r["model"] == model])[-1]
    assert record["decisions"] == []
    assert {"where": "answer", "reason": "too_large"} in [
        {"where": n.get("where", n.get("surface")), "reason": n["reason"]} for n in record["not_checked"]], record
