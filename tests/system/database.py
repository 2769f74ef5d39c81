# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL for the tests (contrib/servers/postgresql), started once for all of them. Fixtures: `postgresql` is the server,
`database` the name of a fresh database in it.

REEVE_POSTGRESQL_DIR names the directory of a server that runs already; it is left running.
"""
import itertools
import os
import pathlib
import re

import pytest

from conftest import put
from server import Server, for_all_tests

NUMBER = itertools.count(1)


class Database(Server):
    name = "postgresql"

    @property
    def password(self):
        return re.search(r"password=(\S+)", self.node["conninfo"])[1]

    def sql(self, statement, database="reeve"):
        """The rows, as lists of texts."""
        out = self.script("sql", "-d", re.sub(r"dbname=\S+", f"dbname={database}", self.node["conninfo"]), "-AtF", "\t", "-c", statement)
        return [line.split("\t") for line in out.splitlines()]

    def state(self, database, directory):
        """The value of `state` for a configuration in a directory."""
        put(pathlib.Path(directory) / "postgresql-password", self.password + "\n", 0o600)
        return {"postgresql": {"hosts": f"127.0.0.1:{self.node['port']}", "database": database, "user": self.node["user"],
                               "password": "${file:postgresql-password}"}}


@pytest.fixture(scope="session")
def postgresql():
    yield from for_all_tests(Database, "REEVE_POSTGRESQL_DIR")


@pytest.fixture
def database(postgresql):
    name = f"test{os.getpid()}_{next(NUMBER)}"
    postgresql.sql(f"CREATE DATABASE {name}")
    yield name
    postgresql.start()  # a test may have left it ended
    postgresql.sql(f"DROP DATABASE {name} WITH (FORCE)")
