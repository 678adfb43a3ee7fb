"""The operations of the table: what is timed, how often, what must come out, and which ratio to the raw driver is allowed.

An operation is a coroutine function that takes a contender, yields to nobody while the clock runs, checks what came out
after the clock has stopped, and returns seconds per unit.
"""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import rows
from contender import Connected, Contender, Driver

Run = Callable[[Any, int], Awaitable[float]]


@dataclass(frozen=True)
class Operation:
    """One row of the table. `limits` are the highest allowed ratios to the raw driver, per database."""

    name: str
    title: str
    run: Run
    postgresql: float
    sqlite: float


class WrongResult(Exception):
    """A contender returned or stored something else than it should: its time does not count."""


def expect(found: Any, wanted: Any, what: str) -> None:
    if found != wanted:
        raise WrongResult(f"{what}: expected {str(wanted)[:120]}, found {str(found)[:120]}")


def _keys(count: int, round_: int) -> list[int]:
    """Spread over the table, others in every round, the same ones for every contender."""
    return [1 + (round_ * 7919 + n * 613) % rows.ITEMS for n in range(count)]


def _check_items(contender: Contender, found: Any, numbers: list[int]) -> None:
    values = [tuple(_aware(value) for value in row) for row in contender.values(found)]
    expect(values, [tuple(rows.item(n)) for n in numbers], "items")


def _aware(value: Any) -> Any:
    """SQLite has no time zones and some libraries leave out that they meant UTC."""
    return value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) and value.tzinfo is None else value


async def get(contender: Contender, round_: int) -> float:
    keys = _keys(200, round_)
    start = time.perf_counter()
    found = [await contender.get(key) for key in keys]
    elapsed = time.perf_counter() - start
    _check_items(contender, found, keys)
    return elapsed / len(keys)


async def get_concurrently(contender: Contender, round_: int) -> float:
    keys = _keys(640, round_)
    found: dict[int, Any] = {}

    async def task(mine: list[int]) -> None:
        for key in mine:
            found[key] = await contender.get_concurrently(key)

    start = time.perf_counter()
    await asyncio.gather(*(task(keys[n::64]) for n in range(64)))
    elapsed = time.perf_counter() - start
    _check_items(contender, [found[key] for key in keys], keys)
    return elapsed


async def bucket(contender: Contender, round_: int) -> float:
    buckets = range(round_, round_ + 20)
    start = time.perf_counter()
    found = [await contender.bucket(n) for n in buckets]
    elapsed = time.perf_counter() - start
    for n, items in zip(buckets, found, strict=True):
        _check_items(contender, items, [k for k in range(1, rows.ITEMS + 1) if k % rows.ITEMS_PER_BUCKET == n])
    return elapsed / len(buckets)


async def items_one_read(contender: Contender, _round: int) -> float:
    start = time.perf_counter()
    names = contender.names(await contender.items())
    elapsed = time.perf_counter() - start
    expect(names, [row.name for row in rows.items()], "names")
    return elapsed


async def items_all_read(contender: Contender, _round: int) -> float:
    start = time.perf_counter()
    found = await contender.items()
    contender.values(found)
    elapsed = time.perf_counter() - start
    _check_items(contender, found, list(range(1, rows.ITEMS + 1)))
    return elapsed


async def joined(contender: Contender, _round: int) -> float:
    start = time.perf_counter()
    titles = contender.titles(await contender.books_with_author(2_000))
    elapsed = time.perf_counter() - start
    wanted = [(book.title, rows.author(book.author_id).name) for book in rows.books()[:2_000]]
    expect(titles, wanted, "books with their authors")
    return elapsed


async def children(contender: Contender, _round: int) -> float:
    start = time.perf_counter()
    shelves = contender.shelves(await contender.authors_with_books())
    elapsed = time.perf_counter() - start
    size = rows.BOOKS_PER_AUTHOR
    wanted = [(a.name, [rows.book((a.id - 1) * size + n).title for n in range(1, size + 1)]) for a in rows.authors()]
    expect(
        [(name, sorted(titles)) for name, titles in shelves], [(n, sorted(t)) for n, t in wanted], "authors with books"
    )
    return elapsed


async def insert_one(contender: Contender, _round: int) -> float:
    entries = [rows.entry(n) for n in range(100)]
    await contender.clear_entries()
    start = time.perf_counter()
    keys = [await contender.insert_one(entry) for entry in entries]
    elapsed = time.perf_counter() - start
    expect(len(set(keys)), len(entries), "different keys")
    expect(await contender.entries(), (100, sum(entry.amount for entry in entries)), "entries stored")
    return elapsed / len(entries)


async def insert_many(contender: Contender, _round: int) -> float:
    entries = [rows.entry(n) for n in range(5_000)]
    await contender.clear_entries()
    start = time.perf_counter()
    await contender.insert_many(entries)
    elapsed = time.perf_counter() - start
    expect(await contender.entries(), (5_000, sum(entry.amount for entry in entries)), "entries stored")
    return elapsed


