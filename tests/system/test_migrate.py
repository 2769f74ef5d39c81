# SPDX-License-Identifier: Apache-2.0
"""`reeve migrate`: everything that waits goes from the spool to RabbitMQ and back, with order, attempts, delays and the reasons of dead
letters; stopped in the middle it goes on, and nothing is lost."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest
from conftest import program, reeve, wait_for
from hub import EVENTS, Engine, event, events_to

SEED = int(os.environ.get("REEVE_SEED", random.SystemRandom().randrange(1 << 30)))


@pytest.fixture
def broker_place(rabbitmq, vhost):
    return Engine("amqp", rabbitmq, vhost)


def configure(h, transport):
    path = h.directory / "reeve.yaml"
    config = json.loads(path.read_text())
    config["transport"] = transport
    path.write_text(json.dumps(config))


def stored(h):
    """Of the spool's file: what waits by destination in its order, (id, attempts, delayed, event); and the dead letters in theirs."""
    db = sqlite3.connect(f"file:{h.directory}/var/spool/spool.db?mode=ro", uri=True)
    body = dict(db.execute("SELECT no, bytes FROM body"))
    names = dict(db.execute("SELECT no, name FROM destination"))
    waiting, dead = {}, {}
    for key, id_, attempts, due, no, text in db.execute("SELECT key, id, attempts, due, body, bytes FROM copy ORDER BY key"):
        waiting.setdefault(names[key >> 40], []).append((id_, attempts, due, body[no] if no else text))
    for dest, id_, attempts, dead_ms, code, text, no, event_ in db.execute(
            "SELECT dest, id, attempts, dead_ms, code, text, body, bytes FROM dead ORDER BY number"):
        dead.setdefault(names[dest], []).append((id_, attempts, dead_ms, code, text, body[no] if no else event_))
    totals = {n: (m, d) for n, m, d in db.execute("SELECT name, messages, dead FROM destination")}
    db.close()
    assert totals == {n: (len(waiting.get(n, [])), len(dead.get(n, []))) for n in totals}
    return waiting, dead


def without_due(waiting):
    return {n: [(i, a, e) for i, a, _, e in rows] for n, rows in waiting.items()}


def push(h, numbers):
    status, answer = h.push([event(i, body={"number": i, "text": "x" * (20000 if i % 7 == 0 else 20)}) for i in numbers], path="/events",
                            headers={"Content-Type": EVENTS})
    assert status == 202, answer


def several(receiver):
    """Everything goes to one that holds, one that refuses, one that fails."""
    config = events_to({"plugin": "http", "url": receiver().url})
    config["connectors"]["refuser"] = {"party": "friend", "deliver": {"plugin": "fail", "verdict": "reject", "reason": "not today", "speaks": "cloudevents"}}
    bad = receiver(lambda headers, body: 500)
    config["connectors"]["failing"] = {"party": "friend", "deliver": {"plugin": "http", "url": bad.url, "speaks": "cloudevents"}}
    config["connectors"]["ordered"] = {"party": "friend", "deliver": {"plugin": "http", "url": bad.url, "speaks": "cloudevents", "order": "strict"}}
    config["routes"]["all"]["to"] = ["friend", "refuser", "failing", "ordered"]
    return config


def filled(hub, receiver, n=15):
    h = hub(several(receiver))
    assert h.command("pause", "friend", "-c", h.config).returncode == 0
    push(h, range(n))

    def settled():
        q = h.queues()
        return bool(q) and q["refuser"]["dead"] == n and q["friend"]["ready"] == n and q["failing"]["delayed"] == n
    wait_for(settled, 30, lambda: f"dead letters, delays and what waits: {h.status()}\n{h.log()[-3000:]}")
    h.stop()
    return h


def migrate(h, *words, **kw):
    return reeve("migrate", "-c", h.config, *words, timeout=180, **kw)


