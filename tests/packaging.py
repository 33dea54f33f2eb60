"""Checks what ships beside the program: the systemd unit's confinement and the bill of materials.

usage: packaging.py PROJECT_FOLDER PROGRAM
       packaging.py --self-test PROJECT_FOLDER

The unit must be one that systemd understands without a word, and no more exposed than 2.0 of 10 as
`systemd-analyze security` counts; the package's scripts must be sound shell; the bill of materials
must name every shared library the program loads, each with a version and a licence. Without
systemd-analyze or dpkg the checks that need them are left out, and say so.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

EXPOSURE_MAX = 2.0


def unit_complaints(text: str, program: str) -> list[str]:
    """What is wrong with a unit whose ExecStart begins with /usr/bin/capsem."""
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder, "capsem.service")
        unit.write_text(text.replace("/usr/bin/capsem", program))
        verify = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                                capture_output=True, text=True)
        complaints = [line for line in (verify.stdout + verify.stderr).splitlines()
                      if "capsem.service" in line]
        if verify.returncode and not complaints:
            complaints.append(f"systemd-analyze verify: {verify.returncode}: {verify.stderr.strip()}")
        security = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
                                  capture_output=True, text=True)
        found = re.search(r"Overall exposure level for capsem\.service: ([0-9.]+)", security.stdout)
        if not found:
            complaints.append(f"systemd-analyze security says nothing: {security.stderr.strip()}")
        elif float(found[1]) > EXPOSURE_MAX:
            complaints.append(f"exposure {found[1]}, more than {EXPOSURE_MAX}")
        return complaints


def sbom_complaints(sbom: dict, libraries: set[str]) -> list[str]:
    """What the bill of materials leaves out. `libraries`: the files the program loads."""
    complaints = []
    if sbom.get("bomFormat") != "CycloneDX":
        complaints.append("not CycloneDX")
    named = set()
    for component in sbom.get("components", []):
        for part in ("name", "version", "licenses", "purl"):
            if not component.get(part):
                complaints.append(f"{component.get('name')}: no {part}")
        if any("NOASSERTION" in json.dumps(entry) for entry in component.get("licenses", [])):
            complaints.append(f"{component.get('name')}: unknown licence")
        named |= {pathlib.Path(p["name"].removeprefix("sha256:")).name
                  for p in component.get("properties", []) if p["name"].startswith("sha256:")}
    complaints += [f"{name} is not listed" for name in sorted(libraries - named)]
    return complaints


def loaded(program: str) -> set[str]:
    text = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return {pathlib.Path(path).resolve().name for path in re.findall(r"(/\S+) \(0x", text)}


def script_complaints(root: pathlib.Path) -> list[str]:
    complaints = []
    for script in sorted((root / "packaging" / "debian").iterdir()):
        done = subprocess.run(["sh", "-n", script], capture_output=True, text=True)
        if done.returncode:
            complaints.append(f"{script.name}: {done.stderr.strip()}")
        if "set -e" not in script.read_text().splitlines()[:3]:
            complaints.append(f"{script.name}: goes on after an error")
    return complaints


def check(root: pathlib.Path, program: str) -> list[str]:
    complaints = script_complaints(root)
    if shutil.which("systemd-analyze"):
        text = (root / "packaging" / "capsem.service").read_text()
        complaints += [f"capsem.service: {line}" for line in unit_complaints(text, program)]
    else:
        print("packaging: no systemd-analyze here: the unit was not looked at")
    if shutil.which("dpkg-query"):
        sbom = subprocess.run([root / "scripts" / "sbom", "--program", program, "--version", "0"],
                              check=True, capture_output=True, text=True).stdout
        complaints += [f"sbom: {line}" for line in sbom_complaints(json.loads(sbom), loaded(program))]
    else:
        print("packaging: no dpkg here: the bill of materials was not looked at")
    return complaints


def self_test(root: pathlib.Path) -> int:
    failures = []
    if shutil.which("systemd-analyze"):
        good = (root / "packaging" / "capsem.service").read_text()
        worse = re.sub(r"(?m)^(Protect|Restrict|SystemCall|Capability|Private|NoNew).*\n", "", good)
        cases = [("the unit", good, 0), ("without protection", worse, 1),
                 ("an unknown key", good.replace("UMask=", "Umaskk="), 1),
                 ("a missing program", good.replace("/usr/bin/capsem", "/no/such/program"), 1)]
        for name, text, wrong in cases:
            if bool(unit_complaints(text, "/bin/true")) != bool(wrong):
                failures.append(f"{name}: {unit_complaints(text, '/bin/true')}")
    component = {"name": "a", "version": "1", "purl": "p", "licenses": [{"license": {"id": "MIT"}}],
                 "properties": [{"name": "sha256:/lib/a.so", "value": "0"}]}
    good_sbom = {"bomFormat": "CycloneDX", "components": [component]}
    cases = [("good", good_sbom, {"a.so"}, 0), ("another format", {**good_sbom, "bomFormat": "x"}, set(), 1),
             ("a library left out", good_sbom, {"a.so", "b.so"}, 1),
             ("no licence", {**good_sbom, "components": [{**component, "licenses": []}]}, set(), 1)]
    for name, sbom, libraries, count in cases:
        if len(sbom_complaints(sbom, libraries)) != count:
            failures.append(f"{name}: {sbom_complaints(sbom, libraries)}")
    for line in failures:
        print(f"packaging self-test: {line}")
    return 1 if failures else 0


def main() -> int:
    if sys.argv[1] == "--self-test":
        return self_test(pathlib.Path(sys.argv[2]))
    complaints = check(pathlib.Path(sys.argv[1]), sys.argv[2])
    for line in complaints:
        print(line)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
