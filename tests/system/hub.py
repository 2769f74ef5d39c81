# SPDX-License-Identifier: Apache-2.0
"""A whole hub for a test: made from a configuration written as a dict (JSON is YAML), with receivers that remember what they got."""
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import signal
import socketserver
import sqlite3
import threading
import time
import urllib.parse

import pytest

from conftest import Hub, free_port, put, request, serving, wait_for

TOKEN = "a-token-of-the-tests"
PREFETCH = 256  # jobs that a destination may have in flight (core/worker/sink_main.c)
KILLS_FORGIVEN = 2  # what a process holds alone when it ends for the third time (SLATE_CRASHES_MAX) is given up


class Receiver:
    """An HTTP peer that answers by a rule and keeps (headers, body) of every request, in order. The rule gives a status, (status,
    headers), or bytes that are sent as they are before the connection ends."""

    def __init__(self, answer=None, port=None):
        self.got = []
        self.answer = answer or (lambda headers, body: 200)
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with receiver.lock:
                    status = receiver.answer(self.headers, body)
                    receiver.got.append((status, dict(self.headers), body))
                if isinstance(status, bytes):
                    self.wfile.write(status)
                    self.close_connection = True
                    return
                extra = {}
                if isinstance(status, tuple):
                    status, extra = status
                self.send_response(status)
                for k, v in extra.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *args):
                pass  # peers that are killed are no news

        self.server = Server(("127.0.0.1", port or free_port()), Handler)
        self.port = self.server.server_address[1]  # one that it can come back to
        self.url = f"http://127.0.0.1:{self.port}/in"
        serving(self.server)

    def taken(self):
        """Bodies that were answered with 2xx, as JSON."""
        with self.lock:
            return [json.loads(b) for s, _, b in self.got if isinstance(s, int) and 200 <= s < 300]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Engine:
    """Where a hub's queues are: its own ones, or those of a virtual host of RabbitMQ (broker.Broker)."""

    def __init__(self, name="spool", broker=None, vhost=None):
        self.name, self.broker, self.vhost = name, broker, vhost  # name: also of the process that keeps the queues

    def transport(self, directory):
        """The value of `transport` for a configuration in a directory."""
        if self.name == "spool":
            return "spool"
        put(pathlib.Path(directory) / "amqp-password", "guest\n", 0o600)
        return {"amqp": {"brokers": self.broker.address, "vhost": self.vhost, "user": "guest", "password": "${file:amqp-password}"}}


BOTH_ENGINES = pytest.mark.parametrize("engine", ["spool", "amqp"], indirect=True)  # what is the same for both: for the fixture `hub`


def processes(pid):
    """A process and all below it, the oldest first."""
    try:
        below = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid] + [p for child in below for p in processes(int(child))]


