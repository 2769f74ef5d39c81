# SPDX-License-Identifier: Apache-2.0
"""What becomes of messages that a receiver does not simply take: refused, later, down, crashed, hung, not allowed."""
import json
import sqlite3
import time

from conftest import wait_for
from hub import BOTH_ENGINES, EVENTS, ONE_EVENT, event, events_to


def send(h, events):
    status, answer = h.push(events, path="/events", headers={"Content-Type": EVENTS})
    assert status == 202, answer
    return answer


def rows(h, what):
    """The journal rows of something, as `trace --json` has them; waits until the command is there and knows it."""
    r = h.trace(what)
    return r if isinstance(r, list) else (r or {}).get("rows", [])


def happened(h, what):
    return [r["event"] for r in rows(h, what)]


@BOTH_ENGINES
def test_messages_arrive_with_their_id_as_idempotency_key(hub, receiver):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    send(h, [event(i) for i in range(150)])
    wait_for(lambda: len(r.taken()) == 150, 20, "150 deliveries")
    assert {m["id"] for m in r.taken()} == {f"e{i}" for i in range(150)}
    for _, headers, body in r.got:
        assert headers["Idempotency-Key"].strip('"') == json.loads(body)["id"]
    wait_for(lambda: "delivered" in happened(h, "e7"), 5, "the journal to say so")
    assert happened(h, "e7") == ["accepted", "delivered"]


@BOTH_ENGINES
def test_a_refused_message_is_a_dead_letter_with_its_reason(hub, receiver):
    r = receiver(lambda headers, body: 422 if json.loads(body)["id"] == "e3" else 200)
    h = hub(events_to({"plugin": "http", "url": r.url}))
    send(h, [event(i) for i in range(6)])
    wait_for(lambda: len(r.taken()) == 5, 20, "the others")
    wait_for(lambda: "dead" in happened(h, "e3"), 10, "the journal to say so")
    dead = rows(h, "e3")[-1]
    assert dead["code"] == "rejected" and "422" in dead["text"] and dead["destination"] == "friend"
    wait_for(lambda: h.queue("friend").get("dead") == 1, 5, "the dead letter")
    time.sleep(1.5)
    assert sum(json.loads(b)["id"] == "e3" for _, _, b in r.got) == 1


@BOTH_ENGINES
def test_retry_by_the_ladder_with_the_same_bytes(hub, receiver):
    tries = {}

    def answer(headers, body):
        m = json.loads(body)["id"]
        tries[m] = tries.get(m, 0) + 1
        return 500 if m == "e1" and tries[m] < 3 else 200

    r = receiver(answer)
    h = hub(events_to({"plugin": "http", "url": r.url}))
    send(h, [event(0), event(1), event(2)])
    wait_for(lambda: len(r.taken()) == 3, 30, "the third try")
    bodies = [b for _, _, b in r.got if json.loads(b)["id"] == "e1"]
    assert len(bodies) == 3 and len(set(bodies)) == 1
    wait_for(lambda: happened(h, "e1")[-1:] == ["delivered"], 5)
    assert happened(h, "e1") == ["accepted", "attempt", "attempt", "delivered"]
    assert [x.get("attempt") for x in rows(h, "e1")][1:] in ([1, 2, 3], ["1", "2", "3"])


@BOTH_ENGINES
def test_tries_end_in_a_dead_letter(hub, receiver):
    r = receiver(lambda headers, body: 500)
    h = hub(events_to({"plugin": "http", "url": r.url, "retry": {"for": "2s"}}))
    send(h, [event(1)])
    wait_for(lambda: "dead" in happened(h, "e1"), 30, "the dead letter")
    assert rows(h, "e1")[-1]["code"] == "tries-exhausted"


@BOTH_ENGINES
def test_a_receiver_that_is_down_pauses_and_charges_nobody(hub, receiver):
    state = {"up": False}
    r = receiver(lambda headers, body: 200 if state["up"] else 503)
    h = hub(events_to({"plugin": "http", "url": r.url}))
    send(h, [event(i) for i in range(40)])
    wait_for(lambda: len(r.got) >= 2, 20, "a few tries")
    before = len(r.got)
    assert before < 40 * 3
    wait_for(lambda: any("down" in str(a) for a in [h.status()]), 5, "status to say that it is down")
    state["up"] = True
    wait_for(lambda: len(r.taken()) == 40, 60, "all of them")
    assert "attempt" not in happened(h, "e1") and h.queue("friend").get("dead", 0) == 0
    assert {m["id"] for m in r.taken()} == {f"e{i}" for i in range(40)}


@BOTH_ENGINES
def test_a_receiver_that_is_not_there_yet(hub, receiver):
    r = receiver()
    r.close()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    send(h, [event(1)])
    wait_for(lambda: "down" in happened(h, "e1"), 20, "down in the journal")


@BOTH_ENGINES
def test_twenty_same_refusals_pause_the_destination(hub, receiver):
    r = receiver(lambda headers, body: 422)
    h = hub(events_to({"plugin": "http", "url": r.url, "batch": 4}))
    send(h, [event(i) for i in range(60)])
    wait_for(lambda: "rejecting" in h.log(), 20, "the alarm")
    time.sleep(1)
    n = len(r.got)
    assert 20 <= n < 30, n
    time.sleep(1.5)
    assert len(r.got) == n
    wait_for(lambda: h.command("status", "-c", h.config).returncode == 1, 10, "status to say so")
    assert h.command("resume", "-c", h.config, "friend").returncode == 0
    wait_for(lambda: len(r.got) > n, 10, "more after resuming")


