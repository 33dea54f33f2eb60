"""Secrets against labelled texts, by the rule of another scanner that each text is of.

secret_rules.txt says which of our families count as that rule's, or why the rule is not claimed.
A positive is found when its text has a finding of those families, a negative flagged when one of
them scores 0.8 or more. (Where a secret begins is a matter of taste: some scanners span the user
name of a URL, or the name that a key is assigned to.)
"""

import collections
import fnmatch
import pathlib

from scan import ratio, read_rows, scan, table

TABLE = pathlib.Path(__file__).resolve().parent / "secret_rules.txt"
STRONG = 0.8


def read_table(path):
    """(patterns, families) in order; no families: not claimed."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line:
            patterns, _, families = line.partition("=")
            lines.append((patterns.split(), families.split()))
    return lines


def families_of(rule, lines):
    """What the first line that names the rule says; None: no line does."""
    for patterns, families in lines:
        if any(fnmatch.fnmatchcase(rule, pattern) for pattern in patterns):
            return families
    return None


def of_families(found, families):
    return [f for f in found if any(fnmatch.fnmatchcase(f["rule"], family) for family in families)]


def run(capsem, data, verbose):
    rows, lines = read_rows(data / "secret_cases.jsonl"), read_table(TABLE)
    results = scan(capsem, [{"text": r["text"], "entities": ["SECRET"]} for r in rows], "--threshold", "0")
    found, total, missed = collections.Counter(), collections.Counter(), collections.Counter()
    flagged, negatives, aside, strangers = 0, 0, 0, set()
    for row, findings in zip(rows, results):
        families = families_of(row["rule"], lines)
        if families is None:
            strangers.add(row["rule"])
        if not families:
            aside += 1
        elif row["expect"]:
            total[row["tool"]] += 1
            if of_families(findings, families):
                found[row["tool"]] += 1
            else:
                missed[row["rule"]] += 1
                if verbose:
                    shown = [(f["rule"], f["score"]) for f in findings]
                    print(f"  missed {row['rule']}: {row['text']!r}: {shown}")
        else:
            negatives += 1
            strong = [f for f in of_families(findings, families) if f["score"] >= STRONG]
            flagged += bool(strong)
            if verbose and strong:
                print(f"  flagged {row['rule']}: {row['text']!r}: {[(f['rule'], f['score']) for f in strong]}")
    if missed:
        table(("rules with positives that are missed", "missed"), sorted(missed.items()))
    table(("texts of", "positives", "found", "share"),
          [(tool, n, found[tool], ratio(found[tool], n)) for tool, n in sorted(total.items())])
    every, good = sum(total.values()), sum(found.values())
    print(f"  positives of claimed rules found:  {good}/{every} = {ratio(good, every):.1%} (goal 98 %)")
    print(f"  negatives flagged at {STRONG} or more:  {flagged}/{negatives} = {ratio(flagged, negatives):.1%} (goal 2 %)")
    print(f"  texts of rules that are not claimed: {aside}, of them of rules that the table does not know: {len(strangers)}")
