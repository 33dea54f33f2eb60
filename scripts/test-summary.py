"""Adds up the JUnit files of one test run and prints the closing line: "N passed, N failed".

usage: test-summary.py FOLDER STEPS_FAILED

GoogleTest's own files (in sub-folders) count test cases; ctest's count executables, so an
executable that left a GoogleTest file is not counted again. A step that failed without a single
failed test (a build that broke, say) counts as one failure: the line cannot look green.
"""

import pathlib
import sys
import xml.etree.ElementTree as ET


def main(folder: pathlib.Path, steps_failed: int) -> int:
    passed = failed = skipped = 0
    with_cases = set()
    for path in sorted(folder.glob("*/*.xml")):  # GoogleTest
        with_cases.add(path.stem.removesuffix("_test"))
        root = ET.parse(path).getroot()
        for case in root.iter("testcase"):
            if case.find("failure") is not None:
                failed += 1
                print(f"FAILED: {case.get('classname')}.{case.get('name')}")
            elif case.find("skipped") is not None or case.get("status") == "notrun":
                skipped += 1
            else:
                passed += 1
    for path in sorted(folder.glob("*.xml")):  # ctest, pytest, fuzz/run.py
        for case in ET.parse(path).getroot().iter("testcase"):
            name = case.get("name", "")
            bad = case.find("failure") is not None or case.find("error") is not None
            bad = bad or case.get("status") == "fail"
            if not bad and name.removeprefix("unit_") in with_cases:
                continue  # its cases are counted above
            if case.find("skipped") is not None:
                skipped += 1
            elif bad:
                failed += 1
                print(f"FAILED: {name}")
            else:
                passed += 1
    failed = max(failed, steps_failed)
    if passed == 0:
        failed = max(failed, 1)  # nothing ran: that is no success
    line = f"{passed} passed, {failed} failed"
    print(line + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), int(sys.argv[2])))
