# SPDX-License-Identifier: Apache-2.0
"""The hub gives account of every message in plain words, as a person asks: where is it, why did it not arrive, what can I do? Asserted are
the words that matter. What each command prints besides is in test_cli.py."""
import json
import threading

import pytest
from conftest import wait_for

from hub import COUNCIL, EVENTS, Receiver, TestHub, event

REASON = "the applicant moved away"


class Site:
    """Four receivers: one takes, one refuses with a reason in its answer, one is away, one is slow and small."""

    def __init__(self, directory):
        self.takes, self.refuses = Receiver(), Receiver(lambda headers, body: self.answer)
        self.away = Receiver(lambda headers, body: (503, {"Retry-After": "1"}) if self.is_away else 200)
        self.answer, self.is_away = 400, True
        http = {"plugin": "http", "speaks": "cloudevents"}
        self.hub = TestHub(directory, {
            "parties": {**COUNCIL, "trust": {"name": "The Trust", "role": "provider"}},
            "unrouted": {"drop": "nobody reads these documents"},
            "connectors": {
                "sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents"}},
                "takes": {"party": "trust", "deliver": {**http, "url": self.takes.url}},
                "refuses": {"party": "trust", "deliver": {**http, "url": self.refuses.url}},
                "by-rule": {"party": "trust", "deliver": {"plugin": "fail", "verdict": "reject", "reason": REASON, "speaks": "cloudevents"}},
                "away": {"party": "trust", "deliver": {**http, "url": self.away.url}},
                "small": {"party": "trust", "deliver": {"plugin": "fail", "verdict": "down", "reason": "closed until Monday",
                                                        "limit": {"messages": 10}, "speaks": "cloudevents"}}},
            "routes": {"awards": {"match": {"type": "funding.award"}, "to": "takes"},
                       "reports": {"match": {"type": "funding.report"}, "to": ["refuses", "takes"]},
                       "decisions": {"match": {"type": "information.decision"}, "to": "by-rule"},
                       "payments": {"match": {"type": "funding.payment"}, "to": "away"},
                       "contracts": {"match": {"type": "information.contract"}, "to": "small"}}})

    def send(self, number, type_, **more):
        return self.hub.push([event(number, type_, subject=f"subject-{number}", **more)], path="/events", headers={"Content-Type": EVENTS})

    def ask(self, *argv):
        return self.hub.command(*argv, "-c", self.hub.config)

    def told(self, number, *words):
        """The text of `trace` once all these words stand in it."""
        def there():
            text = self.ask("trace", f"subject-{number}").stdout
            return text if all(w in text for w in words) else None
        return wait_for(there, 20, f"{words} in:\n{self.ask('trace', f'subject-{number}').stdout}", step=0.1)

    def rows(self, number, what):
        return [r for r in self.hub.trace(f"e{number}") or [] if r["event"] == what]

    def dead(self, *argv):
        return [json.loads(line) for line in self.ask("dead", "list", "--json", *argv).stdout.splitlines()]

    def close(self):
        self.hub.stop()
        for r in (self.takes, self.refuses, self.away):
            r.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp("site"))
    try:
        s.hub.wait_ready()
        yield s
    finally:
        s.close()


def test_a_message_that_matched_nothing(site):
    status, answer = site.send(1, "information.document")
    assert status == 202 and answer["accepted"] == 1
    site.told(1, "came from dcms (sender)", "matched no route and was dropped", "nobody reads these documents")
    (row,) = site.rows(1, "unrouted")
    assert row["text"] == "nobody reads these documents" and "destination" not in row
    assert site.rows(1, "delivered") == []


def test_a_message_that_its_receiver_refused(site):
    assert site.send(2, "funding.report")[0] == 202
    text = site.told(2, "refuses: NOT delivered", "takes: delivered", "dead letter", "by route reports")
    assert "400" in text and "reeve dead list --id e2" in text
    (row,) = site.rows(2, "dead")
    assert row["destination"] == "refuses" and row["code"] == "rejected" and "400" in row["text"]
    assert site.send(3, "information.decision")[0] == 202
    site.told(3, "NOT delivered", REASON)
    (d,) = wait_for(lambda: site.dead("--destination", "by-rule", "--id", "e3"), 20, "the dead letter")
    assert d["text"] == REASON and d["code"] == "rejected" and "event" not in d
    wait_for(lambda: site.hub.queue("by-rule").get("dead") == 1, 10, "the figure of the queue")
    status = site.ask("status").stdout
    line = next(x for x in status.splitlines() if x.startswith("by-rule") and "deliver" not in x.split()[0])
    assert "1" in line.split(), status


