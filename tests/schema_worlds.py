"""Random schemas, changes of them, and rows in them: for tests that migrate from one to another."""

from __future__ import annotations

import copy
import enum
import random
from dataclasses import dataclass, field
from typing import Any

from ormkit import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    DeclarativeBase,
    Enum,
    ForeignKey,
    Index,
    Integer,
    Mapped,
    Numeric,
    String,
    Text,
    UniqueConstraint,
    mapped_column,
    text,
)

SIZES = enum.Enum("Size", {"SMALL": "small", "ODD": "it's"})
MORE_SIZES = enum.Enum("Size", {"SMALL": "small", "ODD": "it's", "LARGE": "large", "HUGE": "huge"})
TYPES: dict[str, Any] = {
    "integer": Integer,
    "bigint": BigInteger,
    "string": lambda: String(10),
    "wide": lambda: String(40),
    "text": Text,
    "price": lambda: Numeric(10, 2),
    "flag": Boolean,
    "day": Date,
    "at": DateTime,
    "size": lambda: Enum(SIZES),
    "more sizes": lambda: Enum(MORE_SIZES),
}
DEFAULTS = {
    "integer": "7",
    "bigint": "7",
    "string": "x",
    "wide": "it's",
    "text": "a b",
    "price": text("1.5"),
    "flag": text("TRUE"),
    "day": "2020-02-02",
    "at": text("CURRENT_TIMESTAMP"),
    "size": "small",
    "more sizes": "small",
}
VALUES = {
    "integer": ["1", "2"],
    "bigint": ["10000000000", "2"],
    "string": ["'one'", "'it''s'"],
    "wide": ["'one'", "'two'"],
    "text": ["'1'", "''"],
    "price": ["1.25", "2.50"],
    "flag": ["TRUE", "FALSE"],
    "day": ["'2020-01-01'", "'2021-01-01'"],
    "at": ["'2020-01-01 10:00:00'", "'2021-01-01 00:00:00'"],
    "size": ["'small'", "'it''s'"],
    "more sizes": ["'small'", "'it''s'"],
}
# Types to which a column may change and come back with the same values.
RETYPES = {"integer": ["bigint", "price"], "string": ["wide", "text"], "wide": ["text"], "day": ["at"]}
CHANGES = [
    "table",
    "drop table",
    "rename table",
    "column",
    "column",
    "drop",
    "rename",
    "retype",
    "nullable",
    "default",
    "part",
    "part",
    "drop part",
    "reference",
    "drop reference",
    "index",
    "unique",
    "comment",
    "sizes",
    "key",
]


@dataclass
class Column:
    kind: str
    nullable: bool = True
    default: bool = False
    index: bool = False
    unique: bool = False
    comment: str | None = None
    refers: str | None = None
    ondelete: str | None = None
    deferred: bool = False
    renamed_from: str | None = None


@dataclass
class Table:
    columns: dict[str, Column] = field(default_factory=dict)
    key: tuple[str, ...] = ("id",)
    uniques: dict[str, tuple[str, ...]] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, dict[str, Any]] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)
    comment: str | None = None
    renamed_from: str | None = None


World = dict[str, Table]