def test_there_and_back_again_everything_is_as_it_was(hub, receiver, broker_place, rabbitmq, vhost):
    h = filled(hub, receiver)
    waiting, dead = stored(h)
    assert any(a > 0 for _, a, _, _ in waiting["failing"]) and dead["refuser"][0][4] != ""
    configure(h, broker_place.transport(h.directory))
    r = migrate(h, "spool", "amqp")
    assert (r.returncode, r.stdout) == (0, "45 waiting messages and 15 dead letters moved from spool to amqp\n"), r.stderr
    assert stored(h) == ({}, {})
    wait_for(lambda: (rabbitmq.queue(vhost, "friend") or {}).get("messages") == 15, 30, "the broker to say what it has")
    assert migrate(h, "spool", "amqp").stdout == "0 waiting messages and 0 dead letters moved from spool to amqp\n"
    r = migrate(h, "amqp", "spool")
    assert r.returncode == 0 and r.stdout.startswith("45 waiting messages and 15 dead letters moved from amqp to spool\n"), r.stderr
    again, dead_again = stored(h)
    assert dead_again == dead
    for name in ("friend", "ordered"):
        assert without_due(again)[name] == without_due(waiting)[name]
    assert sorted(without_due(again)["failing"]) == sorted(without_due(waiting)["failing"]), "delayed ones have no order"
    configure(h, "spool")
    second = type(h).__mro__[1](h.config, h.directory)
    try:
        second.wait_ready()
        assert wait_for(lambda: second.queue("refuser"), 20, "the figures")["dead"] == 15
    finally:
        second.stop()


def test_what_is_refused_and_why(hub, receiver, broker_place):
    h = filled(hub, receiver, 2)
    r = migrate(h, "spool", "amqp")
    assert r.returncode == 1 and "`transport: {amqp: …}`" in r.stderr
    assert migrate(h, "spool", "spool").returncode == 64
    assert migrate(h, "amqp").returncode == 64
    second = type(h).__mro__[1](h.config, h.directory)
    try:
        second.wait_ready()
        configure(h, broker_place.transport(h.directory))
        r = migrate(h, "spool", "amqp")
        assert r.returncode == 1 and "[already-running]" in r.stderr
        r = second.command("reload", "-c", h.config)
        assert r.returncode == 1 and "[reload-transport]" in r.stderr and "reeve migrate spool amqp" in r.stderr
    finally:
        second.stop()
    config = json.loads((h.directory / "reeve.yaml").read_text())
    del config["connectors"]["failing"]
    config["routes"]["all"]["to"].remove("failing")
    (h.directory / "reeve.yaml").write_text(json.dumps(config))
    r = migrate(h, "spool", "amqp")
    assert r.returncode == 1 and "[destination-unknown]" in r.stderr and "was: failing" in r.stderr
    assert len(stored(h)[0]["failing"]) == 2, "refused before anything was moved"


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_cut_short_it_goes_on_and_nothing_is_lost(hub, receiver, broker_place, sig):
    n = 2000
    config = events_to({"plugin": "http", "url": receiver().url})
    h = hub(config)
    assert h.command("pause", "friend", "-c", h.config).returncode == 0
    push(h, range(n))
    h.stop()
    assert [i for i, *_ in stored(h)[0]["friend"]] == [f"e{i}" for i in range(n)]
    configure(h, broker_place.transport(h.directory))
    chance = random.Random(f"{SEED} {sig}")
    print(f"REEVE_SEED={SEED}")
    for words, most in ((("spool", "amqp"), 0.6), (("amqp", "spool"), 0.35)):  # s
        cut = 0
        for _ in range(4):
            p = subprocess.Popen([program("reeve"), "migrate", "-c", h.config, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(chance.uniform(0.12, most))
            p.send_signal(sig)
            p.communicate(timeout=60)
            cut += p.returncode != 0
        r = migrate(h, *words)
        assert r.returncode == 0, r.stderr
        print(f"{' to '.join(words)}: cut short {cut} times of 4; the last: {r.stdout.splitlines()[0]}")
        if words[0] == "spool":
            assert stored(h) == ({}, {})
    ids = [i for i, *_ in stored(h)[0]["friend"]]
    assert set(ids) == {f"e{i}" for i in range(n)}
    assert len(ids) <= n + 2 * 4 * 100, "more than a page came twice at a cut"
    first = list(dict.fromkeys(ids))
    if sig == signal.SIGTERM:
        assert first == [f"e{i}" for i in range(n)]