@BOTH_ENGINES
def test_pause_and_resume_by_the_operator(hub, receiver):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    assert h.command("pause", "-c", h.config, "friend").returncode == 0
    send(h, [event(i) for i in range(10)])
    time.sleep(1)
    assert r.got == []
    assert h.command("resume", "-c", h.config, "friend").returncode == 0
    wait_for(lambda: len(r.taken()) == 10, 15, "all of them")


@BOTH_ENGINES
def test_the_message_that_crashes_the_plugin_is_found_and_given_up(hub):
    h = hub(events_to({"plugin": "fail", "crash": True, "when_attribute": "status", "when_value": "poison"}))
    events = [event(i) for i in range(30)]
    events[11]["status"] = "poison"
    send(h, events)
    wait_for(lambda: "dead" in happened(h, "e11"), 90, "the culprit:\n" + h.log()[-3000:])
    assert rows(h, "e11")[-1]["code"] == "crashed"
    for i in range(30):
        if i != 11:
            wait_for(lambda i=i: "delivered" in happened(h, f"e{i}"), 60, f"e{i} delivered")
            assert "attempt" not in happened(h, f"e{i}")
    wait_for(lambda: h.queue("friend").get("dead") == 1, 10)


def test_a_call_that_hangs_costs_its_own_process_only(hub):
    config = events_to({"plugin": "fail", "hang": True, "when_attribute": "status", "when_value": "hang", "deadline": "1s"})
    config["connectors"]["other"] = {"party": "friend", "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents"}}
    config["routes"]["all"]["to"] = ["friend", "other"]
    h = hub(config)
    events = [event(i) for i in range(5)]
    events[2]["status"] = "hang"
    send(h, events)
    wait_for(lambda: len(h.files("out")) == 5, 10, "the neighbour")
    wait_for(lambda: "call-deadline" in h.log(), 10, "the deadline")
    wait_for(lambda: "dead" in happened(h, "e2"), 60, "the culprit")
    assert rows(h, "e2")[-1]["code"] == "crashed"


@BOTH_ENGINES
def test_personal_messages_need_a_current_agreement(hub, tmp_path):
    agreement = {"purpose": "food", "data": ["personal"], "until": "2020-01-31"}
    config = events_to({"plugin": "file", "directory": "out"}, agreements=[agreement])
    h = hub(config)
    send(h, [event(1, "client.referral"), event(2)])
    wait_for(lambda: "dead" in happened(h, "e1"), 15, "the refusal")
    last = rows(h, "e1")[-1]
    assert last["code"] == "no-agreement" and "2020-01-31" in last["text"]
    wait_for(lambda: len(h.files("out")) == 1, 5)


@BOTH_ENGINES
def test_personal_messages_pass_under_an_agreement(hub):
    agreement = {"purpose": "food", "data": ["personal"], "until": "2099-01-31"}
    h = hub(events_to({"plugin": "file", "directory": "out"}, agreements=[agreement]))
    send(h, [event(1, "client.referral")])
    wait_for(lambda: len(h.files("out")) == 1, 10, "the referral")


@BOTH_ENGINES
def test_strict_order_holds_through_retries(hub, receiver):
    tries = {}

    def answer(headers, body):
        m = json.loads(body)["id"]
        tries[m] = tries.get(m, 0) + 1
        return 500 if m == "e2" and tries[m] == 1 else 200

    r = receiver(answer)
    h = hub(events_to({"plugin": "http", "url": r.url, "order": "strict"}))
    send(h, [event(i) for i in range(6)])
    wait_for(lambda: len(r.taken()) == 6, 30, "all")
    assert [m["id"] for m in r.taken()] == [f"e{i}" for i in range(6)]


@BOTH_ENGINES
def test_one_dead_receiver_does_not_stop_the_others(hub, receiver):
    good, bad = receiver(), receiver(lambda headers, body: 503)
    config = events_to({"plugin": "http", "url": good.url})
    config["connectors"]["bad"] = {"party": "friend", "deliver": {"plugin": "http", "url": bad.url, "speaks": "cloudevents"}}
    config["routes"]["all"]["to"] = ["friend", "bad"]
    h = hub(config)
    send(h, [event(i) for i in range(100)])
    wait_for(lambda: len(good.taken()) == 100, 20, "the good one")


@BOTH_ENGINES
def test_no_verdict_is_final_before_it_is_written_down(hub, receiver):
    r = receiver()
    h = hub(events_to({"plugin": "http", "url": r.url}))
    send(h, [event(0)])
    wait_for(lambda: "delivered" in happened(h, "e0"), 10, "the first one")
    journal = sqlite3.connect(h.directory / "var" / "journal" / "friend.deliver.db", isolation_level=None)
    journal.execute("BEGIN IMMEDIATE")  # as a disk that takes nothing
    send(h, [event(i) for i in range(1, 6)])
    wait_for(lambda: "journal" in [a["code"] for a in h.status()["alarms"]], 15, "the alarm")
    time.sleep(1.5)
    wait_for(lambda: sum(h.queue("friend").get(k, 0) for k in ("inflight", "ready", "delayed")) == 5, 10, "all 5 in the queue: messages were settled without their rows")
    journal.execute("ROLLBACK")
    journal.close()
    wait_for(lambda: sum(h.queue("friend").get(k, 1) for k in ("inflight", "ready", "delayed")) == 0, 15, "the settlements")
    assert {m["id"] for m in r.taken()} == {f"e{i}" for i in range(6)}
    for i in range(1, 6):
        assert happened(h, f"e{i}")[-1] == "delivered"
    wait_for(lambda: h.status()["alarms"] == [], 10, "the end of the alarm")
