# SPDX-License-Identifier: Apache-2.0
"""The status document: its keys are those of the manual, running or not."""
import json
import os
import pty
import re
import subprocess

from conftest import ROOT, program, reeve, wait_for
from hub import ONE_EVENT, event, events_to


def documented():
    """Key of the document -> words in backticks of its row."""
    text = (ROOT / "config/README.md").read_text().split("### The status document")[1].split("\n## ")[0]
    found = {}
    for row in re.findall(r"^\| (`.*?) \| (.*?) \|$", text, re.M):
        for key in re.findall(r"`([a-z_]+)`", row[0]):
            found[key] = set(re.findall(r"`([a-z_]+)`", row[1]))
    return found


def with_figures(h):
    """The status, once it tells of the queues: it does not wait long for their figures."""
    return wait_for(lambda: s if (s := h.status()) and "destinations" in s else None, 20, "figures of the queues")


def test_every_key_of_the_status_document_is_in_the_manual(hub):
    known = documented()
    h = hub(events_to({"plugin": "fail", "verdict": "retry", "reason": "later", "alarm": {"oldest": "1s"}}))
    assert h.push(event(1), path="/events", headers={"Content-Type": ONE_EVENT})[0] == 202
    s = with_figures(h)
    assert set(s) <= set(known) and s["format"] == 1
    assert {"hub", "state", "processes", "destinations", "alarms"} <= set(s)
    for p in s["processes"]:
        assert set(p) <= known["processes"], set(p) - known["processes"]
    for q in s["destinations"]:
        assert set(q) <= known["destinations"] and set(q.get("last_error", {})) <= known["destinations"]
    for a in s["alarms"]:
        assert set(a) <= known["alarms"]
    h.stop()
    r = reeve("status", "--json", "-c", h.config)
    stored = json.loads(r.stdout)
    assert r.returncode == 3 and set(stored) <= set(known) and stored["format"] == 1
    assert stored["state"] == "not running" and [q["name"] for q in stored["destinations"]] == ["friend"]
    assert set(stored["destinations"][0]) == set(s["destinations"][0]) - {"last_error"}


def on_a_terminal(*argv, env):
    """What a command writes when standard output is a terminal."""
    ours, theirs = pty.openpty()
    p = subprocess.Popen([program("reeve"), *argv], stdout=theirs, stdin=subprocess.DEVNULL, env=env)
    os.close(theirs)
    out = b""
    try:
        while chunk := os.read(ours, 65536):
            out += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    p.wait(30)
    return out.decode()


def test_colours_only_on_a_terminal_and_not_with_no_color(hub):
    h = hub(events_to({"plugin": "file", "directory": "out"}))
    with_figures(h)
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    coloured = on_a_terminal("status", "-c", h.config, env=env)
    assert "\033[32mready" in coloured and "QUEUE" in coloured
    for value in ("1", "yes"):
        assert "\033" not in on_a_terminal("status", "-c", h.config, env={**env, "NO_COLOR": value})
    plain = h.command("status", "-c", h.config).stdout
    assert "\033" not in plain and "friend       ..........        0" in plain, plain
