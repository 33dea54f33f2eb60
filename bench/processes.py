"""The processes of one run: the provider, nginx, the gateway. Loopback only, killed at the end."""

import http.client
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import time

TICKS = os.sysconf("SC_CLK_TCK")
NGINX_CONF = """
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
events {{ worker_connections {connections}; multi_accept on; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u;
  scgi_temp_path {folder}/s;
  client_max_body_size 64m;
  client_body_buffer_size 16m;  # no body goes to disk
  keepalive_requests 100000000;
  keepalive_timeout 75s;
  upstream provider {{
    server 127.0.0.1:{upstream};
    keepalive 256;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{plain} backlog=4096;
    location / {{ {proxy} }}
  }}
  server {{
    listen 127.0.0.1:{streams} backlog=4096;
    location / {{ {proxy} proxy_buffering off; }}
  }}
}}
"""
NGINX_PROXY = ("proxy_pass http://provider; proxy_http_version 1.1; "
               'proxy_set_header Connection "";')


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def file_limit() -> int:
    """The most open files a child may have; run.py raises its own limit, children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


class Process:
    """A child and what /proc says of it."""

    def __init__(self, command: list, log: pathlib.Path, pid_of=None):
        self.name = pathlib.Path(str(command[0])).name
        self.log = log
        self.started = time.monotonic()
        with open(log, "wb") as out:
            self.child = subprocess.Popen([str(c) for c in command], stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL)
        self.pid_of = pid_of or (lambda child: child.pid)

    @property
    def pid(self) -> int:
        return self.pid_of(self.child)

    def cpu_us(self) -> float:
        """User and system time of all its threads so far."""
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1e6 / TICKS

    def rss_kib(self) -> int:
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def wait_for_port(self, port: int, seconds: float = 10) -> bool:
        while time.monotonic() - self.started < seconds:
            if self.child.poll() is not None:
                return False
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return True
            time.sleep(0.002)
        return False

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(1)
            except subprocess.TimeoutExpired:  # a drain waits for open streams
                self.child.kill()
                self.child.wait()


def start_upstream(build: pathlib.Path, folder: pathlib.Path) -> tuple[Process, int]:
    port = free_port()
    upstream = Process([build / "bench" / "bench_upstream", port], folder / "upstream.log")
    if not upstream.wait_for_port(port):
        sys.exit("bench_upstream did not start")
    return upstream, port


def nginx_worker(child: subprocess.Popen) -> int:
    with open(f"/proc/{child.pid}/task/{child.pid}/children") as file:
        return int(file.read().split()[0])


def start_nginx(folder: pathlib.Path, upstream: int, files: int):
    """(process, port, port without buffering), or None when there is no nginx."""
    binary = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if binary is None:
        return None
    plain, streams = free_port(), free_port()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX_CONF.format(folder=folder, files=files, connections=files - 64,
                                      upstream=upstream, plain=plain, streams=streams,
                                      proxy=NGINX_PROXY))
    nginx = Process([binary, "-c", conf, "-p", folder, "-e", folder / "nginx.log"],
                    folder / "nginx.out", nginx_worker)
    if not nginx.wait_for_port(streams):
        sys.exit(f"nginx did not start: see {folder}/nginx.out")
    return nginx, plain, streams


def ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def start_gateway(build: pathlib.Path, folder: pathlib.Path, upstream: int, config: pathlib.Path,
                  further: tuple = ()):
    """(process, port, seconds from start to ready), or None while the program cannot serve."""
    port = free_port()
    gateway = Process([build / "capsem", "serve", "--host", "127.0.0.1", "--port", port,
                       "--admin-port", free_port(), "--workers", 1, "--log-level", "warning",
                       "--config-dir", config, "--data-dir", folder / "data",
                       "--openai-base-url", f"http://127.0.0.1:{upstream}", *further],
                      folder / "gateway.log")
    while time.monotonic() - gateway.started < 10:
        if gateway.child.poll() is not None:
            return None
        if ready(port):
            return gateway, port, time.monotonic() - gateway.started
        time.sleep(0.001)
    gateway.stop()
    return None
