# SPDX-License-Identifier: Apache-2.0
"""Faults of everything around the hub, each under load: receivers that are away, refuse, are slow or answer half; a full disk; a full
queue; clocks that jump; processes that stand still. What was accepted arrives, what was refused was refused with a reason, and nothing
stays stuck when the fault is over.

In the full campaign (REEVE_CAMPAIGN=full) each fault has a hub of its own and lasts longer.
"""
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import time

import pytest

from campaign import FULL, SANITIZED, SEED, Site, figure, size
from conftest import fill, small_disk, wait_for

SPELL = size(1.0, 15.0, "REEVE_CAMPAIGN_SPELL")  # s that a fault lasts
RATE = 150


@pytest.fixture
def start(tmp_path):
    sites = []

    def begin(**kw):
        sites.append(Site(tmp_path, **kw))
        return sites[-1].ready()

    yield begin
    for site in sites:
        site.close()


# ---- receivers

HALF_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
RECEIVERS = {
    "500": 500, "503": 503, "404": 404, "401": 401, "429 with Retry-After": (429, {"Retry-After": "1"}),
    "redirect": (302, {"Location": "http://127.0.0.1:1/"}), "half a head": HALF_HEAD, "half a body": HALF_BODY,
    "no answer": b"", "no HTTP": b"220 mail ready\r\n", "1xx for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    "slow": lambda headers, body: time.sleep(3) or 200, "away": None, "400": 400,
}


def misbehave(site, fault):
    if fault == "away":
        site.partner.go()
    else:
        site.partner.answer = RECEIVERS[fault]


def behave(site, fault):
    if fault == "away":
        site.partner.come_back()
    site.partner.answer = 200


@pytest.mark.parametrize("faults", [[f] for f in RECEIVERS] if FULL else [list(RECEIVERS)], ids=lambda f: f[0] if len(f) == 1 else "all")
def test_a_receiver_that_misbehaves(start, faults):
    site = start(deliver={"partner": {"timeout": "2s"}})
    before = site.pids()
    site.traffic(RATE)
    for fault in faults:
        time.sleep(0.5)
        others = site.register.arrivals.total
        misbehave(site, fault)
        time.sleep(SPELL)
        behave(site, fault)
        wait_for(lambda: site.register.arrivals.total > others, 20, "the other destination is not held up")
        if fault == "400":
            # twenty refusals in a row for the same reason pause a destination until somebody has looked
            wait_for(lambda: any(a["code"] == "rejecting" for a in site.hub.status()["alarms"]), 60, "the alarm of the same refusals")
            assert site.hub.command("resume", "-c", site.hub.config, "partner").returncode == 0
    dead = site.finish(150, dead_are_fine=faults[-1] == "400")
    assert site.pids() == before, "no process was started again"
    letters = dead.get("partner", {})
    assert set(dead) <= {"partner"} and {c for c, _ in letters.values()} <= {"rejected"}, dead
    assert ("400" in faults) == bool(letters) and all("400" in text for _, text in letters.values())
    again = site.repetitions()
    assert not again["register"]
    figure("receiver", ", ".join(faults), f"{SPELL:g} s each; {len(site.accepted())} messages, {len(letters)} dead letters (each: HTTP 400), "
                                          f"{len(again['partner'])} came again")


# ---- the disk

@pytest.fixture
def disk(tmp_path):
    # the write-ahead logs of nine data bases grow to 8 MiB each, and a full disk is what they cannot be emptied on
    with small_disk(tmp_path / "var", 128) as data_directory:
        yield data_directory


@pytest.mark.parametrize("when", ["under load", "alone"] if FULL else ["under load"])
def test_a_full_disk(disk, start, when):
    """Full to the last byte: what the reserve of `keep_free` is there to prevent."""
    site = start(limits={"keep_free": 0})
    site.traffic(RATE)
    wait_for(lambda: site.partner.arrivals.total > 100, 30, "traffic")
    if when == "alone":
        for s in site.senders:
            s.stop()
        filler = fill(disk)
        status, answer = site.hub.push(json.dumps([{"specversion": "1.0", "id": "x", "source": "s:x", "type": "funding.report"}]).encode(),
                                       path="/events", headers={"Content-Type": "application/cloudevents-batch+json"})
        assert status in (503, 507), (status, answer)
        time.sleep(SPELL)
        site.senders.clear()
        filler.unlink()
        site.traffic(RATE)
        time.sleep(2)
    else:
        for n in range(size(2, 5)):
            filler = fill(disk)
            time.sleep(SPELL)
            taken = len(site.accepted())
            filler.unlink()
            wait_for(lambda: len(site.accepted()) > taken, 90, f"intake goes on when there is space again:\n{site.hub.log()[-3000:]}")
            time.sleep(0.5)
    site.finish(120)
    refusals = site.hub.log().count("disk-full")
    again = sum(len(p) for p in site.repetitions().values())
    figure("disk full", when, f"{len(site.accepted())} messages accepted, all delivered; {again} came again; `disk-full` logged {refusals} times")


# ---- the queue

