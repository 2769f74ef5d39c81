# SPDX-License-Identifier: Apache-2.0
"""A source worker in Python, as far as the door can tell: speaks core/base/door_wire.h over a local socket."""
import array
import os
import socket
import struct
import threading

HELLO, REQUEST, CANCEL, ANSWER = 1, 2, 3, 64


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data), "frame is too short"
        piece = self.data[self.at:self.at + n]
        self.at += n
        return piece

    def u32(self):
        return struct.unpack("<I", self.take(4))[0]

    def u64(self):
        return struct.unpack("<Q", self.take(8))[0]

    def bytes(self):
        return self.take(self.u32())

    def str(self):
        return self.bytes().decode()


class FakeWorker:
    """handler(request) gives (status, body bytes) or (status, body, content type, retry after[, header fields]), or None for no
    answer."""

    def __init__(self, path, handler=None):
        self.path = str(path)
        self.handler = handler or (lambda request: (202, b'{"ok":true}\n'))
        self.requests, self.cancelled, self.connections, self.open = [], [], [], True
        self.listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                s = self.listener.accept()[0]
            except OSError:
                return
            self.connections.append(s)
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def serve(self, s):
        pending, fds, lock = b"", [], threading.Lock()
        while True:
            try:
                data, ancillary, _flags, _address = s.recvmsg(1 << 20, socket.CMSG_SPACE(4 * 64))
            except OSError:
                return
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    a = array.array("i")
                    a.frombytes(payload[:len(payload) - len(payload) % 4])
                    fds.extend(a)
            if not data:
                return
            pending += data
            while len(pending) >= 12:
                length, kind, flags, _generation = struct.unpack_from("<IHHI", pending)
                if len(pending) < 12 + length:
                    break
                payload, pending = pending[12:12 + length], pending[12 + length:]
                fd = fds.pop(0) if flags & 1 else None
                self.frame(s, lock, kind, payload, fd)

    def frame(self, s, lock, kind, payload, fd):
        r = Reader(payload)
        if kind == HELLO:
            assert r.u32() == 2
            return
        if kind == CANCEL:
            self.cancelled.append(r.u64())
            return
        assert kind == REQUEST
        q = {"number": r.u64(), "method": r.str(), "path": r.str(), "query": r.str()}
        q["headers"] = [(r.str(), r.bytes().decode("latin-1")) for _ in range(r.u32())]
        q["length"], inline, q["deadline_ms"] = r.u64(), r.bytes(), r.u64()
        assert r.at == len(payload), "bytes left over in the frame"
        q["by_file"] = fd is not None
        if fd is not None:
            assert inline == b""
            with os.fdopen(fd, "rb") as f:
                q["links"] = os.fstat(f.fileno()).st_nlink
                inline = f.read()
        q["body"] = inline
        assert len(inline) == q["length"]
        self.requests.append(q)
        threading.Thread(target=self.answer, args=(s, lock, q), daemon=True).start()

    def answer(self, s, lock, q):
        a = self.handler(q)
        if a is None:
            return
        status, body, content_type, retry, fields = (*a, *("application/json", 0, [])[len(a) - 2:])
        content_type = content_type.encode()
        payload = struct.pack("<QI", q["number"], status) + struct.pack("<I", len(content_type)) + content_type
        payload += struct.pack("<II", retry, len(fields))
        for text in (t.encode("latin-1") for field in fields for t in field):
            payload += struct.pack("<I", len(text)) + text
        payload += struct.pack("<I", len(body)) + body
        with lock:
            try:
                s.sendall(struct.pack("<IHHI", len(payload), ANSWER, 0, 0) + payload)
            except OSError:
                pass

    def drop(self):
        """Ends all connections, as a worker that dies does."""
        for s in self.connections:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.connections = []

    def close(self):
        self.open = False
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.drop()
        if os.path.exists(self.path):
            os.unlink(self.path)
