"""The JavaScript SDKs: node/sdks.test.mjs, one pytest case per test in it."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import KEY

FOLDER = pathlib.Path(__file__).parent / "node"
FILE = FOLDER / "sdks.test.mjs"
NAMES = re.findall(r'^test\("([^"]+)"', FILE.read_text(), re.M) + [
    f"agents, {form}: tools run and refusals are shown" for form in ("plain", "streamed")]

pytestmark = pytest.mark.skipif(not shutil.which("node") or not (FOLDER / "node_modules").exists(),
                                reason="node and its packages are not installed")


@pytest.fixture(scope="module")
def results(gateway, mock):
    """What each test of the file ended with: starting node once is most of the time it takes."""
    run = subprocess.run(["node", "--test", "--test-reporter=tap", "--test-concurrency=1", str(FILE)], cwd=FOLDER,
                         text=True, capture_output=True, timeout=120,
                         env={**os.environ, "CAPSEM_URL": gateway.url, "MOCK_URL": mock.url, "CAPSEM_KEY": KEY})
    found = {}
    for match in re.finditer(r"^ *(not ok|ok) \d+ - (.*?)$(.*?)(?=^ *(?:not ok|ok|# Subtest)|\Z)", run.stdout,
                             re.M | re.S):
        found[match.group(2).strip()] = (match.group(1) == "ok", match.group(3))
    return found, run.stdout + run.stderr


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", NAMES)
def test_node(results, name):
    found, output = results
    assert name in found, output
    passed, details = found[name]
    assert passed, details
