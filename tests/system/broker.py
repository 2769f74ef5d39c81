# SPDX-License-Identifier: Apache-2.0
"""A private RabbitMQ for the tests (contrib/servers/rabbitmq), started once for all of them, and a proxy that does to a connection what
networks do. Fixtures: `rabbitmq` is the running broker, `vhost` the name of a fresh virtual host in it.

REEVE_RABBITMQ names the directory of a node that runs already; it is left running.
"""
import base64
import contextlib
import itertools
import json
import os
import pathlib
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import wait_for
from server import Server, for_all_tests

NUMBER = itertools.count(1)


class Broker(Server):
    name = "rabbitmq"

    def ctl(self, *arguments):
        return self.script("ctl", *arguments)

    @property
    def pid(self):
        return self.node["pid"]

    @property
    def address(self):
        return f"127.0.0.1:{self.node['amqp']}"

    def tls(self, name):
        """A file of its certificates: ca.pem, client.pem, client.key."""
        return self.directory / "tls" / name

    # ---- the management API; names are quoted here

    def api(self, method, *path, body=None, query=""):
        """The answer as JSON, or None when it has no body. HTTPError for what is refused."""
        url = f"http://127.0.0.1:{self.node['management']}/api/" + "/".join(urllib.parse.quote(p, safe="") for p in path) + query
        request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode(),
                                                  "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add_vhost(self, name):
        self.api("PUT", "vhosts", name, body={})
        self.api("PUT", "permissions", name, "guest", body={"configure": ".*", "write": ".*", "read": ".*"})

    def drop_vhost(self, name):
        with contextlib.suppress(urllib.error.HTTPError):
            self.api("DELETE", "vhosts", name)

    def add_user(self, vhost, name, password, configure="^$", write="^$", read="^$"):
        self.api("PUT", "users", name, body={"password": password, "tags": ""})
        self.api("PUT", "permissions", vhost, name, body={"configure": configure, "write": write, "read": read})

    def queue(self, vhost, name):
        """What management knows of a queue (its counts are seconds old), or None."""
        try:
            return self.api("GET", "queues", vhost, name)
        except urllib.error.HTTPError as e:
            if e.code != 404:
                raise
            return None

    def queues(self, vhost):
        return {q["name"]: q for q in self.api("GET", "queues", vhost)}

    def connections(self, vhost):
        """[(name on the wire, name the client gave itself)]"""
        return [(c["name"], (c.get("client_properties") or {}).get("connection_name", "")) for c in self.api("GET", "vhosts", vhost, "connections")]

    def close_connections(self, vhost, which=lambda client: True):
        """As an operator does. How many."""
        n = 0
        for name, client in self.connections(vhost):
            if which(client):
                with contextlib.suppress(urllib.error.HTTPError):
                    self.api("DELETE", "connections", name)
                    n += 1
        return n

    def memory_alarm(self, on):
        self.ctl("set_vm_memory_high_watermark", *(["absolute", "1"] if on else ["absolute", "1GB"]))

    def disk_alarm(self, on):
        self.ctl("set_disk_free_limit", "1000000GB" if on else "50MB")


class Proxy:
    """Between a client and a server on loopback. mode: "pass"; "cut": connections end and none can be made; "silent": everything stays
    open and nothing passes, as when a cable is out; `rate`: bytes a second and direction, None: all it can."""

    def __init__(self, port):
        self.target, self.mode, self.rate = port, "pass", None
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.server.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.pairs, self.lock, self.closing = [], threading.Lock(), False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closing:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            try:
                if self.mode == "cut":
                    raise OSError
                other = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                continue
            for s in (client, other):
                s.settimeout(None)
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.pairs = [p for p in self.pairs if p[0].fileno() >= 0] + [(client, other)]  # without those that have ended
            threading.Thread(target=self.both_ways, args=(client, other), daemon=True).start()

    def both_ways(self, client, other):
        back = threading.Thread(target=self.pump, args=(other, client), daemon=True)
        back.start()
        self.pump(client, other)
        back.join()
        client.close()
        other.close()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                while self.mode == "silent":
                    time.sleep(0.02)
                if self.rate:
                    time.sleep(len(data) / self.rate)
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Ends every connection; none can be made until mode is "pass" again."""
        self.mode = "cut"
        self.end_all()

    def end_all(self):
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for s in pair:
                with contextlib.suppress(OSError):
                    s.shutdown(socket.SHUT_RDWR)
                s.close()

    def close(self):
        self.closing = True
        self.server.close()
        self.cut()


@pytest.fixture(scope="session")
def rabbitmq():
    yield from for_all_tests(Broker, "REEVE_RABBITMQ")


@pytest.fixture
def vhost(rabbitmq):
    name = f"test{os.getpid()}-{next(NUMBER)}"
    rabbitmq.add_vhost(name)
    yield name
    if rabbitmq.pid and pathlib.Path(f"/proc/{rabbitmq.pid}").exists():
        rabbitmq.drop_vhost(name)


def wait_gone(pid, seconds=20):
    wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), seconds, f"end of process {pid}")
