"""Sentences with personal data, labelled as they are made, in the voices that assistants hear:
letters, tickets, forms, logs, JSON, chat. Nothing here was used to train the name tagger.

A finding counts as right when it has the label's type and overlaps it by at least half of the
longer of both; F2 weighs recall four times as much as precision. Scores of 0.4 and more, as
published figures of other tools have them.
"""

import collections
import random
import re

import values
from scan import f_beta, ratio, scan, table

SENTENCES = 4_000
OVERLAP = 0.5

TEMPLATES = """
Could you reschedule the dentist for {PERSON}? The old slot was {DATE_TIME}.
{PERSON} wrote this morning: the parcel never came to {ADDRESS}.
Please put the deposit on my card, {CREDIT_CARD}, and send the receipt to {EMAIL_ADDRESS}.
Ticket 4471: customer {PERSON} ({EMAIL_ADDRESS}) cannot log in from {IP_ADDRESS}.
My social security number is {US_SSN}, do you need anything else?
You can reach me on {PHONE_NUMBER} after six.
Transfer the rent to {IBAN_CODE} before the end of the month.
Dear {PERSON}, thank you for your visit on {DATE_TIME}. Kind regards, {PERSON}
Our colleague {PERSON} moves to {LOCATION} in spring.
The driver's license on file, {US_DRIVER_LICENSE}, expires soon.
Passport number {US_PASSPORT} was issued in {LOCATION}.
Bank account number {US_BANK_NUMBER} at the branch in {LOCATION} was closed.
See {URL} for the slides that {PERSON} promised.
The {NRP} delegation arrived in {LOCATION} together with {PERSON}.
{"customer": {"name": "{PERSON}", "email": "{EMAIL_ADDRESS}", "phone": "{PHONE_NUMBER}"}}
{"ship_to": "{ADDRESS}", "ordered": "{DATE_TIME}", "items": 3}
name: {PERSON}, born {DATE_TIME}, lives at {ADDRESS}
I am {PERSON} and I would like to cancel my subscription.
Minutes: {PERSON}, {PERSON} and {PERSON} attended; {PERSON} sent apologies.
Refund 45.00 to card number {CREDIT_CARD} as agreed with {PERSON}.
connection from {IP_ADDRESS} refused, user {EMAIL_ADDRESS}
Her {NRP} grandmother grew up near {LOCATION}.
Meet at {ADDRESS} on {DATE_TIME}, ask for {PERSON}.
Translate for my neighbour {PERSON}: the heating is off until Friday.
Mr. {PERSON} has an appointment with Dr. {PERSON} on {DATE_TIME}.
Forward everything to {EMAIL_ADDRESS} and copy {EMAIL_ADDRESS}.
What is the weather in {LOCATION} compared to {LOCATION}?
Summarise the complaint of {PERSON} from {LOCATION}: two invoices, one delivery.
SSN {US_SSN} / DOB {DATE_TIME} / phone {PHONE_NUMBER}
Please wire 1,200 EUR: {IBAN_CODE}, reference 2291, recipient {PERSON}.
The server {IP_ADDRESS} hosts {URL} for the team in {LOCATION}.
On {DATE_TIME} we signed the lease for {ADDRESS}.
Is {PERSON} still working with {PERSON} on the harbour project?
Call {PERSON} at {PHONE_NUMBER}; the cottage is at {ADDRESS}.
The {NRP} recipe needs saffron, the {NRP} one does not.
Reply to {EMAIL_ADDRESS} with the tracking code, said {PERSON}.
Write a short poem about rivers and the patience of stones.
Explain the difference between a mutex and a semaphore, with an example in Go.
The quarterly report shows 12,400 units, 3 percent more than planned.
Order 99120443 was shipped in 2 boxes of 40 x 30 x 20 cm.
Install version 3.11.7 and run the migration before 9 am.
""".strip().splitlines()


def make_one(random_):
    text, labels = "", []
    for part in re.split(r"(\{[A-Z_]+\})", random_.choice(TEMPLATES)):
        kind = part[1:-1]
        if part[:1] == "{" and kind in values.MAKERS:
            value = values.MAKERS[kind](random_)
            labels.append(("LOCATION" if kind == "ADDRESS" else kind, len(text), len(text) + len(value)))
            part = value
        text += part
    return text, labels


def overlaps(label, finding):
    _, start, end = label
    shared = min(end, finding["end"]) - max(start, finding["start"])
    return shared >= OVERLAP * max(end - start, finding["end"] - finding["start"])


def run(capsem, _data, verbose):
    random_ = random.Random(20)
    made = [make_one(random_) for _ in range(SENTENCES)]
    types = sorted({kind for _, labels in made for kind, _, _ in labels})
    results = scan(capsem, [{"text": text, "entities": types} for text, _ in made], "--threshold", "0.4")
    counts = collections.defaultdict(collections.Counter)
    for (text, labels), found in zip(made, results):
        left = list(found)
        for label in labels:
            counts[label[0]]["labelled"] += 1
            # An address is found as a whole or as its parts: any overlap of the type is a hit.
            hits = [f for f in left if f["type"] == label[0] and
                    (overlaps(label, f) or (label[0] == "LOCATION" and label[1] <= f["start"] < label[2]))]
            counts[label[0]]["found"] += bool(hits)
            if verbose and not hits:
                print(f"  missed {label[0]} {text[label[1]:label[2]]!r} in {text!r}")
            left = [f for f in left if f not in hits]
        for f in left:
            counts[f["type"]]["wrong"] += 1
            if verbose:
                print(f"  wrong {f['type']} {text[f['start']:f['end']]!r} in {text!r}")
    rows, every = [], collections.Counter()
    for kind in types:
        every.update(counts[kind])
        rows.append(row(kind, counts[kind]))
    rows.append(row("all of them", every))
    table(("", "labelled", "precision", "recall", "F2"), rows)
    print("  goals: F2 0.80 over all, PERSON 0.70")


def row(name, count):
    precision = ratio(count["found"], count["found"] + count["wrong"])
    recall = ratio(count["found"], count["labelled"])
    return name, count["labelled"], precision, recall, f_beta(precision, recall)
