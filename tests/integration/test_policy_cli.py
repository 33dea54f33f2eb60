"""`capsem policy` as people and build machines run it: no gateway, no key, no network."""

import json
import os
import pty
import re
import subprocess

import pytest

from harness import ROOT, capsem_binary

CORPUS = ROOT / "tests" / "corpus" / "policy"
SEKUIRE = CORPUS / "sekuire" / "sekuire.yml"
AGENTS = CORPUS / "agents.json"
ALLOWLIST = CORPUS / "allowlist.json"
ACME = CORPUS / "acme.toml"
ESCAPE = "\x1b["


def policy(*args, status=0, stdin=None, env=None, **options):
    """Runs `capsem policy ...`; the exit status is part of every test."""
    run = subprocess.run([str(capsem_binary()), "policy", *map(str, args)], text=True, capture_output=True, timeout=30,
                         input=stdin, env={**os.environ, **(env or {})}, **options)
    assert run.returncode == status, (args, run)
    return run


def as_json(*args, **options):
    return json.loads(policy(*args, "--json", **options).stdout)


def write(path, text):
    path.write_text(text)
    return path


TESTED = """\
schema = 1
[[policy]]
id = "names"
type = "lists"
models = { allow = ["gpt-4o*"], deny = ["gpt-4o-old"] }
[[test]]
given = { model = "gpt-4o" }
expect = { verdict = "allow" }
"""


# ---- R68: what Sekuire's documentation prints --------------------------------------------------

def test_r68_models_tools_and_rates_word_for_word():
    models = policy("check-model", "gpt-4o-mini", "gpt-4o", "gpt-3.5-turbo", "--policy", SEKUIRE, status=1)
    assert models.stdout == "gpt-4o-mini: ALLOWED\ngpt-4o: ALLOWED\ngpt-3.5-turbo: BLOCKED\n"
    tools = policy("check-tool", "web_search", "calculator", "file_delete", "env_set", "--policy", SEKUIRE, status=1)
    assert tools.stdout == "web_search: ALLOWED\ncalculator: ALLOWED\nfile_delete: BLOCKED\nenv_set: BLOCKED\n"
    rate = policy("check-rate", "-n", 12, "--policy", SEKUIRE, status=1)
    assert rate.stdout == "".join(f"Request {i}: {'ALLOWED' if i <= 10 else 'BLOCKED'}\n" for i in range(1, 13))


def test_r68_what_is_allowed_exits_with_0():
    policy("check-model", "gpt-4o", "--policy", SEKUIRE)
    policy("check-tool", "calculator", "--policy", SEKUIRE)
    policy("check-rate", "-n", 10, "--policy", SEKUIRE)
    policy("check-rate", "-n", 11, "--policy", SEKUIRE, status=1)


def test_r68_r63_tokens_are_counted_as_the_gateway_counts_them(tmp_path):
    path = write(tmp_path / "p.toml", 'schema = 1\n[[policy]]\nid = "t"\ntype = "limit"\ntokens_per_hour = 1000\n')
    words = policy("check-rate", "-n", 5, "--tokens", 400, "--policy", path, status=1).stdout
    assert words.split() == ["Request", "1:", "ALLOWED", "Request", "2:", "ALLOWED",
                             "Request", "3:", "BLOCKED", "Request", "4:", "BLOCKED", "Request", "5:", "BLOCKED"]
    policy("check-rate", "-n", 2, "--tokens", 500, "--policy", path)


def test_r65_agents_have_their_own_rules():
    agents = ("--policy", AGENTS)
    assert policy("check-model", "gpt-4", "--agent", "premium-1", *agents).stdout == "gpt-4: ALLOWED\n"
    assert policy("check-model", "gpt-4", "--agent", "basic-1", *agents, status=1).stdout == "gpt-4: BLOCKED\n"
    answer, = as_json("check-model", "gpt-4", "--agent", "basic-1", *agents, status=1)
    assert answer["result"] == "BLOCKED" and answer["decided_by"] == "agents/2"
    assert answer["at"].endswith("agents.json:14:1")


# ---- check -------------------------------------------------------------------------------------

