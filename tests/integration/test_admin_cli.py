"""`capsem admin`: the admin API from a command line."""

import json
import os
import re
import subprocess

import httpx
import pytest

from harness import CANARY, KEY, Gateway, capsem_binary, header

MASTER_KEY = "00112233445566778899aabbccddeeff" * 2
POLICY = """\
schema = 1

[[policy]]
id = "earnings"
type = "keyword"
keywords = ["quarterly earnings"]
on = ["prompt"]
action = "block"
"""


@pytest.fixture(scope="module")
def gateway(mock):
    gateway = Gateway(mock.url, env={"CAPSEM_MASTER_KEY": MASTER_KEY})
    yield gateway
    gateway.close()


@pytest.fixture(scope="module")
def token(gateway):
    return gateway.wait_for(r"(ag_admin_[0-9A-Za-z]+)").group(1)


@pytest.fixture(scope="module")
def cli(gateway, token, tmp_path_factory):
    """Runs `capsem admin` and gives what `--json` says, or its exit status and both outputs."""
    folder = tmp_path_factory.mktemp("cli")
    file = folder / "token"
    file.write_text(token + "\n")
    file.chmod(0o600)

    def run(*words, stdin="", raw=False, token_file=file, env=None):
        done = subprocess.run(
            [capsem_binary(), "admin", "--url", gateway.admin_url, "--token-file", token_file,
             *words, *([] if raw else ["--json"])],
            input=stdin, capture_output=True, text=True, timeout=30,
            env={**{k: v for k, v in os.environ.items() if not k.startswith("CAPSEM_ADMIN")},
                 **(env or {})})
        if raw:
            return done
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["data"]

    run.folder = folder
    return run


def chat(gateway, integration, key, text="Say hello"):
    return httpx.post(f"{integration['proxy_url']}/v1/chat/completions", timeout=20,
                      headers={"Authorization": f"Bearer {key}"},
                      json={"model": "gpt-5-nano", "messages": [{"role": "user", "content": text}]})


def test_status_says_who_asks(cli):
    data = cli("status")
    assert data["ready"] is True
    assert data["you"]["role"] == "admin"
    done = cli("status", raw=True)
    assert done.returncode == 0
    assert "ready: true" in done.stdout and "  role: admin" in done.stdout


def test_the_way_of_an_integration(cli, gateway, mock):
    mock.forget()
    made = cli("integrations", "create", "--name", "cli-one", "--provider", "openai",
               "--provider-key-stdin", "--evaluations-per-month", "1000", stdin=KEY + "\n")
    assert made["key"].startswith("ag_live_")
    assert chat(gateway, made, made["key"]).status_code == 200
    assert header(mock.requests()[-1], "authorization") == [f"Bearer {KEY}"]
    assert [i["id"] for i in cli("integrations", "list") if i["name"] == "cli-one"] == [made["id"]]
    shown = cli("integrations", "show", made["id"])
    assert shown["evaluations_per_month"] == 1000 and "key" not in shown

    # Another key, restricted; rotated; revoked.
    key = cli("keys", "create", made["id"], "--name", "narrow", "--models", "gpt-4*,o1",
              "--limits", "requests_per_minute=100")
    assert key["models"] == ["gpt-4*", "o1"] and key["limits"] == {"requests_per_minute": 100}
    assert chat(gateway, made, key["key"]).status_code in (403, 404)
    newer = cli("keys", "rotate", key["id"], "--overlap-s", "60")
    assert newer["id"] != key["id"] and newer["models"] == key["models"]
    assert cli("keys", "revoke", made["gateway_key"]["id"])["state"] == "revoked"
    assert chat(gateway, made, made["key"]).status_code == 401
    states = {k["id"]: k["state"] for k in cli("keys", "list", made["id"])}
    assert states[made["gateway_key"]["id"]] == "revoked" and states[newer["id"]] == "active"

    # What a person reads: a table, ids whole, no key.
    table = cli("keys", "list", made["id"], raw=True).stdout
    assert table.splitlines()[0].split() == ["ID", "NAME", "KEY", "STATE", "EXPIRES"]
    assert newer["id"] in table and newer["key"] not in table

    assert cli("integrations", "update", made["id"], "--state", "disabled")["state"] == "disabled"
    assert cli("integrations", "delete", made["id"])["deleted"] is True


def test_a_key_is_shown_once_with_a_word(cli):
    done = cli("integrations", "create", "--name", "cli-once", "--provider", "gemini",
               "--provider-key-stdin", stdin=KEY, raw=True)
    assert done.returncode == 0, done.stderr
    key = re.search(r"^key: (ag_live_[0-9A-Za-z]{40})$", done.stdout, re.M).group(1)
    assert "cannot be shown again" in done.stderr
    assert key not in done.stderr
    assert KEY not in done.stdout + done.stderr and CANARY not in done.stdout
    listed = cli("integrations", "list", raw=True).stdout
    assert "cli-once" in listed and key not in listed


def test_secrets_come_from_files_and_stay_unseen(cli, tmp_path):
    file = tmp_path / "key"
    file.write_text(KEY + "\n")
    made = cli("secrets", "create", "--name", "cli-secret", "--provider", "anthropic",
               "--value-file", file)
    assert made["name"] == "cli-secret" and KEY not in json.dumps(made)
    again = cli("secrets", "replace", made["id"], "--value-stdin", stdin=KEY + "x")
    assert again["rotated_at"]
    assert cli("secrets", "delete", made["id"])["deleted"] is True
    missing = cli("secrets", "create", "--name", "n", "--provider", "openai", raw=True)
    assert missing.returncode == 2 and "--value-stdin" in missing.stderr


