# SPDX-License-Identifier: Apache-2.0
"""What the private servers of the tests have in common (contrib/servers): a script that starts, ends and removes one in a directory."""
import json
import os
import pathlib
import subprocess
import tempfile

import pytest

from conftest import ROOT


class Server:
    """One server. It can be ended and started again in the middle of a test, on the same ports and data."""
    name = None  # of the script in contrib/servers

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.start()

    def script(self, what, *arguments):
        """Its standard output; skips the test where the server is not installed."""
        r = subprocess.run([ROOT / "contrib/servers" / self.name, what, self.directory, *map(str, arguments)], capture_output=True, text=True,
                           timeout=180)
        if r.returncode == 77:
            pytest.skip(r.stderr.strip())
        assert r.returncode == 0, f"{what} {arguments}: {r.stdout}{r.stderr}"
        return r.stdout

    def start(self):
        self.node = json.loads(self.script("start"))

    def stop(self):
        self.script("stop")

    def kill(self):
        self.script("kill")

    def remove(self):
        self.script("remove")


def for_all_tests(kind, variable):
    """For a fixture: the server in the directory that an environment variable names, left running; else one of its own."""
    given = os.environ.get(variable)
    if given:
        yield kind(given)
        return
    with tempfile.TemporaryDirectory(prefix=f"reeve-{kind.name}-") as d:
        server = kind(pathlib.Path(d) / "node")
        try:
            yield server
        finally:
            server.remove()
