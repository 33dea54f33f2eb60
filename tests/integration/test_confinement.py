"""What a running gateway has given up, seen from outside (reliability.md 3.11, promise 22, T42)."""

import os
import pathlib
import re
import subprocess

import pytest

from harness import Gateway, Program, capsem_binary, free_port, wait_until

SECRET = "pa55w0rd-CANARYK3Y"


def status_of(pid: int) -> dict[str, str]:
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"(?m)^(\w+):\s*(.*)$", text))


def threads_of(pid: int) -> list[dict[str, str]]:
    return [dict(re.findall(r"(?m)^(\w+):\s*(.*)$", status.read_text()))
            for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status")]


@pytest.fixture(scope="module")
def gateway(mock):
    gateway = Gateway(mock.url)
    yield gateway
    gateway.close()


def sanitized() -> bool:
    names = subprocess.run(["ldd", capsem_binary()], capture_output=True, text=True).stdout
    return "libasan" in names or "libtsan" in names


@pytest.mark.skipif(sanitized(), reason="a sanitizer needs more system calls")
def test_every_thread_is_confined(gateway):
    threads = threads_of(gateway.process.pid)
    assert len(threads) > 3
    for thread in threads:
        assert (thread["Seccomp"], thread["NoNewPrivs"]) == ("2", "1"), thread["Name"]


def test_it_leaves_no_core_and_belongs_to_root(gateway):
    limits = pathlib.Path(f"/proc/{gateway.process.pid}/limits").read_text()
    assert re.search(r"Max core file size\s+0\s+0\s", limits)
    # What is not dumpable belongs to root, whoever runs it: nobody else reads it.
    assert os.stat(f"/proc/{gateway.process.pid}/environ").st_uid == 0


def as_nobody(*command) -> subprocess.CompletedProcess:
    return subprocess.run(command, user=65534, group=65534, extra_groups=[], capture_output=True,
                          text=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a program as somebody else")
def test_a_neighbour_of_the_same_user_reads_nothing(tmp_path):
    config = tmp_path / "config"
    config.mkdir()
    for folder in (config, *config.parents):
        if folder.owner() == "root" and str(folder).startswith("/tmp/"):
            os.chmod(folder, 0o755)
    port = free_port()
    # Started as nobody: not through Program, which has no word for it.
    process = subprocess.Popen(
        [capsem_binary(), "serve", "--port", str(port), "--admin-port", "0", "--workers", "1",
         "--config-dir", config], user=65534, group=65534, extra_groups=[],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert b"Listening" in b"".join(process.stdout.readline() for _ in range(2))
        for name in ("environ", "maps", "mem", "fd"):
            done = as_nobody("head" if name != "fd" else "ls", f"/proc/{process.pid}/{name}")
            assert done.returncode != 0, name
            assert "denied" in done.stderr
        attached = as_nobody("cat", f"/proc/{process.pid}/status")  # what all may see, they do
        assert attached.returncode == 0
    finally:
        process.kill()
        process.wait()


def test_passwords_leave_the_environment(mock, tmp_path):
    """T42: a database password that came by a variable is not in /proc/PID/environ afterwards."""
    gateway = Gateway(mock.url, env={"CAPSEM_STORE__REDIS_URL": f"redis://:{SECRET}@127.0.0.1:1/0",
                                     "CAPSEM_SERVER__LOG_LEVEL": "info"})
    try:
        environ = pathlib.Path(f"/proc/{gateway.process.pid}/environ").read_bytes()
        assert b"CAPSEM_SERVER__LOG_LEVEL=info" in environ  # it is this process's
        assert SECRET.encode() not in environ
        assert SECRET not in gateway.output
    finally:
        gateway.close()


def test_the_master_key_leaves_the_environment(mock):
    key = "00112233445566778899aabbccddeeff" * 2
    gateway = Gateway(mock.url, env={"CAPSEM_MASTER_KEY": key})
    try:
        environ = pathlib.Path(f"/proc/{gateway.process.pid}/environ").read_bytes()
        assert b"CAPSEM_SERVER__CONFINE" in environ
        assert key.encode() not in environ
        assert key not in gateway.output
    finally:
        gateway.close()


@pytest.mark.skipif(sanitized(), reason="a sanitizer needs more system calls")
def test_it_can_be_turned_off_with_a_word(mock):
    gateway = Gateway(mock.url, env={"CAPSEM_SERVER__CONFINE": "off"})
    try:
        assert status_of(gateway.process.pid)["Seccomp"] == "0"
        assert 'confine = "off"' in gateway.output
    finally:
        gateway.close()


def test_the_default_is_confined(tmp_path):
    program = Program([capsem_binary(), "serve", "--print-effective-config", "--config-dir", tmp_path])
    wait_until(lambda: program.process.poll() is not None)
    program.stop()
    assert 'server.confine = "refuse"  # default' in program.output
