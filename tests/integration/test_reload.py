"""New policies while the gateway runs: on a signal, on a file's change, on the admin's word."""

import itertools
import json
import os
import signal
import socket
import threading
import time

import httpx
import pytest

from dialects import CHAT
from harness import DEBUG_TOML, PII_TOML, wait_until

PII_OFF = PII_TOML.replace("enabled = true", "enabled = false")
JSON = {"content-type": "application/json"}
EMAIL = "write to jane.doe@example.com"
QUIET = "[policies]\nwatch = false\n"


def put(path, text):
    """As an editor does it: a new file is renamed over the old one."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.rename(path)


def reload(gateway, **options):
    return gateway.admin("POST", "/v1/policies/reload", **{"content": "{}", **options})


def policies(gateway):
    return gateway.admin("GET", "/v1/policies").json()["data"]


def messages(answer):
    return [e["message"] for e in answer.json()["errors"]]


def asks(gateway):
    return CHAT.ask(gateway, EMAIL).status_code


def metric(gateway, line):
    for found in httpx.get(gateway.admin_url + "/metrics").text.splitlines():
        if found.startswith(line + " "):
            return float(found.rsplit(" ", 1)[1])
    raise AssertionError(f"no {line}")


def test_item14_a_changed_file_is_taken_without_being_asked(make_gateway):
    gateway = make_gateway(policies={"debug.toml": DEBUG_TOML})
    assert asks(gateway) == 200
    put(gateway.config / "pii.toml", PII_TOML)
    wait_until(lambda: asks(gateway) == 403, 15)
    # One rename is one reload.
    assert metric(gateway, 'capsem_policy_reloads_total{outcome="done"}') == 1
    (gateway.config / "pii.toml").write_text(PII_OFF)
    wait_until(lambda: asks(gateway) == 200, 15)
    (gateway.config / "pii.toml").write_text("enabled = = true\n")
    wait_until(lambda: metric(gateway, "capsem_policies_current") == 0, 15)
    assert asks(gateway) == 200
    last = policies(gateway)["last_reload"]
    assert last["outcome"] == "refused" and last["cause"] == "file change"
    assert any("pii.toml:1:" in e for e in last["errors"]), last
    assert "reload refused" in gateway.output and "pii.toml:1:" in gateway.output


def test_item14_a_configmaps_swap_is_taken(make_gateway, tmp_path):
    gateway = make_gateway(policies={"debug.toml": DEBUG_TOML})
    folder = gateway.config
    versions = itertools.count(1)

    def publish(text):
        version = folder / f"..v{next(versions)}"
        version.mkdir()
        (version / "pii.toml").write_text(text)
        os.symlink(version.name, folder / "..data_tmp")
        os.rename(folder / "..data_tmp", folder / "..data")

    publish(PII_OFF)
    os.symlink("..data/pii.toml", folder / "pii.toml")
    for text, status in ((PII_TOML, 403), (PII_OFF, 200), (PII_TOML, 403)):
        publish(text)
        wait_until(lambda: asks(gateway) == status, 15)


def test_item14_watching_can_be_switched_off(make_gateway):
    gateway = make_gateway(policies={"debug.toml": DEBUG_TOML}, settings=QUIET)
    put(gateway.config / "pii.toml", PII_TOML)
    time.sleep(0.6)
    assert asks(gateway) == 200
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: asks(gateway) == 403, 15)


def test_item14_the_admins_reload_answers_when_all_loops_have_the_policies(make_gateway):
    gateway = make_gateway(policies={"debug.toml": DEBUG_TOML}, settings=QUIET)
    first = policies(gateway)
    assert first["last_reload"] is None and [p["type"] for p in first["policies"]] == ["keyword"]
    for i in range(10):
        put(gateway.config / "pii.toml", PII_TOML if i % 2 == 0 else PII_OFF)
        answer = reload(gateway)
        assert answer.status_code == 200 and answer.json()["data"]["status"] == "reloaded", answer.text
        # Whatever loop a new connection comes to.
        assert [asks(gateway) for _ in range(4)] == [403 if i % 2 == 0 else 200] * 4
    assert reload(gateway).json()["data"]["status"] == "unchanged"
    put(gateway.config / "pii.toml", PII_TOML)
    listed = reload(gateway).json()["data"]
    assert listed["revision"] != first["revision"] and listed["revision"].startswith("sha256:")
    assert [(p["type"], p["mode"]) for p in listed["policies"]] == [("keyword", "enforce"), ("pii", "enforce")]
    assert "pii.toml:1:" in listed["policies"][1]["source"]
    assert policies(gateway)["policies"] == listed["policies"]


def test_item14_a_refused_reload_names_every_error_and_changes_nothing(make_gateway):
    gateway = make_gateway(settings=QUIET)
    before = policies(gateway)
    put(gateway.config / "debug.toml", "enabled = = true\n")
    put(gateway.config / "pii.toml", PII_TOML.replace("EMAIL_ADDRESS", "EMAIL_ADRESS"))
    answer = reload(gateway, content=b"")
    assert answer.status_code == 422
    errors = messages(answer)
    assert [e for e in errors if "debug.toml:1:" in e] and [e for e in errors if "EMAIL_ADRESS" in e]
    assert {e["code"] for e in answer.json()["errors"]} == {"invalid_policies"}
    now = policies(gateway)
    assert now["revision"] == before["revision"] and now["policies"] == before["policies"]
    assert asks(gateway) == 403
    assert metric(gateway, 'capsem_policy_reloads_total{outcome="failed"}') == 1
    assert metric(gateway, "capsem_policies_current") == 0
    put(gateway.config / "debug.toml", DEBUG_TOML)
    put(gateway.config / "pii.toml", PII_TOML)
    assert reload(gateway).json()["data"]["status"] == "unchanged"
    assert metric(gateway, "capsem_policies_current") == 1


def test_t32_no_web_page_can_have_the_policies_reloaded(make_gateway):
    gateway = make_gateway(policies={"debug.toml": DEBUG_TOML}, settings=QUIET)
    put(gateway.config / "pii.toml", PII_TOML)
    url = gateway.admin_url + "/v1/policies/reload"
    token = {"authorization": f"Bearer {gateway.admin_token}"}
    form = {"content-type": "application/x-www-form-urlencoded"}
    tries = [
        (httpx.post(url), 415),
        (httpx.post(url, headers=token), 415),
        (httpx.post(url, headers=JSON, content="{}"), 401),
        (httpx.post(url, headers=form, content="a=b"), 415),
        (httpx.post(url, headers={"content-type": "text/plain"}, content="{}"), 415),
        (httpx.post(url, headers={**token, **JSON, "origin": "https://evil.example"}, content="{}"), 403),
        (httpx.post(url, headers={**token, **JSON, "origin": "null"}, content="{}"), 403),
        (httpx.post(url, headers={**token, **JSON, "host": "evil.example"}, content="{}"), 421),
        (httpx.post(url, headers={**token, **JSON}, content='{"dry_run": true}'), 400),
        (httpx.get(url), 405),
        (httpx.options(url, headers={"origin": "https://evil.example", "access-control-request-method": "POST"}), 405),
        (httpx.post(gateway.url + "/v1/policies/reload", headers=JSON, content="{}"), 404),
    ]
    for answer, status in tries:
        assert answer.status_code == status, answer.text
        assert "access-control-allow-origin" not in answer.headers or answer.url.port == gateway.port
    assert asks(gateway) == 200
    assert metric(gateway, 'capsem_policy_reloads_total{outcome="done"}') == 0


def test_policies_files_names_files_elsewhere(make_gateway, tmp_path):
    (tmp_path / "pii.toml").write_text(PII_OFF)
    gateway = make_gateway(policies={"debug.toml": DEBUG_TOML},
                           settings=f'[policies]\nfiles = ["{tmp_path}/pii.toml", "debug.toml"]\n')
    assert [p["type"] for p in policies(gateway)["policies"]] == ["keyword"]  # not read twice
    assert asks(gateway) == 200
    put(tmp_path / "pii.toml", PII_TOML)
    wait_until(lambda: asks(gateway) == 403, 15)
    (tmp_path / "pii.toml").unlink()
    wait_until(lambda: metric(gateway, "capsem_policies_current") == 0, 15)
    assert asks(gateway) == 403
    with pytest.raises(AssertionError, match="missing.toml"):
        make_gateway(policies={}, settings='[policies]\nfiles = ["missing.toml"]\n')


def test_a_client_that_leaves_during_its_reload_leaves_nothing_behind(make_gateway):
    gateway = make_gateway(settings=QUIET)
    token = gateway.admin_token.encode()
    request = (b"POST /v1/policies/reload HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
               b"authorization: Bearer " + token + b"\r\ncontent-length: 2\r\n\r\n{}")
    for i in range(50):
        put(gateway.config / "debug.toml", DEBUG_TOML + f"# {i}\n")
        with socket.create_connection(("127.0.0.1", gateway.admin_port)) as client:
            client.sendall(request)
    assert reload(gateway).status_code == 200 and gateway.process.poll() is None
    wait_until(lambda: metric(gateway, "capsem_connections_open") <= 2, 15)


class Load(threading.Thread):
    """Asks again and again, and remembers what was wrong."""

    def __init__(self, gateway, stop):
        super().__init__(daemon=True)
        self.done, self.wrong = 0, []
        self._gateway, self._stop_asking = gateway, stop
        self.start()

    def run(self):
        body = {"model": "m", "messages": [{"role": "user", "content": "count to 3"}]}
        with httpx.Client(base_url=self._gateway.url, timeout=10) as client:
            while not self._stop_asking.is_set():
                try:
                    answer = client.post("/v1/chat/completions", json=body, headers=CHAT.headers)
                    if answer.status_code != 200:
                        self.wrong.append(answer.text)
                except httpx.HTTPError as error:
                    self.wrong.append(repr(error))
                self.done += 1


def test_item14_a_thousand_reloads_under_load_fail_no_request(make_gateway, tmp_path):
    log = tmp_path / "records"  # messages about reloads would come between records in a pipe
    gateway = make_gateway(policies={"debug.toml": DEBUG_TOML}, settings=QUIET, args=["--log-file", log])
    stop = threading.Event()
    valid = {policies(gateway)["revision"]}
    load = [Load(gateway, stop) for _ in range(3)]
    token = {"authorization": f"Bearer {gateway.admin_token}"}
    with httpx.Client(timeout=10, headers={**JSON, **token}) as admin:
        for i in range(1000):
            broken = i % 5 == 4
            put(gateway.config / "debug.toml", "enabled = = true\n" if broken else DEBUG_TOML + f"# {i}\n")
            answer = admin.post(gateway.admin_url + "/v1/policies/reload", content="{}")
            assert answer.status_code == (422 if broken else 200), answer.text
            if not broken:
                valid.add(answer.json()["data"]["revision"])
    stop.set()
    for thread in load:
        thread.join(10)
    assert [w for thread in load for w in thread.wrong] == []
    done = sum(thread.done for thread in load)
    assert done > 50 and len(valid) == 801
    assert metric(gateway, 'capsem_policy_reloads_total{outcome="done"}') == 800
    assert metric(gateway, 'capsem_policy_reloads_total{outcome="failed"}') == 200

    def exchanges():
        records = [json.loads(line) for line in log.read_text().splitlines()]
        return [r for r in records if r["event"] == "exchange"]

    wait_until(lambda: len(exchanges()) == done, 10)
    revisions = [r["revision"] for r in exchanges()]
    assert set(revisions) <= valid
    assert len(set(revisions)) > 20  # the load went on during the reloads


def test_item8_a_reload_that_loosens_is_refused_where_that_is_forbidden(make_gateway):
    gateway = make_gateway(settings="[policies]\nwatch = false\nforbid_loosening = true\n")
    before = policies(gateway)["revision"]
    put(gateway.config / "pii.toml", PII_OFF)
    answer = reload(gateway)
    assert answer.status_code == 409 and policies(gateway)["revision"] == before
    assert any("allowed: prompt with" in e and "was BLOCK by PIIDetection/EMAIL_ADDRESS" in e for e in messages(answer))
    assert asks(gateway) == 403
    assert metric(gateway, 'capsem_policy_reloads_total{outcome="failed"}') == 1
    # The log says it too, and policies that only forbid more are let in.
    wait_until(lambda: "policies.forbid_loosening: allowed" in gateway.output)
    put(gateway.config / "pii.toml", PII_TOML)
    put(gateway.config / "more.toml", 'schema = 1\n[[policy]]\nid = "more"\ntype = "lists"\nmodels = { deny = ["x"] }\n')
    assert reload(gateway).json()["data"]["status"] == "reloaded"
    # What is compared with is what is in force now.
    (gateway.config / "more.toml").unlink()
    assert reload(gateway).status_code == 409
