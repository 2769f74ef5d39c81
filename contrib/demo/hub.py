# SPDX-License-Identifier: Apache-2.0
"""A private copy of the sample hub: own ports, own secrets, own directories; and the running hub itself."""
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from ports import free_port  # noqa: E402


class Trouble(Exception):
    """Something that the demo cannot go on from; the text is for people."""


class Hub:
    def __init__(self, build, sample, where, broker=None):
        self.build, self.where = pathlib.Path(build), pathlib.Path(where)
        self.config = self.where / "config"
        self.reeve = self.build / "reeve"
        self.tokens, self.environment, self.process, self.ports = {}, dict(os.environ), None, {}
        if not self.reeve.exists():
            raise Trouble(f"{self.reeve} is not there: run `make` first")
        shutil.copytree(sample, self.config, ignore=shutil.ignore_patterns("var", "secrets", "*.md"))
        self.files = sorted(p for p in self.config.rglob("*") if p.suffix in (".yaml", ".yml"))
        self.own_ports()
        self.own_secrets()
        if broker:
            self.queues_at(broker)
        self.plan = self.compile()

    # ---- the copy ----
    def own_ports(self):
        """Every loopback port that the configuration names becomes a free one, the same for the same number."""
        pattern = re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):(\d{2,5})\b")

        def another(found):
            port = self.ports.setdefault(int(found.group(2)), 0) or free_port()
            self.ports[int(found.group(2))] = port
            return f"127.0.0.1:{port}"

        for path in self.files:
            text = path.read_text()
            path.write_text(pattern.sub(another, text))

    def own_secrets(self):
        """Whatever secret the configuration refers to is made up anew."""
        for path in self.files:
            for line in path.read_text().splitlines():
                line = re.sub(r"(^|\s)#.*", "", line)
                for kind, name in re.findall(r"\$\{(file|env):([^}]+)\}", line):
                    token = secrets.token_hex(24)
                    if kind == "env":
                        token = self.environment.setdefault(name, token)
                    else:
                        place = path.parent / name
                        if place.exists():
                            continue
                        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                        place.touch(mode=0o600)
                        place.write_text(token + "\n")
                    self.tokens[hashlib.sha256(token.encode()).hexdigest()] = token

    def queues_at(self, broker):
        """All that changes in the configuration when RabbitMQ keeps the queues."""
        place = self.config / "secrets" / "amqp"
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.touch(mode=0o600)
        place.write_text(broker.password + "\n")
        text = f'transport: {{amqp: {{brokers: "{broker.address}", vhost: "{broker.vhost}", user: {broker.user}, password: "${{file:secrets/amqp}}"}}}}'
        for path in self.files:
            changed, n = re.subn(r"^transport:.*$", text, path.read_text(), flags=re.M)
            if n:
                path.write_text(changed)
                return
        (self.config / "transport.yaml").write_text(text + "\n")

    def compile(self):
        """The plan that the supervisor will execute: where connectors listen and deliver."""
        read, write = os.pipe()
        os.set_inheritable(write, True)
        with subprocess.Popen(["/bin/sh", "-c", f'exec "$0" compile -c "$1" --plan-fd 5 5>&{write}',
                               str(self.build / "reeve-worker"), str(self.config)],
                              pass_fds=(write,), env=self.environment, stderr=subprocess.PIPE) as child:
            os.close(write)
            with os.fdopen(read, "rb") as stream:
                text = stream.read()
            errors = child.stderr.read().decode(errors="replace")
        if child.returncode != 0:
            raise Trouble("the sample configuration is refused:\n" + errors)
        return json.loads(text)

    # ---- what the plan says ----
    def parts(self, kind):
        return [p["part"] for p in self.plan["processes"] if p["kind"] == kind]

    def sources(self, plugin, adapter):
        return [p for p in self.parts("source")
                if p["plugin"]["name"] == plugin and (p.get("adapter") or {}).get("name") == adapter]

    def sinks(self):
        return {p["destination"]: p for p in self.parts("sink")}

    def route_texts(self):
        """Route name -> its condition as the operator wrote it, more or less."""
        texts = {}
        for source in self.parts("source"):
            for route in source["routes"]:
                texts[route["name"]] = condition(route)
                for i, other in enumerate(route.get("first", []), 1):
                    texts[f"{route['name']}[{i}]"] = condition(other) or "otherwise"
        return texts

    def bearer(self, path):
        for door in self.parts("door"):
            for entry in door["paths"]:
                if entry["path"] == path:
                    known = [self.tokens[h] for h in entry.get("bearer_sha256", []) if h in self.tokens]
                    return known[0] if known else None
        raise Trouble(f"the door has no path {path}")

    def door_address(self):
        host, _, port = self.parts("door")[0]["listen"].rpartition(":")
        return host.strip("[]"), int(port)

    # ---- running ----
    def start(self, seconds=30):
        self.log = open(self.where / "hub.log", "ab")
        self.process = subprocess.Popen([self.reeve, "run", "-c", self.config], env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        start_new_session=True)  # Ctrl-C is for us: we stop it in order
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Trouble(f"the hub ended with {self.process.returncode}:\n" + self.log_tail())
            if self.healthy():
                return
            time.sleep(0.05)
        raise Trouble("the hub did not become ready:\n" + self.log_tail())

    def healthy(self):
        try:
            status, _, _ = self.request("GET", "/-/health")
        except OSError:
            return False
        return status == 200 and self.command("status", "--json")[0] == 0

    def log_tail(self, lines=20):
        text = (self.where / "hub.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self):
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        code, self.process = self.process.returncode, None
        return code

    # ---- talking to it ----
    def command(self, *arguments):
        # the configuration goes behind the command's name, where every command takes it
        words = [str(self.reeve), arguments[0], "-c", str(self.config), *map(str, arguments[1:])]
        done = subprocess.run(words, env=self.environment, capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def request(self, method, path, body=None, headers=None):
        host, port = self.door_address()
        connection = http.client.HTTPConnection(host, port, timeout=120)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, dict(answer.getheaders()), data
        except http.client.HTTPException as e:
            raise OSError(str(e)) from e
        finally:
            connection.close()

    def push(self, source, body, headers):
        token = self.bearer(source["path"])
        if token:
            headers = {**headers, "Authorization": f"Bearer {token}"}
        return self.request("POST", source["path"], body, headers)


def condition(route):
    words = []
    for name, values in (route.get("match") or {}).items():
        some = ", ".join(values[:4]) + (f" and {len(values) - 4} more" if len(values) > 4 else "")
        words.append(f"{name} = {some}" if len(values) == 1 else f"{name} one of {some}")
    if route.get("when"):
        words.append(" ".join(route["when"].split()))
    return " and ".join(words)


def url_place(url):
    parts = urllib.parse.urlsplit(url)
    return parts.port, parts.path or "/"