def test_a_message_whose_receiver_is_down(site):
    assert site.send(4, "funding.payment")[0] == 202
    site.told(4, "away: not delivered yet", "503", "next try")
    row = site.rows(4, "down")[-1]
    assert row["destination"] == "away" and row.get("next_ms") and "503" in row["text"]
    assert not site.rows(4, "attempt"), "a receiver that is down charges no message"
    alarm = wait_for(lambda: [a for a in site.hub.status()["alarms"] if a["process"] == "away.deliver"], 10, "the alarm")[0]
    assert "503" in alarm["text"]
    r = site.ask("status")
    assert r.returncode == 1 and "ALARM away.deliver" in r.stdout and "503" in r.stdout
    wait_for(lambda: sum(site.hub.queue("away").get(k, 0) for k in ("ready", "delayed", "inflight")) == 1, 10, "the message in the queue")
    wait_for(lambda: site.hub.queue("away").get("dead") == 0, 10, "no dead letter")
    site.is_away = False
    site.told(4, "away: delivered")
    wait_for(lambda: not [a for a in site.hub.status()["alarms"] if a["process"] == "away.deliver"], 10, "no alarm any more")


def test_a_dead_letter_is_sent_again_when_the_receiver_has_been_put_right(site):
    assert site.send(5, "funding.report")[0] == 202
    (d,) = wait_for(lambda: site.dead("--id", "e5"), 20, "the dead letter")
    shown = site.ask("dead", "show", d["number"]).stdout
    assert "refuses" in shown and "400" in shown and '"number"' not in shown  # no body without a reason
    site.answer = 200
    r = site.ask("dead", "replay", "--id", "e5")
    assert r.returncode == 0 and "1 sent again" in r.stdout
    site.told(5, "sent again to refuses", "=> refuses: delivered", "=> takes: delivered")
    assert site.dead("--id", "e5") == []
    assert {m["id"] for m in site.refuses.taken()} == {"e5"}
    assert [m["id"] for m in site.takes.taken()].count("e5") == 1, "only the receiver that refused gets it again"
    site.answer = 400


def test_a_dead_letter_is_thrown_away_with_a_reason_that_is_kept(site):
    assert site.send(6, "information.decision")[0] == 202
    wait_for(lambda: site.dead("--id", "e6"), 20, "the dead letter")
    r = site.ask("dead", "discard", "--id", "e6", "--reason", "withdrawn by letter")
    assert r.returncode == 0 and "1 thrown away" in r.stdout
    site.told(6, "thrown away", "withdrawn by letter")
    (row,) = site.rows(6, "discarded")
    assert "withdrawn by letter" in json.dumps(row)
    assert site.dead("--id", "e6") == []


def test_a_full_destination_says_so_to_the_sender_and_stops_nobody_else(site):
    """Ten fit. What comes after is answered 503 with the reason and when to come again, while other types flow."""
    full = [event(100 + i, "information.contract") for i in range(10)]
    assert site.hub.push(full, path="/events", headers={"Content-Type": EVENTS})[0] == 202
    answers = []
    t = threading.Thread(target=lambda: answers.append(site.send(200, "information.contract")))
    t.start()
    for n in range(300, 320):
        assert site.send(n, "funding.award")[0] == 202
    wait_for(lambda: {f"e{n}" for n in range(300, 320)} <= {m["id"] for m in site.takes.taken()}, 20, "the others flow")
    t.join(60)
    status, answer = answers[0]
    assert status == 503 and "small" in answer["detail"] and "full" in answer["detail"] and "10" in answer["detail"], answer
    wait_for(lambda: site.hub.queue("small").get("dead") == 0, 10, "no dead letter")
    # what was refused so is not half accepted: when there is room it comes as new, and once
    assert site.rows(200, "accepted") == []
    assert site.hub.trace("e105") is not None
    wait_for(lambda: "closed until Monday" in site.ask("status").stdout, 10, "the alarm")
    assert "small" in site.ask("status").stdout