def test_a_full_queue(start):
    site = start(deliver={"partner": {"limit": {"messages": 300}}})
    site.traffic(RATE * 2)
    wait_for(lambda: site.partner.arrivals.total > 50, 30, "traffic")
    site.partner.answer = 503
    wait_for(lambda: "destination-full" in site.hub.log(), 60, "the queue is full")
    time.sleep(SPELL)
    waiting = wait_for(lambda: site.queues().get("partner"), 20, "figures of the queue")
    assert waiting["ready"] + waiting["delayed"] + waiting["inflight"] <= 300, waiting
    site.partner.answer = 200
    site.finish(150)
    figure("queue full", "limit of 300 messages", f"never more than that; {len(site.accepted())} messages accepted, all delivered")


# ---- the clock

CLOCK = r"""
/* Wall time as the test wants it: the true one and an offset in ns that lies in a file. The monotonic clock stays as it is. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static volatile const int64_t *offset;
static int (*true_clock)(clockid_t, struct timespec *);
__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("REEVE_TEST_CLOCK"), O_RDONLY | O_CLOEXEC);
    void *p = mmap(0, 8, PROT_READ, MAP_SHARED, fd, 0);
    offset = p == MAP_FAILED ? 0 : p;
    true_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
}
int clock_gettime(clockid_t id, struct timespec *t)
{
    if (!true_clock)
        begin();
    int r = true_clock(id, t);
    if (r == 0 && offset && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        int64_t ns = t->tv_sec * 1000000000LL + t->tv_nsec + *offset;
        t->tv_sec = ns / 1000000000LL;
        t->tv_nsec = ns % 1000000000LL;
    }
    return r;
}
int gettimeofday(struct timeval *restrict v, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    v->tv_sec = t.tv_sec;
    v->tv_usec = t.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *ret)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (ret)
        *ret = t.tv_sec;
    return t.tv_sec;
}
"""


class Clock:
    """The wall clock of the hub, not of the machine."""

    def __init__(self, directory):
        cc = shutil.which(os.environ.get("CC", "cc"))
        if not cc:
            pytest.skip("SKIP: no C compiler")
        if SANITIZED:
            pytest.skip("SKIP: sanitizers want to be loaded first")
        source, self.library, self.file = directory / "clock.c", directory / "clock.so", directory / "clock"
        source.write_text(CLOCK)
        subprocess.run([cc, "-std=gnu11", "-O1", "-fPIC", "-shared", "-o", str(self.library), str(source), "-ldl"], check=True, timeout=60)
        self.set(0)
        self.env = {"LD_PRELOAD": str(self.library), "REEVE_TEST_CLOCK": str(self.file)}

    def set(self, seconds):
        mode = "r+b" if self.file.exists() else "wb"
        with open(self.file, mode) as f:  # in place: it is mapped
            f.write(struct.pack("=q", int(seconds * 1e9)))


def test_a_clock_that_jumps(start, tmp_path):
    clock = Clock(tmp_path)
    chance = random.Random(f"{SEED} clock")
    site = start(env=clock.env)
    before = site.pids()
    for pid in before.values():
        with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
            assert "clock.so" in f.read()
    site.traffic(RATE)
    steps = [-3600, 86400, -86400, 3 * 86400, 0, -30, 300, 0] * size(1, 3)
    for step in steps:
        # some wait for their next try while it jumps; not for long, or the ladder of delays is what is measured
        site.partner.answer = chance.choice([500, 503, 200, 200])
        time.sleep(0.5)
        clock.set(step)
        time.sleep(0.5)
    site.partner.answer = 200
    site.finish(240)
    assert site.pids() == before, "no process was started again"
    # a restart in a time before that of what is stored: what waits for its next try waits until the time is right again (an hour at most,
    # core/spool/deliver.c), everything else goes on
    site.senders.clear()
    site.partner.answer = 500
    site.traffic(RATE, kinds=["grants"])
    wait_for(lambda: site.queues().get("partner", {}).get("delayed"), 30, "messages that wait for their next try")
    clock.set(-2 * 86400)
    site.kill("spool")
    site.partner.answer = 200
    arrived = site.partner.arrivals.total
    wait_for(lambda: site.partner.arrivals.total > arrived, 60, "what is sent now is delivered")
    clock.set(0)
    site.kill("spool")
    begin = time.monotonic()
    site.finish(180)
    figure("clock", f"{len(steps)} jumps of up to 3 days, a restart of the spool 2 days earlier and one when the time was right again",
           f"{len(site.partner.arrivals.by_subject)} messages, all delivered, no process started again; "
           f"after the last restart it took {time.monotonic() - begin:.0f} s")


# ---- processes that stand still

PROCESSES = ["door", "grants.receive", "drop.receive", "partner.deliver", "register.deliver", "spool", "supervisor"]


def test_processes_that_stand_still(start):
    site = start()
    site.traffic(RATE)
    for seconds in size("1.5", "5 45").split():  # the longest is longer than the watchdog's patience
        for name in PROCESSES:
            pid = site.hub.pid if name == "supervisor" else site.pids()[name]
            os.kill(pid, signal.SIGSTOP)
            time.sleep(float(seconds))
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass  # the watchdog was faster
            arrived = site.partner.arrivals.total
            wait_for(lambda: site.partner.arrivals.total > arrived, 60, f"traffic after {name} stood still")
            wait_for(lambda: len(site.pids()) == 7, 60, f"all processes after {name} stood still")
    site.finish(150)
    again = sum(len(p) for p in site.repetitions().values())
    figure("standing still", f"SIGSTOP of each of {len(PROCESSES)} processes for {size('1.5', '5 45').replace(' ', ' and ')} s",
           f"{len(site.accepted())} messages accepted, all delivered; {again} came again")