class Maker:
    """Makes worlds out of a seed."""

    def __init__(self, seed: int, postgres: bool) -> None:
        self.random, self.postgres, self.made = random.Random(seed), postgres, 0

    def name(self, what: str) -> str:
        self.made += 1
        odd = self.random.choice(["", "", "", " Odd", "-x"])
        return f"{what}{odd}{self.made}"

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def column(self, world: World, comes_late: bool = False) -> Column:
        sizes = (
            "more sizes"
            if any(one.kind == "more sizes" for t in world.values() for one in t.columns.values())
            else "size"
        )
        kind = self.random.choice([kind for kind in TYPES if kind not in ("size", "more sizes")] + [sizes])
        column = Column(kind, nullable=self.maybe(0.6), default=self.maybe(0.3), index=self.maybe(0.2))
        if comes_late and not column.nullable:
            column.default = True
        if comes_late and column.default and kind == "at" and not self.postgres:
            column.default, column.nullable = False, True
        column.comment = self.random.choice([None, None, "it's 100% so"])
        return column

    def table(self, world: World) -> Table:
        table = Table({"id": Column("integer", nullable=False)})
        for _ in range(self.random.randint(1, 5)):
            table.columns[self.name("column")] = self.column(world)
        if self.maybe(0.2):
            table.columns["part"] = Column("integer", nullable=False)
            table.key = ("id", "part")
        for _ in range(self.random.randint(0, 3)):
            self.part(table)
        if world and self.maybe(0.6):
            self.reference(world, table)
        return table

    def plain(self, table: Table) -> list[str]:
        return [name for name in table.columns if name not in table.key and not table.columns[name].refers]

    def part(self, table: Table) -> None:
        """A constraint, an index or a computed column."""
        names = self.plain(table)
        numbers = [name for name in names if table.columns[name].kind in ("integer", "bigint")]
        match self.random.choice(["unique", "check", "index", "expression", "computed"]):
            case "unique" if names:
                table.uniques[self.name("uq")] = (self.random.choice(names), "id")
            case "check" if numbers:
                table.checks[self.name("ck")] = f'"{self.random.choice(numbers)}" > {self.random.randint(-9, 0)}'
            case "index" if len(names) > 1:
                columns = self.random.sample(names, 2)
                where = f'"{columns[0]}" IS NOT NULL' if self.maybe(0.5) else None
                table.indexes[self.name("ix")] = {"columns": columns, "where": where, "unique": False}
            case "expression" if numbers:
                term = f'("{numbers[0]}" + 1)'
                table.indexes[self.name("ix")] = {"columns": [term], "where": None, "unique": False, "on": numbers[0]}
            case "computed" if numbers:
                table.computed[self.name("computed")] = f'"{numbers[0]}" * {self.random.randint(2, 9)}'
            case _:
                pass

    def reference(self, world: World, table: Table) -> None:
        targets = [name for name, target in world.items() if target.key == ("id",)]
        if targets:
            column = Column("integer", refers=self.random.choice(targets), index=self.maybe(0.5))
            column.ondelete = self.random.choice([None, "CASCADE", "SET NULL"])
            column.deferred = self.maybe(0.3)
            table.columns[self.name("ref")] = column

    def world(self) -> World:
        world: World = {}
        for _ in range(self.random.randint(2, 4)):
            world[self.name("table")] = self.table(world)
        return world

    def changed(self, world: World) -> World:
        """The same after a few changes."""
        world = copy.deepcopy(world)
        for table in world.values():
            table.renamed_from = None
            for column in table.columns.values():
                column.renamed_from = None
        for _ in range(self.random.randint(1, 6)):
            self.change(world)
        return world

    def change(self, world: World) -> None:
        name = self.random.choice(list(world))
        table = world[name]
        columns = self.plain(table)
        match self.random.choice(CHANGES):
            case "table":
                world[self.name("table")] = self.table(world)
            case "drop table" if len(world) > 1:
                if not any(one.refers == name for t in world.values() for one in t.columns.values()):
                    del world[name]
            case "rename table" if table.renamed_from is None:
                new = self.name("renamed")
                world[new] = world.pop(name)
                table.renamed_from = name
                for column in [one for t in world.values() for one in t.columns.values() if one.refers == name]:
                    column.refers = new
            case "column":
                table.columns[self.name("column")] = self.column(world, comes_late=True)
            case "drop" if fit := [one for one in columns if table.columns[one].nullable or table.columns[one].default]:
                self.forget(table, gone := self.random.choice(fit))
                del table.columns[gone]
            case "rename" if columns:
                old = self.random.choice(columns)
                if table.columns[old].renamed_from is None:
                    self.forget(table, old)
                    new = self.name("renamed")
                    column = table.columns[old]
                    table.columns = {new if key == old else key: value for key, value in table.columns.items()}
                    column.renamed_from = old
            case "retype":
                fit = [one for one in columns if RETYPES.get(table.columns[one].kind)]
                if fit:
                    column = table.columns[self.random.choice(fit)]
                    column.kind = self.random.choice(RETYPES[column.kind])
            case "nullable" if columns:
                table.columns[self.random.choice(columns)].nullable = True
            case "default" if columns := [one for one in columns if table.columns[one].nullable]:
                column = table.columns[self.random.choice(columns)]
                column.default = not column.default
            case "part":
                self.part(table)
            case "drop part":
                for parts in (table.uniques, table.checks, table.indexes, table.computed):
                    if parts and self.maybe(0.5):
                        parts.pop(self.random.choice(list(parts)))
            case "reference":
                self.reference({one: t for one, t in world.items() if one != name}, table)
            case "drop reference":
                keys = [one for one, column in table.columns.items() if column.refers]
                if keys:
                    table.columns.pop(self.random.choice(keys))
            case "index" if columns:
                column = table.columns[self.random.choice(columns)]
                column.index = not column.index
            case "unique" if columns:
                gone = self.random.choice(columns)
                table.columns[gone].unique = table.columns[gone].unique or table.columns[gone].nullable
            case "comment":
                table.comment = self.random.choice([None, "new's", "other"])
            case "sizes":
                for column in [one for t in world.values() for one in t.columns.values() if one.kind == "size"]:
                    column.kind = "more sizes"
            case "key" if len(table.key) == 1:
                if not any(one.refers == name for t in world.values() for one in t.columns.values()):
                    table.columns.setdefault("part", Column("integer", nullable=False, default=True))
                    table.columns["part"].nullable = False
                    table.key = ("id", "part")
            case _:
                pass

    def forget(self, table: Table, name: str) -> None:
        """Takes away what says the name of a column."""
        table.uniques = {key: names for key, names in table.uniques.items() if name not in names}
        table.checks = {key: sql for key, sql in table.checks.items() if f'"{name}"' not in sql}
        table.computed = {key: sql for key, sql in table.computed.items() if f'"{name}"' not in sql}
        table.indexes = {
            key: index
            for key, index in table.indexes.items()
            if name not in index["columns"] and index.get("on") != name
        }


