# SPDX-License-Identifier: Apache-2.0
"""The step reconcile in a hub: what violates is a dead letter with the sums, can be put right and replayed; a split loses no penny."""
import json

import pytest
from conftest import module, wait_for
from hub import COUNCIL, EVENTS, event

IATI = """<iati-activities version="2.03"><iati-activity default-currency="GBP" xml:lang="en">
<iati-identifier>GB-1-A</iati-identifier><reporting-org ref="GB-1" type="10"><narrative>A</narrative></reporting-org>
<title><narrative>T</narrative></title><description><narrative>D</narrative></description>
<participating-org role="1" ref="GB-1"><narrative>A</narrative></participating-org>
<activity-status code="2"/><activity-date iso-date="2026-01-01" type="2"/>
{transactions}{parent}</iati-activity></iati-activities>"""
TRANSACTION = """<transaction ref="{ref}"><transaction-type code="{code}"/><transaction-date iso-date="2026-02-01"/>
<value value-date="2026-02-01">{amount}</value></transaction>"""


def iati(*transactions, parent=""):
    return IATI.format(parent=parent, transactions="".join(TRANSACTION.format(ref=r, code=c, amount=a) for r, c, a in transactions)).encode()


@pytest.fixture
def reconciled(hub):
    """reconciled(speaks, receive=[steps], deliver=[steps]): documents of a standard, steps on either side, files in out/."""
    def start(speaks="cloudevents", receive=(), deliver=(), **sides):
        for step in [*receive, *deliver]:
            module("plugins/" + (step if isinstance(step, str) else step["step"]))
        return hub({"parties": dict(COUNCIL),
                    "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/in", "speaks": speaks, "steps": list(receive), **sides}},
                                   "receiver": {"party": "council", "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents", "steps": list(deliver)}}},
                    "routes": {"all": {"when": "true", "to": "receiver"}}})
    return start


def award(n, subject, amount, **more):
    return event(n, "funding.award", subject=subject, exactamount=amount, currency="GBP", **more)


def payment(n, subject, of, amount, **more):
    return event(n, "funding.payment", subject=subject, correlationid=of, exactamount=amount, currency="GBP", **more)


def push(h, *events, **headers):
    return h.push(list(events), "/in", {"Content-Type": EVENTS, **headers})


def letters(h, n):
    def them():
        return [json.loads(line) for line in h.command("dead", "list", "-c", h.config, "--json", "--code", "reconcile").stdout.splitlines()]
    return wait_for(lambda: len(them()) == n and them(), 20, lambda: f"{n} dead letters, there are {them()}:\n" + h.log()[-2000:])


def came(h, *ids):
    def them():
        return sorted(json.loads(p.read_text())["id"] for p in h.files("out"))
    wait_for(lambda: them() == sorted(ids), 20, lambda: f"{ids}, there are {them()}:\n" + h.log()[-2000:])


def test_what_exceeds_its_award_by_a_penny_is_a_dead_letter_that_a_correction_frees(reconciled):
    h = reconciled(deliver=["reconcile"])
    assert push(h, award(1, "A", "100"), payment(2, "p2", "A", "60"), payment(3, "p3", "A", "40.00", line="7"))[0] == 202
    came(h, "e1", "e2", "e3")
    assert push(h, payment(4, "p4", "A", "0.01", line="8"))[0] == 202
    d = letters(h, 1)[0]
    assert d["id"] == "e4" and "payments sum to 100.01 GBP, which is 0.01 more than the 100.00 awarded" in d["text"], d
    assert "p4 line 8 0.01 GBP, p3 line 7 40.00 GBP, p2 60.00 GBP" in d["text"], d
    h.kill_process("receiver.deliver")  # the ledger is on disk
    assert push(h, payment(5, "p5", "A", "1"))[0] == 202
    assert "sum to 101.01 GBP" in letters(h, 2)[1]["text"]
    assert push(h, award(6, "A", "101.01"))[0] == 202
    came(h, "e1", "e2", "e3", "e6")
    assert h.command("dead", "replay", "-c", h.config, "--code", "reconcile").stdout == "2 sent again\n"
    came(h, "e1", "e2", "e3", "e4", "e5", "e6")


