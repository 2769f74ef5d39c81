# SPDX-License-Identifier: Apache-2.0
"""`make demo ONCE=1` ends 0 only when everything arrived where its account says; a user's own file is pushed and answered."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from conftest import BUILD, ROOT, module, program

DEMO = ROOT / "contrib/demo/demo.py"
DATA = ROOT / "contrib/demo/data"


def demo(tmp_path, **environment):
    """Runs it; what a sanitizer found in any of the hub's processes fails the test too."""
    for name in ("reeve", "reeve-worker", "reeve-door", "reeve-spool"):
        program(name)
    for name in ("plugins/http", "plugins/file", "adapters/360giving", "adapters/cloudevents"):
        module(name)
    found = tmp_path.parent / f"{tmp_path.name}-sanitizer"
    env = {**os.environ, "REEVE_BUILD": str(BUILD), "ONCE": "1", "TMPDIR": str(tmp_path), **environment}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        env[name] = f"{os.environ.get(name, '')}:log_path={found}".lstrip(":")
    done = subprocess.run([sys.executable, DEMO], env=env, capture_output=True, text=True, timeout=180, check=False)
    reports = "".join(p.read_text(errors="replace") for p in found.parent.glob(found.name + ".*"))
    assert not reports, reports[:6000]
    return done


def test_demo_once_ends_0_and_leaves_nothing(tmp_path):
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "everything arrived where the account says" in done.stdout
    assert "WRONG" not in done.stdout
    assert "\x1b[" not in done.stdout, "colours on something that is no terminal"
    assert list(tmp_path.iterdir()) == []
    for record in json.loads((DATA / "grants.json").read_text())["grants"]:
        assert record["id"] in done.stdout


def test_the_same_demo_with_its_queues_in_rabbitmq(tmp_path):
    if not pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists():
        pytest.skip("rabbitmq-server is not installed")
    done = demo(tmp_path, TRANSPORT="amqp")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "everything arrived where the account says" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert demo(tmp_path, TRANSPORT="amqps").returncode == 1


def test_demo_shows_each_fault_of_the_faulty_file(tmp_path):
    done = demo(tmp_path)
    for words in ("/grants/1/awardDate", "12/02/2026", "date-format", "not-a-number", "date-time-format", "missing",
                  "currency-unknown", "uri-format", "yes-no", "org-id-charity"):
        assert words in done.stdout, words


def test_own_file_is_pushed_and_accounted_for(tmp_path):
    done = demo(tmp_path, FILE=str(DATA / "foundation-grants.json"))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "accepted 4" in done.stdout and "360G-exampleshire-2026-104" in done.stdout


@pytest.mark.parametrize("name, content, words", [
    ("faults.json", (DATA / "grants-with-faults.json").read_text(), "/grants/1/awardDate"),
    ("page.json", "<html><body>sign in</body></html>", "HTTP 400"),
])
def test_own_file_that_is_wrong_is_refused_and_shown(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_text(content)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = demo(scratch, FILE=str(path))
    assert done.returncode == 1, done.stdout[-6000:]
    assert words in done.stdout


def test_demo_without_once_runs_until_interrupted(tmp_path):
    program("reeve"), program("reeve-door"), program("reeve-worker"), program("reeve-spool")
    env = {**os.environ, "REEVE_BUILD": str(BUILD), "ONCE": "", "FILE": "", "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    out = tmp_path / "out"
    with open(out, "w") as stream:
        child = subprocess.Popen([sys.executable, DEMO], env=env, stdout=stream, stderr=stream)
    try:
        end = time.monotonic() + 120
        while "The hub runs on until Ctrl-C" not in out.read_text():
            assert child.poll() is None and time.monotonic() < end, out.read_text()[-6000:]
            time.sleep(0.1)
        assert [p for p in pathlib.Path(tmp_path).iterdir() if p.name.startswith("reeve-demo-")]
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0, out.read_text()[-3000:]
    finally:
        if child.poll() is None:
            child.kill()
    assert not [p for p in pathlib.Path(tmp_path).iterdir() if p.name.startswith("reeve-demo-")]
