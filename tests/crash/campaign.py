# SPDX-License-Identifier: Apache-2.0
"""What the campaigns share: a hub under steady traffic from HTTP and files to HTTP and files, faults done to it, and the account afterwards.

Every message has a subject of its own, so that three sets can be compared: what was accepted (its document got a 202, or its file lies in
done/), what arrived where (each time, with its id and when), and what became a dead letter. Sizes are small unless REEVE_CAMPAIGN=full.
"""
import bisect
import collections
import contextlib
import itertools
import json
import os
import pathlib
import random
import signal
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from conftest import BUILD, Hub, wait_for  # noqa: E402
from hub import COUNCIL, EVENTS, ONE_EVENT, PREFETCH, Receiver, TestHub, event, grant, package  # noqa: E402

SANITIZED = BUILD.name in ("asan", "tsan")
FULL = os.environ.get("REEVE_CAMPAIGN") == "full"
SEED = int(os.environ.get("REEVE_SEED", random.SystemRandom().randrange(1 << 30)))
SLACK = 1.0     # s between something happening and this program noting it, on a busy machine
BULK = "b" * 400


def size(small, full, variable=None):
    """How much of something: a number of its own, or small, or the full campaign's."""
    return type(full)(os.environ.get(variable or "", full if FULL else small))


def figure(campaign, name, value):
    """A measured figure: printed, and kept for the summary of `make campaign`."""
    print(f"{campaign}: {name}: {value}", flush=True)
    if "REEVE_FIGURES" in os.environ:
        with open(os.environ["REEVE_FIGURES"], "a", encoding="utf-8") as f:
            f.write(f"| {campaign} | {name} | {value} |\n")


class Arrivals:
    """What came to one destination: {subject: [(when, id)]}, in order."""

    def __init__(self, name):
        self.name, self.by_subject, self.total = name, {}, 0
        self.lock = threading.Lock()

    def add(self, message, when):
        with self.lock:
            self.by_subject.setdefault(message["subject"], []).append((when, message["id"]))
            self.total += 1

    def missing(self, subjects):
        with self.lock:
            return [s for s in subjects if s not in self.by_subject]

    def repetitions(self):
        """[(subject, first, again)] of what came more than once; fails when it did so as another message."""
        pairs = []
        with self.lock:
            for subject, came in self.by_subject.items():
                assert len({i for _, i in came}) == 1, f"{subject} came to {self.name} as several messages: {came}"
                pairs += [(subject, came[0][0], again) for again, _ in came[1:]]
        return pairs


class HttpEnd:
    """A receiver whose answer can be changed at any time: as a Receiver's, or a function of (headers, body) that gives one."""

    def __init__(self, name):
        self.arrivals, self.answer, self.port = Arrivals(name), 200, 0
        self.come_back()
        self.url = self.receiver.url

    def come_back(self):
        self.receiver = Receiver(self.reply, self.port)
        self.port = self.receiver.port
        self.receiver.got = collections.deque(maxlen=0)  # the account is kept here
        self.receiver.lock = contextlib.nullcontext()    # a slow answer holds up nobody else

    def go(self):
        """Away: the connections that there are end without an answer, and no other can be made."""
        self.answer = b""
        self.receiver.close()

    def reply(self, headers, body):
        when, answer = time.monotonic(), self.answer
        answer = answer(headers, body) if callable(answer) else answer
        if answer == 200:
            self.arrivals.add(json.loads(body), when)
        return answer

    def close(self):
        self.receiver.close()


class FileEnd:
    """A file of JSON lines that is read as it grows."""

    def __init__(self, name, path):
        self.arrivals, self.path, self.at = Arrivals(name), path, 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        while not self.stopping.wait(0.05):
            self.read()

    def read(self):
        if not self.path.exists():
            return
        with open(self.path, "rb") as f:
            f.seek(self.at)
            fresh = f.read(16 << 20)
        whole = fresh[:fresh.rfind(b"\n") + 1]
        self.at += len(whole)
        when = time.monotonic()
        for line in whole.splitlines():
            self.arrivals.add(json.loads(line), when)

    def close(self):
        self.stopping.set()
        self.thread.join()


