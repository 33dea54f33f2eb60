"""Runs every fuzz target for a while and says what came of it.

usage: run.py --build FOLDER [--seconds N] [--jobs N] [--junit FILE] [--only NAME,NAME]

A target begins with its seeds (see capsem_fuzz() in CMakeLists.txt) and with what earlier runs
found, which stays in <build>/corpus/<target>. An input that fails is kept in
<build>/failures/<target>/ and named: run the target with that file as its argument to see it again.
"""

import argparse
import concurrent.futures
import glob
import os
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

SYMBOLIZER = next(iter(sorted(glob.glob("/usr/lib/llvm-*/bin/llvm-symbolizer"))), None)
HERE = pathlib.Path(__file__).resolve().parent


def targets(build: pathlib.Path) -> list[tuple[str, list[pathlib.Path]]]:
    lines = (build / "fuzz" / "targets.txt").read_text().split("\n")
    found = []
    for line in filter(None, map(str.strip, lines)):
        name, *seeds = line.split()
        found.append((name, [HERE.parent / s for s in seeds if (HERE.parent / s).exists()]))
    return found


def run(build: pathlib.Path, name: str, seeds: list[pathlib.Path], seconds: int):
    """(name, passed, one line, full output)"""
    corpus, failures = build / "corpus" / name, build / "failures" / name
    corpus.mkdir(parents=True, exist_ok=True)
    failures.mkdir(parents=True, exist_ok=True)
    # libFuzzer takes folders only, and reads those after the first without writing to them.
    folders = [s if s.is_dir() else s.parent for s in seeds]
    command = [build / "fuzz" / f"fuzz_{name}", f"-max_total_time={seconds}", "-print_final_stats=1",
               "-timeout=10", "-rss_limit_mb=3000", "-verbosity=0", f"-artifact_prefix={failures}/",
               corpus, *dict.fromkeys(folders)]
    dictionary = HERE / f"{name}.dict"
    if dictionary.exists():
        command.insert(1, f"-dict={dictionary}")
    started = time.monotonic()
    env = dict(os.environ)
    if SYMBOLIZER:  # else a failure's frames are bare addresses
        env.setdefault("ASAN_SYMBOLIZER_PATH", SYMBOLIZER)
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=env,
                              errors="replace", timeout=seconds + 120)
        output, status = done.stderr + done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = f"{late}: it did not end by itself", 1
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
    count = int(runs.group(1)) if runs else 0
    passed = status == 0 and count > 0
    line = f"{count:>10,} inputs in {time.monotonic() - started:5.1f} s"
    return name, passed, line, output


def write_junit(path: str, results) -> None:
    suite = ET.Element("testsuite", name="fuzz", tests=str(len(results)))
    for name, passed, _, output in results:
        case = ET.SubElement(suite, "testcase", classname="fuzz", name=f"fuzz_{name}")
        if not passed:
            printable = re.sub(r"[^\x09\x0a\x20-\x7e]", "?", output[-4000:])
            ET.SubElement(case, "failure").text = printable
    ET.ElementTree(suite).write(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--junit")
    parser.add_argument("--only", default="")
    args = parser.parse_args()

    only = set(filter(None, args.only.split(",")))
    chosen = [t for t in targets(args.build) if not only or t[0] in only]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(run, args.build, name, seeds, args.seconds) for name, seeds in chosen]
        results = []
        for job in concurrent.futures.as_completed(jobs):
            name, passed, line, output = job.result()
            results.append((name, passed, line, output))
            print(f"{'ok    ' if passed else 'FAILED'} fuzz_{name:<18} {line}", flush=True)
            if not passed:
                print(output[-6000:])
                print(f"the input is in {args.build}/failures/{name}/")
    if args.junit:
        write_junit(args.junit, results)
    return 0 if all(r[1] for r in results) else 1


if __name__ == "__main__":
    sys.exit(main())
