#!/usr/bin/env python3
"""Measures listing, searching and counting tasks, at a server on a database with very many of them.

  scripts/bench-search.py TASKER STORE [--tasks 1000000] [--limit-ms 50]

TASKER is the command to measure, STORE the URL of an empty database: sqlite:FILE, or postgres://... (which needs psql). The tasks
are made by SQL (scripts/bench-search/); a database that has them already is measured as it is. Every filter is asked for by itself,
in pairs with every other, and down some pages; frequent values, rare ones and ones that no task has. Each request goes over one
connection to a server on this machine, and is measured until the last byte of its answer. Ends with 1 where the 95th percentile of
a query is over the limit.
"""

import argparse
import http.client
import itertools
import json
import math
import pathlib
import platform
import sqlite3
import subprocess
import sys
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent / "bench-search"
TEMPLATES = [(f"bench_{n // 10}", f"listing_{n // 2}", f"1.{n % 2}.0") for n in range(40)]
# A year of tasks ends now.
DAY = 86_400


def at(days_ago):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days_ago * DAY))


def filters():
    states = ["pending", "in_progress", "pending,in_progress", "complete", "error", "cancelled", "paused", "resolved_manually"]
    return {
        "namespace": ["bench_0", "bench_3", "none"],
        "name": ["listing_0", "listing_7", "none"],
        "version": ["1.0.0", "9.9.9"],
        "status": [*states, "blocked_by_failures", "error,complete"],
        "tag": ["nightly", "vip", "rare", "none"],
        "correlation_id": ["c-1000", "none"],
        "parent_correlation_id": ["c-2000", "none"],
        "initiator": ["cron", "user-77", "none"],
        "source_system": ["web", "import", "none"],
        "priority": ["0", "5", "9", "7"],
        "created_from": [at(1), at(300)],
        "created_before": [at(100), at(400)],
        "updated_from": [at(1)],
        "updated_before": [at(300)],
        "completed_from": [at(1)],
        "completed_before": [at(300)],
    }


def fill(store, tasks):
    if store.startswith("sqlite:"):
        with sqlite3.connect(store.removeprefix("sqlite:"), isolation_level=None) as connection:
            connection.create_function("unhex", 1, bytes.fromhex, deterministic=True)
            connection.create_function("ln", 1, math.log, deterministic=True)
            script = (HERE / "fill-sqlite.sql").read_text()
            connection.executescript(script.replace(":tasks", str(tasks)))
    else:
        command = ["psql", "--quiet", "--no-psqlrc", "-v", f"tasks={tasks}", "-f", str(HERE / "fill-postgres.sql"), store]
        subprocess.run(command, check=True)


class Server:
    def __init__(self, tasker, store):
        command = [tasker, "server", "--store", store, "--listen", "127.0.0.1:0", "--log", "error", "-o", "json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        url = json.loads(self.process.stdout.readline())["url"]
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def ask(self, path, body=None, kind="application/json"):
        method = "GET" if body is None else "POST"
        self.connection.request(method, path, body, {"content-type": kind} if body else {})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            sys.exit(f"{method} {path}: {answer.status} {text.decode()}")
        return text

    def register(self):
        for namespace, name, version in TEMPLATES:
            yaml = f"name: {name}\nnamespace: {namespace}\nversion: {version}\n"
            yaml += f"steps:\n  - {{name: step, handler: {{callable: bench_{name}}}}}\n"
            self.ask("/v1/templates", yaml, "application/yaml")

    def timed(self, path):
        """Milliseconds, and the answer."""
        began = time.perf_counter()
        text = self.ask(path)
        return (time.perf_counter() - began) * 1000, json.loads(text)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def listing(query):
    return "/v1/tasks?" + urllib.parse.urlencode(query)


def quantile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def measure(server, rounds):
    """For each group of queries: its name, the times, and the query that took longest."""
    def group(name, paths, rounds):
        slowest, times = (0, ""), []
        for path in paths:
            server.timed(path)
            taken = [server.timed(path)[0] for _ in range(rounds)]
            slowest = max(slowest, (quantile(taken, 0.5), path))
            times += taken
        return name, times, slowest[1]

    values = filters()
    yield group("all", [listing({})], rounds)
    yield group("all, 1,000 a page", [listing({"limit": 1000})], rounds // 4)
    for field, choices in values.items():
        yield group(field, [listing({field: choice}) for choice in choices], rounds)
    pairs = [
        {field: choice, other: another}
        for (field, choices), (other, others) in itertools.combinations(values.items(), 2)
        for choice in choices
        for another in others
    ]
    yield group(f"{len(pairs)} pairs of filters", map(listing, pairs), 3)
    triples = itertools.product(["bench_0", "bench_3"], values["status"], values["version"], values["priority"], values["tag"])
    fields = ("namespace", "status", "version", "priority", "tag")
    many = [dict(zip(fields, chosen, strict=True)) for chosen in triples]
    yield group(f"{len(many)} of five filters", map(listing, many), 2)
    pages, query = [], {"namespace": "bench_0", "version": "9.9.9"}
    for _ in range(20):
        pages.append(listing(query))
        query["after"] = server.timed(pages[-1])[1]["next"]
        if query["after"] is None:
            break
    yield group("page after page", pages, rounds // 4)
    yield group("GET /v1/stats", ["/v1/stats"], rounds)
    fresh = []
    for _ in range(10):
        time.sleep(2)
        fresh.append(server.timed("/v1/stats")[0])
    yield "GET /v1/stats, counted anew", fresh, "/v1/stats"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasker")
    parser.add_argument("store")
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--limit-ms", type=float, default=50)
    options = parser.parse_args()
    server = Server(options.tasker, options.store)
    try:
        if sum(json.loads(server.ask("/v1/stats"))["tasks"].values()) == 0:
            print(f"making {options.tasks} tasks", file=sys.stderr)
            server.register()
            fill(options.store, options.tasks)
            # The server has closed it meanwhile.
            server.connection.close()
        counted = json.loads(server.ask("/v1/stats"))["tasks"]
        print(f"{sum(counted.values())} tasks; Python {platform.python_version()}; milliseconds")
        print(f"{'query':32} {'p50':>7} {'p95':>7} {'longest':>8}  slowest")
        is_over = False
        for name, times, slowest in measure(server, options.rounds):
            p50, p95 = quantile(times, 0.5), quantile(times, 0.95)
            is_over |= p95 > options.limit_ms
            print(f"{name:32} {p50:7.1f} {p95:7.1f} {max(times):8.1f}  {slowest}", flush=True)
        sys.exit(1 if is_over else 0)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