class Sender:
    """Offers documents at a steady rate, on average, and each one until there is a final answer. They have `per` messages, or any number
    from 1 to twice that with `bursts`: then there are times when much is in flight."""

    def __init__(self, site, name, per, rate, bursts=False):
        self.site, self.name, self.per, self.rate = site, name, per, rate
        self.chance = random.Random(f"{SEED} {name}") if bursts else None
        self.accepted, self.refused, self.open, self.number = set(), [], {}, 0
        self.begun = {}  # subject: when it was first offered
        self.failure, self.stopping = None, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        try:
            start, sent = time.monotonic(), 0
            while not self.stopping.is_set():
                if self.site.hold.is_set():
                    self.look()
                    self.stopping.wait(0.02)
                    continue
                n = self.chance.randint(1, 2 * self.per) if self.chance else self.per
                now = time.monotonic()
                self.begun.update((self.subject(i), now) for i in range(self.number, self.number + n))
                self.one(range(self.number, self.number + n))
                self.number += n
                sent += n
                ahead = start + sent / self.rate - time.monotonic()
                if ahead < -2:  # held up: what was missed is not made good in one rush
                    start, sent = time.monotonic(), 0
                self.stopping.wait(max(0, ahead))
        except Exception as e:  # told by Site.finish()
            self.failure = e

    def subject(self, i):
        return f"360G-{self.name}-{i}"

    def unanswered(self):
        return sum(len(s) for s in list(self.open.values()))

    def look(self):
        """Answers that come by another way than the one that was asked."""

    def stop(self):
        self.stopping.set()
        self.thread.join(400)
        assert not self.thread.is_alive(), f"{self.name} never got an answer"
        if self.failure:
            raise self.failure


class HttpSender(Sender):
    """Grants to /grants, or events to /events; `status` of an event can be chosen by number."""
    status = None

    def document(self, numbers):
        if self.name.startswith("events"):
            events = [event(i, id=f"{self.name}-{i}", subject=self.subject(i), body={"bulk": BULK},
                            **({"status": self.status(i)} if self.status and self.status(i) else {})) for i in numbers]
            return json.dumps(events).encode(), {"path": "/events", "headers": {"Content-Type": EVENTS}}
        return package([grant(i, id=self.subject(i), description=BULK) for i in numbers]), {"path": "/grants"}

    def one(self, numbers):
        body, how = self.document(numbers)
        subjects = {self.subject(i) for i in numbers}
        self.open[numbers.start] = subjects
        status, answer = self.site.push(body, 300, how)
        if status == 202:
            self.accepted |= subjects
        else:
            self.refused.append((status, answer))
        del self.open[numbers.start]


class FileSender(Sender):
    """Puts files into a directory; what lies in done/ is accepted."""

    def one(self, numbers):
        inbox = self.site.inbox
        name = f"{self.name}-{numbers.start}.json"
        subjects = {self.subject(i) for i in numbers}
        self.look()
        self.open[name] = subjects
        part = inbox / ("." + name)
        part.write_bytes(package([grant(i, id=self.subject(i), description=BULK) for i in numbers]))
        part.rename(inbox / name)

    def look(self):
        """What lies in done/ by now."""
        for n in [n for n in self.open if (self.site.inbox / "done" / n).exists()]:
            self.accepted |= self.open.pop(n)

    def stop(self):
        super().stop()
        inbox = self.site.inbox
        wait_for(lambda: all((inbox / "done" / n).exists() for n in self.open), 300,
                 "every file is in done/: " + str([n for n in self.open if not (inbox / "done" / n).exists()][:5]), step=0.2)
        for subjects in self.open.values():
            self.accepted |= subjects
        self.open.clear()
        assert not any((inbox / "failed").iterdir()), "no file was refused"


def routes(*to):
    return {"everything": {"when": "TRUE", "to": list(to)}}


# A third connector, whose process a message with the status "poison" kills whenever it is handed over: further arguments of a Site.
SICK = {"more": {"sick": {"party": "council", "deliver": {"plugin": "fail", "verdict": "ok", "crash": True, "when_attribute": "status",
                                                          "when_value": "poison", "speaks": "cloudevents"}}},
        "routes": {**routes("partner", "register"), "sick": {"match": {"status": ["poison", "taken"]}, "to": "sick"}}}


