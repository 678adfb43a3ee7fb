"""What an engine sends while a block runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ormkit


class Sent:
    """Statements, and the flights that they went in."""

    def __init__(self) -> None:
        self.flights: list[list[str]] = []
        self._ended = True

    def __call__(self, event: ormkit.TraceEvent) -> None:
        if event.event == "started" and event.sql is not None:
            if self._ended:
                self.flights.append([])
            self.flights[-1].append(event.sql)
        self._ended = event.event != "started"

    @property
    def statements(self) -> list[str]:
        return [sql for flight in self.flights for sql in flight]

    def __len__(self) -> int:
        return len(self.statements)


@contextmanager
def sent(engine: ormkit.Engine) -> Iterator[Sent]:
    """The statements that `engine` sends meanwhile."""
    seen = Sent()
    engine.add_tracer(seen)
    try:
        yield seen
    finally:
        engine.remove_tracer(seen)
