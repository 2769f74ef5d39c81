# SPDX-License-Identifier: Apache-2.0
"""Messages and receivers that do harm: only what did it pays. A message that crashes or hangs its plugin becomes a dead letter `crashed`
while the rest of its batch, its destination and all others are delivered; memory that leaks is not the hub's; a receiver that goes and
comes back costs nothing.

Documents that crash an adapter: system/test_hub_modules.py. Random kills: test_kill_in_push.py.
"""
import hashlib
import json
import pathlib
import struct
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from conftest import engine, wait_for  # noqa: E402,F401
from broker import rabbitmq, vhost  # noqa: E402,F401  fixtures
from hub import BOTH_ENGINES, COUNCIL, EVENTS, Receiver, TestHub, event  # noqa: E402


@pytest.fixture
def start(tmp_path, engine):  # noqa: F811
    """start(deliver) runs a hub whose every message goes to `sick`, with that deliver side, and to `well`, a file of lines."""
    hubs = []

    def begin(deliver):
        well_side = {"plugin": "file", "directory": "out", "mode": "lines", "speaks": "cloudevents"}
        hub = TestHub(tmp_path, {
            "parties": COUNCIL,
            "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents"}},
                           "sick": {"party": "council", "deliver": {"speaks": "cloudevents", **deliver}},
                           "well": {"party": "council", "deliver": well_side}},
            "routes": {"all": {"when": "TRUE", "to": ["sick", "well"]}}}, engine=engine)
        hubs.append(hub)
        return hub.wait_ready()

    yield begin
    for hub in hubs:
        hub.stop()


def send(hub, numbers, poison=()):
    events = [event(i, status="poison") if i in poison else event(i) for i in numbers]
    status, answer = hub.push(events, path="/events", headers={"Content-Type": EVENTS})
    assert status == 202, answer
    return answer["receipt"]


def well(hub):
    path = hub.directory / "out" / "messages.jsonl"
    return len(path.read_text().splitlines()) if path.exists() else 0


def outcomes(hub, receipt):
    """{id: (last event at `sick`, its code, its attempt)}, for all messages of a submission."""
    last = {}
    for r in hub.trace(receipt):
        if r.get("destination") == "sick" and r["event"] in ("delivered", "dead", "attempt", "down"):
            last[r["id"]] = (r["event"], r.get("code"), r.get("attempt"))
    return last


def settled(hub, receipt, n, seconds=90):
    def them():
        o = outcomes(hub, receipt)
        return o if sum(e in ("delivered", "dead") for e, _, _ in o.values()) >= n else None
    return wait_for(them, seconds, lambda: f"{n} settled messages, there are {outcomes(hub, receipt)}:\n{hub.log()[-3000:]}", step=0.2)


def processes(hub):
    return {p["name"]: p.get("pid") for p in hub.status()["processes"]}


def others_unharmed(hub, before):
    """No process but the sick one was started again; how often that was."""
    now = processes(hub)
    assert {n: pid for n, pid in now.items() if n != "sick.deliver"} == {n: pid for n, pid in before.items() if n != "sick.deliver"}
    return hub.process_status("sick.deliver")["restarts"]


def test_a_message_that_crashes_the_worker_is_the_only_one_that_pays(start):
    hub = start({"plugin": "fail", "crash": True, "when_attribute": "status", "when_value": "poison"})
    before = processes(hub)
    receipt = send(hub, range(200), poison={77})
    wait_for(lambda: well(hub) == 200, 20, "the other destination, at once")
    end = settled(hub, receipt, 200)
    assert end.pop("e77")[:2] == ("dead", "crashed")
    assert {(e, a) for e, _, a in end.values()} == {("delivered", 1)}, "innocent neighbours are charged with nothing"
    assert 3 <= others_unharmed(hub, before) <= 5
    # the journal says so before the queue does
    (d,) = wait_for(lambda: hub.command("dead", "list", "-c", hub.config, "--code", "crashed").stdout.splitlines(), 20, "the dead letter")
    assert "e77" in d
    later = send(hub, range(200, 260))
    assert {e for e, _, _ in settled(hub, later, 60).values()} == {"delivered"}
    assert hub.process_status("sick.deliver")["state"] == "ready"


