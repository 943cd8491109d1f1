#!/usr/bin/env python3
"""Measures how events go from the database to a subscriber of NATS: how fast, how late, and what that costs the steps.

    TASKER_PG_DURABLE=1 scripts/with-postgres.sh scripts/bench-events.py target/release/tasker

Needs nats-server. Everything runs on this machine: PostgreSQL, NATS with JetStream in files, the engine with its workers, a relay in
a process of its own, and the subscriber.
"""

import datetime
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

TASKER = os.path.realpath(sys.argv[1])
STORE = os.environ["TASKER_TEST_DATABASE_URL"]
ROUNDS = int(os.environ.get("TASKER_BENCH_ROUNDS", "3"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Subscriber(threading.Thread):
    """Takes every event as NATS hands it out, with the time when it came."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.socket.sendall(b'CONNECT {"verbose":false}\r\nSUB tasker.events.> 1\r\nPING\r\n')
        assert self.file.readline().strip() == b"PONG"
        self.seen = []
        self.keeps = False
        self.count = 0
        self.last = 0.0
        self.start()

    def run(self):
        while line := self.file.readline():
            if line.startswith(b"PING"):
                self.socket.sendall(b"PONG\r\n")
            if not line.startswith((b"MSG", b"HMSG")):
                continue
            body = self.file.read(int(line.split()[-1]) + 2)
            self.count += 1
            self.last = time.time()
            if self.keeps:
                self.seen.append((self.last, body))


def tasker(*words):
    ran = subprocess.run([TASKER, *words, "--store", STORE, "-o", "json"], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def bench(tasks, latency_tasks, slots=1000):
    words = ["--workload", "diamond", "--tasks", str(tasks), "--latency-tasks", str(latency_tasks), "--slots", str(slots)]
    return tasker("bench", *words)


def wait_until(is_so, what):
    for _ in range(1_200):
        if is_so():
            return
        time.sleep(0.1)
    raise SystemExit(f"it takes too long until {what}")


def is_carried():
    relays = tasker("relay", "list")["items"]
    return bool(relays) and relays[0]["behind_ms"] == 0


class Relay:
    def __init__(self, url):
        words = [TASKER, "relay", "run", "--nats", url, "--store", STORE, "-o", "json"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        self.events = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        said = self.process.communicate()[0].splitlines()
        self.events = json.loads(said[-1])["events"]


def latencies(subscriber):
    """Milliseconds from an event's time, which is when its transaction began, until it came here."""
    late = []
    for came, body in subscriber.seen:
        at = datetime.datetime.fromisoformat(json.loads(body)["time"].replace("Z", "+00:00"))
        late.append((came - at.timestamp()) * 1_000)
    return sorted(late)


def main():
    folder, port = tempfile.mkdtemp(), free_port()
    program = shutil.which("nats-server") or "/usr/sbin/nats-server"
    words = [program, "--addr", "127.0.0.1", "--port", str(port), "--jetstream", "--store_dir", folder]
    nats = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    url = f"nats://127.0.0.1:{port}"
    try:
        subprocess.run([TASKER, "migrate", "--store", STORE], check=True, stdout=subprocess.DEVNULL)
        time.sleep(1)
        measure(url, Subscriber(port))
    finally:
        nats.terminate()
        nats.wait()
        shutil.rmtree(folder, ignore_errors=True)


def measure(url, subscriber):
    # All that is in the log at once: how fast the relay can be.
    bench(5_000, 1)
    began = time.time()
    with Relay(url):
        wait_until(lambda: subscriber.count > 0 and time.time() - subscriber.last > 2 and is_carried(), "all is published")
        took = subscriber.last - began
        print(f"backlog: {subscriber.count} events in {took:.1f} s, {subscriber.count / took:,.0f} a second")

        # One task at a time: how late an event comes.
        subscriber.keeps = True
        bench(1, 200)
        wait_until(is_carried, "all is published")
        late = latencies(subscriber)
        subscriber.keeps = False
        subscriber.seen.clear()
        half, most = late[len(late) // 2], late[len(late) * 99 // 100]
        print(f"one task at a time: {len(late)} events, p50 {half:.1f} ms, p99 {most:.1f} ms from the begin of the transaction")

    # The same load with and without a relay, in turn; nobody listens, since a subscriber's work is its own.
    subscriber.socket.sendall(b"UNSUB 1\r\n")
    rates, carried = {False: [], True: []}, []
    for _ in range(ROUNDS):
        rates[False].append(bench(5_000, 1)["throughput"]["steps_per_s"])
        with Relay(url):
            wait_until(is_carried, "the relay has caught up")
        relay = Relay(url)
        with relay:
            throughput = bench(5_000, 1)["throughput"]
            rates[True].append(throughput["steps_per_s"])
        carried.append(relay.events / throughput["seconds"])
    without, beside = statistics.median(rates[False]), statistics.median(rates[True])
    loss = (1 - beside / without) * 100
    print(f"steps a second: {without:,.0f} without a relay, {beside:,.0f} beside one ({loss:.0f} % less)")
    print(f"events a second meanwhile: {statistics.median(carried):,.0f}")


if __name__ == "__main__":
    main()