def test_check_says_what_would_be_in_force():
    run = policy("check", ACME)
    assert run.stdout.startswith("Enabled Policies: 7\n  ✓ debug\n  ✓ pii\n")
    assert re.search(r"^revision sha256:[0-9a-f]{64}$", run.stdout, re.M)
    assert f"warning: {ACME}:34:12: W09 " in run.stderr
    policy("check", "--strict", ACME, status=1)
    said = as_json("check", ACME)
    assert said["ok"] and said["errors"] == [] and {w["code"] for w in said["warnings"]} == {"W06", "W09"}
    assert said["warnings"][0] == {"file": str(ACME), "line": 34, "column": 12, "code": "W09",
                                   "message": said["warnings"][0]["message"]}
    assert not as_json("check", "--strict", ACME, status=1)["ok"]


def test_check_names_every_error_of_every_file_with_its_place(tmp_path):
    write(tmp_path / "a.toml", 'schema = 1\n[[policy]]\nid = "a"\ntype = "keyword"\nkeyword = ["x"]\n')
    write(tmp_path / "b.toml", "schema = 1\nx = = 1\n")
    run = policy("check", tmp_path, status=1)
    assert run.stdout == ""
    assert re.search(r"^error: .*/a\.toml:5:1: E02 .*keywords", run.stderr, re.M), run.stderr
    assert re.search(r"^error: .*/b\.toml:2:\d+: E01 ", run.stderr, re.M), run.stderr
    said = as_json("check", tmp_path, status=1)
    assert {e["code"] for e in said["errors"]} >= {"E01", "E02"} and not said["ok"]


def test_check_counts_a_failing_test_as_e07(tmp_path):
    path = write(tmp_path / "p.toml", TESTED.replace('"allow" }', '"block" }'))
    run = policy("check", path, status=1)
    assert f"error: {path}:6:1: E07 " in run.stderr
    assert as_json("check", path, status=1)["errors"][0]["code"] == "E07"
    policy("check", write(tmp_path / "p.toml", TESTED))


@pytest.mark.parametrize("command", [["check"], ["test"], ["explain"], ["convert"]])
def test_what_cannot_be_read_is_said(command, tmp_path):
    missing = tmp_path / "none.toml"
    assert f"{missing}: No such file" in policy(*command, missing, status=1).stderr
    (tmp_path / "empty").mkdir()
    assert "empty: holds no policy files" in policy(*command, tmp_path / "empty", status=1).stderr
    other = write(tmp_path / "notes.yaml", "a: 1\n")
    assert "notes.yaml: no policy file" in policy(*command, other, status=1).stderr


def test_a_directory_means_its_files_and_those_its_settings_name(tmp_path):
    (tmp_path / "conf").mkdir()
    write(tmp_path / "extra.toml", TESTED)
    write(tmp_path / "conf" / "capsem.toml", '[policies]\nfiles = ["../extra.toml"]\n')
    write(tmp_path / "conf" / "debug.toml", "enabled = true\n")
    assert as_json("check", tmp_path / "conf")["enabled"] == ["Debug", "names"]
    both = as_json("check", "--policy", SEKUIRE, "--policy", tmp_path / "extra.toml")
    assert both["enabled"] == ["names", "Research Assistant", "Research Assistant limits"]


# ---- explain -----------------------------------------------------------------------------------

def test_explain_names_the_rule_and_why_others_did_not_match():
    run = policy("explain", AGENTS, "--agent", "basic-1", "--model", "gpt-4", "--prompt", "hi", status=1)
    assert run.stdout.startswith("BLOCK by agents/2\n")
    assert "no match agents/0: when.agent_id: basic-1 !~ premium-*" in run.stdout
    assert f"at {AGENTS}:14:1" in run.stdout
    policy("explain", AGENTS, "--agent", "premium-1", "--model", "gpt-4")


def test_explain_json_is_the_documented_object():
    said = as_json("explain", AGENTS, "--agent", "basic-1", "--model", "gpt-4", "--prompt", "hi", status=1)
    assert said["verdict"] == "BLOCK" and said["http"] == 403 and said["phase"] == "request"
    assert said["decided_by"]["policy"] == "agents" and said["decided_by"]["rule"] == "2"
    assert said["decided_by"]["why"] == "first match; action llm.generate ~ llm.generate; resource model/gpt-4 ~ model/*"
    assert said["considered"][0] == {"rule": "agents/0", "matched": False, "because": "when.agent_id: basic-1 !~ premium-*"}
    assert said["also"] == [] and said["shadow"] == [] and said["not_checked"] == []
    assert re.fullmatch("sha256:[0-9a-f]{64}", said["revision"])
    assert as_json("explain", AGENTS, "--agent", "premium-1", "--model", "gpt-4")["http"] == 200


