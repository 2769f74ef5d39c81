# SPDX-License-Identifier: Apache-2.0
"""Isolation, measured: at half the rate that this hub sustains, how much longer deliveries to healthy connectors take while one connector
crashes again and again and another hangs. Rounds with and without the sick ones alternate, each with a new hub; what is reported is the
ratio of their medians and 99th percentiles. No ratio fails the test: it fails when a message of the healthy ones is lost, when one of
their processes is started again, or when the sick ones were not sick.

REEVE_CAMPAIGN_ROUNDS (default 1 pair, full 5) of REEVE_CAMPAIGN_ROUND_SECONDS (3, full 20).
"""
import statistics
import time


from campaign import Site, figure, size, wait_for

ROUNDS = size(1, 5, "REEVE_CAMPAIGN_ROUNDS")
SECONDS = size(3, 20, "REEVE_CAMPAIGN_ROUND_SECONDS")
HEALTHY = {"door", "grants.receive", "events.receive", "drop.receive", "partner.deliver", "register.deliver", "spool"}


def new_site(directory, sick):
    """The sick connectors are there in every round; they are sent something in the disturbed ones only."""
    what = {"status": "sick"} if sick else {"status": "never"}
    fail = {"plugin": "fail", "speaks": "cloudevents", "deadline": "1s"}
    directory.mkdir()
    return Site(directory,
                more={"crasher": {"party": "council", "deliver": {**fail, "crash": True}},
                      "hanger": {"party": "council", "deliver": {**fail, "hang": True}}},
                routes={"everything": {"when": "TRUE", "to": ["partner", "register"]},
                        "sick": {"match": what, "to": ["crasher", "hanger"]}}).ready()


def maximum(directory):
    """Messages a second from sending to arrival, as fast as this program and the hub together can."""
    site = new_site(directory, sick=False)
    try:
        site.traffic(1e6, kinds=["events", "events", "events"], per=50)
        wait_for(lambda: site.partner.arrivals.total > 200, 30, "traffic")
        first, begin = site.partner.arrivals.total, time.monotonic()
        time.sleep(SECONDS)
        rate = (site.partner.arrivals.total - first) / (time.monotonic() - begin)
        for s in site.senders:
            s.stopping.set()
        site.finish(120)
        return rate
    finally:
        site.close()


def one_round(directory, rate, sick):
    """Milliseconds from the start of the push to the arrival at `partner`, of every message."""
    site = new_site(directory, sick)
    try:
        before = site.pids()
        site.traffic(rate, kinds=["events", "events"], per=5, status=lambda i: "sick" if i % 10 == 0 else None)
        time.sleep(SECONDS)
        for s in site.senders:
            s.stop()
        wait_for(lambda: not any(site.missing(site.accepted()).values()), 60, "every message at the healthy ones")
        now = site.pids()
        assert {n: now[n] for n in HEALTHY} == {n: before[n] for n in HEALTHY}

        def restarts():
            return [site.hub.process_status(f"{n}.deliver")["restarts"] for n in ("crasher", "hanger")]
        if sick:  # what hangs is ended after its deadline, and starts again a while later
            wait_for(lambda: all(restarts()), 60, lambda: f"both sick ones are started again: {restarts()}")
        assert all(restarts()) == sick and any(restarts()) == sick, restarts()
        begun = site.begun()
        return sorted((came[0][0] - begun[subject]) * 1000 for subject, came in site.partner.arrivals.by_subject.items())
    finally:
        site.close()


def p99(times):
    return times[min(len(times) - 1, int(len(times) * 0.99))]


def test_sick_connectors_do_not_slow_the_others(tmp_path):
    most = maximum(tmp_path / "maximum")
    well, ill = [], []
    for n in range(ROUNDS):
        well.append(one_round(tmp_path / f"well{n}", most / 2, False))
        ill.append(one_round(tmp_path / f"ill{n}", most / 2, True))
    assert all(well) and all(ill)
    figure("isolation", "maximum (this program included)", f"{most:.0f} messages/s; measured at half of it, {ROUNDS} pairs of {SECONDS} s")
    for name, of in (("median", statistics.median), ("99th percentile", p99)):
        calm, disturbed = [of(t) for t in well], [of(t) for t in ill]
        ratios = sorted(d / c for c, d in zip(calm, disturbed))
        figure("isolation", f"{name}, undisturbed and with a crashing and a hanging neighbour",
               f"{statistics.median(calm):.1f} ms and {statistics.median(disturbed):.1f} ms; "
               f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
