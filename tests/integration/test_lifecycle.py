"""Start, readiness, drain, metrics, version."""

import json
import pathlib
import re
import signal
import subprocess
import threading
import time

import httpx
import pytest

from dialects import ANTHROPIC, CHAT, GEMINI, RESPONSES, sse_events
from harness import PII_TOML, Gateway, capsem_binary, wait_until

DRAIN = "[server]\ndrain_announce_ms = 400\ndrain_ms = {}\n"


class Reader(threading.Thread):
    """Reads one stream to its end."""

    def __init__(self, gateway, dialect, model):
        super().__init__(daemon=True)
        self.text, self.error = "", None
        self._args = gateway, dialect, model
        self.start()

    def run(self):
        gateway, dialect, model = self._args
        try:
            with httpx.stream("POST", gateway.url + dialect.url(model, True), headers=dialect.headers, timeout=20,
                              json=dialect.body(model, dialect.user("hello"), True)) as response:
                for piece in response.iter_text():
                    self.text += piece
        except httpx.HTTPError as error:
            self.error = error


def test_item13_sigterm_lets_running_streams_finish(make_gateway, mock):
    gateway = make_gateway(settings=DRAIN.format(8000))
    assert httpx.get(gateway.admin_url + "/ready").status_code == 200
    reader = Reader(gateway, CHAT, mock.model('say="one two three four five six" event-delay=200'))
    wait_until(lambda: reader.text)
    gateway.process.send_signal(signal.SIGTERM)
    wait_until(lambda: httpx.get(gateway.admin_url + "/ready").status_code == 503, 1)
    time.sleep(0.5)
    with pytest.raises(httpx.TransportError):
        httpx.post(gateway.url + "/v1/chat/completions", json={}, timeout=2)
    reader.join(10)
    assert reader.error is None and reader.text.rstrip().endswith("[DONE]")
    assert gateway.process.wait(10) == 0


def test_item13_streams_that_take_too_long_end_with_an_error_event(make_gateway, mock):
    gateway = make_gateway(settings=DRAIN.format(800))
    readers = [(d, Reader(gateway, d, mock.model("endless event-delay=50"))) for d in (CHAT, RESPONSES, GEMINI, ANTHROPIC)]
    wait_until(lambda: all(r.text for _, r in readers))
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(10) == 0
    for dialect, reader in readers:
        reader.join(5)
        assert '"error"' in sse_events(reader.text)[-1][1], dialect.name


def test_item13_a_second_sigterm_ends_at_once(make_gateway, mock):
    gateway = make_gateway(settings=DRAIN.format(60000))
    reader = Reader(gateway, CHAT, mock.model("endless event-delay=50"))
    wait_until(lambda: reader.text)
    gateway.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    started = time.monotonic()
    gateway.process.send_signal(signal.SIGTERM)
    gateway.process.wait(5)
    assert time.monotonic() - started < 3


def test_item14_sighup_reads_the_policies_anew_and_a_broken_file_changes_nothing(make_gateway, mock):
    gateway = make_gateway(policies={"debug.toml": "enabled = true\n"})
    ask = lambda: CHAT.ask(gateway, "write to jane.doe@example.com").status_code
    assert ask() == 200
    running = Reader(gateway, CHAT, mock.model('say="one two three jane.doe@example.com" event-delay=150'))
    wait_until(lambda: running.text)
    (gateway.config / "pii.toml").write_text(PII_TOML)
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: ask() == 403, 15)
    (gateway.config / "pii.toml").write_text("enabled = = true\n")
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "reload refused" in gateway.output, 15)
    assert ask() == 403
    (gateway.config / "pii.toml").unlink()
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: ask() == 200, 15)
    running.join(5)  # what began under the first policies ended under them
    assert running.text.rstrip().endswith("[DONE]")


def test_the_gateway_is_ready_within_half_a_second_or_so(make_gateway):
    started = time.monotonic()
    gateway = make_gateway()
    assert time.monotonic() - started < 2.5  # on a busy machine; the goal is 0.5 s
    assert gateway.rss_bytes() < 128 << 20


