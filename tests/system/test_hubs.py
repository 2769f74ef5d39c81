# SPDX-License-Identifier: Apache-2.0
"""Several hubs that run one configuration on one RabbitMQ and one PostgreSQL: they share the work, one of them polls, any door takes a push,
and what happens to one of them loses nothing and sends nothing under a second id.

REEVE_HUB_KILLS says how often a whole hub is killed in flow (default 2), REEVE_SEED repeats which and when; it is printed. How long take-overs
took is printed, too.
"""
import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from broker import Proxy
from conftest import ROOT, module, request, wait_for
from hub import COUNCIL, EVENTS, TOKEN, event, grant, package

KILLS = int(os.environ.get("REEVE_HUB_KILLS", 2))
SEED = int(os.environ.get("REEVE_SEED", random.SystemRandom().randrange(1 << 30)))
TAKE_OVER = 10  # s, of a quick machine (conftest.PATIENCE)
DROP = "drop.receive"


def config(url, **deliver):
    """Events come over HTTP and as files, grants over HTTP; one receiver gets all of them."""
    return {"parties": {**COUNCIL, "friend": {"name": "A Friend", "role": "provider"}},
            "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents"}},
                           "dcms-grants": {"party": "dcms", "receive": {"plugin": "http", "path": "/grants", "speaks": "360giving"}},
                           "drop": {"party": "dcms", "receive": {"plugin": "file", "directory": "in", "settle": "0s", "rescan": "1s", "speaks": "360giving"}},
                           "friend": {"party": "friend", "deliver": {"plugin": "http", "url": url, "speaks": "cloudevents", **deliver}}},
            "routes": {"all": {"when": "true", "to": "friend"}}}


def drop(hubs, name, grants):
    """A file appears whole in the watched directory."""
    d = hubs.directory / "in"
    d.mkdir(exist_ok=True)
    (hubs.directory / name).write_bytes(package(grants))
    (hubs.directory / name).rename(d / name)


def left(hubs):
    return [p.name for p in (hubs.directory / "in").iterdir() if p.is_file()]


def ids_by_subject(receiver):
    """{subject: ids in the order in which each first came}"""
    found = {}
    for m in receiver.taken():
        ids = found.setdefault(m["subject"], [])
        if m["id"] not in ids:
            ids.append(m["id"])
    return found


def compiled(directory, name, source):
    """A module of the test's own."""
    (directory / f"{name}.c").write_text(source)
    subprocess.run(["cc", "-shared", "-fPIC", "-fvisibility=hidden", "-I", ROOT / "core/include", "-o", directory / f"{name}.so", directory / f"{name}.c"], check=True)
    return f"./{name}.so"


def wait_holder(hubs, but=None, seconds=TAKE_OVER):
    def there():
        h = hubs.holder(DROP)
        return h if h is not but else None
    return wait_for(there, seconds, "a hub that polls:\n" + "\n".join(h.log()[-1500:] for h in hubs), step=0.05)


def logged(h, text):
    return h.log().count(text)


# ---- work is shared


