"""Real PostgreSQL and Redis servers of Debian's packages for tests, on free loopback ports.

    def test_x(postgres, redis, make_gateway):
        url = postgres.new_database()
        gateway = make_gateway(args=["--database-url", url, "--redis-url", redis.url])
        postgres.pause()     # SIGSTOP: connections stay, nothing answers
        postgres.resume()
        postgres.kill()      # SIGKILL, every process of it
        postgres.start()
        postgres.stop()      # an orderly shutdown that ends all sessions
        postgres.restart()

Each server is started when a test first asks for it and belongs to the test process. After every
test the fixtures bring it back to life. A missing package fails the tests; whoever cannot install
it says so with CAPSEM_TEST_WITHOUT_POSTGRES=1 or CAPSEM_TEST_WITHOUT_REDIS=1.
"""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import CANARY, free_port, wait_until

POSTGRES_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
# In no output of the gateway may these words be found.
PASSWORD = f"pw-{CANARY}-4711"


def _children(pid: int) -> list[int]:
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state = (entry / "stat").read_text().rsplit(") ", 1)[1].split()
            except (OSError, IndexError):
                continue
            if int(state[1]) == pid:
                found.append(int(entry.name))
    return found


class Server:
    """A started server program; its folder goes with it."""

    def __init__(self, name: str):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"capsem-{name}-", dir="/tmp"))
        self.log = self.folder / "log"
        self.port = free_port()
        self.process = None
        self.paused = False

    # What a subclass says: the words that start it, as whom, and whether it answers.
    user: str | None = None

    def command(self) -> list:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def run(self, *words, check=True, **more) -> str:
        """The output of a program, run as the server's user."""
        done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60,
                              **self._as_user(), **more)
        if check and done.returncode != 0:
            raise AssertionError(f"{words[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def _as_user(self) -> dict:
        if not self.user:
            return {"cwd": "/"}
        entry = pwd.getpwnam(self.user)
        return {"cwd": "/", "user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def start(self):
        """Starts it and waits until it answers. Nothing when it runs."""
        if self.running():
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([str(w) for w in self.command()], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL,
                                            **self._as_user())
        self.paused = False

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.log.read_text()}")
            return self.answers()
        wait_until(ready, 30)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _signal_all(self, number: int):
        if not self.running():
            return
        # The parent first: a stopped one starts no other.
        self.process.send_signal(number)
        for child in _children(self.process.pid):
            try:
                os.kill(child, number)
            except ProcessLookupError:
                pass

    def pause(self):
        self._signal_all(signal.SIGSTOP)
        self.paused = True

    def resume(self):
        self._signal_all(signal.SIGCONT)
        self.paused = False

    def kill(self):
        """As when the machine dies: no farewell, nothing flushed."""
        self._signal_all(signal.SIGKILL)
        if self.process:
            self.process.wait(10)

    stop_signal = signal.SIGTERM

    def stop(self):
        """An orderly shutdown, which ends all sessions."""
        if self.paused:
            self.resume()
        if self.running():
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def restart(self):
        self.stop()
        self.start()

    def heal(self):
        """Running and answering, whatever a test did to it."""
        if self.paused:
            self.resume()
        self.start()

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    stop_signal = signal.SIGINT  # "fast": does not wait for clients to go

    def __init__(self):
        super().__init__("postgres")
        self.databases = 0
        if os.geteuid() == 0:
            self.user = "postgres"
            entry = pwd.getpwnam(self.user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self.data = self.folder / "data"
        password = self.folder / "password"
        password.write_text(PASSWORD + "\n")
        os.chmod(password, 0o644)
        self.run(POSTGRES_BIN / "initdb", "-D", self.data, "-U", "capsem", "-A", "scram-sha-256",
                 "--pwfile", password, "-E", "UTF8", "--locale=C", "--no-sync")
        password.unlink()
        self.start()

    def command(self):
        return [POSTGRES_BIN / "postgres", "-D", self.data, "-p", self.port, "-k", self.folder,
                "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB",
                "-c", "max_connections=100"]

    def answers(self) -> bool:
        return subprocess.run([POSTGRES_BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                               str(self.port)], timeout=20).returncode == 0

    def url(self, database: str) -> str:
        return f"postgres://capsem:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        self.databases += 1
        name = f"test{self.databases}"
        self.query(f"CREATE DATABASE {name}")
        return self.url(name)

    def query(self, statement: str, url: str | None = None) -> list[list[str]]:
        """Rows as lists of texts. `url`: one of new_database()."""
        out = self.run(POSTGRES_BIN / "psql", "-X", "-A", "-t", "-F", "\x1f", "-R", "\x1e", "-v",
                       "ON_ERROR_STOP=1", "-d", url or self.url("postgres"), "-c", statement)
        rows = out.removesuffix("\n")
        return [row.split("\x1f") for row in rows.split("\x1e")] if rows else []

    def end_sessions(self):
        """Ends all sessions of the tests' databases, as a fail-over does."""
        self.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                   " WHERE datname LIKE 'test%'")


class Redis(Server):
    def __init__(self):
        super().__init__("redis")
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.start()

    def command(self):
        return ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--dir", self.folder,
                "--requirepass", PASSWORD, "--save", "", "--appendonly", "no"]

    def answers(self) -> bool:
        return self.call("PING", check=False) == "PONG"

    def call(self, *words, check=True) -> str:
        """One command's answer, as redis-cli prints it."""
        return self.run("redis-cli", "-h", "127.0.0.1", "-p", self.port, "--no-auth-warning", *words,
                        check=check, env={**os.environ, "REDISCLI_AUTH": PASSWORD}).strip()

    def flush(self):
        self.call("FLUSHALL")

    def end_sessions(self):
        self.call("CLIENT", "KILL", "TYPE", "normal")


def _server(kind, variable: str, present: bool):
    if os.environ.get(variable) == "1":
        pytest.skip(f"{variable}=1")
    assert present, f"Debian's package is not installed ({kind.__name__}); see {variable}"
    server = kind()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_server():
    yield from _server(Postgres, "CAPSEM_TEST_WITHOUT_POSTGRES", (POSTGRES_BIN / "initdb").exists())


@pytest.fixture(scope="session")
def redis_server():
    yield from _server(Redis, "CAPSEM_TEST_WITHOUT_REDIS", shutil.which("redis-server") is not None)


@pytest.fixture
def postgres(postgres_server):
    """The test process's PostgreSQL. Tests take a database of their own: postgres.new_database()."""
    yield postgres_server
    postgres_server.heal()


@pytest.fixture
def redis(redis_server):
    """The test process's Redis, empty."""
    redis_server.flush()
    yield redis_server
    redis_server.heal()
