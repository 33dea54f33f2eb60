"""`capsem doctor`: one line per check, exit status 1 when one fails."""

import http.server
import json
import pathlib
import re
import socket
import ssl
import subprocess
import threading
import time
from email.utils import formatdate

import pytest

from harness import Gateway, Program, capsem_binary, free_port


def doctor(*flags, config=None, env=None):
    """(exit status, {what: [(grade, why, todo)]}, everything it printed)"""
    program = Program([capsem_binary(), "doctor", "--json", "--timeout-ms", "2000",
                       "--port", str(free_port()), "--admin-port", str(free_port()),
                       *(["--config-dir", config] if config else []), *flags], env=env)
    program.process.wait(60)
    code = program.stop()
    text = program.output
    checks: dict[str, list] = {}
    start = text.find("{")
    assert start >= 0, text
    answer = json.loads(text[start:])
    for check in answer["checks"]:
        checks.setdefault(check["what"], []).append((check["grade"], check["why"], check["todo"]))
    assert answer["ok"] == (code == 0)
    assert (code == 1) == any(c["grade"] == "fail" for c in answer["checks"])
    return code, checks, text


def urls(url):
    return [a for p in ("openai", "gemini", "anthropic") for a in (f"--{p}-base-url", url)]


class Provider:
    """A provider that answers everything with 404 and this Date."""

    def __init__(self, skew_s=0, certificate=None):
        self.seen = seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self):
                seen.append((self.path, dict(self.headers)))
                self.send_response_only(404)
                self.send_header("Date", formatdate(time.time() + skew_s, usegmt=True))
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture
def config(tmp_path):
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "debug.toml").write_text("enabled = true\n")
    return folder


def test_everything_in_order(provider, config, tmp_path):
    code, checks, text = doctor(*urls(provider.url), "--data-dir", tmp_path / "data", config=config)
    assert code == 0, text
    for what in ("settings", "policies", "data directory", "database", "gateway port", "admin port",
                 "provider openai", "provider gemini", "provider anthropic", "clock"):
        assert checks[what][-1][0] == "ok", (what, checks[what])
    assert not (tmp_path / "data").exists()  # it changes nothing
    # No key left the machine: a HEAD request with nothing in it.
    assert provider.seen
    for path, headers in provider.seen:
        assert path == "/"
        assert {h.lower() for h in headers} <= {"host", "user-agent", "connection"}


def test_offline_connects_to_no_provider(provider, config):
    code, checks, _ = doctor(*urls(provider.url), "--offline", config=config)
    assert code == 0
    assert not provider.seen
    assert not any(what.startswith("provider") for what in checks)


@pytest.mark.parametrize("file,text,says", [
    ("capsem.toml", "[server]\nprot = 1\n", "capsem.toml:2:1"),
    ("own.toml", "schema = 1\n[[policy]]\nid = 3\n", "own.toml:2"),
    ("own.toml", 'schema = 1\n[[test]]\ngiven = { model = "m", prompt = "hi" }\n'
     'expect = { verdict = "block" }\n', "own.toml:2"),
])
def test_mistakes_in_files_are_found(config, file, text, says):
    (config / file).write_text(text)
    code, checks, output = doctor("--offline", config=config)
    assert code == 1
    failed = [why for found in checks.values() for grade, why, _ in found if grade == "fail"]
    assert len(failed) == 1 and says in failed[0], output


def test_a_provider_that_is_not_there(config):
    port = free_port()
    code, checks, _ = doctor(*urls(f"http://127.0.0.1:{port}"), config=config)
    assert code == 1
    assert checks["provider openai"][0][0] == "fail"
    assert "refused" in checks["provider openai"][0][1]


def test_a_clock_that_is_off(config):
    provider = Provider(skew_s=60)
    try:
        code, checks, _ = doctor(*urls(provider.url), config=config)
        assert code == 0
        grade, why, todo = checks["clock"][0]
        assert grade == "warn" and "behind" in why and todo
    finally:
        provider.stop()


def self_signed(folder: pathlib.Path, name: str):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "90",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:127.0.0.1", "-keyout",
                    key, "-out", cert], check=True, capture_output=True)
    return cert, key


def test_certificates_of_both_sides(config, tmp_path):
    cert, key = self_signed(tmp_path, "own")
    _, other_key = self_signed(tmp_path, "other")
    provider = Provider(certificate=(cert, key))
    try:
        code, checks, text = doctor(*urls(provider.url), config=config)
        assert code == 1  # not one of the system's
        assert "self-signed" in checks["provider openai"][0][1], text
        (config / "capsem.toml").write_text(f'[upstream]\nca_file = "{cert}"\n')
        code, checks, text = doctor(*urls(provider.url), "--tls-cert", cert, "--tls-key", key,
                                    config=config)
        assert code == 0, text
        # A certificate checked in the second it was made in is good for all of its days.
        assert re.search(r"good for (89|90) day", checks["certificate"][0][1])
        assert checks["trusted certificates"][0][0] == "ok"
        code, checks, _ = doctor("--offline", "--tls-cert", cert, "--tls-key", other_key,
                                 config=config)
        assert code == 1 and checks["private key"][0][0] == "fail"
    finally:
        provider.stop()


def test_ports_that_are_taken(config):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        code, checks, _ = doctor("--offline", "--port", taken.getsockname()[1], config=config)
        assert code == 1
        assert "another program" in checks["gateway port"][0][1]


def test_beside_a_running_gateway(mock):
    gateway = Gateway(mock.url)
    try:
        code, checks, text = doctor("--offline", "--data-dir", gateway.data, "--port", gateway.port,
                                    "--admin-port", gateway.admin_port, config=gateway.config)
        assert code == 0, text
        for what in ("gateway port", "admin port"):
            assert "running gateway" in checks[what][0][1]
        for what in ("database", "database write", "audit"):
            assert checks[what][0][0] == "ok", checks[what]
    finally:
        gateway.close()


def test_a_database_of_somebody_else(config, tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "capsem.db").write_bytes(b"this is no database, though it stands in its place" * 40)
    code, checks, text = doctor("--offline", "--data-dir", data, config=config)
    assert code == 1, text
    assert checks["database"][0][0] == "fail"


def test_stores_that_do_not_answer(config):
    port = free_port()
    code, checks, text = doctor(
        "--offline", "--database-url", f"postgres://u:pa55w0rd@127.0.0.1:{port}/x", "--redis-url",
        f"redis://:pa55w0rd@127.0.0.1:{port}", config=config)
    assert code == 1
    assert checks["database"][0][0] == checks["Redis"][0][0] == "fail"
    assert "pa55w0rd" not in text


def test_people_read_lines(config):
    program = Program([capsem_binary(), "doctor", "--offline", "--config-dir", config, "--port",
                       str(free_port()), "--admin-port", str(free_port())])
    program.process.wait(30)
    assert program.stop() == 0
    lines = program.output.splitlines()
    assert all(line.split()[0] in ("ok", "warn", "FAIL") for line in lines), program.output
    assert any(line.startswith("warn  data directory") and "->" in line for line in lines)