@pytest.mark.parametrize("machines", [2, 3])
def test_hubs_share_the_work(hubs, receiver, machines):
    peer = receiver()
    h = hubs(config(peer.url), machines)
    n = 600
    for i in range(0, n, 20):
        status, answer = h[i // 20 % machines].push([event(j, subject=f"s{j}") for j in range(i, i + 20)], path="/events", headers={"Content-Type": EVENTS})
        assert (status, answer["new"]) == (202, 20)
    wait_for(lambda: len({m["id"] for m in peer.taken()}) == n, 60, "every event")
    assert len(peer.taken()) == n  # nothing has happened that could make it come twice
    figures = lambda: [x.stats("friend.deliver").get("delivered", 0) for x in h]  # the last is counted when it has been answered
    shares = wait_for(lambda: sum(s := figures()) >= n and s, 30, lambda: f"every event in the figures: {figures()}")
    print("delivered by each:", shares)
    assert sum(shares) == n and all(shares), shares


def test_any_door_knows_what_another_took(hubs, receiver):
    peer = receiver()
    h = hubs(config(peer.url))
    turns = itertools.cycle(h)

    def push(grants, **kw):
        status, answer = next(turns).push(package(grants, **kw))
        assert status == 202, answer
        return answer, (answer["new"], answer["changed"], answer["unchanged"])

    first, counts = push([grant(1), grant(2)])
    assert counts == (2, 0, 0)
    again, _ = push([grant(1), grant(2)])  # the same bytes: the same answer, from the other door
    assert again == first
    for x in h:
        status, told = x.push(None, path=f"/grants/receipts/{first['receipt']}", method="GET")
        assert status == 200 and told["answer"] == first
    assert push([grant(1), grant(2)], indent=1)[1] == (0, 0, 2)
    assert push([grant(1, amount=7), grant(2)])[1] == (0, 1, 1)
    assert push([grant(1), grant(2, amount=8)], indent=2)[1] == (0, 2, 0)  # taken back, at the other door: new again
    wait_for(lambda: len(peer.taken()) == 5, 30, "two, one and two messages")
    assert [len(ids) for _, ids in sorted(ids_by_subject(peer).items())] == [3, 2]


def test_doors_that_are_given_the_same_at_once_send_one_id(hubs, receiver):
    """Of two hubs that decide about the same subjects at the same time one is refused its commit, and says 503; its sender comes again."""
    peer = receiver()
    h = hubs(config(peer.url))
    for generation in range(4):
        body = package([grant(i, amount=100 + generation) for i in range(300)])
        answers = []
        threads = [threading.Thread(target=lambda x=x: answers.append(x.push_until_taken(body))) for x in h]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert [s for s, _ in answers] == [202, 202] and answers[0][1]["receipt"] == answers[1][1]["receipt"]
    wait_for(lambda: sum(len(x) for x in ids_by_subject(peer).values()) == 4 * 300, 60, "every version of each")
    assert {len(x) for x in ids_by_subject(peer).values()} == {4}
    print("commits that were refused:", sum(logged(x, "state-conflict") for x in h))


# ---- one hub polls


def test_a_file_is_read_by_one_hub(hubs, receiver):
    peer = receiver()
    h = hubs(config(peer.url))
    holder = wait_holder(h)
    other = next(x for x in h if x is not holder)
    wait_for(lambda: other.lease(DROP) == {"held": False, "holder": holder.machine, "trouble": ""}, 20, "the other's news")
    assert f"waits: {holder.machine} polls" in other.command("status", "-c", other.config).stdout
    n = 60
    for i in range(n):
        drop(h, f"{i}.json", [grant(10 * i + j) for j in range(5)])
        if i == n // 2:  # in the middle the one that reads ends in good order, and gives the lease back
            t = threading.Thread(target=holder.stop)
            t.start()
            began = time.monotonic()
            wait_holder(h, but=holder)
            print(f"after an orderly end another polls in {time.monotonic() - began:.1f} s")
            t.join()
    wait_for(lambda: not left(h), 60, lambda: f"the end of {left(h)}")
    wait_for(lambda: len(ids_by_subject(peer)) == 5 * n, 60, "every grant")
    assert {len(ids) for ids in ids_by_subject(peer).values()} == {1}
    assert len(peer.taken()) == 5 * n
    read = [[receipt for receipt, _ in x.journal(DROP, "submitted")] for x in h]
    print("files read by each:", [len(r) for r in read])
    assert all(read) and len(read[0]) + len(read[1]) == n and len(set(read[0] + read[1])) == n
    assert not any(x.status()["alarms"] for x in h if x.running())


def test_a_queue_of_a_party_is_consumed_by_every_hub(hubs, receiver, rabbitmq, vhost):
    """Its consumers compete: the plugin says so, and needs no lease."""
    module("plugins/amqp")
    peer = receiver()
    c = config(peer.url)
    party = vhost + "-party"
    rabbitmq.add_vhost(party)
    try:
        rabbitmq.api("PUT", "queues", party, "theirs", body={"durable": True})
        c["connectors"]["drop"]["receive"] = {"plugin": "amqp", "brokers": rabbitmq.address, "vhost": party, "user": "guest", "password": "${file:amqp-password}",
                                              "queue": "theirs", "speaks": "cloudevents"}
        h = hubs(c)
        wait_for(lambda: (rabbitmq.queue(party, "theirs") or {}).get("consumers") == 2, 30, "a consumer of each hub")
        wait_for(lambda: all(x.stats(DROP) for x in h), 20, "figures of each")
        assert not any(x.lease(DROP) for x in h)
    finally:
        rabbitmq.drop_vhost(party)


SLOW = r"""
#include <reeve/plugin.h>
#include <string.h>
#include <unistd.h>
static reeve_rc slow_poll(reeve_ctx *c, void *inst)
{
    static const char document[] = "{\"grants\": []}";
    static int polls;
    (void)inst;
    if (polls++ > 0) {
        (void)reeve_wait(c, -1, 1000);
        return REEVE_OK;
    }
    sleep(9); /* not in reeve_wait(): nobody can stop it */
    return reeve_submit(c, 1, "application/json", "slow", -1, document, strlen(document));
}
static void slow_settled(reeve_ctx *c, void *inst, uint64_t token, reeve_rc rc, const reeve_report *r)
{
    (void)inst, (void)token, (void)r;
    reeve_log(c, 4, "slowly settled: %d", (int)rc);
}
REEVE_PLUGIN(.name = "slow", .version = "1", .summary = "thinks", .poll = slow_poll, .settled = slow_settled);
"""


def test_a_plugin_may_think_for_longer_than_a_lease_lasts(hubs, receiver, tmp_path):
    c = config(receiver().url)
    c["connectors"]["drop"]["receive"] = {"plugin": compiled(tmp_path, "slow", SLOW), "speaks": "360giving"}
    h = hubs(c)
    holder = wait_holder(h)
    wait_for(lambda: logged(holder, "slowly settled"), 30, "the end of a poll")
    assert h.holder(DROP) is holder and logged(holder, "lease-taken") == 1 and not any(logged(x, "lease-lost") for x in h)


HANGS = r"""
#include <reeve/plugin.h>
#include <unistd.h>
static reeve_rc hanging_poll(reeve_ctx *c, void *inst)
{
    (void)inst;
    if (unlink("FILE") == 0)
        sleep(3600);
    reeve_log(c, 6, "polled well");
    (void)reeve_wait(c, -1, 500);
    return REEVE_OK;
}
REEVE_PLUGIN(.name = "hangs", .version = "1", .summary = "hangs once", .poll = hanging_poll);
"""


def test_a_plugin_that_hangs_costs_its_process_and_the_lease(hubs, receiver, tmp_path):
    c = config(receiver().url)
    c["connectors"]["drop"]["receive"] = {"plugin": compiled(tmp_path, "hangs", HANGS.replace("FILE", str(tmp_path / "hang"))), "deadline": "2s",
                                          "speaks": "360giving"}
    h = hubs(c)
    holder = wait_holder(h)
    wait_for(lambda: logged(holder, "polled well"), 30, "a poll")
    (tmp_path / "hang").touch()
    wait_for(lambda: logged(holder, "call-deadline"), 30, "the end of its process")
    before = [logged(x, "polled well") for x in h]
    wait_for(lambda: [logged(x, "polled well") for x in h] != before, TAKE_OVER, "a poll of whoever polls now")


def test_a_hub_that_has_lost_the_broker_leaves_the_polling_to_another(hubs, receiver, rabbitmq):
    """Within 10 s of lost transport it gives the lease back, and has it again when it is the only one left."""
    peer = receiver()
    with contextlib.closing(Proxy(rabbitmq.node["amqp"])) as way:
        h = hubs(config(peer.url), brokers={"hub-a": way.address})
        if wait_holder(h) is h[1]:
            h[1].stop()
            wait_for(lambda: h.holder(DROP) is h[0], 20, "hub-a polls")
            h.start("hub-b")
        way.cut()
        drop(h, "1.json", [grant(i) for i in range(10)])
        began = time.monotonic()
        wait_for(lambda: h.holder(DROP) is h[1], 30, "hub-b polls")
        print(f"another polled {time.monotonic() - began:.1f} s after the holder had lost the broker")
        wait_for(lambda: len(peer.taken()) == 10 and not left(h), 30, "the file")
        way.mode = "pass"
        wait_for(lambda: not h[0].status()["alarms"], 30, "the end of the alarm")
        h[1].stop()
        wait_for(lambda: h.holder(DROP) is h[0], 20, "hub-a polls")


def test_who_waits_for_another_hub_raises_no_silence_alarm(hubs, receiver):
    peer = receiver()
    c = config(peer.url)
    c["connectors"]["drop"]["receive"]["expect"] = {"every": "1s", "grace": "1s"}
    h = hubs(c)
    holder = wait_holder(h)
    other = next(x for x in h if x is not holder)
    wait_for(lambda: "silent" in json.dumps(holder.status()["alarms"]), 30, "the alarm of the one that reads")
    assert "silent" not in json.dumps(other.status()["alarms"])


# ---- what happens to one of them


class Sender(threading.Thread):
    """Pushes events at the doors in turn, each document until it is taken."""

    def __init__(self, hubs, name):
        super().__init__(daemon=True)
        self.hubs, self.prefix, self.accepted, self.enough, self.fault = hubs, name, set(), False, None

    def run(self):
        try:
            for n in itertools.count():
                if self.enough:
                    return
                names = [f"{self.prefix}-{n}-{i}" for i in range(10)]
                body = json.dumps([event(x, subject=x) for x in names]).encode()
                for turn in itertools.count(n):  # its own next try goes to another door
                    h = list(self.hubs)[turn % len(list(self.hubs))]
                    with contextlib.suppress(OSError):
                        status, answer = h.push(body, path="/events", headers={"Content-Type": EVENTS}, timeout=20)
                        if status == 202:
                            assert answer["accepted"] == 10
                            break
                        assert status == 503, (status, answer)
                    time.sleep(0.05)
                self.accepted.update(names)
        except Exception as e:  # pylint: disable=broad-except  told by the test
            self.fault = e


@pytest.mark.parametrize("machines", [2, 3])
def test_hubs_that_are_killed_lose_nothing(hubs, receiver, machines):
    print("seed", SEED)
    rng = random.Random(SEED + machines)
    peer = receiver()
    h = hubs(config(peer.url), machines)
    senders = [Sender(h, f"t{i}") for i in range(2)]
    for s in senders:
        s.start()
    files, took = 0, []
    for kill in range(KILLS):
        holder = wait_holder(h)
        victim = holder if kill % 2 == 0 else rng.choice(list(h))
        for _ in range(6):
            drop(h, f"{files}.json", [grant(100 * files + j) for j in range(40)])
            files += 1
        time.sleep(rng.uniform(0.05, 0.5))
        victim.signal_all(signal.SIGKILL)
        began = time.monotonic()
        if victim is holder:
            wait_holder(h, but=holder)
            took.append(time.monotonic() - began)
        h.start(victim.machine)
    wait_for(lambda: not left(h), 60, lambda: f"the end of {left(h)}")
    for s in senders:
        s.enough = True
    for s in senders:
        s.join(60)
        assert not s.is_alive() and s.fault is None, s.fault
    accepted = {f"e{x}" for s in senders for x in s.accepted}
    wait_for(lambda: accepted <= {m["id"] for m in peer.taken()}, 60, "all that was accepted")
    grants = {f"360G-example-{100 * f + j}" for f in range(files) for j in range(40)}
    wait_for(lambda: grants <= set(ids_by_subject(peer)), 60, "every grant of the files")
    assert {len(ids) for ids in ids_by_subject(peer).values()} == {1}
    total = len(peer.taken())
    print(f"{machines} hubs, {KILLS} kills: {len(accepted)} events and {len(grants)} grants accepted, all delivered, "
          f"{total - len(accepted) - len(grants)} came again; take-overs took {[round(t, 1) for t in took]} s")


def test_a_push_that_a_killed_hub_cut_short_is_completed_at_another_door(hubs, receiver):
    peer = receiver()
    h = hubs(config(peer.url))
    first = [grant(i, description="d" * 1500) for i in range(3000)]
    corrected = [grant(i, amount=77, description="d" * 1500) for i in range(3000)]
    for grants, counts in ((first, (3000, 0, 0)), (corrected, (0, 3000, 0))):
        victim = h[0]
        cut = {}

        def push(victim=victim, grants=grants, cut=cut):
            with contextlib.suppress(OSError):
                cut["answer"] = victim.push(package(grants))

        seen = len(peer.taken())
        t = threading.Thread(target=push)
        t.start()
        wait_for(lambda: len(peer.taken()) > seen or "answer" in cut, 30, "the first messages")  # noqa: B023
        victim.signal_all(signal.SIGKILL)
        t.join()
        status, answer = h[1].push_until_taken(package(grants))
        assert status == 202 and (answer["new"], answer["changed"], answer["unchanged"]) == counts, answer
        print("cut short" if "answer" not in cut else "answered before the kill")
        h.start(victim.machine)
        assert h[0].push(package(grants))[1] == answer  # and the first one knows
    wait_for(lambda: sum(len(i) for i in ids_by_subject(peer).values()) == 6000, 60, "both versions of each")
    time.sleep(1)
    assert {len(i) for i in ids_by_subject(peer).values()} == {2}


def test_a_holder_that_sleeps_and_wakes_does_no_harm(hubs, receiver):
    """SIGSTOP in the middle of a file, longer than the lease lasts; what it knew is old when it wakes."""
    peer = receiver()
    h = hubs(config(peer.url))
    n = 3000
    sleeper = wait_holder(h)
    other = next(x for x in h if x is not sleeper)
    drop(h, "first.json", [grant(i, description="d" * 1500) for i in range(n)])
    wait_for(lambda: peer.taken(), 30, "the first message")
    sleeper.signal_all(signal.SIGSTOP)
    began = time.monotonic()
    read = len(left(h)) == 0
    wait_for(lambda: other.lease(DROP).get("held"), TAKE_OVER, "another that polls")
    took = time.monotonic() - began
    drop(h, "second.json", [grant(i, amount=77, description="d" * 1500) for i in range(n)])
    wait_for(lambda: not left(h), 60, lambda: f"the end of {left(h)}")
    sleeper.signal_all(signal.SIGCONT)
    wait_for(lambda: logged(sleeper, "lease-lost") >= 1, 30, "the end of the sleeper's lease")
    wait_for(lambda: sleeper.lease(DROP).get("holder") == other.machine, 30, "the sleeper's news")
    wait_for(lambda: {len(i) for i in ids_by_subject(peer).values()} == {2} and len(ids_by_subject(peer)) == n, 60,
             "both versions of each")
    drop(h, "third.json", [grant(i, amount=77, description="d" * 1500) for i in range(n)] + [grant(n)])
    wait_for(lambda: len(ids_by_subject(peer)) == n + 1 and not left(h), 60, "the one that is new")
    versions = {len(i) for s, i in ids_by_subject(peer).items() if not s.endswith(f"-{n}")}
    print(f"another polled after {took:.1f} s; the first file was {'read' if read else 'being read'} when its reader was stopped; "
          f"{len(peer.taken()) - 2 * n - 1} came again, refused commits of the sleeper: {logged(sleeper, 'commit: ')}")
    assert versions == {2}


def test_postgresql_is_killed_and_comes_back(hubs, receiver, postgresql):
    is_up = threading.Event()
    peer = receiver(lambda headers, body: 200 if is_up.is_set() else 503)
    h = hubs(config(peer.url))
    assert h[0].push(package([grant(1)]))[0] == 202
    holder = wait_holder(h)
    postgresql.kill()
    is_up.set()
    wait_for(lambda: len(peer.taken()) == 1, 60, "what waits is delivered, whether PostgreSQL is there or not")
    status, headers, answer = request(h[1].port, "POST", "/grants", package([grant(2)]), {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json"}, 60)
    assert status == 503 and int(headers["Retry-After"]) > 0 and json.loads(answer)["code"] == "state-away", answer
    drop(h, "meanwhile.json", [grant(3)])
    wait_for(lambda: holder.lease(DROP).get("held") is False, 20, "the end of the lease")
    wait_for(lambda: any(a["code"] == "lease" for a in holder.status()["alarms"]), 30, "an alarm")
    assert left(h) == ["meanwhile.json"]
    postgresql.start()
    status, answer = h[1].push_until_taken(package([grant(1), grant(2)]))
    assert (status, answer["new"], answer["unchanged"]) == (202, 1, 1)
    wait_for(lambda: not left(h), 60, "the file")
    wait_for(lambda: len(peer.taken()) == 3, 30, "three messages")
    wait_for(lambda: not any(x.status()["alarms"] for x in h), 30, "the end of every alarm")
    assert {len(i) for i in ids_by_subject(peer).values()} == {1}


def test_a_hub_that_starts_before_postgresql_waits_for_it(hubs, receiver, postgresql):
    peer = receiver()
    h = hubs(config(peer.url), 1)
    h[0].stop()
    postgresql.stop()
    again = h.start("hub-a", ready=False)
    wait_for(lambda: logged(again, "state-away"), 30, "its words")
    postgresql.start()
    again.wait_ready(90)
    assert again.push_until_taken(package([grant(1)]))[1]["new"] == 1
    wait_holder(h)


COUNTER = r"""
#include <reeve/plugin.h>
#include <stdio.h>
#include <stdlib.h>
static reeve_rc run(reeve_ctx *c, void *inst, const reeve_msg *m, reeve_out *out)
{
    char text[20];
    size_t n;
    (void)inst;
    const char *p = reeve_state_get(c, "seen", &n);
    int len = snprintf(text, sizeof text, "%d", (p ? atoi(p) : 0) + 1);
    if (reeve_state_put(c, "seen", text, (size_t)len) != 0)
        return REEVE_REJECT; /* the worst answer that it could give */
    reeve_msg *x = reeve_msg_copy(m);
    reeve_msg_set_int(x, "sequence", atoi(text));
    return reeve_emit(out, x) == 0 ? REEVE_OK : REEVE_RETRY;
}
REEVE_PLUGIN(.name = "counter", .version = "1", .summary = "counts", .step = run);
"""


@pytest.mark.parametrize("side", ["receive", "deliver"])
def test_a_step_is_not_told_that_nothing_is_there_while_postgresql_is_away(hubs, receiver, postgresql, tmp_path, side):
    """It was, at a deliver side: the count began again at 1."""
    peer = receiver()
    c = config(peer.url)
    c["connectors"]["sender" if side == "receive" else "friend"][side]["steps"] = [compiled(tmp_path, "counter", COUNTER)]
    h = hubs(c, 1)[0]
    push = lambda i: h.push([event(i, subject=f"s{i}")], path="/events", headers={"Content-Type": EVENTS})
    counts = lambda: [m.get("sequence") for m in sorted(peer.taken(), key=lambda m: m["id"])]  # two that go at once arrive in any order
    assert push(1)[0] == 202 and push(2)[0] == 202
    wait_for(lambda: counts() == [1, 2], 30, "two messages")
    if side == "deliver":  # one is on its way when the server goes
        h.command("pause", "-c", h.config, "friend")
        assert push(3)[0] == 202
    postgresql.kill()
    if side == "deliver":
        h.command("resume", "-c", h.config, "friend")
        wait_for(lambda: logged(h, "what it remembers cannot be read"), 30, "a step that could not look")
    else:
        assert push(3)[0] == 503
    postgresql.start()
    if side == "receive":
        assert h.push_until_taken([event(3, subject="s3")], path="/events", headers={"Content-Type": EVENTS})[0] == 202
    wait_for(lambda: len(counts()) == 3, 60, "the third message")
    assert counts() == [1, 2, 3]
    assert json.loads(h.command("dead", "list", "--json", "-c", h.config).stdout or "[]") == []


@pytest.mark.parametrize("ending", ["killed", "stopped"])
def test_order_is_kept_across_hubs(hubs, receiver, ending):
    """One consumer at a time, whichever hub it is in (`order: strict`)."""
    print("seed", SEED)
    rng = random.Random(SEED)
    peer = receiver()
    h = hubs(config(peer.url, order="strict"))
    subjects, rounds = [f"s{i}" for i in range(5)], 60
    done = threading.Event()

    def push():
        for r in range(rounds):
            body = [event(f"{r}-{s}", subject=s, body={"round": r}) for s in subjects]
            while True:  # at one door: what comes in at two has no order
                with contextlib.suppress(OSError):
                    if h[1].push(body, path="/events", headers={"Content-Type": EVENTS}, timeout=20)[0] == 202:
                        break
                time.sleep(0.05)
        done.set()

    t = threading.Thread(target=push, daemon=True)
    t.start()
    for kill in range(KILLS):
        time.sleep(rng.uniform(0.2, 0.6))
        victim = h[kill % 2]
        victim.signal_all(signal.SIGKILL) if ending == "killed" else victim.stop()
        h.start(victim.machine)
    assert done.wait(120)
    wait_for(lambda: len({m["id"] for m in peer.taken()}) == rounds * len(subjects), 60, "every event")
    first = {}
    for m in peer.taken():
        seen = first.setdefault(m["subject"], [])
        if m["data"]["round"] not in seen:
            seen.append(m["data"]["round"])
    assert all(seen == list(range(rounds)) for seen in first.values()), first
