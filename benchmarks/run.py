"""ormkit beside the raw drivers and other ORMs, in one run: `make bench`, or this file with `--help`.

Each contender has a process and a database of its own with the same rows. Rounds are interleaved: every contender does
an operation before the next operation begins, so that whatever else the machine does falls on all of them. The first
round warms up and is thrown away; the table shows medians and, in brackets, ratios to the raw driver.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "scripts"))

from operations import DRIVER_OPERATIONS, OPERATIONS, Operation  # noqa: E402
from postgres_cluster import Cluster  # noqa: E402

RAW = {"postgresql": "asyncpg", "sqlite": "sqlite3"}
ORMS = ["ormkit", "sqlalchemy", "yara-orm"]
DRIVERS = ["ormkit", "psycopg"]

Times = dict[tuple[str, str], list[float]]


class Worker:
    """A contender's process, as seen from here."""

    def __init__(self, name: str, url: str, cpu: str) -> None:
        self.name = name
        command = [sys.executable, str(HERE / "worker.py"), name, url, cpu]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def measure(self, operation: Operation, round_: int) -> dict[str, object]:
        assert self._process.stdin
        self._process.stdin.write(f"{operation.name} {round_}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, object]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended with {self._process.wait()}: see its message above")
        answer: dict[str, object] = json.loads(line)
        return answer


@contextmanager
def urls(database: str, contenders: list[str], server_cpu: int | None) -> Iterator[dict[str, str]]:
    """An empty database for each contender."""
    if database == "sqlite":
        with tempfile.TemporaryDirectory(prefix="ormkit-bench-") as folder:
            yield {name: f"sqlite:///{folder}/{name}.db" for name in contenders}
        return
    # Durable commits would measure the disk; what every contender waits for then is left out for all of them alike.
    names = {name: "bench_" + name.replace("-", "_") for name in contenders}
    with Cluster(settings={"autovacuum": "off"}, cpu=server_cpu, databases=list(names.values())) as cluster:
        yield {name: cluster.url_of(own) for name, own in names.items()}


def measure(database: str, contenders: list[str], operations: list[Operation], rounds: int) -> tuple[Times, dict]:
    """Seconds of every sample, and what went wrong by (operation, contender)."""
    client_cpu, server_cpu = cpus()
    times: Times = {}
    errors: dict[tuple[str, str], str] = {}
    with ExitStack() as stack:
        stack.enter_context(awake())
        found = stack.enter_context(urls(database, contenders, server_cpu))
        workers = []
        for name in contenders:
            worker = Worker(name, found[name], "any" if client_cpu is None else str(client_cpu))
            stack.callback(worker.close)
            workers.append(worker)
        for round_ in range(rounds + 1):
            print(f"\r{database}: round {round_} of {rounds} ", end="", file=sys.stderr, flush=True)
            for operation in operations:
                # Who goes first changes with the round.
                for worker in workers[round_ % len(workers) :] + workers[: round_ % len(workers)]:
                    answer = worker.measure(operation, round_)
                    if "error" in answer:
                        errors[operation.name, worker.name] = str(answer["error"])
                    elif round_ > 0:
                        times.setdefault((operation.name, worker.name), []).append(float(str(answer["seconds"])))
        print(file=sys.stderr)
    return times, errors


def cpus() -> tuple[int | None, int | None]:
    """One CPU for the client and one for the server, where the machine has two and lets us choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


@contextmanager
def awake() -> Iterator[None]:
    """Keeps the CPUs from halting, by loops that run only when nothing else wants to.

    A CPU that has halted takes time to wake up, in a virtual machine more than asyncpg's own part of a round trip. Whether
    it halts depends on what ran before, so that without this the neighbours in the table decide who is quick.
    """
    loop = (
        "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); "
        "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\n"
        "while os.getppid() == int(sys.argv[2]): sum(range(10_000))"
    )
    with ExitStack() as stack:
        for cpu in cpus():
            if cpu is not None and hasattr(os, "SCHED_IDLE"):
                process = subprocess.Popen([sys.executable, "-c", loop, str(cpu), str(os.getpid())])
                stack.callback(process.wait)
                stack.callback(process.kill)
        yield


def table(database: str, contenders: list[str], operations: list[Operation], times: Times, errors: dict) -> list[str]:
    """The Markdown table of one database."""
    raw = RAW[database]
    lines = [
        f"| {database} | {' | '.join(contenders)} | limit | |",
        "|---|" + "---:|" * len(contenders) + "---:|---|",
    ]
    for operation in operations:
        medians = {
            name: statistics.median(times[operation.name, name])
            for name in contenders
            if (operation.name, name) in times and (operation.name, name) not in errors
        }
        cells = [_cell(name, medians, raw) for name in contenders]
        limit = getattr(operation, database)
        lines.append(f"| {operation.title} | {' | '.join(cells)} | {limit:g} | {_verdict(medians, raw, limit)} |")
    return lines


def _cell(name: str, medians: dict[str, float], raw: str) -> str:
    if name not in medians:
        return "wrong"
    ratio = f" ({medians[name] / medians[raw]:.2f})" if raw in medians and name != raw else ""
    return f"{_time(medians[name])}{ratio}"


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def _verdict(medians: dict[str, float], raw: str, limit: float) -> str:
    """Whether ormkit keeps its limit and is ahead of every other ORM."""
    if "ormkit" not in medians or raw not in medians:
        return "–"
    faster = [name for name in medians if name in ORMS and medians[name] < medians["ormkit"]]
    missed = [f"over {limit:g}"] if medians["ormkit"] > limit * medians[raw] else []
    missed += [f"behind {name}" for name in faster]
    return "missed: " + ", ".join(missed) if missed else "met"


def machine() -> str:
    names = (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name"))
    model = next(names, "unknown CPU")
    return f"{model}, {os.cpu_count()} CPUs, {platform.system()}, CPython {platform.python_version()}"


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=list(RAW), action="append", help="default: both")
    parser.add_argument("--contender", choices=ORMS, action="append", help="beside the raw driver; default: all")
    parser.add_argument(
        "--operation", choices=[o.name for o in OPERATIONS + DRIVER_OPERATIONS], action="append", help="default: all"
    )
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds (default 7)")
    options = parser.parse_args()
    chosen = [o for o in OPERATIONS + DRIVER_OPERATIONS if not options.operation or o.name in options.operation]
    tables = [(database, options.contender or ORMS, OPERATIONS) for database in options.database or RAW]
    if "postgresql" in (options.database or RAW):
        tables.append(("postgresql", DRIVERS, DRIVER_OPERATIONS))
    print(f"{machine()}; medians of {options.rounds} rounds\n")
    failed = False
    for database, others, all_operations in tables:
        operations = [operation for operation in all_operations if operation in chosen]
        if not operations:
            continue
        contenders = [RAW[database], *others]
        times, errors = measure(database, contenders, operations, options.rounds)
        print("\n".join(table(database, contenders, operations, times, errors)), end="\n\n", flush=True)
        for (operation, name), error in errors.items():
            print(f"WRONG {name}, {operation}: {error}\n")
        failed = failed or bool(errors)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