def test_what_was_decided_outlives_the_next_crash(start):
    """Two poisoned messages in one batch: when the second ends the process, the dead letter that the first has just become and the
    deliveries between them stand. (Once each crash threw that away, and the hub began all over again.)"""
    hub = start({"plugin": "fail", "crash": True, "when_attribute": "status", "when_value": "poison"})
    before = processes(hub)
    receipt = send(hub, range(20), poison={3, 11})
    # all before the second, which takes its time: the process is started again after ever longer waits
    end = settled(hub, receipt, 11, 60)
    assert end["e3"][:2] == ("dead", "crashed")
    assert {i for i, (e, _, _) in end.items() if e == "delivered"} == {f"e{i}" for i in range(11) if i != 3}
    events = [r["id"] for r in hub.trace(receipt) if r.get("destination") == "sick" and r["event"] in ("delivered", "dead")]
    # what was under way at the first crash, when nobody was suspected yet, may come twice; nothing does for the later ones
    assert max(events.count(i) for i in end) <= 2 and events.count("e3") == 1
    others_unharmed(hub, before)


def write_slate(path, crashes):
    """As a process leaves it (core/worker/slate.c) that was ended by these suspects, {id: how often alone}."""
    entries = [bytes(48)] * 1024
    for name, n in crashes.items():
        key = hashlib.sha256(name.encode()).digest()
        entries[int.from_bytes(key[:2], "big") % 1024] = key + struct.pack("=4I", 1, 0, 1, n)
    path.write_bytes(b"reeveSL1" + bytes(8) + b"".join(entries))


@BOTH_ENGINES
def test_a_message_that_is_given_up_stays_a_dead_letter_when_the_next_one_crashes_at_once(start):
    """It would have to do all its harm once more. (With RabbitMQ the acknowledgement was still on its way when the process ended.)"""
    deliver = {"plugin": "fail", "crash": True, "when_attribute": "status", "when_value": "poison"}
    hub = start(deliver)
    maps = pathlib.Path(f"/proc/{processes(hub)['sick.deliver']}/maps").read_text()
    slate = next(pathlib.Path(line.split()[-1]) for line in maps.splitlines() if line.endswith("sick.deliver.slate"))
    hub.stop()
    write_slate(slate, {"e0": 3, "e1": 0})
    hub = start(deliver)
    send(hub, [0, 1], poison={0, 1})
    wait_for(lambda: hub.process_status("sick.deliver")["restarts"] >= 1, 30, "the second one ends the process")
    wait_for(lambda: hub.process_status("sick.deliver")["restarts"] >= 2, 30, "and again")
    assert [d["id"] for d in map(json.loads, hub.command("dead", "list", "--json", "-c", hub.config).stdout.splitlines())] == ["e0"]
    slate_now = slate.read_bytes()
    assert hashlib.sha256(b"e0").digest() not in slate_now, "it came again"


def test_a_call_that_hangs_costs_only_its_worker(start):
    hub = start({"plugin": "fail", "hang": True, "when_attribute": "status", "when_value": "poison", "deadline": "1s"})
    before = processes(hub)
    receipt = send(hub, range(30), poison={5})
    wait_for(lambda: well(hub) == 30, 10, "the other destination is not held up")
    for n in range(40, 50):  # nor are senders
        begun = time.monotonic()
        send(hub, [n])
        assert time.monotonic() - begun < 20
    end = settled(hub, receipt, 30)
    assert end.pop("e5")[:2] == ("dead", "crashed") and {e for e, _, _ in end.values()} == {"delivered"}
    others_unharmed(hub, before)


def test_a_leak_is_the_workers_own(start):
    hub = start({"plugin": "fail", "verdict": "ok", "leak": "256k"})
    before = processes(hub)
    rss = {p["name"]: p["rss_kb"] for p in hub.status()["processes"]}
    receipt = send(hub, range(300))
    assert {e for e, _, _ in settled(hub, receipt, 300).values()} == {"delivered"}
    others_unharmed(hub, before)
    now = {p["name"]: p["rss_kb"] for p in hub.status()["processes"]}
    assert now["sick.deliver"] - rss["sick.deliver"] > 60 * 1024, "status shows whose memory it is"
    assert all(now[n] - rss[n] < 40 * 1024 for n in now if n != "sick.deliver"), now


def test_a_receiver_that_goes_and_comes_back_costs_nothing(start):
    up = [True]
    receiver = Receiver(lambda headers, body: 200 if up[0] else 503)
    try:
        hub = start({"plugin": "http", "url": receiver.url})
        before = processes(hub)
        settled(hub, send(hub, range(50)), 50)
        up[0] = False
        second = send(hub, range(50, 150))
        wait_for(lambda: "down" in {e for e, _, _ in outcomes(hub, second).values()}, 20, "it is seen to be down")
        wait_for(lambda: well(hub) == 150, 20, "the other destination goes on")
        up[0] = True
        end = settled(hub, second, 100)
        assert {(e, a) for e, _, a in end.values()} == {("delivered", 1)}
        assert len({m["id"] for m in receiver.taken()}) == 150
        assert others_unharmed(hub, before) == 0
    finally:
        receiver.close()
