# SPDX-License-Identifier: Apache-2.0
"""Plugin fetch over SFTP, from an sshd of the test's own: only from a server that is known, never half a file, nothing twice."""
import contextlib
import getpass
import os
import pathlib
import sqlite3
import subprocess
import time

import pytest
from broker import Proxy
from conftest import free_port, module, program, run, wait_for
from test_plugin_fetch import came, document, fetching, ids, submitted  # noqa: F401

SSHD = pathlib.Path("/usr/sbin/sshd")
CONFIG = """Port {port}
ListenAddress 127.0.0.1
HostKey {where}/host
PidFile none
AuthorizedKeysFile {where}/allowed
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


class Server:
    """An sshd that lets the user of the test in with one key."""

    def __init__(self, where):
        self.where, self.port = where, free_port()
        for name in ("host", "key", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", where / name], check=True)
        (where / "allowed").write_bytes((where / "key.pub").read_bytes())
        (where / "config").write_text(CONFIG.format(port=self.port, where=where))
        if os.getuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)  # sshd wants it for the part of it that has no rights
        with (where / "log").open("wb") as log:
            self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", where / "config"], stderr=log)
        wait_for(lambda: "listening" in self.log(), 20, self.log)

    def log(self):
        return (self.where / "log").read_text()

    def known(self, port, key="host"):
        path = self.where / f"known-{key}-{port}"
        path.write_text(f"[127.0.0.1]:{port} {(self.where / (key + '.pub')).read_text()}")
        return str(path)

    def options(self, port=None, key="key", known="host"):
        return {"user": getpass.getuser(), "key": str(self.where / key), "known_hosts": self.known(port or self.port, known)}

    def close(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def sshd(tmp_path):
    module("plugins/fetch")
    if not SSHD.exists():
        pytest.skip("sshd (package openssh-server) is not installed")
    where = tmp_path / "sshd"
    where.mkdir()
    server = Server(where)
    yield server
    server.close()


def put(path, body):
    """As a sender that writes it in one go."""
    path.with_suffix(".part").write_bytes(body)
    path.with_suffix(".part").rename(path)


def remembered(h):
    """What the source has noted of the document; it is written behind the journal's row."""
    with contextlib.closing(sqlite3.connect(f"file:{h.data}/state/feed.receive.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT value FROM kv WHERE CAST(key AS TEXT) LIKE '%/seen'").fetchone()


def test_a_file_is_fetched_once_and_again_when_it_changes(sshd, fetching, tmp_path):  # noqa: F811
    put(tmp_path / "feed.json", document(range(3)))
    h = fetching(f"sftp://127.0.0.1:{sshd.port}{tmp_path}/feed.json", **sshd.options())
    came(h, range(3))
    wait_for(lambda: remembered(h), 30, h.log)
    seen = sshd.log().count("Accepted")
    h.kill_process("feed.receive")  # what is remembered is on disk
    wait_for(lambda: sshd.log().count("Accepted") > seen, 30, sshd.log)
    time.sleep(0.5)
    submitted(h, 1)
    put(tmp_path / "feed.json", document(range(5)))
    came(h, range(5))
    submitted(h, 2)


def test_where_the_connection_breaks_it_goes_on(sshd, fetching, tmp_path):  # noqa: F811
    put(tmp_path / "feed.json", document(range(400), body={"text": "x" * 4000}))
    proxy = Proxy(sshd.port)
    try:
        proxy.rate = 1500000
        h = fetching(f"sftp://{proxy.address}{tmp_path}/feed.json", **sshd.options(proxy.port))
        for n in range(1, 4):
            wait_for(lambda: sshd.log().count("Accepted") >= n, 30, sshd.log)
            time.sleep(0.3)
            proxy.end_all()
        proxy.rate = None
        came(h, range(400))
    finally:
        proxy.close()


def test_a_file_that_is_written_to_meanwhile_is_fetched_again(sshd, fetching, tmp_path):  # noqa: F811
    path, body = tmp_path / "feed.json", document(range(200), body={"text": "x" * 4000})
    path.write_bytes(body[:len(body) // 2])
    proxy = Proxy(sshd.port)
    try:
        proxy.rate = 100000  # there is more of it long before its end is read
        h = fetching(f"sftp://{proxy.address}{path}", **sshd.options(proxy.port))
        wait_for(lambda: "Accepted" in sshd.log(), 30, sshd.log)
        with path.open("ab") as f:
            f.write(body[len(body) // 2:])
        proxy.rate = None
        came(h, range(200))
        submitted(h, 1)
        assert "was not taken" not in h.log()
    finally:
        proxy.close()


@pytest.mark.parametrize("options,reason", [
    ({"known": "stranger"}, "SSL peer certificate or SSH remote key was not OK"),
    ({"key": "stranger"}, "Authentication failure"),
])
def test_who_is_not_known_is_not_spoken_to(sshd, fetching, tmp_path, options, reason):  # noqa: F811
    put(tmp_path / "feed.json", document(range(1)))
    h = fetching(f"sftp://127.0.0.1:{sshd.port}{tmp_path}/feed.json", **sshd.options(**options))
    h.wait_log("feed.json: " + reason)
    assert not ids(h)


@pytest.mark.parametrize("options,reason", [
    ([], "sftp needs a user"),
    (["user=u"], "sftp needs known_hosts"),
    (["user=u", "known_hosts=/h"], "sftp needs a key or a password"),
    (["user=u", "known_hosts=/h", "key=/k", "password=p"], "and not both"),
])
def test_what_sftp_needs_is_asked_for(options, reason):
    words = [w for o in ["url=sftp://files.example/a", *options] for w in ("-o", o)]
    r = run(program("reeve-worker"), "plugin", "try", module("plugins/fetch"), *words, "--check")
    assert r.returncode != 0 and reason in r.stdout + r.stderr
