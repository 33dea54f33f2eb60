"""Promises 3-5, T35-T38, reliability 3.3 and 3.4: what the audit keeps, through crashes and faults, and how it is read."""

import contextlib
import csv
import io
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import threading
import time

import httpx
import pytest

from harness import KEY, Gateway, capsem_binary, wait_until

HEADERS = {"authorization": f"Bearer {KEY}", "x-capsem-error-format": "openai"}
ROUNDS = int(os.environ.get("CAPSEM_CRASH_ROUNDS", "12"))
SEED = int(os.environ.get("CAPSEM_CRASH_SEED", random.SystemRandom().randrange(1 << 32)))


def ask(gateway, text="capsem_block", client=None, model="gpt-5-nano", **headers):
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return (client or gateway.http).post(f"{gateway.url}/v1/chat/completions", json=body, headers=HEADERS | headers)


def refused(gateway, **options) -> str:
    """The run id of a refusal."""
    answer = ask(gateway, **options)
    assert answer.status_code == 403, answer.text
    return answer.json()["error"]["run_id"]


def audit(data, word, *args, status=0) -> str:
    done = subprocess.run([capsem_binary(), "audit", word, "--data-dir", data, *map(str, args)],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == status, f"{done.returncode}: {done.stdout[-2000:]}{done.stderr}"
    return done.stdout


def records(data, *args) -> list[dict]:
    return [json.loads(line) for line in audit(data, "query", "--limit", 1_000_000, *args).splitlines()]


def kill(gateway):
    gateway.process.send_signal(signal.SIGKILL)
    gateway.process.wait(10)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


# ---- Crashes ---------------------------------------------------------------------------------------------------------

def test_p3_a_refusal_is_in_the_audit_before_it_is_told(make_gateway, data):
    gateway = make_gateway(data=data)
    run = refused(gateway)
    kill(gateway)
    (record,) = records(data, "--run", run)
    assert record["verdict"] == "BLOCK" and record["status"] == 403 and record["run_id"] == run
    assert "sound" in audit(data, "verify")


def test_p4_no_kill_loses_what_was_acknowledged(make_gateway, mock, data):
    """kill -9 at random instants under load. CAPSEM_CRASH_ROUNDS, CAPSEM_CRASH_SEED."""
    print(f"CAPSEM_CRASH_SEED={SEED}")
    instants = random.Random(SEED)
    acknowledged = []
    for number in range(ROUNDS):
        before = len(acknowledged)
        gateway = Gateway(mock.url, data=data, args=("--audit.segment_records_max", "50"))
        stop = threading.Event()

        def load():
            with httpx.Client(timeout=5) as client, contextlib.suppress(httpx.HTTPError):
                while not stop.is_set():
                    acknowledged.append(refused(gateway, client=client))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        if number % 4 != 3:  # one of four may die before its first answer
            wait_until(lambda: len(acknowledged) > before, 20)
        time.sleep(instants.uniform(0, 0.5))
        kill(gateway)
        stop.set()
        for thread in threads:
            thread.join()
        gateway.close()
    runs = [record["run_id"] for record in records(data, "--kind", "exchange") if "run_id" in record]
    assert len(acknowledged) >= ROUNDS / 2, "the load did not load"
    assert len(runs) == len(set(runs)), "twice"
    assert set(acknowledged) <= set(runs), "lost"
    assert "sound" in audit(data, "verify")


def test_p4_with_durability_all_no_allowed_request_is_lost_either(make_gateway, data):
    gateway = make_gateway(data=data, args=("--audit.durability", "all", "--audit.lazy_ms", "60000"))
    for _ in range(20):
        assert ask(gateway, "hello").status_code == 200
    kill(gateway)
    assert len(records(data, "--kind", "opening")) == 20


# ---- Faults ----------------------------------------------------------------------------------------------------------

def wait_refused(gateway):
    """The audit takes records again."""
    wait_until(lambda: ask(gateway).status_code == 403, 20, 0.1)


def assert_whole(data, runs):
    found = [r["run_id"] for r in records(data, "--kind", "exchange") if "run_id" in r]
    assert len(found) == len(set(found)) and set(runs) <= set(found)
    assert "sound" in audit(data, "verify")  # no gap in the sequence


def test_t37_a_locked_database_means_503_and_passes(make_gateway, data):
    gateway = make_gateway(data=data)
    before = refused(gateway)
    other = sqlite3.connect(data / "capsem.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    answer = ask(gateway)
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "audit_unavailable"
    assert time.monotonic() - began < 5  # promised: 1 s; the machine may be busy
    wait_until(lambda: "capsem_audit_available 0" in gateway.admin("GET", "/metrics", token="").text, 10)
    assert ask(gateway, "hello").status_code == 503, "no record, no exchange"
    assert gateway.http.get("/health").status_code == 200
    other.execute("ROLLBACK")
    other.close()
    wait_refused(gateway)
    assert_whole(data, [before, refused(gateway)])
    (late,) = [r for r in records(data) if r.get("answered")]
    assert late["answered"] == "audit_unavailable" and late["verdict"] == "BLOCK"


def test_t37_a_full_disk_means_503_and_passes(make_gateway, data):
    gateway = make_gateway(data=data)
    kept = [refused(gateway)]
    full = (data / "capsem.db-wal").stat().st_size
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
    for _ in range(50):  # the log may begin anew and have room for some
        answer = ask(gateway)
        if answer.status_code == 503:
            break
        kept.append(answer.json()["error"]["run_id"])
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "audit_unavailable"
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_refused(gateway)
    assert_whole(data, [*kept, refused(gateway)])


def test_spool_keeps_what_the_database_does_not_take(make_gateway, data):
    gateway = make_gateway(data=data, args=("--audit.on_failure", "spool"))
    runs = [refused(gateway)]
    other = sqlite3.connect(data / "capsem.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    runs += [refused(gateway) for _ in range(3)]
    assert (data / "audit.spool").stat().st_size > 1000
    kill(gateway)
    other.execute("ROLLBACK")
    other.close()
    again = make_gateway(data=data)
    runs.append(refused(again))
    assert_whole(data, runs)


def test_open_goes_on(make_gateway, data):
    gateway = make_gateway(data=data, args=("--audit.on_failure", "open"))
    other = sqlite3.connect(data / "capsem.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    runs = [refused(gateway) for _ in range(2)]
    assert ask(gateway, "hello").status_code == 200
    other.execute("ROLLBACK")
    other.close()
    gateway.stop()
    assert_whole(data, runs)


# ---- Tampering -------------------------------------------------------------------------------------------------------

def flipped(value):
    if isinstance(value, int):
        return value ^ 1
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    raw[len(raw) // 2] ^= 1
    return bytes(raw) if isinstance(value, bytes) else raw.decode()


def test_t38_one_byte_in_any_column_is_found_and_named(make_gateway, data):
    gateway = make_gateway(data=data)
    for _ in range(6):
        refused(gateway)
    gateway.stop()
    head = audit(data, "verify").split("head ")[1].split()[3]
    assert "sound" in audit(data, "verify", "--head", head)
    database = sqlite3.connect(data / "capsem.db", isolation_level=None)
    database.execute("DROP TRIGGER audit_record_fixed")
    database.execute("DROP TRIGGER audit_record_kept")
    columns = [row[1] for row in database.execute("PRAGMA table_info(audit_record)")]
    assert len(columns) == 9
    row = database.execute("SELECT * FROM audit_record WHERE seq = 3").fetchone()
    for column, value in zip(columns, row):
        changed = value + 1000 if column in ("place", "seq") else flipped(value)
        one = f"UPDATE audit_record SET {column} = ? WHERE {column} = ? AND digest IN (?, ?)"
        digests = (row[-1], flipped(row[-1]))
        database.execute(one, (changed, value, *digests))
        report = audit(data, "verify", status=1)
        assert f"segment {row[1]} record 3:" in report and report.endswith("broken\n"), f"{column}: {report}"
        database.execute(one, (value, changed, *digests))
        assert "sound" in audit(data, "verify"), column
    database.execute("DELETE FROM audit_record WHERE seq > 4")
    assert "are missing" in audit(data, "verify", status=1)


# ---- Reading ---------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def kept(mock, tmp_path_factory):
    """A data directory with a few records, and its gateway."""
    folder = tmp_path_factory.mktemp("kept") / "data"
    gateway = Gateway(mock.url, data=folder)
    assert ask(gateway, "hello", model="=cmd|'/c calc'!A1").status_code == 200
    for _ in range(3):
        refused(gateway)
    assert ask(gateway, "hello").status_code == 200
    wait_until(lambda: len(records(folder, "--kind", "exchange")) >= 5)
    yield gateway
    gateway.close()


def test_query_filters_while_the_gateway_runs(kept):
    assert len(records(kept.data, "--verdict", "block")) == 3
    assert len(records(kept.data, "--verdict", "block", "--until", "2020-01-01")) == 0
    assert len(records(kept.data, "--verdict", "block", "--since", "1h")) == 3
    times = [r["ts"] for r in records(kept.data, "--kind", "exchange")]
    assert times == sorted(times, reverse=True)
    oldest = records(kept.data, "--kind", "exchange", "--oldest-first")
    assert [r["ts"] for r in oldest] == sorted(times)
    assert len(audit(kept.data, "query", "--limit", 2).splitlines()) == 2
    audit(kept.data, "query", "--since", "yesterday", status=2)
    audit(kept.data / "nowhere", "query", status=1)


def test_t35_records_hold_no_content(kept):
    everything = (kept.data / "capsem.db").read_bytes() + (kept.data / "capsem.db-wal").read_bytes()
    assert b"Detected 'capsem_block'" in everything
    assert b"hello" not in everything and KEY.encode() not in everything


def test_export_is_whole_and_safe_for_spreadsheets(kept):
    lines = [json.loads(line) for line in audit(kept.data, "export").splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(line["record"]["ts"] for line in lines if line["kind"] == "exchange")
    rows = list(csv.DictReader(io.StringIO(audit(kept.data, "export", "--format", "csv"))))
    assert len(rows) == len(lines)
    assert "'=cmd|'/c calc'!A1" in [row["model"] for row in rows]
    for row in rows:
        assert not any(value[:1] in ("=", "+", "-", "@") for value in row.values())


def test_tail_follows(kept):
    tail = subprocess.Popen([capsem_binary(), "audit", "tail", "-f", "-n", "1", "--data-dir", kept.data],
                            stdout=subprocess.PIPE, text=True)
    try:
        json.loads(tail.stdout.readline())
        run = refused(kept)
        assert json.loads(tail.stdout.readline())["run_id"] == run
    finally:
        tail.terminate()
        tail.wait(5)