class Site:
    """A hub with two connectors pushed to over HTTP, one that takes files, and two receivers of everything: `partner` over HTTP and
    `register`, a file of lines. `more` are further connectors, `deliver` further options of the two."""

    def __init__(self, directory, more=None, deliver=None, env=None, **config):
        directory = pathlib.Path(directory)
        self.partner = HttpEnd("partner")
        self.inbox = directory / "in"
        self.inbox.mkdir(exist_ok=True)
        deliver = deliver or {}
        connectors = {
            "grants": {"party": "dcms", "receive": {"plugin": "http", "path": "/grants", "speaks": "360giving"}},
            "events": {"party": "dcms", "receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents"}},
            "drop": {"party": "dcms", "receive": {"plugin": "file", "directory": "in", "speaks": "360giving"}},
            "partner": {"party": "council", "deliver": {"plugin": "http", "url": self.partner.url, "speaks": "cloudevents", "timeout": "10s",
                                                        **deliver.get("partner", {})}},
            "register": {"party": "council", "deliver": {"plugin": "file", "directory": "out", "mode": "lines", "speaks": "cloudevents",
                                                         **deliver.get("register", {})}},
            **(more or {})}
        self.config = {"parties": COUNCIL, "connectors": connectors, "routes": routes("partner", "register"), **config}
        self.env, self.restarts = env, 0
        self.hold = threading.Event()  # set: nobody offers anything new
        self.hub = TestHub(directory, self.config, env=env)
        self.register = FileEnd("register", directory / "out" / "messages.jsonl")
        self.ends = [self.partner, self.register]
        self.senders, self.kills = [], []
        self.numbers = itertools.count()  # of senders, also of those that are no longer in the list: what they send is new

    def ready(self):
        self.hub.wait_ready()
        return self

    def traffic(self, rate, kinds=("grants", "events", "drop"), per=25, status=None, bursts=False):
        """Starts senders whose rates together are `rate` messages a second."""
        for kind in kinds:
            s = (FileSender if kind == "drop" else HttpSender)(self, f"{kind}{next(self.numbers)}", per, rate / len(kinds), bursts)
            s.status = status
            s.connector = kind
            self.senders.append(s)
            s.thread.start()

    def push(self, body, seconds, how):
        """As Hub.push_until_taken(), without a log of megabytes in the message."""
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                last = self.hub.push(body, timeout=30, **how)
            except OSError as e:
                last = (0, str(e))
            if last[0] not in (0, 429, 503, 507):
                return last
            time.sleep(0.2)
        raise AssertionError(f"no final answer within {seconds} s; the last was {last}")

    def push_poison(self, number):
        """What kills the process of the connector of SICK. It is no sender's: nothing waits for it at the end."""
        poison = event(number, id=f"poison-{number}", source="s:poison", subject=f"360G-poison-{number}", status="poison", body={})
        status, answer = self.push(json.dumps(poison).encode(), 60, {"path": "/events", "headers": {"Content-Type": ONE_EVENT}})
        assert status == 202, (status, answer)

    # ---- faults

    def restart_supervisor(self):
        """As init does: at once, on the same data."""
        self.hub.process.wait()
        self.restarts += 1
        Hub.__init__(self.hub, self.hub.config, self.hub.directory, env=self.env)

    def pids(self):
        s = self.hub.status()
        return {p["name"]: p["pid"] for p in s["processes"] if p.get("pid")} if s else {}

    def unanswered(self):
        return sum(s.unanswered() for s in self.senders)

    def kill(self, victim, sig=signal.SIGKILL, moment=lambda: None):
        """At a moment: a function that returns when it has come. False when the process does not run."""
        pid = self.hub.pid if victim == "supervisor" else self.pids().get(victim)
        if not pid:
            return False
        moment()
        unanswered = {}
        for s in self.senders:
            unanswered[s.connector] = unanswered.get(s.connector, 0) + s.unanswered()
        # a destination is stopped in the middle of something that the status, taken before, cannot know: all its places count
        self.kills.append((time.monotonic(), victim, unanswered))
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            self.kills.pop()
            return False
        if victim == "supervisor":
            self.restart_supervisor()
        return True

    # ---- the account

    def accepted(self):
        return set().union(*(s.accepted for s in self.senders)) if self.senders else set()

    def missing(self, subjects):
        """{destination: those of them that have not come}"""
        return {e.arrivals.name: e.arrivals.missing(subjects) for e in self.ends}

    def queues(self):
        s = self.hub.status()
        return {d["name"]: d for p in s["processes"] if p["name"] in ("spool", "amqp") for d in p.get("stats", {}).get("destinations", [])} if s else {}

    def empty(self):
        """Nothing waits anywhere, as far as the status says; its figures may be seconds old."""
        q = self.queues()
        return len(q) >= 2 and not any(d["ready"] + d.get("delayed", 1) + d.get("inflight", 1) for d in q.values())

    def dead(self):
        """{destination: {subject: (code, reason)}}; every dead letter must have a reason."""
        letters = {}
        r = self.hub.command("dead", "list", "--json", "-c", self.hub.config)
        assert r.returncode in (0, 1), r.stderr
        for line in r.stdout.splitlines():
            d = json.loads(line)
            assert d["code"] and d["text"], f"a dead letter without a reason: {d}"
            letters.setdefault(d["destination"], {})[d["id"]] = (d["code"], d["text"])
        return letters

    def finish(self, seconds=120, dead_are_fine=False):
        """Stops the senders, waits until every queue is empty, and checks that all that was accepted arrived. The dead letters."""
        for s in self.senders:
            s.stop()
        self.hub.wait_ready()
        try:
            wait_for(self.empty, seconds, "empty queues", step=0.3)
        except BaseException:
            print("queues:", json.dumps(self.queues()), "\nstatus:", json.dumps((self.hub.status() or {}).get("alarms")),
                  "\n" + self.hub.log()[-4000:])
            raise
        accepted, letters = self.accepted(), {}

        def lost():
            """{destination: what has not come} where that is more than became dead letters."""
            letters.clear()
            letters.update(self.dead())
            return {name: m for name, m in self.missing(accepted).items() if len(m) > len(letters.get(name, {}))}
        # what was in the queues may be on its way, or younger than the figures
        wait_for(lambda: not lost(), 20, lambda: "accepted messages that never came: " + "; ".join(
            f"{len(m)} to {name} ({len(letters.get(name, {}))} dead letters): {sorted(m)[:10]}" for name, m in lost().items()), step=0.2)
        assert dead_are_fine or not letters, f"dead letters: {letters}"
        assert not self.refused() or dead_are_fine, f"refused: {self.refused()[:3]}"
        return letters

    def refused(self):
        return [r for s in self.senders for r in s.refused]

    def repetitions(self):
        """{destination: [(subject, first, again)]}"""
        return {e.arrivals.name: e.arrivals.repetitions() for e in self.ends}

    def begun(self):
        return {subject: when for s in self.senders for subject, when in s.begun.items()}

    def close(self):
        for s in self.senders:
            s.stopping.set()
        self.hub.stop()
        for end in self.ends:
            end.close()