def test_an_award_behind_its_payments_is_judged_alike(reconciled):
    h = reconciled(deliver=["reconcile"])
    assert push(h, payment(1, "p1", "A", "70"), payment(2, "p2", "A", "31"))[0] == 202
    came(h, "e1", "e2")
    assert push(h, award(3, "A", "100"))[0] == 202
    assert "sum to 101.00 GBP, which is 1.00 more than the 100.00 awarded" in letters(h, 1)[0]["text"]


def test_a_payment_can_wait_for_its_award(reconciled):
    h = reconciled(deliver=[{"step": "reconcile", "unknown": "wait"}])
    assert push(h, payment(1, "p1", "A", "70"), payment(2, "p2", "none", "1"))[0] == 202
    wait_for(lambda: "A, which this belongs to, has not come yet" in h.log() or [r for r in h.trace("e1") or [] if r["event"] == "attempt"], 20, "a try")
    assert push(h, award(3, "A", "100"))[0] == 202
    came(h, "e1", "e3")


def test_activities_are_held_to_what_they_committed(reconciled):
    h = reconciled("iati", deliver=["reconcile"])
    status, answer = h.push(iati(("c", 2, "100.00"), ("d1", 3, "99.99"), ("d2", 4, "0.02")), "/in", {"Content-Type": "application/xml"})
    assert status == 202, answer
    found = letters(h, 1)[0]
    assert "GB-1-A: payments sum to 100.01 GBP, which is 0.01 more than the 100.00 awarded" in found["text"]
    child = '<related-activity ref="GB-1-P" type="1"/>'
    for name, document in {b"P": iati(("c", 2, "100.00")), b"B": iati(("c", 2, "100.01"), parent=child)}.items():
        status, answer = h.push(document.replace(b"GB-1-A<", b"GB-1-" + name + b"<"), "/in", {"Content-Type": "application/xml"})
        assert status == 202, answer
    assert "GB-1-P: sub-grants sum to 100.01 GBP, which is 0.01 more than the 100.00 awarded" in letters(h, 2)[1]["text"]


SPLIT = ('[.subject, .exactamount, .data.parts] as [$s, $a, $parts] | $parts[]'
         ' | {specversion: "1.0", type: "funding.payment", subject: .n, correlationid: $s, exactamount: .is, currency: "GBP", data: .}')


@pytest.mark.parametrize("side", ["receive", "deliver"])
def test_what_a_split_makes_sums_to_what_came_in_or_nothing_goes_on(reconciled, side):
    steps = [{"step": "reconcile", "split": "before"}, {"step": "map", "jq": SPLIT, "input": "event"}, {"step": "reconcile", "split": "after"}]
    h = reconciled(**{side: steps}, partial=True)
    good = award(1, "A", "100", data={"parts": [{"n": "a", "is": "33.33"}, {"n": "b", "is": "66.67"}]})
    short = award(2, "B", "100", data={"parts": [{"n": "c", "is": "33.33"}, {"n": "d", "is": "66.66"}]})
    status, answer = push(h, good, short, Prefer="handling=lenient")
    assert status == 202, answer
    reason = "sums to 99.99, which is 0.01 less than the 100.00 GBP that came in: c 33.33 GBP, d 66.66 GBP"
    if side == "receive":
        assert answer["refused"] == 1 and reason in answer["issues"][0]["text"], answer
    else:
        assert reason in letters(h, 1)[0]["text"]
    came(h, "e1", "e1-2")


def test_half_a_split_is_told_and_nothing_is_lost(reconciled):
    h = reconciled(deliver=[{"step": "reconcile", "split": "after"}])
    assert push(h, award(1, "A", "100"))[0] == 202
    wait_for(lambda: "split: after needs a step reconcile with split: before" in h.log(), 20, "the reason")
    assert not h.files("out") and h.status()
