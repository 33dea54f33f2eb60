"""The founding demo: `capsem demo`, and the same scenes with the SDKs."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness import ROOT, capsem_binary

DEMO = ROOT / "demo"
NODE = pathlib.Path(__file__).parent / "node"
S0_LINES = [
    "Model requested tool call:", "Tool: get_weather", 'Arguments: {"location":"Paris"}',
    "Tool result: {'temperature': '20°C', 'location': 'Paris', 'condition': 'sunny'}",
    "Final response: Currently in Paris: sunny, about 20°C. Would you like an hourly forecast or a 7-day outlook?",
    "CAPSEM BLOCKED: Error code: 403 - {'detail': \"Request blocked by security policy: PII detected in tool 'contact_lookup' arguments: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)\"}",
    "CAPSEM BLOCKED: Error code: 403 - {'detail': \"Request blocked by security policy: PII detected in tool 'unknown' response: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)\"}",
    "CAPSEM BLOCKED: Error code: 403 - {'detail': 'Request blocked by security policy: PII detected in model response: EMAIL_ADDRESS(count=13, score=1.00, action=BLOCK), PERSON(count=2, score=0.85, action=LOG)'}",
    "CAPSEM BLOCKED PROMPT: Error code: 403 - {'detail': \"Request blocked by security policy: Detected 'capsem_block' in prompt\"}",
    "CAPSEM BLOCKED TOOL NAME: Error code: 403 - {'detail': \"Tool blocked by security policy: Detected 'capsem_block' in tool name\"}",
]

FURTHER_LINES = [
    "CAPSEM BLOCKED KEY: Error code: 403 - {'detail': 'Request blocked by security policy: Secret detected in prompt: openai-api-key(count=1, score=1.00, action=BLOCK)'}",
    "CAPSEM BLOCKED HIDDEN TEXT: Error code: 403 - {'detail': \"Request blocked by security policy: Prompt injection detected in tool 'unknown' response: unicode-tags(count=1, score=0.95, action=BLOCK)\"}",
    "The application asks:      Remind jane.doe@example.com of our meeting",
    "The provider receives:     Remind <EMAIL_ADDRESS_1> of our meeting",
    "The provider answers:      I have written to <EMAIL_ADDRESS_1>.",
    "The application gets:      I have written to jane.doe@example.com.",
    "The application, streamed: I have written to jane.doe@example.com.",
]


def in_order(lines, output):
    at = 0
    for line in lines:
        found = output.find(line + "\n", at)
        assert found >= 0, f"missing: {line}\n{output}"
        at = found + len(line)


def test_s0_the_demo_command_prints_the_founding_demos_lines():
    run = subprocess.run([capsem_binary(), "demo"], text=True, capture_output=True, timeout=30)
    assert run.returncode == 0, run.stdout + run.stderr
    in_order(S0_LINES + FURTHER_LINES, run.stdout)


def test_s0_openais_client_prints_the_founding_demos_lines(gateway):
    run = subprocess.run([sys.executable, DEMO / "openai_demo.py"], text=True, capture_output=True, timeout=60,
                         env={**os.environ, "CAPSEM_URL": gateway.url})
    assert run.returncode == 0, run.stderr
    in_order(S0_LINES, run.stdout)


@pytest.mark.parametrize("program,blocked", [("gemini_demo.py", 9), ("anthropic_demo.py", 9), ("agents_demo.py", 6),
                                             ("openai_demo.mjs", 9), ("agents_demo.mjs", 6)])
def test_s0_the_other_clients_play_the_scenes(gateway, program, blocked):
    source = DEMO / program
    if source.suffix == ".mjs":
        if not (NODE / "node_modules").exists():
            pytest.skip("the JavaScript SDKs are not installed")
        copy = NODE / f"demo-{os.getpid()}.mjs"  # Node looks for packages beside the program
        shutil.copy(source, copy)
        command = ["node", copy]
    else:
        copy, command = None, [sys.executable, source]
    try:
        run = subprocess.run(command, text=True, capture_output=True, timeout=60, env={**os.environ, "CAPSEM_URL": gateway.url})
    finally:
        if copy:
            copy.unlink()
    assert run.returncode == 0, run.stderr
    assert "Currently in Paris: sunny, about 20°C." in run.stdout
    assert run.stdout.count("CAPSEM BLOCKED") == blocked, run.stdout
    for reason in ("PII detected in tool 'contact_lookup' arguments", "EMAIL_ADDRESS(count=", "Detected 'capsem_block' in prompt"):
        assert reason in run.stdout