def test_explain_takes_texts_from_files_and_standard_input_and_shows_none(tmp_path):
    secret = "someone.private@example.com"
    base = ("explain", ACME, "--agent", "premium-1", "--model", "gpt-4")
    file = write(tmp_path / "prompt.txt", f"write to {secret}")
    for args, stdin in ([["--prompt", f"write to {secret}"], None], [["--prompt", f"@{file}"], None],
                        [["--prompt", "-"], file.read_text()], [["--response", f"@{file}"], None],
                        [["--tool-result", f"@{file}"], None], [["--call", "mail", "--args", json.dumps({"to": secret})], None]):
        run = policy(*base, *args, "--json", status=1, stdin=stdin)
        assert json.loads(run.stdout)["decided_by"]["rule"] == "EMAIL_ADDRESS", args
        text = policy(*base, *args, status=1, stdin=stdin).stdout
        assert secret not in run.stdout + text and "private" not in run.stdout + text
    policy(*base, "--prompt", "write to nobody")


@pytest.mark.parametrize("args,rule", [
    (["--model", "gpt-3.5-turbo"], "model_blocked"),
    (["--model", "gpt-4o", "--tool", "file_delete"], "tool.blocked"),
    (["--model", "gpt-4o", "--tool", "web_search", "--tool", "shell"], "tool.not_allowed"),
    (["--model", "gpt-4o", "--call", "env_set"], "tool.blocked"),
    (["--model", "gpt-4o", "--call", "web_search", "--args", '{"url":"https://x.malware.net/"}'], "network.blocked"),
    (["--model", "gpt-4o", "--host", "api.openai.com"], None),
    (["--model", "gpt-4o", "--host", "http://api.openai.com"], "network.tls_required"),
    (["--model", "gpt-4o", "--host", "elsewhere.com"], "network.not_allowed"),
    (["--model", "gpt-4o", "--stream", "--route", "responses"], None)])
def test_explain_asks_lists_tools_and_hosts(args, rule):
    said = as_json("explain", SEKUIRE, *args, status=1 if rule else 0)
    assert (said["decided_by"] or {}).get("rule") == rule


def test_explain_knows_context_actions_and_resources(tmp_path):
    path = write(tmp_path / "p.toml", """\
schema = 1
[[policy]]
id = "ctx"
type = "access"
default = "allow"
[[policy.rule]]
id = "night"
effect = "deny"
action = "files.read"
resource = "file/*"
when = { "context.env" = "prod" }
""")
    asked = ("explain", path, "--action", "files.read", "--resource", "file/a", "--context")
    assert as_json(*asked, "env=prod", status=1)["decided_by"]["rule"] == "night"
    assert as_json(*asked, "env=dev")["verdict"] == "ALLOW"
    assert "KEY=VALUE" in policy(*asked, "env", status=2).stderr


# ---- test, convert, schema ---------------------------------------------------------------------

def test_test_prints_results_and_the_rules_no_test_reached(tmp_path):
    run = policy("test", write(tmp_path / "p.toml", TESTED))
    assert run.stdout.splitlines()[:3] == [f"ok     {tmp_path}/p.toml:6:1", "1 tests, 0 failed", "1 of 2 rules reached (50 %)"]
    assert "not reached: deny list names/models.deny" in run.stdout
    said = as_json("test", tmp_path / "p.toml")
    assert said["coverage"]["percent"] == 50 and said["coverage"]["not_reached"][0]["line"] == 5


def test_test_says_what_was_expected_and_got(tmp_path):
    path = write(tmp_path / "p.toml", TESTED.replace('"allow" }', '"block", decided_by = "names/x", code = "y" }'))
    run = policy("test", path, status=1)
    assert run.stdout.startswith(f"FAILED {path}:6:1: ")
    for part in ("BLOCK", "ALLOW", "names/x", "y"):
        assert part in run.stdout.splitlines()[0]
    test, = as_json("test", path, status=1)["tests"]
    assert not test["passed"] and test["got"]["verdict"] == "ALLOW" and test["expected"]["decided_by"] == "names/x"


def test_tests_of_one_file_are_judged_by_the_policies_of_all(tmp_path):
    write(tmp_path / "a.toml", TESTED)
    policy("test", tmp_path)
    write(tmp_path / "b.toml", 'schema = 1\n[[policy]]\nid = "no"\ntype = "lists"\nmodels = { deny = ["gpt-4o"] }\n')
    assert "a.toml:6:1" in policy("test", tmp_path, status=1).stdout


