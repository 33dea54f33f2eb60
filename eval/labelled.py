"""Sentences that somebody else labelled: a JSON list of {"full_text": ..., "spans": [{"entity_type",
"start_position", "end_position"}]}, as presidio-research writes and publishes them (its package
holds data/synth_dataset_v2.json).

Labels, and findings, of one type that touch or have nothing but blanks and commas between them are
one: an address is found as a whole or as its parts. A finding is right when it has the label's type
and the two share at least so much of what they cover together.
"""

import collections
import json
import re

from scan import scan, table
from sentences import row

SHARED = (0.5, 0.9)
# What these labels are called here; labels of other types are not looked for.
TYPES = {"GPE": "LOCATION", "STREET_ADDRESS": "LOCATION", "DOMAIN_NAME": "URL"} | {
    name: name for name in ("PERSON", "LOCATION", "DATE_TIME", "CREDIT_CARD", "PHONE_NUMBER", "NRP",
                            "US_DRIVER_LICENSE", "IP_ADDRESS", "US_SSN", "EMAIL_ADDRESS", "URL",
                            "IBAN_CODE")}


def joined(spans, text):
    out = []
    for kind, start, end in sorted(spans):
        last = out[-1] if out else None
        if last and last[0] == kind and re.fullmatch(r"[\s,.-]{0,3}", text[last[2]:start]):
            last[2] = max(last[2], end)
        else:
            out.append([kind, start, end])
    return out


def shared(a, b):
    both = min(a[2], b[2]) - max(a[1], b[1])
    return both / (max(a[2], b[2]) - min(a[1], b[1])) if a[0] == b[0] and both > 0 else 0.0


def count(labels, found, least, counts):
    left = list(found)
    for label in labels:
        counts[label[0]]["labelled"] += 1
        best = max(left, key=lambda f: shared(label, f), default=None)
        if best is not None and shared(label, best) >= least:
            counts[label[0]]["found"] += 1
            left.remove(best)
    for f in left:
        counts[f[0]]["wrong"] += 1


def run(capsem, path, verbose):
    samples = json.loads(path.read_text(encoding="utf-8"))
    texts = [s["full_text"] for s in samples]
    labels = [joined([(TYPES[x["entity_type"]], x["start_position"], x["end_position"])
                      for x in s["spans"] if x["entity_type"] in TYPES], s["full_text"])
              for s in samples]
    types = sorted({kind for each in labels for kind, _, _ in each})
    results = scan(capsem, [{"text": t, "entities": types} for t in texts], "--threshold", "0.4")
    found = [joined([(f["type"], f["start"], f["end"]) for f in each], text)
             for each, text in zip(results, texts)]
    for least in SHARED:
        counts = collections.defaultdict(collections.Counter)
        for of_label, of_scan in zip(labels, found):
            count(of_label, of_scan, least, counts)
        every = collections.Counter()
        for kind in types:
            every.update(counts[kind])
        print(f"  shared at least {least}")
        table(("", "labelled", "precision", "recall", "F2"),
              [row(kind, counts[kind]) for kind in types] + [row("all of them", every)])
    if verbose:
        for text, of_label, of_scan in zip(texts, labels, found):
            missed = [x for x in of_label if max((shared(x, f) for f in of_scan), default=0) < SHARED[0]]
            for kind, start, end in missed:
                print(f"  missed {kind} {text[start:end]!r} in {text!r}")
