# SPDX-License-Identifier: Apache-2.0
"""The soak: traffic at half the rate that this hub sustains, with a fault every few seconds, for a long time. Nothing is lost, and memory
and descriptors of every process stay flat.

Killed and crashed are one source and two sinks; all other processes live through the whole time and are watched. Flat means: the median
of the last fifth is not above that of the second fifth (the first is for warming up) by more than a tenth and 2 MiB, and descriptors not
by more than 4.

REEVE_CAMPAIGN_SOAK_MINUTES (default 0.3, full 31), REEVE_CAMPAIGN_SOAK_RATE (messages/s, 0: half of what is measured at the start);
REEVE_SEED repeats the faults.
"""
import collections
import json
import os
import pathlib
import random
import signal
import statistics
import time

from campaign import SANITIZED, SEED, Site, figure, size, wait_for
from test_campaign_faults import RECEIVERS

MINUTES = size(0.3, 31.0, "REEVE_CAMPAIGN_SOAK_MINUTES")
RATE = size(200.0, 0.0, "REEVE_CAMPAIGN_SOAK_RATE")
EVERY = size(1.5, 4.0, "REEVE_CAMPAIGN_SOAK_EVERY")  # s between faults, on average
SAMPLE = size(0.5, 5.0, "REEVE_CAMPAIGN_SOAK_SAMPLE")
WATCHED = ["supervisor", "spool", "door", "events.receive", "drop.receive", "register.deliver"]
KILLED = ["partner.deliver", "grants.receive"]


def memory_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def slope(points):
    """Least squares, in y a unit of x."""
    n = len(points)
    mx, my = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mx) ** 2 for x, _ in points)
    return sum((x - mx) * (y - my) for x, y in points) / spread if spread else 0.0


