# SPDX-License-Identifier: Apache-2.0
"""One configuration for several machines: which one this is, and what the commands make of it. Hubs that run together: test_hubs.py."""
import json

import pytest

from conftest import module, program, reeve, run

CONFIG = {
    "hub": "exampleshire", "data": "var", "unrouted": {"drop": "nobody asked for it"},
    "transport": {"amqp": {"brokers": "localhost", "vhost": "hub", "user": "reeve", "password": "${file:password}"}},
    "state": {"postgresql": {"hosts": "localhost", "database": "reeve", "user": "reeve", "password": "${file:password}"}},
    "door": {"tls": {"certificate": "tls/a.pem", "key": "tls/a.key"}},
    "machines": {"hub-a": {"door": {"listen": "127.0.0.1:8443"}, "data": "var-a"}, "hub-b": {"door": {"listen": "127.0.0.1:8443"}}},
    "parties": {"us": {"name": "Us", "role": "hub"}},
    "connectors": {"drop": {"party": "us", "receive": {"plugin": "file", "directory": "in", "on": "hub-b", "speaks": "cloudevents"}},
                   "register": {"party": "us", "deliver": {"plugin": "file", "directory": "out"}}},
    "routes": {"all": {"to": "register"}},
}


@pytest.fixture
def hub(tmp_path):
    module("plugins/file"), module("adapters/cloudevents"), program("reeve-worker")
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)

    def write(**more):
        (tmp_path / "reeve.yaml").write_text("\n".join(f"{k}: {json.dumps(v)}" for k, v in {**CONFIG, **more}.items()))
        return tmp_path / "reeve.yaml"
    return write


def check(path, *more, machine=None):
    return reeve("check", "-c", path, *more, env={"REEVE_MACHINE": machine} if machine else None)


def test_a_configuration_is_checked_for_every_machine(hub):
    path = hub(machines={**CONFIG["machines"], "hub-c": {"door": {"listen": "somewhere"}}})
    r = check(path, "--without-secrets")
    assert r.returncode == 1 and "`listen` is `somewhere`" in r.stdout and r.stdout.count(" error: ") == 1, r.stdout
    r = check(hub(), "--without-secrets")
    assert (r.returncode, r.stdout) == (0, "")


def test_check_says_what_run_here_would_miss(hub):
    r = check(hub())
    assert r.returncode == 0 and "[machine-unknown]" in r.stdout and "hub-a, hub-b" in r.stdout
    for how in ({"machine": "hub-b"}, {}):  # the certificate must be there on the machine that this is
        r = check(hub(), *([] if how else ["--machine", "hub-b"]), **how)
        assert r.returncode == 1 and "[tls-file]" in r.stdout and "machine-unknown" not in r.stdout, r.stdout
    r = check(hub(), "--machine=hub-d")
    assert r.returncode == 1 and "there is no machine `hub-d`" in r.stdout


def test_run_wants_to_know_which_machine_this_is(hub):
    r = reeve("run", "-c", hub(), timeout=30)
    assert r.returncode == 1 and "which machine is this?" in r.stderr and "REEVE_MACHINE" in r.stderr
    assert reeve("run", "--machine").returncode == 64


def test_commands_find_the_data_of_their_machine(hub, tmp_path):
    for machine, data in (("hub-a", "var-a"), ("hub-b", "var")):
        r = reeve("reload", "-c", hub(), "--machine", machine)
        assert r.returncode == 3 and f"no hub is running in {tmp_path}/{data} " in r.stderr + " ", r.stderr
    r = reeve("reload", "-c", hub())
    assert r.returncode == 1 and "which machine is this?" in r.stderr and "--data DIR" in r.stderr
    (tmp_path / "reeve.yaml").write_text((tmp_path / "reeve.yaml").read_text() + "\nx: {")
    r = reeve("trace", "-c", tmp_path / "reeve.yaml", "--machine", "hub-a", "x")
    assert r.returncode == 1 and "yaml-syntax" in r.stderr and "--data DIR" in r.stderr


def test_what_only_looks_at_a_configuration_needs_no_machine(hub, tmp_path):
    event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "funding.report", "data": 1}
    (tmp_path / "e.json").write_text(json.dumps(event))
    r = reeve("explain", "-c", hub(), "--from", "drop", tmp_path / "e.json")  # it runs on hub-b
    assert r.returncode == 0 and "register" in r.stdout, r.stderr
    r = reeve("topology", "-c", hub())
    assert r.returncode == 0 and "register" in r.stdout, r.stderr
    assert run(program("reeve-worker"), "names", "machine", "-c", hub()).stdout.split() == ["hub-a", "hub-b"]
