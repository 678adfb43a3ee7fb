"""Sequences and schemas of revision files: what `op.execute(CreateSequence(…))` is given."""

from __future__ import annotations

from typing import Any

from ormkit._ormkit import quote_identifier, quote_literal
from ormkit.migrations._columns import Function, Text, known
from ormkit.migrations._types import text_of

__all__: list[str] = []


class Sequence:
    """A sequence: of a column, which takes no numbers from it unless a default says so, or to be made and dropped."""

    def __init__(
        self,
        name: str,
        start: int | None = None,
        increment: int | None = None,
        minvalue: int | None = None,
        maxvalue: int | None = None,
        nominvalue: bool | None = None,
        nomaxvalue: bool | None = None,
        cycle: bool | None = None,
        schema: str | None = None,
        cache: int | None = None,
        data_type: Any = None,
        optional: bool = False,
        **options: Any,
    ) -> None:
        for ignored in ("order", "quote", "quote_schema", "metadata", "for_update"):
            options.pop(ignored, None)
        known(options, f"sequence {name!r}")
        self.name, self.schema, self.optional, self.data_type = str(name), schema, optional, data_type
        numbers = [("INCREMENT BY", increment), ("START WITH", start), ("MINVALUE", minvalue), ("MAXVALUE", maxvalue)]
        words = [f"{word} {int(number)}" for word, number in numbers if number is not None]
        words += ["NO MINVALUE"] if nominvalue else []
        words += ["NO MAXVALUE"] if nomaxvalue else []
        words += [f"CACHE {int(cache)}"] if cache is not None else []
        words += [] if cycle is None else ["CYCLE" if cycle else "NO CYCLE"]
        self.words = words

    def quoted(self, dialect: str) -> str:
        """Its name in SQL."""
        return _place(self.schema, self.name, dialect)

    def next_value(self) -> Text:
        """`nextval('…')`, for a `server_default`."""
        return Function("nextval", (Text(quote_literal(self.quoted("postgresql"))),))

    def create(self, bind: Any, checkfirst: bool = True) -> None:
        """Make it."""
        bind.execute(CreateSequence(self, if_not_exists=checkfirst))

    def drop(self, bind: Any, checkfirst: bool = True) -> None:
        """Drop it."""
        bind.execute(DropSequence(self, if_exists=checkfirst))


class CreateSequence(Text):
    """CREATE SEQUENCE."""

    def __init__(self, element: Sequence, if_not_exists: bool = False) -> None:
        super().__init__("")
        self.element, self.if_not_exists = element, if_not_exists

    def sql(self, dialect: str) -> str:
        made = self.element
        kind = [] if made.data_type is None else [f"AS {text_of(made.data_type, dialect)}"]
        exists = ["IF NOT EXISTS"] if self.if_not_exists else []
        return " ".join(["CREATE SEQUENCE", *exists, made.quoted(dialect), *kind, *made.words])


class DropSequence(Text):
    """DROP SEQUENCE."""

    def __init__(self, element: Sequence, if_exists: bool = False) -> None:
        super().__init__("")
        self.element, self.if_exists = element, if_exists

    def sql(self, dialect: str) -> str:
        return f"DROP SEQUENCE {'IF EXISTS ' * self.if_exists}{self.element.quoted(dialect)}"


class CreateSchema(Text):
    """CREATE SCHEMA."""

    def __init__(self, name: str, if_not_exists: bool = False) -> None:
        super().__init__("")
        self.name, self.if_not_exists = name, if_not_exists

    def sql(self, dialect: str) -> str:
        return f"CREATE SCHEMA {'IF NOT EXISTS ' * self.if_not_exists}{quote_identifier(self.name, dialect=dialect)}"


class DropSchema(Text):
    """DROP SCHEMA."""

    def __init__(self, name: str, cascade: bool = False, if_exists: bool = False) -> None:
        super().__init__("")
        self.name, self.cascade, self.if_exists = name, cascade, if_exists

    def sql(self, dialect: str) -> str:
        name = quote_identifier(self.name, dialect=dialect)
        return f"DROP SCHEMA {'IF EXISTS ' * self.if_exists}{name}{' CASCADE' * self.cascade}"


def _place(schema: str | None, name: str, dialect: str) -> str:
    parts = [name] if schema is None else [schema, name]
    return ".".join(quote_identifier(part, dialect=dialect) for part in parts)
