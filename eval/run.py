#!/usr/bin/env python3
"""`make eval`: how much the detectors find, and how much of it is right.

usage: run.py --capsem PROGRAM [--data FOLDER] [--labelled FILE] [--only PART,PART] [--verbose]

Parts: sentences (made here, labelled as they are made), labelled (sentences in FILE, in the format
of presidio-research), pii, secrets, injection (labelled texts in FOLDER). What has no FILE or no
FOLDER is left out.
"""

import argparse
import importlib
import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PARTS = {"sentences": "generated sentences with labelled personal data",
         "labelled": "labelled sentences of others",
         "pii": "PII recognizers, one entity at a time",
         "secrets": "secrets, by family",
         "injection": "prompt injection, by kind of text"}
MODULES = {"pii": "pii_cases", "secrets": "secret_cases", "injection": "injection_cases"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--capsem", required=True)
    parser.add_argument("--data", type=pathlib.Path)
    parser.add_argument("--labelled", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    sys.path.insert(0, str(HERE))
    for part in args.only.split(","):
        if part not in PARTS:
            parser.error(f"unknown part {part}; parts are {', '.join(PARTS)}")
        print(f"\n{part}: {PARTS[part]}")
        source = args.labelled if part == "labelled" else args.data
        if part != "sentences" and source is None:
            needs = "LABELLED=FILE" if part == "labelled" else "DATA=FOLDER"
            print(f"  left out: needs more (make eval {needs})")
            continue
        if source is not None and not source.exists():
            parser.error(f"{source} does not exist")
        name = MODULES.get(part, part)
        if importlib.util.find_spec(name) is None:
            raise SystemExit(f"eval/{name}.py is missing")
        importlib.import_module(name).run(args.capsem, source, args.verbose)


if __name__ == "__main__":
    main()
