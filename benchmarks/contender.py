"""What a contender has to be able to do. One subclass per library and database, each in a process of its own.

Whatever a method returns is compared with the rows that were stored, so nothing may be left out to be quick. An ORM
opens a session for every call, as a web handler does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import IO, Any

import rows


class Connected(ABC):
    """What every contender does. `POOL` connections are all that a concurrent operation may use."""

    POOL = 10

    @abstractmethod
    async def open(self, url: str) -> None:
        """Connects, creates the tables and stores the rows of `rows.py`."""

    @abstractmethod
    async def close(self) -> None: ...

    # What follows is not timed.

    @abstractmethod
    async def entries(self) -> tuple[int, int]:
        """How many entries there are, and the sum of their amounts."""

    @abstractmethod
    async def clear_entries(self) -> None:
        """Removes all entries."""


class Driver(Connected):
    """The operations of a driver, without an ORM."""

    @abstractmethod
    async def tuples(self) -> Sequence[Sequence[Any]]:
        """All items in the order of their keys, as the driver gives rows."""

    @abstractmethod
    async def execute_many(self, entries: Sequence[rows.Entry]) -> None:
        """Stores all entries by one statement for each, all or nothing."""

    @abstractmethod
    async def connect(self) -> int:
        """Connects, asks for the number 1, and closes."""

    @abstractmethod
    async def copy_in(self, entries: Sequence[rows.Entry]) -> None:
        """Stores all entries by COPY."""

    @abstractmethod
    async def copy_out(self, file: IO[bytes]) -> None:
        """Writes name, kind, amount and ratio of all entries into a file, as CSV."""


class Contender(Connected):
    """The operations of the table of ORMs."""

    @abstractmethod
    async def get(self, key: int) -> Any:
        """One item by its key."""

    async def get_concurrently(self, key: int) -> Any:
        """Like `get`, called by many tasks at once: through the pool."""
        return await self.get(key)

    @abstractmethod
    async def bucket(self, bucket: int) -> Sequence[Any]:
        """The items of one bucket, in the order of their keys."""

    @abstractmethod
    async def items(self) -> Sequence[Any]:
        """All items as objects, in the order of their keys."""

    @abstractmethod
    async def books_with_author(self, limit: int) -> Sequence[Any]:
        """The first books and their authors, in one statement with a join."""

    @abstractmethod
    async def authors_with_books(self) -> Sequence[Any]:
        """All authors and their books, in two statements."""

    @abstractmethod
    async def insert_one(self, entry: rows.Entry) -> int:
        """Stores one entry, commits, and returns its key."""

    @abstractmethod
    async def insert_many(self, entries: Sequence[rows.Entry]) -> None:
        """Stores all entries in one transaction."""

    @abstractmethod
    async def change(self, key: int, balance: int) -> None:
        """Loads an account, sets its balance, and saves it."""

    @abstractmethod
    async def deposit(self, key: int, amount: int) -> None:
        """Adds to an account's balance what it reads in the same transaction."""

    @abstractmethod
    async def count(self, age: int) -> int:
        """How many items are at least so old."""

    # What follows is not timed.

    @abstractmethod
    async def balance(self, key: int) -> int: ...

    # How objects are read: timed. Contenders whose rows have no attributes override these.

    def names(self, items: Sequence[Any]) -> list[str]:
        """One attribute of each."""
        return [row.name for row in items]

    def values(self, items: Sequence[Any]) -> list[tuple[Any, ...]]:
        """All attributes of each."""
        return [(r.id, r.name, r.email, r.bucket, r.age, r.score, r.active, r.created, r.note) for r in items]

    def titles(self, books: Sequence[Any]) -> list[tuple[str, str]]:
        """Each book's title and its author's name."""
        return [(book.title, book.author.name) for book in books]

    def shelves(self, authors: Sequence[Any]) -> list[tuple[str, list[str]]]:
        """Each author's name and the titles of the books."""
        return [(author.name, [book.title for book in author.books]) for author in authors]