async def change(contender: Contender, round_: int) -> float:
    keys = range(1, 101)
    start = time.perf_counter()
    for key in keys:
        await contender.change(key, 2_000 + round_)
    elapsed = time.perf_counter() - start
    for key in keys:
        expect(await contender.balance(key), 2_000 + round_, f"balance of account {key}")
    return elapsed / len(keys)


async def deposit(contender: Contender, _round: int) -> float:
    keys = range(501, 601)
    before = [await contender.balance(key) for key in keys]
    start = time.perf_counter()
    for key in keys:
        await contender.deposit(key, 5)
    elapsed = time.perf_counter() - start
    expect([await contender.balance(key) for key in keys], [balance + 5 for balance in before], "balances")
    return elapsed / len(keys)


async def count(contender: Contender, round_: int) -> float:
    ages = [20 + (round_ + n) % 50 for n in range(50)]
    start = time.perf_counter()
    found = [await contender.count(age) for age in ages]
    elapsed = time.perf_counter() - start
    expect(found, [sum(row.age >= age for row in rows.items()) for age in ages], "counts")
    return elapsed / len(ages)


async def tuples(driver: Driver, _round: int) -> float:
    start = time.perf_counter()
    found = await driver.tuples()
    elapsed = time.perf_counter() - start
    expect([tuple(row) for row in found], [tuple(item) for item in rows.items()], "items")
    return elapsed


async def execute_many(driver: Driver, _round: int) -> float:
    entries = [rows.entry(n) for n in range(5_000)]
    await driver.clear_entries()
    start = time.perf_counter()
    await driver.execute_many(entries)
    elapsed = time.perf_counter() - start
    await _check_stored(driver, entries)
    return elapsed


async def connect(driver: Driver, _round: int) -> float:
    start = time.perf_counter()
    found = [await driver.connect() for _ in range(20)]
    elapsed = time.perf_counter() - start
    expect(found, [1] * 20, "the number")
    return elapsed / 20


async def copy_in(driver: Driver, _round: int) -> float:
    entries = [rows.entry(n) for n in range(100_000)]
    await driver.clear_entries()
    start = time.perf_counter()
    await driver.copy_in(entries)
    elapsed = time.perf_counter() - start
    await _check_stored(driver, entries)
    return elapsed


async def copy_out(driver: Driver, _round: int) -> float:
    entries = [rows.entry(n) for n in range(100_000)]
    await driver.clear_entries()
    await driver.copy_in(entries)
    file = io.BytesIO()
    start = time.perf_counter()
    await driver.copy_out(file)
    elapsed = time.perf_counter() - start
    found = [(name, kind, int(amount), float(ratio)) for name, kind, amount, ratio in csv.reader(_lines(file))]
    expect(found, [tuple(entry) for entry in entries], "entries copied out")
    return elapsed


def _lines(file: io.BytesIO) -> list[str]:
    return file.getvalue().decode().splitlines()


async def _check_stored(driver: Connected, entries: list[rows.Entry]) -> None:
    expect(await driver.entries(), (len(entries), sum(entry.amount for entry in entries)), "entries stored")


OPERATIONS = [
    Operation("get", "get by key", get, 0.8, 3.0),
    Operation("get_concurrently", "640 gets, 64 tasks", get_concurrently, 0.5, 5.0),
    Operation("bucket", "100 rows filtered", bucket, 1.5, 5.0),
    Operation("items_one_read", "10,000 rows, one attribute read", items_one_read, 1.0, 1.0),
    Operation("items_all_read", "10,000 rows, all read", items_all_read, 1.0, 1.0),
    Operation("joined", "2,000 rows with a joined parent", joined, 1.5, 5.0),
    Operation("children", "200 parents with 20 children each", children, 1.5, 5.0),
    Operation("insert_one", "insert one", insert_one, 1.5, 5.0),
    Operation("insert_many", "insert 5,000", insert_many, 1.0, 1.5),
    Operation("change", "load, change, save", change, 1.5, 5.0),
    Operation("deposit", "read, modify, write in a transaction", deposit, 1.5, 5.0),
    Operation("count", "count", count, 1.5, 5.0),
]

# Of drivers alone, on PostgreSQL.
DRIVER_OPERATIONS = [
    Operation("tuples", "10,000 rows as tuples", tuples, 0.9, 0.9),
    Operation("execute_many", "executemany, 5,000 rows", execute_many, 0.9, 0.9),
    Operation("connect", "connect with SCRAM, one statement, close", connect, 0.7, 0.7),
    Operation("copy_in", "COPY 100,000 rows in, from tuples", copy_in, 1.0, 1.0),
    Operation("copy_out", "COPY 100,000 rows out, as CSV", copy_out, 1.0, 1.0),
]
