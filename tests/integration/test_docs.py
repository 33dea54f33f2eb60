"""docs/policies.md: every example loads, and what its [[test]] blocks say comes true at the gateway (R39, R55, R71)."""

import hashlib
import json
import re
import subprocess
import tomllib

import pytest

import dialects
from dialects import CHAT
from harness import KEY, ROOT, capsem_binary, wait_until

PAGE = (ROOT / "docs/policies.md").read_text()
BLOCKS = re.findall(r"^```(\w+)([^\n]*)\n(.*?)^```$", PAGE, re.M | re.S)
EXAMPLES = [(attributes.strip().removeprefix("file="), text) for language, attributes, text in BLOCKS
            if language in ("toml", "yaml", "json")]
PASSES, REFUSES = ("allow", "monitor", "warn", "log", "redact"), ("block", "approval", "deny", "confirm")


def test_every_example_of_the_page_is_a_whole_file():
    assert len(EXAMPLES) > 12 and all(re.fullmatch(r"[\w-]+\.(toml|ya?ml|json)", name) for name, _ in EXAMPLES), EXAMPLES
    assert len({name for name, _ in EXAMPLES}) == len(EXAMPLES)
    for name, text in EXAMPLES:
        if text.startswith("schema = 1"):
            assert tomllib.loads(text).get("test"), f"{name} states no outcome"


@pytest.mark.parametrize("name, text", EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_the_example_loads_without_a_word(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    run = subprocess.run([capsem_binary(), "policy", "check", tmp_path], text=True, capture_output=True, timeout=20)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "error" not in run.stdout + run.stderr and "Unknown" not in run.stdout + run.stderr
    if text.startswith("schema = 1"):
        run = subprocess.run([capsem_binary(), "policy", "test", tmp_path / name], text=True, capture_output=True, timeout=20)
        assert run.returncode == 0, run.stdout + run.stderr


WITH_TESTS = [(name, text) for name, text in EXAMPLES if text.startswith("schema = 1")]


@pytest.mark.parametrize("name, text", WITH_TESTS, ids=[name for name, _ in WITH_TESTS])
def test_what_the_example_says_comes_true(make_gateway, mock, name, text):
    own_id = hashlib.sha256(KEY.encode()).hexdigest()[:16]
    gateway = make_gateway(policies={name: text.replace("82cbaa2afeee6929", own_id)})
    for number, test in enumerate(tomllib.loads(text)["test"]):
        given, expect = test["given"], test["expect"]
        assert given.get("key_id") in (None, "82cbaa2afeee6929")
        answer = play(gateway, mock, given)
        record = wait_until(lambda: ended(gateway)[number:])[0]
        if "verdict" in expect:
            assert expect["verdict"] in PASSES + REFUSES
            assert (answer.status_code in (403, 429)) == (expect["verdict"] in REFUSES), (given, answer.text)
            assert (record["verdict"] == "REDACT") == (expect["verdict"] == "redact"), (given, record)
        if "code" in expect:
            assert answer.json()["error"]["code"] == expect["code"], given
        if "decided_by" in expect:
            assert expect["decided_by"] in [f"{d['policy']}/{d['rule']}" for d in record["decisions"]], (given, record)


def ended(gateway):
    """The records of exchanges that have ended; one that redacts or warns has another before it."""
    return [record for record in gateway.records() if record["event"] == "exchange"]


def play(gateway, mock, given):
    """The request that `given` describes, answered by the mock as it says."""
    text = given["prompt"]
    parts = CHAT.user(text)
    if "tool_result" in given:
        parts = CHAT.tool_result(given["tool_result"], "lookup", {})
        parts["messages"].append({"role": "user", "content": text})
    if "tools" in given:
        parts.update(CHAT.tools([(tool, "", {}) for tool in given["tools"]]))
    answer = f"say={json.dumps(given['response'])}" if "response" in given else 'say="fine"'
    if "tool" in given:
        answer = f"tool={given['tool']} args={given['tool_args']}"
    mock.script(model=given["model"], times=1, mock=answer)
    headers = {"X-Capsem-Error-Format": "openai"}
    if "agent_id" in given:
        headers["X-Capsem-Agent"] = given["agent_id"]
    try:
        return CHAT.post(gateway, parts, given["model"], given.get("stream", False), headers=headers)
    finally:
        mock.forget()


def test_x11_other_agents_of_a_bound_key_are_refused(make_gateway):
    text = dict(EXAMPLES)["keys.toml"].replace("82cbaa2afeee6929", hashlib.sha256(KEY.encode()).hexdigest()[:16])
    gateway = make_gateway(policies={"keys.toml": text})
    for agent, status in (("premium-1", 200), ("basic-1", 403)):
        assert CHAT.ask(gateway, "hi", "gpt-4", headers={"X-Capsem-Agent": agent}).status_code == status
    other = {"Authorization": f"Bearer {KEY}2", "X-Capsem-Agent": "premium-1"}
    answer = CHAT.ask(gateway, "hi", "gpt-4", headers=other)
    assert answer.status_code == 403 and "premium/unproven" in answer.text
    assert dialects.CHAT.ask(gateway, "hi", "gpt-4o", headers=other).status_code == 200
