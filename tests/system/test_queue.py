# SPDX-License-Identifier: Apache-2.0
"""Queues of a running hub that are moved, renamed with their connector, or left as orphans; and what reload refuses about them."""
import json

import pytest
from conftest import wait_for
from hub import BOTH_ENGINES, ONE_EVENT, Receiver, event, events_to

pytestmark = BOTH_ENGINES


def waiting(h, name):
    q = h.queue(name)
    return sum(q.get(k, 0) for k in ("ready", "delayed", "inflight"))


def push(h, *numbers):
    receipts = []
    for n in numbers:
        status, answer = h.push(event(n), path="/events", headers={"Content-Type": ONE_EVENT})
        assert status == 202, answer
        receipts.append(answer["receipt"])
    return receipts


def wait_gone(h, name):
    """Until fresh figures say that there is no such queue."""
    wait_for(lambda: name not in [q["name"] for q in (h.status() or {}).get("destinations", [{"name": name}])], 10, f"the end of queue {name}")


def command(h, *argv):
    return h.command(*argv, "-c", h.config)


def configuration(h, change=None):
    path = h.directory / "reeve.yaml"
    config = json.loads(path.read_text())
    if change:
        change(config)
        path.write_text(json.dumps(config))
    return config


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


def two(receiver):
    config = events_to({"plugin": "http", "url": receiver.url})
    config["connectors"]["other"] = {"party": "friend", "deliver": {"plugin": "file", "directory": "out", "speaks": "cloudevents"}}
    return config


def paused(hub, config, *numbers):
    h = hub(config)
    assert command(h, "pause", "friend").returncode == 0
    receipts = push(h, *numbers)
    wait_for(lambda: h.queue("friend").get("ready") == len(numbers), 10, "the messages to wait")
    return h, receipts


def test_move_takes_what_waits_to_the_other_destination_and_the_journal_says_who(hub, receiver):
    h, (receipt, *_) = paused(hub, two(receiver), 1, 2, 3)
    r = command(h, "queue", "move", "friend", "other", "--dry-run")
    assert r.returncode == 0 and r.stdout == "3 messages would be moved from friend to other\n"
    assert waiting(h, "friend") == 3
    r = command(h, "queue", "move", "friend", "other", "--reason", "closed for good")
    assert (r.returncode, r.stdout) == (0, "3 messages moved from friend to other\n"), r.stderr
    wait_for(lambda: len(h.files("out")) == 3, 20, "the files")
    assert {json.loads(p.read_text())["id"] for p in h.files("out")} == {"e1", "e2", "e3"}
    assert receiver.got == []
    wait_for(lambda: waiting(h, "friend") == 0, 10, "fresh figures, which say that none is left")
    text = wait_for(lambda: "=> other: delivered" in (t := command(h, "trace", "e2").stdout) and t, 10, "the trace")
    assert "moved to other from friend, by " in text and "closed for good" in text and "=> friend: moved to other" in text
    said = lambda: h.push(None, path=f"/events/receipts/{receipt}", method="GET")
    wait_for(lambda: said()[1]["deliveries"]["delivered"] == 1, 10, lambda: f"the journal to know of e1, too: {said()}")
    status, answer = said()
    assert status == 200 and (answer["deliveries"]["delivered"], answer["deliveries"]["waiting"]) == (1, 0), answer
    assert command(h, "resume", "friend").returncode == 0
    push(h, 4)
    wait_for(lambda: len(receiver.taken()) == 1, 20, "the next one where it always went")


def test_move_refuses_a_queue_that_is_being_delivered_and_names_that_are_none(hub, engine, receiver):
    h = hub(two(receiver))
    wait_for(lambda: h.queue("friend").get("consumers"), 10, "a consumer, which the broker may hear of late")
    r = command(h, "queue", "move", "friend", "other")
    assert r.returncode == 1 and "reeve pause friend" in r.stderr and "[queue-busy]" in r.stderr
    r = command(h, "queue", "move", "friend", "frend")
    assert r.returncode == 1 and "[destination-unknown]" in r.stderr
    assert command(h, "queue", "move", "nobody", "other", "--dry-run").returncode == 1
    assert command(h, "queue", "move", "friend").returncode == 64
    assert command(h, "queue", "mov", "friend", "other").returncode == 64
    h.stop()
    r = command(h, "queue", "move", "friend", "other")
    assert r.returncode == (3 if engine.name == "spool" else 0), "a broker is there without a hub, too"


