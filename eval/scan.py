"""One call of `capsem scan --jsonl` for many texts."""

import json
import subprocess


def scan(capsem, rows, *flags):
    """Findings per row; a row is {"text": ..., "entities": [...]} or a text."""
    lines = [json.dumps({"text": row} if isinstance(row, str) else row) for row in rows]
    done = subprocess.run([capsem, "scan", "--jsonl", *flags, "-"], input="\n".join(lines) + "\n",
                          text=True, capture_output=True, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(rows):
        raise SystemExit(f"capsem scan answered {len(answers)} of {len(rows)} lines: {done.stderr}")
    return [answer.get("findings", []) for answer in answers]


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def ratio(part, whole):
    return part / whole if whole else 0.0


def f_beta(precision, recall, beta=2.0):
    """F2 by default: what is missed weighs more than what is found too much."""
    weighted = beta * beta * precision + recall
    return (1 + beta * beta) * precision * recall / weighted if weighted else 0.0


def table(head, rows):
    """Columns as wide as their widest cell; numbers to the right."""
    cells = [[f"{c:.3f}" if isinstance(c, float) else str(c) for c in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        print("  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(row, widths))))