@pytest.mark.parametrize("source", [SEKUIRE, AGENTS, ALLOWLIST, ACME, CORPUS / "shorthand.yaml", CORPUS / "everything.toml"],
                         ids=lambda p: p.name)
def test_converted_files_decide_the_same(source, tmp_path):
    toml = tmp_path / "converted.toml"
    text = policy("convert", source).stdout
    assert policy("convert", source, "--output", toml).stdout == "" and toml.read_text() == text
    assert "schema = 1" in text
    assert policy("convert", toml).stdout == text
    said = as_json("diff", source, toml)
    assert said["differences"] == [] and said["samples"] > 0 and said["not_played"] == 0


def test_convert_says_where_it_cannot_write(tmp_path):
    assert "no/where.toml" in policy("convert", AGENTS, "-o", tmp_path / "no" / "where.toml", status=1).stderr
    assert "which FILE" in policy("convert", status=2).stderr


def test_the_schema_is_the_published_one():
    assert policy("schema").stdout == (ROOT / "docs" / "policy.schema.json").read_text()


# ---- diff --------------------------------------------------------------------------------------

def test_diff_lists_what_became_allowed_and_denied():
    run = policy("diff", AGENTS, ALLOWLIST)
    assert re.search(r"^allowed: llm\.generate model gpt-4, agent another-agent \(ALLOW, was BLOCK by agents/2 at \S+:14:1\)$",
                     run.stdout, re.M)
    assert run.stdout.rstrip().endswith("the new policies are looser")
    policy("diff", "--forbid-loosening", AGENTS, ALLOWLIST, status=1)
    said = as_json("diff", AGENTS, ALLOWLIST)
    assert said["loosens"] and said["differences"][0]["change"] == "allowed" and said["differences"][0]["loosens"]


def test_diff_lets_stricter_policies_pass(tmp_path):
    old = write(tmp_path / "old.toml", TESTED)
    new = write(tmp_path / "new.toml", TESTED.replace('["gpt-4o-old"]', '["gpt-4o-old", "gpt-4o-mini"]'))
    run = policy("diff", "--forbid-loosening", old, new)
    assert "denied: llm.generate model gpt-4o-mini" in run.stdout
    policy("diff", "--forbid-loosening", new, old, status=1)
    assert policy("diff", old, old).stdout.startswith("0 of ")


# ---- colour, help, mistakes --------------------------------------------------------------------

def test_a_pipe_gets_no_colour_unless_asked():
    args = ("check-model", "gpt-4o", "--policy", SEKUIRE)
    assert ESCAPE not in policy(*args).stdout
    assert policy(*args, "--color=always").stdout == "gpt-4o: \x1b[32mALLOWED\x1b[0m\n"
    assert ESCAPE not in policy(*args, "--color=never").stdout
    assert policy("check", ACME, "--color=always").stderr.startswith(f"{ESCAPE}33mwarning:{ESCAPE}0m")
    assert ESCAPE not in policy(*args, "--json", "--color=always").stdout


@pytest.mark.parametrize("env,colour", [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colour_unless_told_otherwise(env, colour):
    master, slave = pty.openpty()
    clean = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    run = subprocess.run([str(capsem_binary()), "policy", "check-model", "gpt-4o", "--policy", str(SEKUIRE)],
                         stdout=slave, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=20, env={**clean, **env})
    os.close(slave)
    shown = os.read(master, 4096).decode()
    os.close(master)
    assert run.returncode == 0 and "ALLOWED" in shown and (ESCAPE in shown) == colour


WORDS = ["check", "explain", "test", "convert", "diff", "check-model", "check-tool", "check-rate", "schema"]


@pytest.mark.parametrize("word", [None, *WORDS])
def test_help_tells_the_exit_statuses(word):
    run = policy(*([word] if word else []), "--help")
    assert "0 fine, allowed; 1 refused, errors, failed tests, loosened; 2 misused" in run.stdout
    if word is None:
        assert all(re.search(rf"^  {w} ", run.stdout, re.M) for w in WORDS)


@pytest.mark.parametrize("args,said", [
    ([], "Usage"), (["chek"], "check"), (["check", "--jsn"], "--json"), (["check-model"], "MODEL"), (["diff", "a"], "NEW"),
    (["check-rate", "-n", "0"], "--requests"), (["check", "--color=pink"], "--color"), (["explain", "--route", "shat"], "--route"),
    (["explain", "--args", "{}"], "--call")])
def test_misuse_exits_with_2(args, said):
    run = policy(*args, status=2)
    assert said in run.stderr and run.stdout == ""
