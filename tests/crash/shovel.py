# SPDX-License-Identifier: Apache-2.0
"""The broker's own shovel, for comparison: it moves messages from a queue to a queue on the same RabbitMQ and through the same proxy as the
hub of the loss matrix, while the same faults happen to both. Clients that speak to the broker itself put messages in, each one again until
it is confirmed, and take them out.
"""
import bisect
import collections
import threading
import time
import uuid

import pytest

from campaign import size

pika = pytest.importorskip("pika", reason="python3-pika is not installed (contrib/setup test)")

PUBLISHERS = 3  # a client of pika waits for each confirm: these share the rate
QUIET = size(1.0, 10.0)  # s without an arrival, and no message in any queue: what has not come by then is lost


class Client(threading.Thread):
    """Works on a channel, and on another one when the connection is lost, until work() returns."""

    def __init__(self, shovel):
        super().__init__(daemon=True)
        self.shovel, self.failure = shovel, None
        self.start()

    def run(self):
        where = pika.ConnectionParameters("127.0.0.1", self.shovel.broker.node["amqp"], self.shovel.vhost, heartbeat=10)
        try:
            while True:
                try:
                    with pika.BlockingConnection(where) as connection:
                        return self.work(connection.channel())
                except (pika.exceptions.AMQPError, OSError):
                    time.sleep(0.2)
        except Exception as e:  # told by Shovel.stop()
            self.failure = e


class Publisher(Client):
    message = None  # the one that is not confirmed yet

    def work(self, channel):
        channel.confirm_delivery()
        s, begin, n = self.shovel, time.monotonic(), 0
        while self.message or s.one_more():
            if s.hold.is_set() and not self.message:
                channel.connection.sleep(0.02)
                continue
            self.message = self.message or uuid.uuid4().hex
            s.offered[self.message] += 1
            channel.basic_publish("", "from", self.message.encode() + b"b" * 480, pika.BasicProperties(delivery_mode=2), mandatory=True)
            s.accepted.append(self.message)
            self.message, n = None, n + 1
            ahead = begin + n * PUBLISHERS / s.rate - time.monotonic()
            if ahead > 0:
                channel.connection.sleep(ahead)
            elif ahead < -2:  # held up: what was missed is not made good in one rush
                begin, n = time.monotonic(), 0


class Taker(Client):
    def work(self, channel):
        channel.basic_qos(prefetch_count=500)
        s = self.shovel
        while not s.counted.is_set():
            for method, _, body in channel.consume("to", inactivity_timeout=0.1):  # ends when the queue is deleted
                if method:
                    message = body[:32].decode()
                    if not (method.redelivered and s.came[message]):  # what was not acknowledged before the broker's end: no work of the shovel
                        s.came[message] += 1
                        s.when.append(time.monotonic())
                    channel.basic_ack(method.delivery_tag)
                if s.counted.is_set():
                    return


class Shovel:
    """Begins at once and ends when so many messages are confirmed. While the event `hold` is set, nothing new is put in."""

    def __init__(self, broker, vhost, proxy, messages, rate, hold):
        self.broker, self.vhost, self.messages, self.rate, self.hold = broker, vhost, messages, rate, hold
        self.offered, self.accepted = collections.Counter(), []
        self.came, self.when = collections.Counter(), []  # when something came, in order
        self.faults, self.counted = [], threading.Event()  # when each fault was over; the end
        broker.add_vhost(vhost)
        for queue in ("from", "to"):
            self.declare(queue)
        uri = f"amqp://guest:guest@{proxy.address}/{vhost}"
        broker.api("PUT", "parameters", "shovel", vhost, "beside", body={"value": {
            "src-protocol": "amqp091", "src-uri": uri, "src-queue": "from", "dest-protocol": "amqp091", "dest-uri": uri, "dest-queue": "to",
            "ack-mode": "on-confirm", "reconnect-delay": 1}})
        self.publishers, self.taker = [Publisher(self) for _ in range(PUBLISHERS)], Taker(self)

    def declare(self, queue):
        self.broker.api("PUT", "queues", self.vhost, queue, body={"durable": True, "arguments": {"x-queue-type": "quorum"}})

    def one_more(self):
        return len(self.accepted) < self.messages

    def waiting(self):
        """Messages in its queues, in hand or not."""
        return sum(q.get("messages", 1) for q in self.broker.queues(self.vhost).values())

    def arrives(self):
        return bool(self.when) and time.monotonic() - self.when[-1] < QUIET

    def finish(self, seconds):
        """Waits until everything came or will not come. What is told of it."""
        for p in self.publishers:
            p.join(seconds)
            assert not p.is_alive() and not p.failure, f"messages for the shovel cannot be put in: {p.failure}"
        end = time.monotonic() + seconds
        while (left := self.waiting()) + self.arrives() and time.monotonic() < end:
            time.sleep(0.2)
        self.counted.set()
        self.taker.join(30)
        assert not self.taker.is_alive() and not self.taker.failure, f"what the shovel moved cannot be taken: {self.taker.failure}"
        accepted = set(self.accepted)
        delivered = len(accepted & set(self.came))
        assert len(accepted) >= self.messages and delivered > 0
        again = sum(max(0, n - self.offered[m]) for m, n in self.came.items())
        recoveries = [self.when[i] - over for over in self.faults if (i := bisect.bisect_left(self.when, over)) < len(self.when)]
        return f"accepted {len(accepted)}, delivered {delivered}, lost {len(accepted) - delivered - left}, came again {again}, longest recovery " + \
            (f"{max(recoveries):.1f} s" if recoveries else "not seen") + (f"; {left} still wait, and nothing moves" if left else "")

    def close(self):
        self.messages = 0
        self.hold.clear()
        self.counted.set()
        for client in (*self.publishers, self.taker):
            client.join(10)
        self.broker.drop_vhost(self.vhost)
