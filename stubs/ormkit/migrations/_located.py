"""`op` that writes down statements, each with the line of the file that asks for it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from ormkit.migrations._drive import Offline
from ormkit.migrations.script import MigrationScript

__all__: list[str] = []


class Located(Offline):
    """What it is asked for goes to `add`, one statement after the other, also what Alembic writes."""

    def __init__(self, dialect: str, script: MigrationScript) -> None:
        super().__init__(dialect)
        self._path = str(script.path)
        self.script: Any = _Script(self)

    def add(self, statement: str) -> None:
        """Take a statement."""
        raise NotImplementedError

    def line(self) -> int:
        """Where the file is."""
        frame = sys._getframe()
        while frame is not None and frame.f_code.co_filename != self._path:
            frame = frame.f_back  # type: ignore[assignment]
        return 0 if frame is None else frame.f_lineno


class _Script:
    """The list of statements, which hands on each."""

    def __init__(self, op: Located) -> None:
        self._op = op

    def append(self, statement: str) -> None:
        self._op.add(statement)

    def __iadd__(self, statements: Iterable[str]) -> _Script:
        for statement in statements:
            self._op.add(statement)
        return self