def test_every_exchange_leaves_one_record(make_gateway, mock):
    gateway = make_gateway()
    CHAT.ask(gateway, "hello")
    CHAT.ask(gateway, "capsem_block")
    CHAT.ask(gateway, "hello", stream=True)
    CHAT.ask(gateway, "hello", mock.says("capsem_block"), stream=True)
    records = wait_until(lambda: len(gateway.records()) >= 4 and gateway.records())
    assert len(records) == 4
    assert [r["verdict"] for r in records] == ["ALLOW", "BLOCK", "ALLOW", "BLOCK"]
    assert records[0]["status"] == 200 and records[1]["status"] == 403
    assert records[1]["upstream_status"] == 0 or "upstream_status" not in records[1]
    assert records[0]["usage"] and records[0]["model"] == "gpt-5-nano"


def test_metrics_count_requests_and_verdicts(make_gateway):
    gateway = make_gateway()
    CHAT.ask(gateway, "hello")
    CHAT.ask(gateway, "capsem_block")
    text = httpx.get(gateway.admin_url + "/metrics").text
    assert "# TYPE" in text and "gen_ai" in text
    assert re.search(r'(?i)block[^\n]* 1\b', text), text


def test_version_scan_and_policy_commands_answer():
    run = lambda *args, **more: subprocess.run([capsem_binary(), *args], text=True, capture_output=True, timeout=20, **more)
    assert "0.1.0" in run("version").stdout
    found = run("scan", "-", input="write to jane.doe@example.com\n")
    assert "EMAIL_ADDRESS" in found.stdout
    lines = run("scan", "--jsonl", "-", input='{"text":"a jane.doe@example.com","entities":["EMAIL_ADDRESS"]}\n{"text":"é x"}\n')
    findings = [json.loads(line)["findings"] for line in lines.stdout.splitlines()]
    assert findings[0][0]["type"] == "EMAIL_ADDRESS" and (findings[0][0]["start"], findings[0][0]["end"]) == (2, 22)
    assert len(findings) == 2 and findings[1] == []


@pytest.mark.parametrize("text, options, plain, with_fail", [
    ("hello", (), 0, 0), ("write to jane.doe@example.com", (), 0, 1), ("write to jane.doe@example.com", ("--only", "US_SSN"), 0, 0),
    ("hello", ("--only", "US_SNN"), 1, 2), ('{"text": "hello"}\n', ("--jsonl",), 0, 0), ("{}\n", ("--jsonl",), 1, 2),
    ('{}\n{"text": "jane.doe@example.com"}\n', ("--jsonl",), 1, 2), ("hello", ("/no/such/file",), 1, 2)])
def test_scan_says_by_its_status_what_came_of_it(text, options, plain, with_fail):
    for more, status in (((), plain), (("--fail",), with_fail)):
        run = subprocess.run([capsem_binary(), "scan", *options, *more], text=True, input=text, capture_output=True, timeout=20)
        assert run.returncode == status, (run.stdout, run.stderr)


def test_scan_masks_what_it_finds():
    run = subprocess.run([capsem_binary(), "scan", "--redact"], text=True, input="write to jane.doe@example.com\n",
                         capture_output=True, timeout=20)
    assert run.stdout == "write to [EMAIL_ADDRESS]\n"


def test_signals_come_to_the_one_that_waits_for_them(mock):
    """Threads that keep the gateway's state are started early; none of them may take a signal."""
    for _ in range(5):
        gateway = Gateway(mock.url, settings="[server]\ndrain_announce_ms = 0\n")
        blocked = [int(re.search(r"SigBlk:\s*(\w+)", status.read_text())[1], 16) for status in
                   pathlib.Path(f"/proc/{gateway.process.pid}/task").glob("*/status")]
        wanted = sum(1 << (number - 1) for number in
                     (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2))
        try:
            # The one that waits has them unblocked while it does.
            assert sum(1 for mask in blocked if mask & wanted != wanted) <= 1, blocked
            gateway.process.send_signal(signal.SIGTERM)
            assert gateway.process.wait(20) == 0, gateway.output
        finally:
            gateway.close()