def test_a_destination_with_messages_is_not_removed_until_it_is_empty(hub, receiver):
    h, _ = paused(hub, two(receiver), 1, 2)

    def remove(c):
        del c["connectors"]["friend"]
        c["routes"]["all"]["to"] = "other"
    before = {p["name"]: p["pid"] for p in h.status()["processes"]}
    configuration(h, remove)
    r = command(h, "reload")
    assert r.returncode == 1 and "[reload-waiting]" in r.stderr and "2 messages waiting" in r.stderr, r.stderr
    s = h.status()
    assert {p["name"]: p["pid"] for p in s["processes"]} == before and s["alarms"][-1]["code"] == "reload-waiting"
    assert command(h, "queue", "move", "friend", "other").returncode == 0
    r = command(h, "reload")
    assert r.returncode == 0 and "removed: friend.deliver" in r.stdout, r.stderr
    wait_for(lambda: len(h.files("out")) == 2, 20, "the files")
    wait_gone(h, "friend")
    wait_for(lambda: h.status()["alarms"] == [], 10, "the end of all alarms")


def test_a_renamed_connector_keeps_its_queue_its_dead_letters_and_what_it_remembers(hub, receiver):
    config = two(receiver)
    config["connectors"]["friend"]["deliver"]["plugin"] = "fail"
    config["connectors"]["friend"]["deliver"].pop("url")
    config["connectors"]["friend"]["deliver"].update(verdict="reject", reason="no")
    h = hub(config)
    push(h, 1)
    wait_for(lambda: h.queue("friend").get("dead") == 1, 10, "the dead letter")
    assert command(h, "pause", "friend").returncode == 0
    (receipt,) = push(h, 2)
    wait_for(lambda: h.queue("friend").get("ready") == 1, 10, "the message to wait")

    def rename(c):
        c["connectors"]["mate"] = {"party": "friend", "was": ["pal", "friend"],
                                   "deliver": {"plugin": "http", "url": receiver.url, "speaks": "cloudevents"}}
        c["connectors"]["feed"] = {**c["connectors"].pop("sender"), "was": "sender"}
        del c["connectors"]["friend"]
        c["routes"]["all"]["to"] = "mate"
    configuration(h, rename)
    r = command(h, "reload")
    assert r.returncode == 0, r.stderr + h.log()[-3000:]
    assert "removed: friend.deliver sender.receive" in r.stdout and "new: feed.receive mate.deliver" in r.stdout
    wait_for(lambda: [m["id"] for m in receiver.taken()] == ["e2"], 20, "what waited")
    assert command(h, "dead", "replay", "--all").returncode == 0
    wait_for(lambda: len(receiver.taken()) == 2, 20, "the dead letter")
    wait_gone(h, "friend")
    status, answer = h.push(event(2), path="/events", headers={"Content-Type": ONE_EVENT})
    assert status == 202 and answer["receipt"] == receipt, "the source knows its last document"
    wait_for(lambda: "=> friend: is now mate" in command(h, "trace", "e2").stdout, 10, "the trace")
    wait_for(lambda: h.push(None, path=f"/events/receipts/{receipt}", method="GET")[1]["deliveries"]["waiting"] == 0, 10, "the receipt")
    assert len(receiver.taken()) == 2
    h.stop()


def test_orphans_are_shown_are_an_alarm_and_can_be_emptied(hub, receiver):
    h, _ = paused(hub, two(receiver), 1)
    h.stop()

    def remove(c):
        del c["connectors"]["friend"]
        c["routes"]["all"]["to"] = "other"
    configuration(h, remove)
    again = type(h).__mro__[1](h.config, h.directory)  # the same files, as they are now
    try:
        again.wait_ready()
        q = wait_for(lambda: again.queue("friend"), 10)
        assert q["configured"] is False and q["ready"] == 1
        assert [(a["code"], a["destination"]) for a in again.status()["alarms"]] == [("orphan-queue", "friend")]
        r = command(again, "status")
        assert r.returncode == 1 and "orphan: no connector delivers these" in r.stdout
        assert "friend" in again.command("names", "destination", "-c", h.config).stdout.split()
        r = command(again, "queue", "move", "friend", "other")
        assert r.returncode == 0 and r.stdout.startswith("1 message moved"), r.stderr
        wait_for(lambda: command(again, "status").returncode == 0, 10, "fresh figures, which say that nothing is wrong")
    finally:
        again.stop()
