# SPDX-License-Identifier: Apache-2.0
"""kill -9 of each process in turn, at random points in the middle of a push: the sender's retry completes it, nothing that was accepted
is lost, everything arrives at every receiver, and what comes twice comes with the same id and content (only `time`, when the hub took it,
may differ: the first time was cut short).

REEVE_KILLS says how often each process is killed (default 3); REEVE_SEED repeats the points in time, it is printed. Beside this test,
system/test_hub_kill.py kills one process several times in one push.
"""
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from conftest import Hub, wait_for  # noqa: E402
from broker import rabbitmq  # noqa: E402,F401  a fixture
from hub import COUNCIL, Engine, Receiver, TestHub, grant, package  # noqa: E402

KILLS = int(os.environ.get("REEVE_KILLS", 3))
MORE_KILLS = 8  # when none of them came before the answer
SEED = int(os.environ.get("REEVE_SEED", random.SystemRandom().randrange(1 << 30)))
GRANTS = 1500
VICTIMS = ["door", "dcms-grants.receive", "partner.deliver", "register.deliver", "queues", "supervisor"]


class Site:
    """A hub with two receivers of every grant: one over HTTP, one a file of lines (both show what came twice)."""

    def __init__(self, directory, engine):
        self.engine = engine
        self.receiver = Receiver()
        self.hub = TestHub(directory, {
            "parties": COUNCIL,
            "connectors": {"dcms-grants": {"party": "dcms", "receive": {"plugin": "http", "path": "/grants", "speaks": "360giving"}},
                           "partner": {"party": "council", "deliver": {"plugin": "http", "url": self.receiver.url, "speaks": "cloudevents"}},
                           "register": {"party": "council",
                                        "deliver": {"plugin": "file", "directory": "out", "mode": "lines", "speaks": "cloudevents"}}},
            "routes": {"awards": {"match": {"type": "funding.award"}, "to": ["partner", "register"]}}}, engine=engine)
        self.lines = self.hub.directory / "out" / "messages.jsonl"
        self.number = 0
        self.partner, self.seen = [], 0  # read so far, and how far that is
        self.register, self.read_to = [], 0

    def grants(self):
        first, self.number = self.number, self.number + GRANTS
        return [grant(first + i, description="d" * 1000) for i in range(GRANTS)]

    def kill(self, victim):
        if victim == "supervisor":
            os.kill(self.hub.pid, signal.SIGKILL)
            self.hub.process.wait()
            Hub.__init__(self.hub, self.hub.config, self.hub.directory)  # as init would: at once, on the same data
        else:
            self.hub.kill_process(victim)

    def at_partner(self):
        """What the partner took, in order, what came twice twice."""
        with self.receiver.lock:
            fresh = self.receiver.got[self.seen:]
            self.seen += len(fresh)
        self.partner += [json.loads(body) for status, _, body in fresh if status == 200]
        return self.partner

    def at_register(self):
        if self.lines.exists():
            with open(self.lines, "rb") as f:
                f.seek(self.read_to)
                fresh = f.read()
            whole = fresh[:fresh.rfind(b"\n") + 1]
            self.read_to += len(whole)
            self.register += [json.loads(line) for line in whole.splitlines()]
        return self.register

    def close(self):
        self.hub.stop()
        self.receiver.close()


@pytest.fixture(scope="module", params=["spool", "amqp"])
def engine(request):
    if request.param == "spool":
        yield Engine()
        return
    broker, vhost = request.getfixturevalue("rabbitmq"), f"crash{os.getpid()}"
    broker.add_vhost(vhost)
    yield Engine("amqp", broker, vhost)
    broker.drop_vhost(vhost)


@pytest.fixture(scope="module")
def site(tmp_path_factory, engine):
    s = Site(tmp_path_factory.mktemp("site"), engine)
    try:
        s.hub.wait_ready()
        yield s
    finally:
        s.close()


def arrived(got, subjects):
    """{subject: {(id, all but time and trace)}} of the messages that belong to these subjects. A submission that is
    made again is accepted at another time and is another trace."""
    by = {}
    for m in got:
        if m["subject"] in subjects:
            by.setdefault(m["subject"], set()).add((m["id"], json.dumps({**m, "time": "", "traceparent": ""}, sort_keys=True)))
    return by


