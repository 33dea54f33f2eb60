"""Starts the real program on free loopback ports, and talks to the mock provider's control paths."""

import itertools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Every key a test sends holds this word: it must be found nowhere but at the provider.
CANARY = "CANARYK3Y"
KEY = f"sk-test-{CANARY}-0123456789abcdef"

DEBUG_TOML = "enabled = true\n"
PII_TOML = """\
enabled = true
check_prompts = true
check_tool_args = true
check_responses = true
check_tool_responses = true
score_threshold = 0.5
language = "en"
[entity_decisions]
EMAIL_ADDRESS = "BLOCK"
CREDIT_CARD = "BLOCK"
US_SSN = "BLOCK"
PHONE_NUMBER = "CONFIRM"
PERSON = "LOG"
"""
# As they are shipped.
SECRETS_TOML, INJECTION_TOML = ((ROOT / "config" / name).read_text() for name in ("secrets.toml", "injection.toml"))
POLICIES = {"debug.toml": DEBUG_TOML, "pii.toml": PII_TOML, "secrets.toml": SECRETS_TOML, "injection.toml": INJECTION_TOML}


def capsem_binary() -> pathlib.Path:
    named = os.environ.get("CAPSEM_BIN") or os.environ.get("CAPSEM_BINARY")
    if named:
        return pathlib.Path(named)
    for build in ("release", "dev"):
        path = ROOT / "build" / build / "capsem"
        if path.exists():
            return path
    raise RuntimeError("no capsem program: build it, or name it in CAPSEM_BIN")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, seconds=5.0, every=0.02):
    """The first true value of condition(); fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds} s: {condition}")
        time.sleep(every)


class Program:
    """A started program whose output is kept."""

    def __init__(self, args, env=None, cwd=None):
        clean = {k: v for k, v in os.environ.items()
                 if not k.startswith(("PROXY_", "CAPSEM_")) or k == "CAPSEM_BIN"}
        self.process = subprocess.Popen([str(a) for a in args], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        env={**clean, **(env or {})}, cwd=cwd)
        self._lines: list[bytes] = []
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self):
        for line in self.process.stdout:
            self._lines.append(line)

    @property
    def output(self) -> str:
        return b"".join(list(self._lines)).decode("utf-8", "replace")

    def wait_for(self, pattern: str, seconds=10.0) -> re.Match:
        def found():
            match = re.search(pattern, self.output)
            if not match and self.process.poll() is not None:
                self._reader.join(1)
                match = re.search(pattern, self.output)
                if not match:
                    raise AssertionError(f"ended with {self.process.returncode}:\n{self.output}")
            return match
        return wait_until(found, seconds)

    def stop(self, seconds=10) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(0.1)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGTERM)  # the second one ends at once
                try:
                    self.process.wait(seconds)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait()
        self._reader.join(2)
        return self.process.returncode


class Mock(Program):
    """`capsem mock-upstream`, and what its control paths tell."""

    def __init__(self):
        mock = os.environ.get("CAPSEM_MOCK_BIN")  # the mock alone, when there is no capsem yet
        command = [mock] if mock else [capsem_binary(), "mock-upstream"]
        super().__init__([*command, "--port", "0"])
        self.url = self.wait_for(r"(http://127\.0\.0\.1:\d+)").group(1)
        self.port = int(self.url.rsplit(":", 1)[1])
        self.http = httpx.Client(base_url=self.url, timeout=10)
        self._names = itertools.count(1)

    def stop(self, seconds=10) -> int:
        self.http.close()
        return super().stop(seconds)

    def script(self, **script):
        answer = self.http.post("/mock/script", json=script)
        assert answer.status_code == 200, answer.text
        return script.get("model", "")

    def model(self, directives: str, times: int = 0) -> str:
        """A model name whose answers follow `directives`: nothing of them is in the request."""
        return self.script(model=f"mock-{next(self._names)}", times=times, mock=directives)

    def says(self, text: str, more: str = "") -> str:
        """A model that answers exactly `text`."""
        return self.model(f"say={json.dumps(text, ensure_ascii=False)} {more}")

    def answers(self, body, content_type="application/json", status=200, headers=None) -> str:
        """A model that answers exactly these bytes."""
        data = body if isinstance(body, str) else json.dumps(body)
        return self.script(model=f"mock-{next(self._names)}", times=0, status=status, length=True,
                           headers={"Content-Type": content_type, **(headers or {})},
                           pieces=[{"data": data}])

    def streams(self, pieces, content_type="text/event-stream", delay=0, end="keep") -> str:
        """A model that streams exactly these pieces."""
        return self.script(model=f"mock-{next(self._names)}", times=0, end=end,
                           headers={"Content-Type": content_type},
                           pieces=[{"data": p, "delay": delay} for p in pieces])

    def requests(self) -> list[dict]:
        return self.http.get("/mock/requests").json()["requests"]

    def count(self) -> int:
        return self.http.get("/mock/requests").json()["count"]

    def open(self) -> int:
        return self.http.get("/mock/open").json()["open"]

    def forget(self):
        """Forgets requests and scripts."""
        self.http.delete("/mock/requests")

    def seen_for(self, model: str) -> list[dict]:
        """The requests that named this model."""
        return [r for r in self.requests() if model in r["body"] or model in r["target"]]


def header(request: dict, name: str):
    """The values of a recorded request's header."""
    return [v for k, v in request["headers"] if k.lower() == name.lower()]


