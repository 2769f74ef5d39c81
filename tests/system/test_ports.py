# SPDX-License-Identifier: Apache-2.0
"""Ports for servers of the tests, the demo and the bench (contrib/servers/ports.py): what makes them safe to listen on, now and later."""
import concurrent.futures
import socket
import subprocess
import sys

import ports
import pytest
from conftest import ROOT

ASK = "from ports import free_port\nfor _ in range(50): print(free_port())"


@pytest.fixture
def turn(tmp_path, monkeypatch):
    """Turns of the test's own: others ask at the same time."""
    monkeypatch.setenv("REEVE_PORTS", str(tmp_path / "turn"))
    return tmp_path / "turn"


def asked():
    return subprocess.run([sys.executable, "-c", ASK], cwd=ROOT / "contrib/servers", capture_output=True, text=True, check=True).stdout.split()


def test_processes_that_ask_at_once_are_given_different_ports(turn):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        given = [int(p) for one in pool.map(lambda _: asked(), range(4)) for p in one]
    assert len(set(given)) == 200
    first, last = ports.those_for_servers()
    assert first <= min(given) and max(given) <= last


def test_a_port_that_is_in_use_is_passed_over(turn):
    with socket.create_server(("127.0.0.1", ports.free_port())) as s:
        port = s.getsockname()[1]
        turn.write_text(str(port - 1))
        assert port < ports.free_port() < port + 100


def test_after_the_last_port_comes_the_first(turn):
    first, last = ports.those_for_servers()
    turn.write_text(str(last))
    assert first <= ports.free_port() < first + 100


def test_who_takes_no_turns_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.delenv("REEVE_PORTS")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (port, *_) = asked()
    assert ports.those_for_servers()[0] <= int(port) and not list(tmp_path.iterdir())


@pytest.mark.parametrize("kernel, servers", [("32768\t60999\n", (10240, 32767)), ("16000 65535", (10240, 15999)), ("1024 60999", (61000, 65535)),
                                             ("1024 65535", (10240, 65535)), (None, (10240, 32767))])
def test_ports_are_those_that_the_kernel_gives_to_no_outgoing_connection(kernel, servers, tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "KERNEL", tmp_path / "range")
    if kernel:
        ports.KERNEL.write_text(kernel)
    assert ports.those_for_servers() == servers
