# SPDX-License-Identifier: Apache-2.0
"""Hubs for one round of a bench, each in a fresh directory."""
import http.client
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from ports import free_port  # noqa: E402

TOKEN = "bench-token-0123456789"
# of every hub here that routes; its connectors follow
PARTIES = """\
unrouted: {{drop: "only routed messages count"}}
parties:
  council: {{name: Council, role: hub}}
  sender: {{name: Sender, role: funder}}
connectors:
"""
EVENTS = """\
  events:
    party: sender
    receive: {{plugin: http, path: /events, speaks: cloudevents, auth: {{bearer: "${{file:token}}"}}}}
"""
CONFIG = """\
hub: bench
data: var
transport: {transport}
door: {{listen: "127.0.0.1:{port}", max_body: 4G, tls: {{certificate: c.pem, key: k.pem}}}}
""" + PARTIES + """\
  grants:
    party: sender
    receive: {{plugin: http, path: /grants, speaks: 360giving, auth: {{bearer: "${{file:token}}"}}}}
""" + EVENTS + """\
  sink:
    party: council
    deliver: {{plugin: "null", speaks: cloudevents, limit: {{messages: 100000000, bytes: 100G}}}}
routes:
  all:
    match: {{type: [funding.award, information.measure]}}
    to: sink
"""

# ten connectors of the usual kinds; without TLS, so that it is the hub that is measured and not the making of a key
TEN = """\
hub: bench
data: var
door: {{listen: "127.0.0.1:{port}"}}
unrouted: {{drop: "nothing is sent"}}
parties:
  council: {{name: Council, role: hub}}
  sender: {{name: Sender, role: funder}}
connectors:
  grants1: {{party: sender, receive: {{plugin: http, path: /g1, speaks: 360giving}}}}
  grants2: {{party: sender, receive: {{plugin: http, path: /g2, speaks: 360giving}}}}
  events: {{party: sender, receive: {{plugin: http, path: /e, speaks: cloudevents}}}}
  files1: {{party: sender, receive: {{plugin: file, directory: in1, speaks: 360giving}}}}
  files2: {{party: sender, receive: {{plugin: file, directory: in2, speaks: cloudevents}}}}
  case1: {{party: council, deliver: {{plugin: http, url: "http://127.0.0.1:9/1", speaks: cloudevents}}}}
  case2: {{party: council, deliver: {{plugin: http, url: "http://127.0.0.1:9/2", speaks: 360giving}}}}
  folder1: {{party: council, deliver: {{plugin: file, directory: out1, speaks: cloudevents}}}}
  folder2: {{party: council, deliver: {{plugin: file, directory: out2, speaks: 360giving}}}}
  nowhere: {{party: council, deliver: {{plugin: "null", speaks: cloudevents}}}}
routes:
  awards: {{match: {{type: funding.award}}, to: [case1, case2, folder1, folder2]}}
  measures: {{match: {{type: information.measure}}, to: nowhere}}
"""


class Failed(Exception):
    pass


def certificate(where):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", where / "k.pem", "-out",
                    where / "c.pem"], check=True, capture_output=True)
    return where / "c.pem", where / "k.pem"