class Gateway(Program):
    """`capsem serve` with a configuration directory of its own.

    A system call that its confinement does not know ends it, and so the test (reliability.md 3.11).
    """

    def __init__(self, upstream: str, policies=None, settings="", args=(), env=None, tls=False,
                 data=None):
        self.folder = tempfile.TemporaryDirectory(prefix="capsem-test-")
        folder = pathlib.Path(self.folder.name)
        self.config, self.data = folder / "config", data or folder / "data"
        self.config.mkdir()
        self.data.mkdir(exist_ok=True)
        for name, text in (POLICIES if policies is None else policies).items():
            (self.config / name).write_text(text)
        if settings:
            (self.config / "capsem.toml").write_text(settings)
        self._admin_token = None
        self.port, self.admin_port = free_port(), free_port()
        urls = [a for p in ("openai", "gemini", "anthropic") for a in (f"--{p}-base-url", upstream)]
        super().__init__([capsem_binary(), "serve", "--port", self.port, "--admin-port",
                          self.admin_port, "--workers", "2", "--config-dir", self.config,
                          "--data-dir", self.data, *(urls if upstream else []), *args],
                         env={"CAPSEM_SERVER__CONFINE": "kill", **(env or {})})
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self.http = httpx.Client(base_url=self.url, timeout=20, verify=False)
        self._wait_ready()

    def _wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                self._reader.join(1)
                raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.output}")
            try:
                return self.http.get("/health", headers={"host": f"127.0.0.1:{self.port}"})
            except httpx.HTTPError:
                return None
        wait_until(ready, 10)

    @property
    def admin_token(self) -> str:
        """The token that the first start on this data directory printed."""
        if self._admin_token is None:
            self._admin_token = self.wait_for(r"shown this once: (ag_admin_\w+)").group(1)
        return self._admin_token

    def admin(self, method: str, path: str, json=None, token=None, **options) -> httpx.Response:
        """Asks the admin API with `token`, the bootstrap token if none is given, none at all if "".
        A write always says that it is JSON, without `json` it has no body."""
        headers = dict(options.pop("headers", {}))
        token = self.admin_token if token is None else token
        if token:
            headers.setdefault("authorization", f"Bearer {token}")
        if method not in ("GET", "HEAD", "DELETE"):
            headers.setdefault("content-type", "application/json")
        if json is not None:
            options["json"] = json
        return httpx.request(method, self.admin_url + path, headers=headers,
                             **{"timeout": 20, **options})

    def stop(self, seconds=10) -> int:
        self.http.close()
        code = super().stop(seconds)
        return code

    def close(self):
        self.stop()
        self.folder.cleanup()

    def records(self) -> list[dict]:
        """The audit records printed so far."""
        found = []
        for line in self.output.splitlines():
            if line.startswith("{"):
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass
        return found

    def rss_bytes(self) -> int:
        pages = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def files_open(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
