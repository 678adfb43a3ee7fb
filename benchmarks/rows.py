"""The rows that every contender stores and has to give back: made from their number, so that nothing needs a file."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

ITEMS = 10_000
ITEMS_PER_BUCKET = 100
AUTHORS = 200
BOOKS_PER_AUTHOR = 20
ACCOUNTS = 1_000

_EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)


class Item(NamedTuple):
    """One row of the wide table: the usual types, a NULL in every third note."""

    id: int
    name: str
    email: str
    bucket: int
    age: int
    score: float
    active: bool
    created: datetime
    note: str | None


class Author(NamedTuple):
    id: int
    name: str
    country: str


class Book(NamedTuple):
    id: int
    title: str
    year: int
    author_id: int


class Account(NamedTuple):
    id: int
    owner: str
    balance: int


class Entry(NamedTuple):
    """What the insert operations write; its key is the database's."""

    name: str
    kind: str
    amount: int
    ratio: float


def item(n: int) -> Item:
    note = None if n % 3 == 0 else f"note about number {n}"
    created = _EPOCH + timedelta(minutes=n, microseconds=n)
    return Item(n, f"item {n}", f"item{n}@example.org", n % ITEMS_PER_BUCKET, n % 90, n / 7, n % 2 == 0, created, note)


def items() -> list[Item]:
    return [item(n) for n in range(1, ITEMS + 1)]


def author(n: int) -> Author:
    return Author(n, f"author {n}", f"country {n % 30}")


def authors() -> list[Author]:
    return [author(n) for n in range(1, AUTHORS + 1)]


def book(n: int) -> Book:
    return Book(n, f"book {n}", 1900 + n % 120, 1 + (n - 1) // BOOKS_PER_AUTHOR)


def books() -> list[Book]:
    return [book(n) for n in range(1, AUTHORS * BOOKS_PER_AUTHOR + 1)]


def accounts() -> list[Account]:
    return [Account(n, f"owner {n}", 1_000) for n in range(1, ACCOUNTS + 1)]


def entry(n: int) -> Entry:
    return Entry(f"entry {n}", f"kind {n % 5}", n, n / 3)