def models(world: World) -> list[type[DeclarativeBase]]:
    """The classes of a world."""

    class Base(DeclarativeBase):
        pass

    made = []
    for number, (name, table) in enumerate(world.items()):
        body: dict[str, Any] = {"__tablename__": name, "__annotations__": {}, "__module__": __name__}
        for place, (column_name, column) in enumerate(table.columns.items()):
            extra = []
            if column.refers:
                timing = {"deferrable": True, "initially": "DEFERRED"} if column.deferred else {}
                extra = [ForeignKey(f"{column.refers}.id", ondelete=column.ondelete, **timing)]
            body[f"a{place}"] = mapped_column(
                column_name,
                TYPES[column.kind](),
                *extra,
                primary_key=column_name in table.key,
                nullable=None if column_name in table.key else column.nullable,
                autoincrement=False if table.key != ("id",) and column_name in table.key else None,
                server_default=DEFAULTS[column.kind] if column.default else None,
                index=column.index,
                unique=column.unique,
                comment=column.comment,
                renamed_from=column.renamed_from,
            )
            body["__annotations__"][f"a{place}"] = Mapped[Any]
        for place, (column_name, sql) in enumerate(table.computed.items()):
            body[f"c{place}"] = mapped_column(column_name, BigInteger(), Computed(sql), nullable=True)
            body["__annotations__"][f"c{place}"] = Mapped[Any]
        args: list[Any] = [UniqueConstraint(*names, name=key) for key, names in table.uniques.items()]
        args += [CheckConstraint(sql, name=key) for key, sql in table.checks.items()]
        for key, index in table.indexes.items():
            where = (
                {}
                if index["where"] is None
                else {
                    "postgresql_where": text(index["where"]),
                    "sqlite_where": text(index["where"]),
                }
            )
            terms = [text(term) if "on" in index else term for term in index["columns"]]
            args.append(Index(key, *terms, unique=index["unique"], **where))
        body["__table_args__"] = (*args, {"comment": table.comment, "renamed_from": table.renamed_from})
        made.append(type(f"Model{number}", (Base,), body))
    return made


def inserts(world: World) -> list[str]:
    """Statements that give each table two rows."""
    statements = []
    for name, table in world.items():
        for row in (0, 1):
            values = {
                column_name: str(row + 1) if column_name in table.key or column.refers else VALUES[column.kind][row]
                for column_name, column in table.columns.items()
            }
            columns = ", ".join(f'"{one}"' for one in values)
            statements.append(f'INSERT INTO "{name}" ({columns}) VALUES ({", ".join(values.values())})')
    return statements


def kept(before: World, after: World) -> list[tuple[str, list[str], str, list[str]]]:
    """Tables and columns that are in both: under their former names and under their new ones."""
    pairs = []
    for name, table in after.items():
        old = table.renamed_from or name
        if old not in before or (name in before and table.renamed_from):
            continue
        columns = [(column.renamed_from or one, one) for one, column in table.columns.items()]
        columns = [(one, other) for one, other in columns if one in before[old].columns]
        pairs.append((old, [one for one, _ in columns], name, [one for _, one in columns]))
    return pairs