def could_repeat(kill, destination):
    """How many messages may come to a destination again because of one kill: what it had in hand, and what was not yet answered."""
    _, victim, unanswered = kill
    if victim == "supervisor" or victim == "spool":
        return PREFETCH + sum(unanswered.values())
    name, side = (victim.split(".") + [""])[:2]
    if side == "receive":
        return unanswered.get(name, 0)
    return PREFETCH if name == destination else 0  # the door has nothing in hand that its sender does not offer again


def charge(site, pairs, destination):
    """Repetitions a kill, by its index. Fails when one has no kill that can have made it: of the destination, between its two arrivals;
    of what is before the queue, between its being offered and its second arrival (both copies may have waited)."""
    kills, begun = site.kills, site.begun()
    times = [k[0] for k in kills]
    charged = collections.Counter()
    for subject, first, again in pairs:
        lo, hi = bisect.bisect_left(times, begun[subject] - SLACK), bisect.bisect_right(times, again)
        guilty = [i for i in range(lo, hi) if could_repeat(kills[i], destination) and
                  (not kills[i][1].endswith(".deliver") or times[i] >= first - SLACK)]
        assert guilty, f"{subject} was offered at {begun[subject]:.2f}, came to {destination} at {first:.2f} and again at {again:.2f}, and " \
                       f"nothing was killed between: {[(round(t, 2), v) for t, v, _ in kills[max(0, lo - 2):hi + 2]]}"
        charged[min(guilty, key=lambda i: charged[i] / could_repeat(kills[i], destination))] += 1
    for i, n in charged.items():
        assert n <= could_repeat(kills[i], destination), f"{n} repetitions at {destination} after the kill of {kills[i][1]}, which had " \
                                                         f"{could_repeat(kills[i], destination)} in flight at most"
    return charged
