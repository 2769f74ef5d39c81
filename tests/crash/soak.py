# SPDX-License-Identifier: Apache-2.0
"""What the soaks share: what is looked at all the time, the faults, and the loop that does both while messages flow.

Flat means: the median of the last fifth is not above that of the second fifth (the first is for warming up) by more than is allowed.
"""
import collections
import json
import os
import pathlib
import signal
import statistics
import time

from campaign import SANITIZED, SEED, figure, size, wait_for
from test_campaign_faults import RECEIVERS

MINUTES = size(0.3, 31.0, "REEVE_CAMPAIGN_SOAK_MINUTES")
RATE = size(200.0, 0.0, "REEVE_CAMPAIGN_SOAK_RATE")
EVERY = size(1.5, 4.0, "REEVE_CAMPAIGN_SOAK_EVERY")  # s between faults, on average
SAMPLE = size(0.5, 5.0, "REEVE_CAMPAIGN_SOAK_SAMPLE")


def memory_kb(pid):
    """(now, at most so far) resident"""
    lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0]), int(lines["VmHWM"].split()[0])


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def second_and_last(values, of=statistics.median):
    """The two fifths that are compared."""
    fifth = max(1, len(values) // 5)
    return of(values[fifth:2 * fifth]), of(values[-fifth:])


def slope(points):
    """Least squares, in y a unit of x."""
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mx) ** 2 for x, _ in points)
    return sum((x - mx) * (y - my) for x, y in points) / spread if spread else 0.0


def trend(taken):
    """[(s, KiB)] without the first fifth, as text."""
    return f"trend {slope(taken[max(1, len(taken) // 5):]) * 3600 / 1024:+.2f} MiB/h"


class Processes:
    """Memory and descriptors of the hub's processes that live all through."""

    def __init__(self, names):
        self.of = {name: [] for name in names}  # (when, KiB, at most so far, descriptors)

    def take(self, pids):
        now = time.monotonic()
        for name, taken in self.of.items():
            if name in pids:  # after a kill of the supervisor, not all are back yet
                taken.append((now, *memory_kb(pids[name]), descriptors(pids[name])))

    def judge(self, name):
        for process, taken in self.of.items():
            kb = second_and_last([s[1] for s in taken])
            fds = second_and_last([s[3] for s in taken], max)
            figure(name, f"{process}: memory (RSS) and descriptors, second and last fifth",
                   f"{kb[0] / 1024:.1f} and {kb[1] / 1024:.1f} MiB ({trend([s[:2] for s in taken])}; "
                   f"peak {max(s[2] for s in taken) / 1024:.1f} MiB); {fds[0]} and {fds[1]}")
            # the address sanitizer keeps what was freed; it finds leaks by itself
            assert SANITIZED or kb[1] <= kb[0] * 1.1 + 2048, f"{process} grows: {kb} KiB"
            assert fds[1] <= fds[0] + 4, f"{process} leaves descriptors open: {fds}"