def push_in_background(site, body):
    result = []

    def push():
        try:
            result.append(site.hub.push_until_taken(body, seconds=90))
        except AssertionError as e:
            result.append((0, str(e)))
    t = threading.Thread(target=push)
    t.start()
    return t, result


def check_round(site, what, subjects, ids):
    for name, got in (("partner", site.at_partner), ("register", site.at_register)):
        wait_for(lambda got=got: len(arrived(got(), subjects)) == len(subjects), 60,
                 f"{what}: every grant at {name}:\n{site.hub.log()[-3000:]}", step=0.2)
        by = arrived(got(), subjects)
        differing = {s: v for s, v in by.items() if len(v) != 1}
        assert not differing, f"{what}: {len(differing)} grants came to {name} as more than one message: {str(list(differing.items())[0])[:3000]}"
        assert set(ids) <= {next(iter(v))[0] for v in by.values()}, f"{what}: ids of the answer that {name} never got"


@pytest.fixture(scope="module")
def usual_ms(site):
    """How long a push takes that nobody disturbs: kills are spread over that."""
    body = package(site.grants())
    start = time.monotonic()
    assert site.hub.push(body)[0] == 202
    return (time.monotonic() - start) * 1000


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_in_the_middle_of_a_push_loses_nothing(site, usual_ms, victim):
    chance = random.Random(f"{SEED} {victim}")
    victim = site.engine.name if victim == "queues" else victim
    print(f"REEVE_SEED={SEED} REEVE_KILLS={KILLS}; a push takes {usual_ms:.0f} ms")
    in_the_middle, n, wanted = 0, 0, KILLS if site.engine.name == "spool" else max(1, KILLS - 1)
    # a machine that is quicker now than when it was measured answers before each kill: the kills come earlier until one counts
    while n < wanted or (not in_the_middle and n < wanted + MORE_KILLS):
        grants = site.grants()
        subjects = {g["id"] for g in grants}
        before = site.hub.pid_of(victim) if victim != "supervisor" else site.hub.pid
        pause = chance.uniform(0.02, 1.1) * usual_ms / 1000
        what = f"REEVE_SEED={SEED} {victim} kill {n} after {pause:.3f} s"
        pusher, result = push_in_background(site, package(grants))
        time.sleep(pause)
        if pusher.is_alive():
            in_the_middle += 1
        else:
            usual_ms /= 2
        site.kill(victim)
        pusher.join(120)
        status, answer = result[0]
        assert status == 202, f"{what}: {answer}"
        assert (answer["accepted"], answer["new"], answer["changed"], answer["unchanged"]) == (GRANTS, GRANTS, 0, 0), what
        check_round(site, what, subjects, answer["messages"])
        site.hub.wait_ready()
        if victim != "supervisor":
            wait_for(lambda: site.hub.pid_of(victim) not in (None, before), 20, f"{what}: started again")
        one = answer["messages"][chance.randrange(len(answer["messages"]))]

        def delivered_to():
            return {r["destination"] for r in site.hub.trace(one) or [] if r["event"] == "delivered"}
        # it comes before that is written; who was killed between the two gets it once more
        wait_for(lambda: len(delivered_to()) == 2, 60, lambda: f"{what}: {one} is delivered: {site.hub.trace(one)}", step=0.2)
        told = site.hub.trace(one)
        assert {r["destination"] for r in told if r["event"] == "delivered"} == {"partner", "register"}, (what, told)
        assert any(r["event"] == "accepted" for r in told), (what, told)
        n += 1
    assert in_the_middle, "no kill came before the answer: nothing was tested"


def test_afterwards_nothing_waits_and_there_are_no_dead_letters(site):
    def settled():
        s = site.hub.status()
        queues = [d for p in s["processes"] for d in p.get("stats", {}).get("destinations", [])] if s else []
        return queues if len(queues) == 2 and not any(q["ready"] + q["delayed"] + q["inflight"] for q in queues) else None
    queues = wait_for(settled, 30, "empty queues")
    assert [q["dead"] for q in queues] == [0, 0]
    twice = len(site.at_partner()) - len({m["id"] for m in site.at_partner()})
    print(f"{len(site.at_partner())} messages at the partner, {twice} of them again with the same id")
    assert {m["subject"] for m in site.at_partner()} == {m["subject"] for m in site.at_register()}