class Samples:
    def __init__(self):
        self.of = {name: [] for name in WATCHED}  # (when, KiB, descriptors)

    def take(self, pids):
        now = time.monotonic()
        for name in WATCHED:
            self.of[name].append((now, memory_kb(pids[name]), descriptors(pids[name])))

    def judge(self):
        for name, taken in self.of.items():
            fifth = max(1, len(taken) // 5)
            early, late = taken[fifth:2 * fifth], taken[-fifth:]
            kb = [statistics.median(s[1] for s in part) for part in (early, late)]
            fds = [max(s[2] for s in part) for part in (early, late)]
            per_hour = slope([(t, m) for t, m, _ in taken[fifth:]]) * 3600
            figure("soak", f"{name}: memory (RSS) and descriptors, second and last fifth",
                   f"{kb[0] / 1024:.1f} and {kb[1] / 1024:.1f} MiB (trend {per_hour / 1024:+.2f} MiB/h); {fds[0]} and {fds[1]}")
            # the address sanitizer keeps what was freed; it finds leaks by itself
            assert SANITIZED or kb[1] <= kb[0] * 1.1 + 2048, f"{name} grows: {kb} KiB"
            assert fds[1] <= fds[0] + 4, f"{name} leaves descriptors open: {fds}"


class Faults:
    """What may happen at any time; each is over when it returns."""

    def __init__(self, site, chance):
        self.site, self.chance, self.text = site, chance, site.hub.directory.joinpath("reeve.yaml").read_text()
        self.poison, self.partial = 0, False

    def mend(self):
        """Somebody puts the sick connector right: what waits behind the poison is delivered. (Each time that it crashes it is started
        later, so poison that keeps coming is never through.)"""
        config = json.loads(self.text)
        config["connectors"]["sick"]["deliver"]["crash"] = False
        self.reload(config)

    def kill(self):
        self.site.kill(self.chance.choice(KILLED))

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
        pid = self.site.pids().get(self.chance.choice(WATCHED[1:] + KILLED))
        if pid:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(1)
            os.kill(pid, signal.SIGCONT)

    def poisonous_message(self):
        self.poison += 1
        event = {"specversion": "1.0", "id": f"poison-{self.poison}", "source": "s:soak", "type": "funding.report",
                 "subject": f"360G-poison-{self.poison}", "status": "poison", "data": {}}
        self.site.push(json.dumps(event).encode(), 60, {"path": "/events", "headers": {"Content-Type": "application/cloudevents+json"}})

    def wrong_document(self):
        status, _ = self.site.push(b'{"grants": [{"id": 7}]}', 60, {"path": "/grants"})
        assert status == 422, status

    def broken_reload(self):
        self.site.hub.directory.joinpath("reeve.yaml").write_text(self.text.replace("council", "counsel", 1))
        assert self.site.hub.command("reload", "-c", self.site.hub.config).returncode == 1

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


def half_of_the_maximum(site):
    """What arrives in some seconds while everybody sends as fast as they can."""
    site.traffic(1e6, kinds=["grants", "events", "drop"], per=50)
    wait_for(lambda: site.partner.arrivals.total > 500, 30, "traffic")
    first, begin = site.partner.arrivals.total, time.monotonic()
    time.sleep(10)
    rate = (site.partner.arrivals.total - first) / (time.monotonic() - begin)
    for s in site.senders:
        s.stopping.set()
    site.finish(120)
    site.done = site.senders  # their account was settled
    site.senders = []
    figure("soak", "maximum (this program included)", f"{rate:.0f} messages/s")
    return rate / 2


def test_a_long_time_of_faults_leaves_memory_and_descriptors_flat(tmp_path):
    chance = random.Random(f"{SEED} soak")
    print(f"REEVE_SEED={SEED}")
    sick = {"plugin": "fail", "verdict": "ok", "crash": True, "when_attribute": "status", "when_value": "poison", "speaks": "cloudevents"}
    site = Site(tmp_path, more={"sick": {"party": "council", "deliver": sick}},
                routes={"everything": {"when": "TRUE", "to": ["partner", "register"]},
                        "sick": {"match": {"status": ["poison", "taken"]}, "to": "sick"}}).ready()
    try:
        rate = RATE or half_of_the_maximum(site)
        site.traffic(rate, per=10, status=lambda i: "taken" if i % 50 == 0 else None)
        watched = {**{n: p for n, p in site.pids().items() if n in WATCHED}, "supervisor": site.hub.pid}
        faults, done, samples = Faults(site, chance), collections.Counter(), Samples()
        kinds = [faults.kill, faults.kill, faults.bad_receiver, faults.receiver_away, faults.stand_still, faults.poisonous_message,
                 faults.wrong_document, faults.broken_reload, faults.good_reload, faults.questions]
        begin = time.monotonic()
        end, next_fault, next_sample = begin + MINUTES * 60, begin, begin
        while time.monotonic() < end:
            now = time.monotonic()
            if now >= next_sample:
                samples.take(watched)
                next_sample = now + SAMPLE
            if now >= next_fault:
                fault = chance.choice(kinds)
                fault()
                done[fault.__name__.replace("_", " ")] += 1
                next_fault = time.monotonic() + EVERY * chance.uniform(0.2, 1.6)
            time.sleep(0.05)
        faults.mend()
        dead = site.finish(300, dead_are_fine=True)
        took = time.monotonic() - begin
        figure("soak", "seed", SEED)
        figure("soak", "time", f"{took / 60:.1f} minutes at {rate:.0f} messages/s")
        figure("soak", "faults", f"{sum(done.values())}: " + ", ".join(f"{n} {k}" for k, n in sorted(done.items())))
        figure("soak", "messages accepted, all delivered", len(site.accepted()))
        for name, pairs in site.repetitions().items():
            figure("soak", f"came again to {name}, with the same id", len(pairs))
        letters = dead.get("sick", {})
        figure("soak", "dead letters", f"{len(letters)} of {faults.poison} poisonous messages, each with its reason; the others delivered when the plugin was mended")
        now = {**site.pids(), "supervisor": site.hub.pid}
        assert {n: now[n] for n in watched} == watched, "those that are watched were never started again"
        assert set(dead) <= {"sick"} and all(i.startswith("poison-") and c == "crashed" for i, (c, _) in letters.items()), dead
        samples.judge()
    finally:
        site.close()
