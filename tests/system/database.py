# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL for the tests (contrib/servers/postgresql), started once for all of them. Fixtures: `postgresql` is the server,
`database` the name of a fresh database in it.

REEVE_POSTGRESQL_DIR names the directory of a server that runs already; it is left running.
"""
import itertools
import json
import os
import pathlib
import re
import subprocess
import tempfile

import pytest

from conftest import ROOT, put

SCRIPT = ROOT / "contrib/servers/postgresql"
NUMBER = itertools.count(1)


def run_script(*arguments):
    r = subprocess.run([SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=180)
    if r.returncode == 77:
        pytest.skip(r.stderr.strip())
    assert r.returncode == 0, f"{arguments}: {r.stdout}{r.stderr}"
    return r


class Database:
    """One server. It can be ended and started again in the middle of a test, on the same port and data."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.start()

    def start(self):
        self.node = json.loads(run_script("start", self.directory).stdout)

    def stop(self):
        run_script("stop", self.directory)

    def kill(self):
        run_script("kill", self.directory)

    @property
    def password(self):
        return re.search(r"password=(\S+)", self.node["conninfo"])[1]

    def sql(self, statement, database="reeve"):
        """The rows, as lists of texts."""
        out = run_script("sql", self.directory, "-d", re.sub(r"dbname=\S+", f"dbname={database}", self.node["conninfo"]), "-AtF", "\t", "-c", statement).stdout
        return [line.split("\t") for line in out.splitlines()]

    def state(self, database, directory):
        """The value of `state` for a configuration in a directory."""
        put(pathlib.Path(directory) / "postgresql-password", self.password + "\n", 0o600)
        return {"postgresql": {"hosts": f"127.0.0.1:{self.node['port']}", "database": database, "user": self.node["user"],
                               "password": "${file:postgresql-password}"}}

    def remove(self):
        run_script("remove", self.directory)


@pytest.fixture(scope="session")
def postgresql():
    given = os.environ.get("REEVE_POSTGRESQL_DIR")
    if given:
        yield Database(given)
        return
    with tempfile.TemporaryDirectory(prefix="reeve-postgresql-") as d:
        server = Database(pathlib.Path(d) / "node")
        try:
            yield server
        finally:
            server.remove()


@pytest.fixture
def database(postgresql):
    name = f"test{os.getpid()}_{next(NUMBER)}"
    postgresql.sql(f"CREATE DATABASE {name}")
    yield name
    postgresql.start()  # a test may have left it ended
    postgresql.sql(f"DROP DATABASE {name} WITH (FORCE)")