class Faults:
    """What may happen at any time; each is over when it returns (False: it was not done)."""

    def __init__(self, site, chance, watched, killed):
        self.site, self.chance, self.text = site, chance, site.hub.directory.joinpath("reeve.yaml").read_text()
        self.watched, self.killed = watched, killed
        self.poison, self.partial, self.done = 0, False, collections.Counter()

    def kinds(self):
        return [self.kill, self.kill, self.bad_receiver, self.receiver_away, self.stand_still, self.poisonous_message, self.wrong_document,
                self.broken_reload, self.good_reload, self.questions]

    def one(self, progress):
        """One of them, at a time between 0 (the beginning) and 1."""
        self.do(self.chance.choice(self.kinds()))

    def do(self, fault, *arguments):
        if fault(*arguments) is not False:
            self.done[fault.__name__.replace("_", " ")] += 1

    def mend(self):
        """Somebody puts the sick connector right: what waits behind the poison is delivered. (Each time that it crashes it is started
        later, so poison that keeps coming is never through.)"""
        config = json.loads(self.text)
        config["connectors"]["sick"]["deliver"]["crash"] = False
        self.reload(config)

    def kill(self):
        self.site.kill(self.chance.choice(self.killed))

    def bad_receiver(self):
        self.site.partner.answer = RECEIVERS[self.chance.choice([r for r in RECEIVERS if r not in ("400", "away", "slow")])]
        time.sleep(1)
        self.site.partner.answer = 200

    def receiver_away(self):
        self.site.partner.go()
        time.sleep(1)
        self.site.partner.come_back()
        self.site.partner.answer = 200

    def stand_still(self):
        pid = self.site.pids().get(self.chance.choice(self.watched[1:] + self.killed))
        if pid:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(1)
            os.kill(pid, signal.SIGCONT)

    def poisonous_message(self):
        self.poison += 1
        self.site.push_poison(self.poison)

    def wrong_document(self):
        status, _ = self.site.push(b'{"grants": [{"id": 7}]}', 60, {"path": "/grants"})
        assert status == 422, status

    def broken_reload(self):
        path = self.site.hub.directory / "reeve.yaml"
        good = path.read_text()
        path.write_text(self.text.replace("council", "counsel", 1))
        assert self.site.hub.command("reload", "-c", self.site.hub.config).returncode == 1
        path.write_text(good)  # a hub that is started again now would not start

    def good_reload(self):
        self.partial = not self.partial
        config = json.loads(self.text)
        config["connectors"]["grants"]["receive"]["partial"] = self.partial
        self.reload(config)

    def reload(self, config):
        self.site.hub.directory.joinpath("reeve.yaml").write_text(json.dumps(config))
        r = self.site.hub.command("reload", "-c", self.site.hub.config, timeout=120)
        # what was killed or has crashed just now may not be back yet: that is told, and no fault of the reload
        assert r.returncode == 0 or "the new configuration is in force" in r.stderr, r.stderr

    def questions(self):
        for what in (["status"], ["dead", "list"], ["trace", "360G-grants0-1"]):
            self.site.hub.command(*what, "-c", self.site.hub.config)


def half_of_the_maximum(name, site):
    """What arrives in some seconds while everybody sends as fast as they can."""
    site.traffic(1e6, kinds=["grants", "events", "drop"], per=50)
    wait_for(lambda: site.partner.arrivals.total > 500, 30, "traffic")
    first, begin = site.partner.arrivals.total, time.monotonic()
    time.sleep(10)
    rate = (site.partner.arrivals.total - first) / (time.monotonic() - begin)
    for s in site.senders:
        s.stopping.set()
    site.finish(120)
    figure(name, "maximum (this program included)", f"{rate:.0f} messages/s")
    return rate / 2


def everybody(site):
    return {**site.pids(), "supervisor": site.hub.pid}


def soak(name, site, faults, more=()):
    """Traffic and faults for MINUTES, then the account, its figures under `name`. `more` are further things to look at, with take() and
    judge(name)."""
    print(f"REEVE_SEED={SEED}")
    rate = RATE or half_of_the_maximum(name, site)
    before = len(site.accepted())
    site.traffic(rate, per=10, status=lambda i: "taken" if i % 50 == 0 else None)
    processes, lived = Processes(faults.watched), {}
    begin = time.monotonic()
    end, next_fault, next_sample = begin + MINUTES * 60, begin, begin
    while time.monotonic() < end:
        now = time.monotonic()
        progress = (now - begin) / (end - begin)
        if now >= next_sample:
            pids = everybody(site)
            processes.take(pids)
            for m in more:
                m.take()
            if progress >= 0.2 and not lived and set(faults.watched) <= set(pids):
                lived = {n: pids[n] for n in faults.watched}
            next_sample = now + SAMPLE
        if now >= next_fault:
            faults.one(progress)
            next_fault = time.monotonic() + EVERY * faults.chance.uniform(0.2, 1.6)
        time.sleep(0.05)
    faults.mend()
    dead = site.finish(300, dead_are_fine=True)
    took, done, letters = time.monotonic() - begin, faults.done, dead.get("sick", {})
    figure(name, "seed", SEED)
    figure(name, "time", f"{took / 60:.1f} minutes at {rate:.0f} messages/s")
    figure(name, "faults", f"{sum(done.values())}: " + ", ".join(f"{n} {k}" for k, n in sorted(done.items())))
    figure(name, "messages accepted, all delivered", len(site.accepted()) - before)
    for destination, pairs in site.repetitions().items():
        figure(name, f"came again to {destination}, with the same id", len(pairs))
    figure(name, "dead letters", f"{len(letters)} of {faults.poison} poisonous messages, each with its reason; "
           "the others delivered when the plugin was mended")
    now = everybody(site)
    assert {n: now[n] for n in lived} == lived, "those that are watched were never started again"
    assert set(dead) <= {"sick"} and all(i.startswith("poison-") and c == "crashed" for i, (c, _) in letters.items()), dead
    for m in (processes, *more):
        m.judge(name)
