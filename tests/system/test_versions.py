# SPDX-License-Identifier: Apache-2.0
"""An upgrade, one machine after the other: a hub of an earlier commit and one of today run side by side on one RabbitMQ and one PostgreSQL,
and the earlier one's data directory is taken over. The earlier commit is built once in each working copy, in build/."""
import contextlib
import os
import pathlib
import signal
import subprocess
import threading

import pytest
from conftest import ROOT, BUILD, wait_for
from hub import grant, package
from test_hubs import DROP, TAKE_OVER, config, drop, ids_by_subject, left

EARLIER = "5db5a66fc5fbd0a2a4c2157517fc7e7b297289bc"  # the first that several hubs could run
FILES = 500000  # grants that come in files have numbers from here


def git(*arguments):
    return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def earlier():
    """The path of its program `reeve`."""
    try:
        there = git("cat-file", "-e", EARLIER + "^{commit}").returncode == 0
    except FileNotFoundError:
        there = False
    if not there:
        pytest.skip(f"commit {EARLIER[:12]} is not in this copy (no git, or a shallow clone): there is no earlier version to build")
    tree = ROOT / "build" / f"at-{EARLIER[:12]}"
    if not (tree / "whole").exists():
        tree.mkdir(parents=True, exist_ok=True)
        files = git("archive", EARLIER)
        assert files.returncode == 0, files.stderr
        subprocess.run(["tar", "x", "-C", tree], input=files.stdout, check=True)
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "BUILD", "O", "CC", "W")}
        made = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "all"], cwd=tree, env=env, capture_output=True, text=True, timeout=900)
        assert made.returncode == 0, made.stderr[-3000:]
        (tree / "whole").touch()
    return tree / "build" / "reeve"


def many(n, first=0, **more):
    return [grant(first + i, description="d" * 1500, **more) for i in range(n)]


def counts(answer):
    return answer["new"], answer["changed"], answer["unchanged"]


def taken(h, grants):
    status, answer = h.push_until_taken(package(grants))
    assert status == 202, answer
    return answer


def cut_short(victim, receiver, grants):
    """Pushes, and kills the whole hub when the first messages have come."""
    seen = len(receiver.taken())
    answered = []

    def push():
        with contextlib.suppress(OSError):
            answered.append(victim.push(package(grants)))

    t = threading.Thread(target=push)
    t.start()
    wait_for(lambda: len(receiver.taken()) > seen or answered, 30, "the first messages")
    victim.signal_all(signal.SIGKILL)
    t.join()


def test_two_versions_work_side_by_side(hubs, receiver, earlier):
    peer = receiver()
    h = hubs(config(peer.url), reeve_path=earlier)  # both as they were
    n = 600
    versions = {}

    def all_came(pushed, read=0):
        """So many versions of what is pushed, and of what comes in files: each under one id."""
        def there():
            found = ids_by_subject(peer)
            versions.clear()
            for subject, ids in found.items():
                versions.setdefault(int(subject.rsplit("-", 1)[1]) >= FILES, set()).add(len(ids))
            return len(found) == n + (n if read else 0) and versions == {False: {pushed}, **({True: {read}} if read else {})}
        wait_for(there, 60, lambda: f"{pushed} and {read} versions of each; there are {versions}")

    first = taken(h[0], many(n))
    assert counts(first) == (n, 0, 0)
    holder = wait_for(lambda: h.holder(DROP), TAKE_OVER, "a hub that polls")
    other = next(x for x in h if x is not holder)
    assert other.stop() == 0  # the one that does not poll is upgraded first
    new = h.start(other.machine)
    assert holder.reeve_path == earlier and pathlib.Path(new.reeve_path).parent == BUILD

    # what one knows, the other knows
    assert taken(new, many(n)) == first
    assert counts(taken(new, many(n, amount=2))) == (0, n, 0)
    assert counts(taken(holder, many(n, amount=2)[::-1])) == (0, 0, n)
    drop(h, "1.json", many(n, FILES))
    wait_for(lambda: not left(h), 60, "the first file")
    all_came(2, 1)
    shares = [x.process_status("friend.deliver")["stats"]["delivered"] for x in (holder, new)]
    print("delivered by the earlier and by today's:", shares)
    assert all(shares)

    # the earlier one dies in the middle: the new one completes, with the ids that the earlier one made, and polls
    cut_short(holder, peer, many(n, amount=3))
    assert counts(taken(new, many(n, amount=3))) == (0, n, 0)
    wait_for(lambda: h.holder(DROP) is new, TAKE_OVER, "the new one polls")
    drop(h, "2.json", many(n, FILES, amount=2))
    all_came(3, 2)

    # it comes back beside the new one, and goes on where that one dies
    old = h.start(holder.machine, reeve_path=earlier)
    cut_short(new, peer, many(n, amount=4))
    assert counts(taken(old, many(n, amount=4))) == (0, n, 0)
    wait_for(lambda: h.holder(DROP) is old, TAKE_OVER, "the earlier one polls")
    drop(h, "3.json", many(n, FILES, amount=3))
    all_came(4, 3)
    new = h.start(new.machine)

    # and is upgraded, with work to do
    drop(h, "4.json", many(n, FILES, amount=4))
    last = taken(old, many(n, amount=5))
    assert counts(last) == (0, n, 0) and old.stop() == 0
    again = h.start(old.machine)
    wait_for(lambda: not left(h), 60, "the last file")
    all_came(5, 4)
    assert taken(again, many(n, amount=5)) == last
    for x in (new, again):
        assert x.push(None, path=f"/grants/receipts/{first['receipt']}", method="GET")[1]["answer"] == first
        wait_for(lambda x=x: not x.status()["alarms"], 30, lambda x=x: f"no alarm any more: {x.status()['alarms']}")
    print(f"{n} grants in 5 versions and {n} in 4: {len(peer.taken()) - 9 * n} came again")
