"""What an engine sends, for tests that count flights of statements."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ormkit import ConnectionPool

TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


@contextlib.contextmanager
def sent(engine: ConnectionPool) -> Iterator[list[str]]:
    """The texts of the flights that are run inside of the block, those of transactions left out."""
    texts: list[str] = []

    def note(event: Any) -> None:
        if event.event == "ended" and not event.sql.startswith(TRANSACTION):
            texts.append(event.sql)

    engine.add_tracer(note)
    try:
        yield texts
    finally:
        engine.remove_tracer(note)
