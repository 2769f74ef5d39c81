# SPDX-License-Identifier: Apache-2.0
"""`reeve backup`: a copy of a running hub from which a working one can be made; and a half one is never taken for whole."""
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import threading
import time

import pytest
from conftest import program, reeve, wait_for
from hub import EVENTS, Receiver, TestHub, basic, bodies, event, events_to, grant, package


@pytest.fixture
def more_hubs():
    """start(directory, config): a hub in a directory of its own; stopped after the test."""
    hubs = []

    def start(directory, config, ready=True):
        h = TestHub(directory, config)
        hubs.append(h)
        return h.wait_ready() if ready else h

    yield start
    for h in hubs:
        h.stop()


def backup(h, directory):
    r = h.command("backup", "-c", h.config, directory)
    assert r.returncode == 0, r.stderr
    return r.stdout


def verify(directory):
    return reeve("backup", "--verify", directory)


def restore(source, directory):
    """As the manual says: copied to the place of the data directory. cp loosens modes; the hub tightens them again."""
    directory.mkdir()
    shutil.copytree(source, directory / "var", copy_function=shutil.copyfile)
    return directory


def manifest(directory):
    return json.loads((pathlib.Path(directory) / "manifest.json").read_text())


def test_a_backup_has_a_manifest_and_is_private(hub, tmp_path):
    h = hub(basic())
    assert h.push(package([grant(i) for i in range(5)]))[0] == 202
    wait_for(lambda: len(h.files("out/awards")) == 5, 20, "the awards")
    before = os.umask(0)
    try:
        said = backup(h, tmp_path / "b")
    finally:
        os.umask(before)
    m = manifest(tmp_path / "b")
    assert m["format"] == 1 and m["hub"] == "exampleshire" and m["version"] and m["begun"] <= m["finished"]
    assert [f["path"] for f in m["files"]] == ["state/dcms-grants.receive.db", "journal/dcms-grants.receive.db", "spool/spool.db",
                                               "state/register.deliver.db", "journal/register.deliver.db"]
    assert "exampleshire" in said and "5 files" in said
    for path in (tmp_path / "b").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert verify(tmp_path / "b").returncode == 0
    assert not (tmp_path / "b/key").exists()


def test_a_directory_that_is_not_empty_is_refused(hub, tmp_path):
    h = hub(basic())
    (tmp_path / "b").mkdir()
    (tmp_path / "b/theirs").write_text("x")
    r = h.command("backup", "-c", h.config, tmp_path / "b")
    assert r.returncode == 1 and "is not empty" in r.stderr
    assert [p.name for p in (tmp_path / "b").iterdir()] == ["theirs"]
    assert backup(h, tmp_path / "c")
    r = h.command("backup", "-c", h.config, tmp_path / "c")  # never over an earlier one
    assert r.returncode == 1 and "is not empty" in r.stderr


def test_a_hub_that_does_not_run_can_be_backed_up(hub, tmp_path):
    h = hub(basic())
    assert h.push(package([grant(1)]))[0] == 202
    h.process.kill()  # with write-ahead logs left behind
    h.process.wait()
    wait_for(lambda: h.command("status", "-c", h.config).returncode == 3 or None, 30, "its processes to end")
    backup(h, tmp_path / "b")
    assert verify(tmp_path / "b").returncode == 0
    r = reeve("backup", "--data", tmp_path, tmp_path / "c")
    assert r.returncode == 1 and "nothing to back up" in r.stderr
    assert not (tmp_path / "c").exists()


DAMAGES = {
    "a byte changed": (lambda b: flip(b / "spool/spool.db"), "SHA-256"),
    "cut short": (lambda b: os.truncate(b / "spool/spool.db", 4096), "length"),
    "a file missing": (lambda b: (b / "journal/register.deliver.db").unlink(), "No such file"),
    "a file more": (lambda b: shutil.copy(b / "spool/spool.db", b / "state/other.deliver.db"), "not in the manifest"),
    "no manifest": (lambda b: (b / "manifest.json").unlink(), "cut short"),
    "no JSON": (lambda b: (b / "manifest.json").write_text("{"), "manifest.json"),
    "an empty manifest": (lambda b: (b / "manifest.json").write_text("{}"), "no manifest"),
    "without the queue": (lambda b: rewrite(b, lambda m: m["files"].pop(2)), "spool/spool.db"),
    "a path that leads elsewhere": (lambda b: rewrite(b, lambda m: m["files"][0].update(path="state/../spool/spool.db")), "none of a backup"),
    "another format of a file": (lambda b: rewrite(b, lambda m: m["files"][0].update(format=7)), "format"),
    "a newer backup": (lambda b: rewrite(b, lambda m: m.update(format=2, version="9.1")), "formats up to 1: reeve 9.1 has written it"),
}


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewrite(directory, change):
    m = manifest(directory)
    change(m)
    (directory / "manifest.json").write_text(json.dumps(m))


def test_verify_finds_every_damage_and_says_which(hub, tmp_path):
    h = hub(basic())
    assert h.push(package([grant(1)]))[0] == 202
    backup(h, tmp_path / "b")
    for number, (name, (damage, words)) in enumerate(DAMAGES.items()):
        copy = tmp_path / f"damaged-{number}"
        shutil.copytree(tmp_path / "b", copy)
        damage(copy)
        r = verify(copy)
        assert r.returncode == 1 and words in r.stderr, (name, r.stderr)
    assert verify(tmp_path / "b").returncode == 0
    assert {p.name for p in (tmp_path / "b/spool").iterdir()} == {"spool.db"}  # looking leaves nothing behind