class TestHub(Hub):
    """The hub of a configuration dict; what is left out of it is filled in (hub, data, transport, door, the token of http sources).
    machine: which of the configuration's `machines` it is."""
    __test__ = False

    def __init__(self, directory, config, env=None, engine=None, machine=None, reeve_path=None):
        self.directory = pathlib.Path(directory)
        self.machine, self.killed = machine, set()
        self.data = self.directory / (config["machines"][machine]["data"] if machine else config.get("data", "var"))
        listen = config["machines"][machine]["door"]["listen"] if machine else None
        self.port = int(listen.rsplit(":", 1)[1]) if listen else free_port()
        full = {"hub": "exampleshire", "data": "var", "transport": (engine or Engine()).transport(directory), "door": {},
                "unrouted": {"drop": "nobody asked for it"}, **config}
        full["door"] = {**({} if machine else {"listen": f"127.0.0.1:{self.port}"}), **full["door"]}
        put(self.directory / "token", TOKEN + "\n", 0o600)
        for c in full["connectors"].values():
            r = c.get("receive")
            if r and r.get("plugin") == "http":
                r.setdefault("auth", {"bearer": "${file:token}"})
        path = self.directory / "reeve.yaml"
        text = json.dumps(full, indent=1)
        if machine:  # the commands look for it without reading all: not when it is JSON
            text = "\n".join(f"{k}: {json.dumps(v)}" for k, v in full.items())
        put(path, text)
        super().__init__(path, self.directory, reeve_path, env={**({"REEVE_MACHINE": machine} if machine else {}), **(env or {})}, name=machine or "hub")

    def push(self, body, path="/grants", headers=None, query="", timeout=60, method="POST"):
        """(status, answer as JSON or None). A dict or list is sent as JSON."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        h = {"Authorization": "Bearer " + TOKEN, "Content-Type": "application/json", **(headers or {})}
        status, _, answer = request(self.port, method, path + query, body, h, timeout=timeout)
        try:
            return status, json.loads(answer)
        except ValueError:
            return status, None

    def push_until_taken(self, body, seconds=60, **kw):
        """As a sender does: again after 503 and lost connections, until there is a final answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                status, answer = self.push(body, **kw)
            except (OSError, http.client.HTTPException):  # also in the middle of an answer
                status, answer = 0, None
            if status and status != 503:
                return status, answer
            time.sleep(0.2)
        raise AssertionError(f"no final answer within {seconds} s; the last was {status} {answer}\n{self.log()[-3000:]}")

    def pid_of(self, name):
        p = self.process_status(name)
        return p.get("pid") if p else None

    def kill_process(self, name, sig=signal.SIGKILL):
        """One that was killed before is not meant: it may still be on its way out."""
        pid = wait_for(lambda: (p := self.pid_of(name)) not in self.killed and p, 20, f"pid of {name}")
        os.kill(pid, sig)
        if sig == signal.SIGKILL:
            self.killed.add(pid)

    def signal_all(self, sig):
        """To the supervisor and its processes: as if the machine had lost its power, or slept. A supervisor that sleeps starts nobody again."""
        pids = processes(self.pid)
        for pid in reversed(pids) if sig == signal.SIGCONT else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        if sig == signal.SIGKILL:
            self.process.wait()
            wait_for(lambda: not any(alive(p) for p in pids), 20, "the end of all its processes")

    def lease(self, process):
        """What a process says of the lease on what it polls; {}: nothing yet."""
        return self.stats(process).get("lease", {})

    def journal(self, process, event):
        """Rows of one of its journals as (receipt, id), in order."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/journal/{process}.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT receipt, id FROM row WHERE event = ? ORDER BY n", (event,)).fetchall()

    def trace(self, what):
        r = self.command("trace", "--json", "-c", self.config, what)
        return json.loads(r.stdout) if r.returncode == 0 else None

    def files(self, directory):
        """The documents that a file receiver was given."""
        d = self.directory / directory
        return sorted(p for p in d.iterdir() if p.is_file() and not p.name.startswith(".")) if d.is_dir() else []


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class Hubs:
    """Several hubs that run one configuration, on one RabbitMQ and one PostgreSQL: hub-a, hub-b … in [0], [1] …"""

    def __init__(self, directory, config, engine, server, database, machines=2):
        self.directory, self.engine = pathlib.Path(directory), engine
        names = [f"hub-{c}" for c in "abcdefgh"[:machines]]
        self.config = {"state": server.state(database, directory),
                       "machines": {n: {"door": {"listen": f"127.0.0.1:{free_port()}"}, "data": f"var-{n}"} for n in names}, **config}
        self.config["transport"] = engine.transport(directory)
        self.config["transport"]["amqp"]["brokers"] = "${env:REEVE_BROKER}"
        self.brokers = {}  # machine: the address at which it finds the broker, when it is an other one
        self.hubs = dict.fromkeys(names)

    def start(self, name, ready=True, reeve_path=None):
        """Also again, on the same data."""
        h = TestHub(self.directory, self.config, {"REEVE_BROKER": self.brokers.get(name, self.engine.broker.address)}, self.engine, name, reeve_path)
        self.hubs[name] = h
        return h.wait_ready() if ready else h

    def start_all(self, reeve_path=None):
        for name in self.hubs:  # at once: all of them make the queues and tables
            self.start(name, ready=False, reeve_path=reeve_path)
        for h in self:
            h.wait_ready()
        return self

    def __getitem__(self, i):
        return list(self.hubs.values())[i]

    def __iter__(self):
        return iter([h for h in self.hubs.values() if h])

    def holder(self, process):
        """The hub whose process has the lease, as it says itself, or None."""
        for h in self:
            if h.running() and h.lease(process).get("held"):
                return h
        return None

    def stop(self):
        for h in self:
            with contextlib.suppress(ProcessLookupError):
                h.signal_all(signal.SIGCONT)
            h.process.send_signal(signal.SIGTERM) if h.running() else None
        for h in self:
            h.stop()


def grant(number, title="A grant", amount=1000, **more):
    g = {"id": f"360G-example-{number}", "title": title, "description": f"Grant number {number}", "currency": "GBP",
         "amountAwarded": amount, "awardDate": "2025-04-01",
         "recipientOrganization": [{"id": f"GB-CHC-{1000000 + int(number) % 900000}", "name": f"Recipient {number}"}],
         "fundingOrganization": [{"id": "GB-GOR-PB188", "name": "Example Fund"}]}
    g.update(more)
    return g


def package(grants, indent=None):
    return json.dumps({"grants": list(grants)}, indent=indent).encode()


def event(number, type_="funding.report", body=None, **attributes):
    e = {"specversion": "1.0", "id": f"e{number}", "source": "https://sender.example/system", "type": type_,
         "datacontenttype": "application/json", "data": body if body is not None else {"number": number}}
    e.update(attributes)
    return e


EVENTS = "application/cloudevents-batch+json"
ONE_EVENT = "application/cloudevents+json"

COUNCIL = {"council": {"name": "Exampleshire Council", "role": "hub"},
           "dcms": {"name": "Department for Culture, Media and Sport", "role": "government", "identifier": "GB-GOV-19"}}


def basic(**more):
    """A funder pushes grants; a register of the council gets every award as a file."""
    config = {"parties": dict(COUNCIL),
              "connectors": {"dcms-grants": {"party": "dcms", "receive": {"plugin": "http", "path": "/grants", "speaks": "360giving"}},
                             "register": {"party": "council",
                                          "deliver": {"plugin": "file", "directory": "out/awards", "speaks": "cloudevents"}}},
              "routes": {"every-award": {"when": "type = 'funding.award'", "to": "register"}}}
    config.update(more)
    return config


def events_to(deliver, party=None, agreements=None, **more):
    """A sender pushes events; everything goes to one receiver."""
    parties = {**COUNCIL, "friend": {"name": "A Friend", "role": "provider"}}
    if agreements:
        parties["friend"]["agreements"] = agreements
    config = {"parties": parties,
              "connectors": {"sender": {"party": "dcms", "receive": {"plugin": "http", "path": "/events", "speaks": "cloudevents"}},
                             "friend": {"party": party or "friend", "deliver": {"speaks": "cloudevents", **deliver}}},
              "routes": {"all": {"when": "true", "to": "friend"}}}
    config.update(more)
    return config


def bodies(paths):
    return [json.loads(p.read_text()) for p in paths]


def encoded(text):
    return urllib.parse.quote(text, safe="")
