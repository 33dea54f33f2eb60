"""`make bench`: the gateway beside nginx's plain proxy_pass and a direct connection, in one run.

usage: run.py --build FOLDER [--quick] [--only PART,PART] [--micro]

Everything runs on this machine and on loopback: a minimal provider (bench/upstream.cc), nginx with
one worker, the gateway with one worker and the shipped policies, and the load tools (wrk,
bench_load). CPU is the proxy process's own (utime + stime), so it does not depend on how the load
shares the cores; ratios are between runs of one and the same invocation. Neither proxy writes an
access log. Results go to <build>/results.json; goals are shown, never enforced.

Parts: start requests sizes latency streams idle.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import processes as ps

HERE = pathlib.Path(__file__).resolve().parent
WORDS = ("the river turns slowly under an old stone bridge while birds drift over quiet green fields "
         "and somebody writes down what the day was like before it is gone again").split()

# Limits that stand in the way of a load from one machine; the policies are the shipped ones.
GATEWAY_LIMITS = """
[server]
access_log = false
[http]
connections_max = 30000
connections_per_peer_max = 0
in_flight_max = 20000
in_flight_per_key_max = 20000
requests_per_connection_max = 10000000
[upstream]
pool_max = 20000
"""


def prose(size: int) -> str:
    words, length, i = [], 0, 0
    while length < size:
        words.append(WORDS[(i * 7 + i // 11) % len(WORDS)])
        length += len(words[-1]) + 1
        i += 1
    return " ".join(words)[:size]


def chat_body(size: int, stream: bool = False, model: str = "gpt-4o-mini") -> str:
    """A chat request of about `size` bytes."""
    body = {"model": model, "stream": stream, "messages": [
        {"role": "system", "content": "You are a helpful assistant. Answer in one short paragraph."},
        {"role": "user", "content": ""}]}
    shell = len(json.dumps(body, separators=(",", ":")))
    body["messages"][1]["content"] = prose(max(size - shell, 16))
    return json.dumps(body, separators=(",", ":"))


class Bench:
    def __init__(self, args):
        self.build, self.quick = args.build.resolve(), args.quick
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="capsem-bench-"))
        self.files = ps.file_limit()
        self.results: dict = {}
        self.rows: list[tuple] = []
        self.upstream, self.upstream_port = ps.start_upstream(self.build, self.folder)
        self.restart_proxies()

    # The proxies start anew before a part that measures memory.
    def restart_proxies(self) -> None:
        for proxy in getattr(self, "proxies", {}).values():
            proxy["process"].stop()
        self.proxies: dict = {}
        nginx = ps.start_nginx(self.folder, self.upstream_port, self.files)
        if nginx:
            self.proxies["nginx"] = {"process": nginx[0], "port": nginx[1], "streams": nginx[2]}
        gateway = ps.start_gateway(self.build, self.folder, self.upstream_port, self.config())
        if gateway:
            self.proxies["capsem"] = {"process": gateway[0], "port": gateway[1],
                                      "streams": gateway[1], "ready_s": gateway[2]}

    def config(self) -> pathlib.Path:
        folder = self.folder / "config"
        if not folder.exists():
            shipped = HERE.parent / "config"
            if shipped.exists():
                shutil.copytree(shipped, folder)
            else:
                folder.mkdir()
            (folder / "capsem.toml").write_text(GATEWAY_LIMITS)
        return folder

    def targets(self, key: str = "port") -> dict:
        direct = {"direct": {"process": None, "port": self.upstream_port,
                             "streams": self.upstream_port}}
        return {name: (t["process"], t[key]) for name, t in {**direct, **self.proxies}.items()}

    def body_file(self, body: str) -> pathlib.Path:
        path = self.folder / "body.json"
        path.write_text(body)
        return path

    def close(self) -> None:
        for proxy in self.proxies.values():
            proxy["process"].stop()
        self.upstream.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def row(self, what: str, values: dict, unit: str, goal: str = "", ratio: bool = False) -> None:
        self.rows.append((what, values, unit, goal, ratio))
        print_row(what, values, unit, goal, ratio)

    # ------------------------------------------------------------ load tools

    def wrk(self, port: int, body: pathlib.Path, seconds: float, connections: int = 32) -> dict:
        out = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
             HERE / "wrk.lua", f"http://127.0.0.1:{port}/v1/chat/completions"],
            env=dict(os.environ, BODY_FILE=str(body)), capture_output=True, text=True, check=True)
        return json.loads(out.stdout.strip().split("\n")[-1])

    def load(self, mode: str, port: int, body: pathlib.Path, on_open=None, **options) -> dict:
        """Runs bench_load; calls on_open() between its phases and returns its last line."""
        command = [str(self.build / "bench" / "bench_load"), mode, "--port", str(port),
                   "--body-file", str(body)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            last = {}
            for line in child.stdout:
                last = json.loads(line)
                if on_open:
                    on_open(last)
        return last

    # ------------------------------------------------------------ parts

    def start(self) -> None:
        values_ready, values_rss = {}, {}
        time.sleep(0.5)
        for name, proxy in self.proxies.items():
            values_rss[name] = proxy["process"].rss_kib() / 1024
            if "ready_s" in proxy:
                values_ready[name] = proxy["ready_s"] * 1000
        self.row("start to ready", values_ready, "ms", "<= 500")
        self.row("resident size, idle after start", values_rss, "MiB", "<= 64")
        self.results["start"] = {"ready_ms": values_ready, "rss_mib": values_rss}

    def requests(self) -> None:
        """Saturated: 32 connections, 1.2 KB prompt, 0.4 KB answer."""
        body = self.body_file(chat_body(1200))
        seconds = 3 if self.quick else 6
        found = {}
        for name, (process, port) in self.targets().items():
            self.wrk(port, body, 1)
            before = process.cpu_us() if process else 0
            run = self.wrk(port, body, seconds)
            run["rps"] = run["requests"] / run["seconds"]
            if process:
                run["cpu_us"] = (process.cpu_us() - before) / max(run["requests"], 1)
            found[name] = run
        self.saturated = {n: r["rps"] for n, r in found.items()}
        self.row("requests per second, 32 connections", pick(found, "rps"), "/s")
        self.row("CPU of the proxy per request", pick(found, "cpu_us"), "us", "<= 1.0 x nginx", True)
        self.row("latency when saturated, p50", pick(found, "p50_us"), "us")
        self.row("latency when saturated, p99", pick(found, "p99_us"), "us")
        self.errors("requests", found)
        self.results["requests"] = found

    def sizes(self) -> None:
        """Cost per byte of prompt."""
        sizes = [1 << 10, 10 << 10, 100 << 10, 1 << 20] + ([] if self.quick else [10 << 20])
        found: dict = {}
        for size in sizes:
            body = self.body_file(chat_body(size))
            for name, (process, port) in self.targets().items():
                if not process:
                    continue
                before = process.cpu_us()
                run = self.wrk(port, body, 1 if self.quick else 2, 8 if size >= 1 << 20 else 32)
                run["cpu_us"] = (process.cpu_us() - before) / max(run["requests"], 1)
                run["ns_per_byte"] = run["cpu_us"] * 1000 / size
                found.setdefault(str(size), {})[name] = run
            label = f"{size >> 10} KB" if size < 1 << 20 else f"{size >> 20} MB"
            self.row(f"CPU per request, prompt of {label}", pick(found[str(size)], "cpu_us"), "us",
                     "", True)
            self.errors(f"prompt of {label}", found[str(size)])
        self.results["sizes"] = found
        flat = [found[str(s)].get("capsem", {}).get("ns_per_byte") for s in sizes if s >= 100 << 10]
        if all(flat):
            self.row("cost per byte, largest / 100 KB prompt", {"capsem": flat[-1] / flat[0]}, "x",
                     "<= 1.2")

    def latency(self) -> None:
        """At half of what the slowest saturates at, random arrivals."""
        body = self.body_file(chat_body(1200))
        if not hasattr(self, "saturated"):
            self.requests()
        rate = int(min(v for n, v in self.saturated.items() if n != "direct" or
                       len(self.saturated) == 1) / 2)
        found = {name: self.load("requests", port, body, rate=rate, connections=32,
                                 seconds=3 if self.quick else 8)
                 for name, (_, port) in self.targets().items()}
        direct = found["direct"]
        self.row(f"latency at {rate:,} requests/s, p50", pick(found, "p50_us"), "us")
        self.row(f"latency at {rate:,} requests/s, p99", pick(found, "p99_us"), "us")
        for share, goal in (("p50_us", "<= 60"), ("p99_us", "<= 400")):
            self.row(f"added to direct, {share[:3]}",
                     {n: r[share] - direct[share] for n, r in found.items() if n != "direct"}, "us",
                     goal)
        self.errors("latency", found)
        self.results["latency"] = {"rate": rate, **found}

    def streams(self) -> None:
        cases = [(500, "words")] if self.quick else [(2000, "words"), (2000, "tokens"), (5000, "words")]
        for count, text in cases:
            self.streams_case(count, text)

    def streams_case(self, count: int, text: str) -> None:
        self.restart_proxies()
        body = self.body_file(chat_body(
            400, True, f"bench:rate=10,events=100000,text={text}"))
        found = {}
        for name, (process, port) in self.targets("streams").items():
            samples = []

            def sample(_line, process=process, samples=samples):
                if process:
                    samples.append((process.cpu_us(), process.rss_kib()))

            rss = process.rss_kib() if process else 0
            run = self.load("streams", port, body, sample, connections=count, ramp=1000,
                            seconds=3 if self.quick else 6)
            if process:
                run["cpu_us_per_event"] = (samples[1][0] - samples[0][0]) / max(run["events"], 1)
                run["rss_kib_per_stream"] = (samples[1][1] - rss) / max(run["open"], 1)
            run["events_per_second"] = run["events"] / run["seconds"]
            found[name] = run
        direct = found["direct"]
        what = f"{count:,} streams of 10 events/s" + (", pieces begin with a space" * (text == "tokens"))
        self.row(f"{what}: events/s", pick(found, "events_per_second"), "/s")
        self.row("  CPU of the proxy per event", pick(found, "cpu_us_per_event"), "us",
                 "<= 1.2 x nginx", True)
        self.row("  memory per open stream", pick(found, "rss_kib_per_stream"), "KiB", "<= 32")
        self.row("  event latency, p50", pick(found, "p50_us"), "us")
        # A piece that may be the beginning of a finding waits for the next one: with a space in
        # front of each word that is one event's gap (100 ms), whatever the gateway's speed.
        waits = text == "tokens"
        self.row("  event latency, p99", pick(found, "p99_us"), "us",
                 "one word held: the gap, 100 ms" if waits else "<= 10 ms over direct")
        self.row("  first token, p50", pick(found, "first_p50_us"), "us")
        self.row("  first token, added to direct, p99",
                 {n: r["first_p99_us"] - direct["first_p99_us"] for n, r in found.items()
                  if n != "direct"}, "us", "" if waits else "<= 1000")
        self.errors(what, found)
        self.results[f"streams_{count}_{text}"] = found

    def idle(self) -> None:
        self.restart_proxies()
        count = min(2000 if self.quick else 10000, self.files - 200)
        body = self.body_file(chat_body(200))
        found = {}
        for name, (process, port) in self.targets().items():
            if not process:
                continue
            self.load("requests", port, body, connections=32, seconds=0.2)  # buffers it has anyway
            before, samples = process.rss_kib(), []
            run = self.load("idle", port, body, lambda _: samples.append(process.rss_kib()),
                            connections=count, ramp=4000, seconds=1, sources=64)
            run["rss_kib_per_connection"] = (samples[-1] - before) / max(run["idle"], 1)
            found[name] = run
        self.row(f"memory per idle connection, of {count:,}", pick(found, "rss_kib_per_connection"),
                 "KiB", "<= 4")
        self.errors("idle", found)
        self.results["idle"] = found

    def errors(self, what: str, found: dict) -> None:
        bad = {n: r["errors"] for n, r in found.items() if r.get("errors")}
        if bad:
            self.row(f"ERRORS in {what}", bad, "")

    def micro(self) -> None:
        for program in sorted((self.build / "bench").glob("*_bench")):
            print(f"\n== {program.name}")
            subprocess.run([program, "--benchmark_min_time=0.2"], check=False)


def pick(found: dict, key: str) -> dict:
    return {name: run[key] for name, run in found.items() if key in run}


COLUMNS = ("direct", "nginx", "capsem")


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def print_row(what: str, values: dict, unit: str, goal: str, ratio: bool) -> None:
    cells = "".join(f"{number(values[c]) if c in values else '-':>12}" for c in COLUMNS)
    factor = ""
    if ratio and values.get("nginx") and "capsem" in values:
        factor = f"{values['capsem'] / values['nginx']:.2f} x"
    print(f"{what:<62}{cells} {unit:<4}{factor:>8}  {goal}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true", help="less than 90 seconds")
    parser.add_argument("--only", default="", help="start,requests,sizes,latency,streams,idle")
    parser.add_argument("--micro", action="store_true", help="run the micro benchmarks, too")
    args = parser.parse_args()
    parts = args.only.split(",") if args.only else ["start", "requests", "sizes", "latency",
                                                    "streams", "idle"]
    bench = Bench(args)
    try:
        if "nginx" not in bench.proxies:
            print("nginx is not installed: scripts/setup --bench")
        if "capsem" not in bench.proxies:
            print(f"the gateway does not serve: {(bench.folder / 'gateway.log').read_text()[-500:]}")
        print(f"{'':<62}{''.join(f'{c:>12}' for c in COLUMNS)}     ratio to nginx, goal")
        began = time.monotonic()
        for part in parts:
            getattr(bench, part)()
        bench.results["machine"] = {"cores": os.cpu_count(), "seconds": time.monotonic() - began}
        out = bench.build / "results.json"
        out.write_text(json.dumps(bench.results, indent=1) + "\n")
        print(f"{time.monotonic() - began:.0f} s; {out}")
        if args.micro:
            bench.micro()
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
