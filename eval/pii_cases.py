"""PII recognizers against labelled cases, one entity at a time.

A case passes when the number of findings is `expected_len` and, where the spans are known, each
span and score is as said: only that entity, threshold 0, no context. Context cases pass when the
score with context is above the one without. Cases that need an option which the product does not
have are counted, not judged.
"""

import collections

from scan import ratio, read_rows, scan, table

DEFAULT_ENTITIES = {
    "CREDIT_CARD", "CRYPTO", "DATE_TIME", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "MAC_ADDRESS",
    "PHONE_NUMBER", "URL", "MEDICAL_LICENSE", "US_BANK_NUMBER", "US_DRIVER_LICENSE", "US_ITIN",
    "US_PASSPORT", "US_SSN", "UK_NHS"}


def as_expected(row, found):
    if row["kind"] == "validate":
        return True
    found = [f for f in found if f["type"] == row["entity"]]
    if len(found) != row["expected_len"]:
        return False
    if not row["spans_known"]:
        return True
    found.sort(key=lambda f: (f["start"], f["end"]))
    wanted = sorted(row["expected"], key=lambda e: (e["start"], e["end"]))
    return all(f["start"] == e["start"] and f["end"] == e["end"] and
               e["score_min"] - 0.005 <= f["score"] <= e["score_max"] + 0.005
               for f, e in zip(found, wanted))


def run(capsem, data, verbose):
    rows = read_rows(data / "pii_cases.jsonl")
    judged = [r for r in rows if r["kind"] in ("detect", "ner") and "config" not in r]
    results = scan(capsem, [{"text": r["text"], "entities": [r["entity"]]} for r in judged],
                   "--threshold", "0", "--no-context")
    passed, total = collections.Counter(), collections.Counter()
    for row, found in zip(judged, results):
        total[row["entity"]] += 1
        if as_expected(row, found):
            passed[row["entity"]] += 1
        elif verbose:
            shown = [(f["start"], f["end"], f["score"]) for f in found]
            print(f"  {row['entity']}: {row['text']!r}: {row['expected']} but {shown}")

    context = [r for r in rows if r["kind"] == "context" and "config" not in r]
    asked = [{"text": r["text"], "entities": [r["entity"]]} for r in context]
    plain = scan(capsem, asked, "--threshold", "0", "--no-context")
    boosted = scan(capsem, asked, "--threshold", "0")
    raised = 0
    for row, a, b in zip(context, plain, boosted):
        best = [max((f["score"] for f in fs if f["type"] == row["entity"]), default=0) for fs in (a, b)]
        raised += best[1] > best[0]
        if verbose and best[1] <= best[0]:
            print(f"  context, {row['entity']}: {row['text']!r}: {best[0]} -> {best[1]}")

    short = [(e, f"{passed[e]}/{n}") for e, n in sorted(total.items()) if passed[e] < n]
    if short:
        table(("not all as expected", "cases"), short)
    of_default = [e for e in total if e in DEFAULT_ENTITIES]
    good, all_ = sum(passed[e] for e in of_default), sum(total[e] for e in of_default)
    print(f"  the 16 default entities: {good}/{all_} = {ratio(good, all_):.1%} (goal 99 %)")
    good, all_ = sum(passed.values()), sum(total.values())
    print(f"  all entities:            {good}/{all_} = {ratio(good, all_):.1%} (goal 97 %)")
    print(f"  raised by context:       {raised}/{len(context)}")
    print(f"  not judged: {len(rows) - len(judged) - len(context)}")