class Sender(threading.Thread):
    """Pushes batches of events one after the other; knows which were accepted, and when."""

    def __init__(self, h, batch=20):
        super().__init__(daemon=True)
        self.h, self.batch, self.accepted, self.ending = h, batch, [], threading.Event()

    def run(self):
        number = 0
        while not self.ending.is_set():
            numbers = range(number, number + self.batch)
            number += self.batch
            try:
                status, _ = self.h.push([event(n) for n in numbers], "/events", {"Content-Type": EVENTS}, timeout=10)
            except OSError:
                continue
            if status == 202:
                self.accepted.append((time.monotonic(), numbers))

    def numbers(self, before=float("inf")):
        return {n for t, numbers in self.accepted if t < before for n in numbers}


def rows(path, event_):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return {r[0] for r in db.execute("SELECT id FROM row WHERE event=?", [event_])}
    finally:
        db.close()


def test_a_backup_under_load_restores_to_a_hub_that_lost_nothing(hub, more_hubs, tmp_path):
    """Some messages are delivered, some are dead letters, some wait for a receiver that is down: all of it while batches come in."""
    down = Receiver(lambda headers, body: 422 if json.loads(body)["data"]["number"] % 10 == 7 else 503)
    config = events_to({"plugin": "file", "directory": "out/friend"})
    config["connectors"]["slow"] = {"party": "friend", "deliver": {"plugin": "http", "url": down.url, "speaks": "cloudevents"}}
    config["routes"]["all"]["to"] = ["friend", "slow"]
    h = hub(config)
    sender = Sender(h)
    sender.start()
    wait_for(lambda: len(sender.accepted) > 20 and len(h.files("out/friend")) > 100, 30, "a stream of messages")
    began = time.monotonic()
    backup(h, tmp_path / "b")
    done = len(sender.accepted)
    wait_for(lambda: len(sender.accepted) > done + 5, 30, "the stream to go on after the backup")
    os.kill(h.pid, signal.SIGKILL)  # the machine is lost
    sender.ending.set()
    sender.join()
    h.process.wait()
    wait_for(lambda: h.command("status", "-c", h.config).returncode == 3 or None, 30, "its processes to end")
    first = {b["id"] for b in bodies(h.files("out/friend"))}
    down.close()

    assert verify(tmp_path / "b").returncode == 0
    up = Receiver()
    config["connectors"]["slow"]["deliver"]["url"] = up.url
    second = restore(tmp_path / "b", tmp_path / "second")
    assert verify(second / "var").returncode == 0
    again = more_hubs(second, config)
    must = {f"e{n}" for n in sender.numbers(began)}
    assert len(must) > 300

    def dead():
        r = again.command("dead", "list", "--json", "-c", again.config)
        return {json.loads(line)["id"] for line in r.stdout.splitlines()}

    def idle():
        queues = (again.status() or {}).get("destinations")  # not before the spool has been asked
        return queues and all(d["ready"] + d["delayed"] + d["inflight"] == 0 for d in queues)

    wait_for(idle, 60, "the restored queues to be empty")
    there = {b["id"] for b in bodies(again.files("out/friend"))}
    assert must <= first | there, sorted(must - first - there)[:5]
    assert must <= {b["id"] for b in up.taken()} | dead()
    # what is written down as delivered was delivered, and what was accepted has an end
    assert rows(second / "var/journal/friend.deliver.db", "delivered") <= first | there
    accepted = rows(second / "var/journal/sender.receive.db", "accepted")
    assert must <= accepted
    assert accepted <= rows(second / "var/journal/friend.deliver.db", "delivered")
    # the sender goes on: what it sent is known by its ids, what is new is delivered
    number = min(sender.numbers(began))
    status, answer = again.push([event(number), event(900001)], "/events", {"Content-Type": EVENTS})
    assert (status, answer["unchanged"], answer["new"]) == (202, 1, 1)
    wait_for(lambda: "e900001" in {b["id"] for b in bodies(again.files("out/friend"))}, 20, "the new message")
    up.close()


def test_a_backup_that_is_killed_is_never_taken_for_whole(hub, tmp_path):
    h = hub(basic())
    for k in range(4):
        assert h.push(package([grant(1000 * k + i, description="x" * 2000) for i in range(1000)]))[0] == 202
    start = time.monotonic()
    backup(h, tmp_path / "whole")
    took = time.monotonic() - start
    seed = int(os.environ.get("REEVE_SEED", random.randrange(1 << 30)))
    print("REEVE_SEED =", seed)
    rng = random.Random(seed)
    whole = 0
    for k in range(20):
        target = tmp_path / f"killed-{k}"
        start = time.monotonic()
        p = subprocess.Popen([program("reeve"), "backup", "-c", h.config, target], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * took)
        p.kill()
        finished = p.wait() == 0
        r = verify(target)
        if finished:
            assert r.returncode == 0, r.stderr
            whole += 1
            took = min(took, time.monotonic() - start)  # the first one may have been slow: there was much else to do
        elif r.returncode == 0:  # killed behind its last step
            assert {f["path"] for f in manifest(target)["files"]} == {f["path"] for f in manifest(tmp_path / "whole")["files"]}
        else:
            assert "backup-incomplete" in r.stderr or "No such file" in r.stderr, r.stderr
    assert whole < 20
    assert h.push(package([grant(99999)]))[0] == 202  # nobody was held up
    backup(h, tmp_path / "last")
    assert verify(tmp_path / "last").returncode == 0