class BenchHub:
    """A hub with a door. held: destinations that get nothing, so that only intake is measured; engine: where its queues are (tests/system/hub.py),
    the spool unless given; state: where its state is; machine: which one of the configuration's it is; more: what else the configuration's text names."""

    def __init__(self, build, config=CONFIG, held=("sink",), engine=None, state=None, machine="", port=None, **more):
        self.build, self.held, self.queues = pathlib.Path(build), held, engine.name if engine else "spool"
        self.environment = {**os.environ, "REEVE_MACHINE": machine} if machine else None
        # beside the build tree: a directory for temporary files may be memory, and then nothing is ever durable
        self.where = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=self.build))
        self.port = port or free_port()
        certificate(self.where)
        (self.where / "token").write_text(TOKEN)
        (self.where / "token").chmod(0o600)
        transport = json.dumps(engine.transport(self.where)) if engine else "spool"
        (self.where / "hub.yaml").write_text(config.format(port=self.port, transport=transport, state=json.dumps(state(self.where) if state else "sqlite"), **more))
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    def __enter__(self):
        self.log = open(self.where / "log", "wb")
        self.process = subprocess.Popen([self.build / "reeve", "run", "-c", self.where / "hub.yaml"], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, env=self.environment)
        end = time.monotonic() + 30
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > end:
                text = (self.where / "log").read_text(errors="replace")
                self.__exit__(Failed, None, None)
                raise Failed("the hub does not start:\n" + text[-2000:])
            time.sleep(0.05)
        try:
            for name in self.held:
                self.done("pause", name)
        except Failed:
            self.__exit__(Failed, None, None)
            raise
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        if kind is None or not os.environ.get("KEEP"):
            shutil.rmtree(self.where, ignore_errors=True)

    def command(self, *arguments):
        words = [self.build / "reeve", arguments[0], "-c", self.where / "hub.yaml", *arguments[1:]]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env=self.environment)
        return done.returncode, done.stdout, done.stderr

    def done(self, *arguments):
        code, _, err = self.command(*arguments)
        if code != 0:
            raise Failed(f"reeve {' '.join(arguments)}: {err}")

    def healthy(self):
        try:
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=2, context=self.tls)
            connection.request("GET", "/-/health")
            return connection.getresponse().status == 200 and self.command("status")[0] == 0
        except OSError:
            return False

    def status(self):
        return json.loads(self.command("status", "--json")[1])

    def waiting(self):
        status = self.status()
        stats = next(p["stats"] for p in status["processes"] if p["kind"] == self.queues)
        return sum(int(q.get(k, 0)) for q in stats.get(self.queues, stats)["destinations"] for k in ("ready", "delayed", "inflight"))

    def pid(self, name):
        return next(p["pid"] for p in self.status()["processes"] if p["name"] == name)

    def cpu_seconds(self, name):
        """Processor time of a process by its name in the hub."""
        words = pathlib.Path(f"/proc/{self.pid(name)}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def peak_rss(self, name):
        """VmHWM in bytes of a process by its name in the hub."""
        for line in pathlib.Path(f"/proc/{self.pid(name)}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise Failed("no VmHWM")

    def push(self, path, file, content_type):
        """Pushes a file and returns the answer's document and the seconds until it was there."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=900, context=self.tls)
        with open(file, "rb") as body:
            begin = time.monotonic()
            connection.request("POST", path, body=body, headers={
                "Content-Type": content_type, "Authorization": f"Bearer {TOKEN}",
                "Content-Length": str(os.stat(file).st_size)})
            answer = connection.getresponse()
            data = answer.read()
            seconds = time.monotonic() - begin
        if answer.status != 202:
            raise Failed(f"HTTP {answer.status}: {data[:500]!r}")
        return json.loads(data), seconds


class TenConnectors:
    """A hub of ten connectors in a directory of its own, to be started several times."""

    def __init__(self, build):
        self.build = pathlib.Path(build)
        self.where = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=self.build))
        for name in ("in1", "in2", "out1", "out2"):
            (self.where / name).mkdir()
        (self.where / "hub.yaml").write_text(TEN.format(port=free_port()))
        self.process = None

    def start(self):
        """Seconds from the start of the supervisor until it says that all processes are ready."""
        begin = time.monotonic()
        self.process = subprocess.Popen([self.build / "reeve", "run", "-c", self.where / "hub.yaml"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in self.process.stdout:
            if "hub-ready" in line:
                return time.monotonic() - begin
            said.append(line)
        raise Failed("the hub does not start:\n" + "".join(said)[-2000:])

    def pss(self):
        """Bytes of memory of the supervisor and all its processes, shared pages counted once: [(name, bytes)]."""
        def of(pid, words):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    return " ".join(words), int(line.split()[1]) * 1024
            raise Failed("no Pss")
        found = [of(self.process.pid, ["supervisor"])]
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.process.pid:
                    words = (path.parent / "cmdline").read_bytes().split(b"\0")
                    found.append(of(path.parent.name, [pathlib.Path(w.decode()).name for w in words[:2] if w]))
            except (OSError, ValueError):
                continue  # it has ended
        return found

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process:
            self.process.stdout.close()
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.where, ignore_errors=True)
