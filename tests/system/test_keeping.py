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
