# SPDX-License-Identifier: Apache-2.0
"""What a hub keeps: who may read it, how long it stays, and that no file of another format is touched."""
import os
import sqlite3
import stat

import pytest
from conftest import wait_for
from hub import basic, grant, package


def modes(data):
    """Every path below the data directory whose mode is not the private one, with that mode."""
    wrong = {}
    for at, dirs, files in os.walk(data):
        for name in dirs + files:
            path = os.path.join(at, name)
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            wanted = 0o700 if stat.S_ISDIR(os.lstat(path).st_mode) else 0o600
            if mode != wanted:
                wrong[os.path.relpath(path, data)] = oct(mode)
    return wrong


@pytest.mark.parametrize("mask", [0, 0o777], ids=["umask-000", "umask-777"])
def test_everything_in_the_data_directory_is_private_whatever_the_umask(hub, mask):
    before = os.umask(mask)
    try:
        h = hub(basic())
    finally:
        os.umask(before)
    assert h.push(package([grant(1)]))[0] == 202
    wait_for(lambda: h.files("out/awards"), 20, "the award")
    data = h.directory / "var"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {p.relative_to(data).parts[0] for p in data.rglob("*")} >= {"spool", "state", "journal", "run", "lock", "key"}
    assert modes(data) == {}


def test_what_a_copy_by_hand_has_loosened_is_private_after_a_start(hub):
    h = hub(basic())
    assert h.push(package([grant(1)]))[0] == 202
    h.stop()
    data = h.directory / "var"
    for path in data.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    h = hub(basic())
    assert h.push(package([grant(2)]))[0] == 202
    assert modes(data) == {}


@pytest.mark.parametrize("name", ["spool/spool.db", "state/dcms-grants.receive.db", "journal/register.deliver.db"])
def test_a_file_of_a_newer_reeve_is_refused_in_a_sentence_and_not_touched(hub, name):
    h = hub(basic())
    h.stop()
    path = h.directory / "var" / name
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    before = path.read_bytes()
    h = hub(basic(), ready=False)
    h.wait_log("has format 99")
    line = next(x for x in h.log().splitlines() if "has format 99" in x)
    assert str(path) in line and "a newer reeve has written it" in line and "install that one again" in line
    assert path.read_bytes() == before


def test_a_slate_of_a_newer_reeve_is_refused_in_a_sentence(hub):
    h = hub(basic())
    h.stop()
    path = h.directory / "var/run/register.deliver.slate"
    path.write_bytes(b"reeveSL7" + bytes(100))
    h = hub(basic(), ready=False)
    h.wait_log("has format 7")
    line = next(x for x in h.log().splitlines() if "has format 7" in x)
    assert "register.deliver.slate" in line and "a newer reeve has written it" in line
    assert path.read_bytes() == b"reeveSL7" + bytes(100)


def change(path, *statements):
    """Writes into a file of a hub that does not run."""
    db = sqlite3.connect(path)
    with db:
        for s in statements:
            db.execute(s)
    db.close()


def ask(path, question):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute(question).fetchall()
    finally:
        db.close()


def test_journal_and_receipts_are_kept_as_long_as_the_plan_says(hub):
    h = hub(basic())
    receipts = []
    for n in range(3):
        status, answer = h.push(package([grant(10 * n + i) for i in range(5)]))
        assert status == 202
        receipts.append(answer["receipt"])
    wait_for(lambda: len(h.files("out/awards")) == 15, 20, "the awards")
    h.stop()
    data = h.directory / "var"
    accepted, delivered = data / "journal/dcms-grants.receive.db", data / "journal/register.deliver.db"
    change(accepted, "UPDATE row SET wall_ms=1000 WHERE n <= 12")
    change(delivered, "UPDATE row SET wall_ms=1000")
    change(data / "state/dcms-grants.receive.db", "UPDATE submission SET ms=1000")
    h = hub(basic())
    wait_for(lambda: ask(delivered, "SELECT count(*) FROM row") == [(0,)], 20, "old rows of the sink to go")
    wait_for(lambda: ask(accepted, "SELECT min(n) FROM row") == [(13,)], 20, "old rows of the source to go")
    known = "SELECT count(*) FROM submission"
    wait_for(lambda: ask(data / "state/dcms-grants.receive.db", known) == [(1,)], 20, "old receipts to go")
    assert h.push(b"", f"/grants/receipts/{receipts[0]}", method="GET")[0] == 404
    assert h.push(b"", f"/grants/receipts/{receipts[2]}", method="GET")[0] == 200
    status, answer = h.push(package([grant(i) for i in range(5)]))  # the subjects are still known
    assert (status, answer["new"], answer["unchanged"]) == (202, 0, 5)


def test_dead_letters_that_nobody_looked_at_raise_an_alarm_and_stay(hub):
    config = basic(retention={"dead": "30d", "unseen": "60d"})
    h = hub(config)
    h.stop()
    old = "(SELECT CAST(strftime('%s','now') AS INTEGER) * 1000 - {} * 86400000)"
    values = ("(SELECT no FROM destination WHERE name='register'), {0}, {0}, 1, 0, 2, '{1}', 'busy', 'why', '{{}}', {2}, 0)")
    add = "INSERT INTO dead(dest, first_ms, dead_ms, attempts, body, size, id, code, text, bytes, seen_ms, warned_ms) VALUES("
    change(h.directory / "var/spool/spool.db",
           add + values.format(old.format(90), "unseen", 0),
           add + values.format(old.format(40), "seen", old.format(39)),
           add + values.format(old.format(2), "young", 0),
           "UPDATE destination SET dead=3 WHERE name='register'")
    h = hub(config)

    def letters():
        return [r[0] for r in ask(h.directory / "var/spool/spool.db", "SELECT id FROM dead ORDER BY number")]

    wait_for(lambda: letters() == ["unseen", "young"], 20, "the letter that was seen to go")

    def alarm():
        return [a for a in h.status()["alarms"] if a["code"] == "dead-unseen"]

    wait_for(alarm, 20, "the alarm")
    assert "nobody has looked at 1 dead letters that are older than 23d" in alarm()[0]["text"]
    assert h.command("status", "-c", h.config).returncode == 1
    listed = h.command("dead", "list", "-c", h.config)
    assert "unseen" in listed.stdout and "young" in listed.stdout
    assert letters() == ["unseen", "young"]  # found late: kept for another week
    assert ask(h.directory / "var/spool/spool.db", "SELECT count(*) FROM dead WHERE seen_ms > 0") == [(2,)]
