"""The raw driver for SQLite: the standard library's, called directly, with rows made into slotted objects by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import rows
from contender import Contender

SCHEMA = """
CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, bucket INTEGER NOT NULL,
    age INTEGER NOT NULL, score REAL NOT NULL, active INTEGER NOT NULL, created TEXT NOT NULL, note TEXT);
CREATE INDEX ix_items_bucket ON items (bucket);
CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country TEXT NOT NULL);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL, year INTEGER NOT NULL,
    author_id INTEGER NOT NULL REFERENCES authors);
CREATE INDEX ix_books_author_id ON books (author_id);
CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL);
CREATE TABLE entries (id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, amount INTEGER NOT NULL,
    ratio REAL NOT NULL);
"""
INSERT_ENTRY = "INSERT INTO entries (name, kind, amount, ratio) VALUES (?, ?, ?, ?)"


@dataclass(slots=True)
class Item:
    id: int
    name: str
    email: str
    bucket: int
    age: int
    score: float
    active: bool
    created: datetime
    note: str | None


@dataclass(slots=True)
class Author:
    id: int
    name: str
    country: str
    books: list[Book] = field(default_factory=list)


@dataclass(slots=True)
class Book:
    id: int
    title: str
    year: int
    author_id: int
    author: Author | None = None


def _item(row: tuple[Any, ...]) -> Item:
    key, name, email, bucket, age, score, active, created, note = row
    return Item(key, name, email, bucket, age, score, bool(active), datetime.fromisoformat(created), note)


class SqliteRaw(Contender):
    async def open(self, url: str) -> None:
        self.connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.executescript(SCHEMA)
        self.connection.execute("BEGIN")
        for table in ("items", "authors", "books", "accounts"):
            stored = [tuple(v.isoformat() if isinstance(v, datetime) else v for v in r) for r in getattr(rows, table)()]
            marks = ", ".join("?" * len(stored[0]))
            self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", stored)
        self.connection.execute("COMMIT")
        self.connection.execute("ANALYZE")

    async def close(self) -> None:
        self.connection.close()

    async def get(self, key: int) -> Any:
        return _item(self.connection.execute("SELECT * FROM items WHERE id = ?", (key,)).fetchone())

    async def bucket(self, bucket: int) -> Sequence[Any]:
        found = self.connection.execute("SELECT * FROM items WHERE bucket = ? ORDER BY id", (bucket,))
        return [_item(row) for row in found.fetchall()]

    async def items(self) -> Sequence[Any]:
        return [_item(row) for row in self.connection.execute("SELECT * FROM items ORDER BY id").fetchall()]

    async def books_with_author(self, limit: int) -> Sequence[Any]:
        found = self.connection.execute(
            "SELECT b.id, b.title, b.year, b.author_id, a.id, a.name, a.country "
            "FROM books b JOIN authors a ON a.id = b.author_id ORDER BY b.id LIMIT ?",
            (limit,),
        )
        authors: dict[int, Author] = {}
        books = []
        for key, title, year, author_id, *author in found.fetchall():
            if author_id not in authors:
                authors[author_id] = Author(*author)
            books.append(Book(key, title, year, author_id, authors[author_id]))
        return books

    async def authors_with_books(self) -> Sequence[Any]:
        authors = {row[0]: Author(*row) for row in self.connection.execute("SELECT * FROM authors ORDER BY id")}
        marks = ", ".join("?" * len(authors))
        for row in self.connection.execute(f"SELECT * FROM books WHERE author_id IN ({marks})", tuple(authors)):
            book = Book(*row)
            book.author = authors[book.author_id]
            book.author.books.append(book)
        return list(authors.values())

    async def insert_one(self, entry: rows.Entry) -> int:
        return self.connection.execute(INSERT_ENTRY, entry).lastrowid or 0

    async def insert_many(self, entries: Sequence[rows.Entry]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(INSERT_ENTRY, entries)
        self.connection.execute("COMMIT")

    async def change(self, key: int, balance: int) -> None:
        found = self.connection.execute("SELECT * FROM accounts WHERE id = ?", (key,)).fetchone()
        self.connection.execute("UPDATE accounts SET balance = ? WHERE id = ?", (balance, found[0]))

    async def deposit(self, key: int, amount: int) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        found = self.connection.execute("SELECT * FROM accounts WHERE id = ?", (key,)).fetchone()
        self.connection.execute("UPDATE accounts SET balance = ? WHERE id = ?", (found[2] + amount, key))
        self.connection.execute("COMMIT")

    async def count(self, age: int) -> int:
        return self.connection.execute("SELECT count(*) FROM items WHERE age >= ?", (age,)).fetchone()[0]

    async def balance(self, key: int) -> int:
        return self.connection.execute("SELECT balance FROM accounts WHERE id = ?", (key,)).fetchone()[0]

    async def entries(self) -> tuple[int, int]:
        return self.connection.execute("SELECT count(*), coalesce(sum(amount), 0) FROM entries").fetchone()

    async def clear_entries(self) -> None:
        self.connection.execute("DELETE FROM entries")
