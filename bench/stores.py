"""`make bench-stores`: what the audit and shared limits cost a request, by store, in one run.

usage: stores.py --build FOLDER [--seconds N] [--rounds N]

One gateway with one worker for each case, all on this machine, asked in turns, so that what else
the machine does falls on all of them alike:
  none      no audit
  sqlite    the audit in its default durability, SQLite
  postgres  the same, PostgreSQL 15
  limited   sqlite, and a limit that everybody is counted by, in the process
  redis     the same, counted by Redis 7
CPU is the gateway's own, all its threads; a server's is not in it. Medians over the rounds. Needs
root (PostgreSQL runs as its own user) and Debian's packages of both servers.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "integration")]

import processes as ps  # noqa: E402
import run  # noqa: E402
import servers  # noqa: E402

AUDIT_OFF = "[audit]\nenabled = false\n"
LIMIT = """schema = 1
[[policy]]
id = "everybody"
type = "limit"
requests_per_minute = 100000000
"""


class Stores(run.Bench):
    def __init__(self, args):
        self.redis_server = servers.Redis()
        self.postgres_server = servers.Postgres()
        try:
            for server in (self.redis_server, self.postgres_server):
                server.start()
            super().__init__(args)
        except BaseException:  # nobody else would end them: a gateway that failed exits from here
            self.close_servers()
            raise

    def restart_proxies(self) -> None:
        """The gateways of all cases instead of nginx and one gateway."""
        self.proxies = {}
        postgres = ("--database-url", self.postgres_server.new_database())
        redis = ("--redis-url", self.redis_server.url)
        for name, settings, policy, further in (("none", AUDIT_OFF, "", ()),
                                                ("sqlite", "", "", ()),
                                                ("postgres", "", "", postgres),
                                                ("limited", "", LIMIT, ()),
                                                ("redis", "", LIMIT, redis)):
            folder = self.folder / name
            config = folder / "config"
            shutil.copytree(HERE.parent / "config", config)
            (config / "capsem.toml").write_text(run.GATEWAY_LIMITS + settings)
            if policy:
                (config / "limit.toml").write_text(policy)
            started = ps.start_gateway(self.build, folder, self.upstream_port, config, further)
            if started is None:
                sys.exit(f"{name}: {(folder / 'gateway.log').read_text()[-1000:]}")
            self.proxies[name] = {"process": started[0], "port": started[1], "streams": started[1]}

    def compare(self, seconds: int, rounds: int) -> dict:
        body = self.body_file(run.chat_body(1200))
        found: dict = {name: {"cpu_us": [], "rps": [], "p99_us": []} for name in self.proxies}
        rate = 0
        for number in range(rounds + 1):  # the first warms up
            for name, proxy in self.proxies.items():
                before = proxy["process"].cpu_us()
                load = self.wrk(proxy["port"], body, seconds)
                if load.get("errors"):
                    sys.exit(f"{name}: {load}")
                if number:
                    cpu = proxy["process"].cpu_us() - before
                    found[name]["cpu_us"].append(cpu / max(load["requests"], 1))
                    found[name]["rps"].append(load["requests"] / load["seconds"])
            if number == 1:
                rate = int(min(one["rps"][0] for one in found.values()) / 3)
            for name, proxy in self.proxies.items() if number else ():
                load = self.load("requests", proxy["port"], body, rate=rate, connections=32,
                                 seconds=seconds)
                found[name]["p99_us"].append(load["p99_us"])
        medians = {name: {what: statistics.median(all_of) for what, all_of in one.items()}
                   for name, one in found.items()}
        return {"rate": rate, "cases": medians, "rounds": found}

    def close(self) -> None:
        super().close()
        self.close_servers()

    def close_servers(self) -> None:
        for server in (self.redis_server, self.postgres_server):
            server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    bench = Stores(args)
    try:
        result = bench.compare(args.seconds, args.rounds)
        with open("/proc/loadavg") as file:
            result["load"] = file.read().split()[:3]
        none = result["cases"]["none"]
        print(f"{'':<10}{'requests/s':>12}{'CPU us':>10}{'added':>8}"
              f"{'p99 us at ' + str(result['rate']) + '/s':>22}{'added':>10}")
        for name, one in result["cases"].items():
            print(f"{name:<10}{one['rps']:>12,.0f}{one['cpu_us']:>10.1f}"
                  f"{one['cpu_us'] - none['cpu_us']:>8.1f}{one['p99_us']:>22,.0f}"
                  f"{one['p99_us'] - none['p99_us']:>10,.0f}")
        print(f"load of the machine at the end: {' '.join(result['load'])}")
        (bench.build / "stores.json").write_text(json.dumps(result, indent=1) + "\n")
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