def test_policies_are_uploaded_bound_and_rolled_back(cli, gateway, tmp_path):
    integration = cli("integrations", "create", "--name", "cli-policies", "--provider", "openai",
                      "--provider-key-stdin", stdin=KEY)
    file = tmp_path / "earnings.toml"
    file.write_text(POLICY)
    assert cli("policies", "upload", file, "--note", "first")["revision"] == 1
    assert cli("policies", "activate", "earnings.toml", "--revision", "1")["revision"] == 1
    cli("bindings", "create", "--policy", "earnings", "--target", integration["id"])
    blocked = chat(gateway, integration, integration["key"], "Our Quarterly Earnings are out")
    assert blocked.status_code == 403, blocked.text

    file.write_text(POLICY.replace("quarterly earnings", "yearly earnings"))
    assert cli("policies", "upload", file)["revision"] == 2
    cli("policies", "activate", "earnings.toml", "--revision", "2")
    text = "Our quarterly earnings are out"
    assert chat(gateway, integration, integration["key"], text).status_code == 200
    cli("policies", "rollback", "earnings.toml", "--revision", "1")
    assert chat(gateway, integration, integration["key"], text).status_code == 403
    revisions = cli("policies", "revisions", "earnings.toml")
    assert [r["revision"] for r in revisions] == [2, 1] and revisions[1]["note"] == "first"
    assert cli("policies", "revision", "earnings.toml", "1")["source"] == POLICY
    assert '\n  keywords = ["quarterly' in cli("policies", "revision", "earnings.toml", "1", raw=True).stdout

    assert [b["target"] for b in cli("bindings", "list")] == [integration["id"]]
    cli("bindings", "delete", "--policy", "earnings", "--target", integration["id"])
    assert chat(gateway, integration, integration["key"], text).status_code == 200
    cli("policies", "deactivate", "earnings.toml")
    assert cli("policies", "files")[0]["active"] is None
    broken = tmp_path / "broken.toml"
    broken.write_text("schema = 1\n[[policy]]\nid = 3\n")
    refused = cli("policies", "upload", broken, raw=True)
    assert refused.returncode == 1 and "broken.toml:2" in refused.stderr
    assert cli("policies", "list")["policies"]
    assert cli("policies", "reload")["revision"] == cli("policies", "list")["revision"]


def test_tenants_and_tokens(cli):
    tenant = cli("tenants", "create", "--name", "CLI", "--id", "cli", "--content-level", "hash")
    assert tenant["id"] == "cli"
    assert cli("tenants", "update", "cli", "--content-level", "none")["content_level"] == "none"
    made = cli("tokens", "create", "--name", "reader", "--role", "read-only", "--tenant", "cli")
    file = cli.folder / "reader"
    file.write_text(made["token"])
    file.chmod(0o600)
    assert cli("status", token_file=file)["you"]["role"] == "read-only"
    assert cli("integrations", "list", token_file=file) == []  # of its own tenant, which has none
    forbidden = cli("tenants", "create", "--name", "x", token_file=file, raw=True)
    assert forbidden.returncode == 1 and "forbidden" in forbidden.stderr
    cli("tokens", "revoke", made["id"])
    refused = cli("status", token_file=file, raw=True)
    assert refused.returncode == 1 and refused.stdout == ""


def test_lists_have_pages(cli):
    for i in range(3):
        cli("tenants", "create", "--name", f"page {i}", "--id", f"page-{i}")
    seen, cursor = [], []
    for _ in range(10):
        done = cli("tenants", "list", "--limit", "2", *cursor, raw=True)
        rows = done.stdout.splitlines()[1:]
        assert 1 <= len(rows) <= 2
        seen += [row.split()[0] for row in rows]
        more = re.search(r"--cursor (\S+)", done.stderr)
        if not more:
            break
        cursor = ["--cursor", more.group(1)]
    assert len(seen) == len(set(seen)) and {"page-0", "page-1", "page-2", "default"} <= set(seen)


def test_the_vault(cli):
    assert cli("vault", "rewrap")["rewrapped"] == 0


@pytest.mark.parametrize("words,status,says", [
    ([], 2, "NOUN VERB"),
    (["--help"], 0, "integrations"),
    (["integration", "list"], 2, "did you mean 'integrations'"),
    (["keys", "rotato"], 2, "rotate"),
    (["keys"], 2, "what of them"),
    (["keys", "revoke"], 2, "id is required"),
    (["keys", "revoke", "no-such-key"], 1, "not_found"),
    (["reviews", "list", "--status", "sideways"], 1, "invalid_request"),
])
def test_mistakes_are_told(cli, words, status, says):
    done = cli(*words, raw=True)
    assert done.returncode == status, done.stderr
    assert says in done.stdout + done.stderr


def test_a_gateway_that_is_not_there(cli, gateway):
    done = subprocess.run([capsem_binary(), "admin", "status", "--url", "http://127.0.0.1:1"],
                          capture_output=True, text=True, env={"CAPSEM_ADMIN_TOKEN": "ag_admin_x"})
    assert done.returncode == 1 and "refused" in done.stderr
    done = subprocess.run([capsem_binary(), "admin", "status", "--url", gateway.admin_url],
                          capture_output=True, text=True, env={})
    assert done.returncode == 2 and "CAPSEM_ADMIN_TOKEN" in done.stderr


def test_no_secret_is_in_the_gateways_output(cli, gateway, token):
    """Promise 7. The token was printed once, at the first start."""
    assert gateway.output.count(token) == 1
    assert KEY not in gateway.output
