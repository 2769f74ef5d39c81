# SPDX-License-Identifier: Apache-2.0
"""Small HTTP receivers that stand for the providers' systems.

Each keeps what it was given, once an id: the hub delivers at least once and always with the same id, so a
receiver that knows ids sees every message exactly once. All listen on the loopback only."""
import http.server
import json
import threading


def header_id(headers):
    """The message id as a delivery names it."""
    key = headers.get("Idempotency-Key", "").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':  # a structured-field string
        key = key[1:-1]
    return key or headers.get("ce-id", "")


class Receivers:
    def __init__(self):
        self.lock = threading.Lock()
        self.taken = {}  # (port, path) -> {id: {"body", "content_type", "times"}}
        self.servers = []

    def start(self, port):
        """Listens on a loopback port; 0 takes a free one. Returns the port."""
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_POST(self):
                owner.take(self)

            do_PUT = do_POST

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        return server.server_address[1]

    def take(self, request):
        try:
            length = int(request.headers.get("Content-Length", ""))
        except ValueError:
            return self.answer(request, 411, {"error": "a length is needed"})
        body = request.rfile.read(length)
        ident = header_id(request.headers)
        if not ident:
            return self.answer(request, 400, {"error": "no Idempotency-Key"})
        path = request.path.split("?")[0]
        with self.lock:
            box = self.taken.setdefault((request.server.server_address[1], path), {})
            record = box.setdefault(ident, {"body": body, "times": 0, "same": True,
                                            "content_type": request.headers.get("Content-Type", "")})
            record["times"] += 1
            record["same"] = record["same"] and record["body"] == body
        self.answer(request, 200, {"received": ident})

    @staticmethod
    def answer(request, status, document):
        data = json.dumps(document).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def box(self, port, path):
        with self.lock:
            return {k: dict(v) for k, v in self.taken.get((port, path or "/"), {}).items()}

    def everything(self):
        with self.lock:
            return {place: {k: dict(v) for k, v in box.items()} for place, box in self.taken.items()}

    def stop(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()
