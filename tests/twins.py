"""Random schemas as plain data, and the same tables said twice: as models of ormkit and, in `twin_worker.py`, as SQLAlchemy's metadata.

Every constraint and index has a name, so that the two agree without a naming convention.
"""

from __future__ import annotations

import copy
import enum
import random
from typing import Any

from twin_worker import timing

from ormkit import (
    ARRAY,
    JSON,
    BigInteger,
    Bit,
    Boolean,
    CheckConstraint,
    Cidr,
    Computed,
    Date,
    DateTime,
    DeclarativeBase,
    Double,
    Enum,
    ExcludeConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Inet,
    Integer,
    Interval,
    LargeBinary,
    MacAddr,
    Mapped,
    Numeric,
    SmallInteger,
    String,
    Text,
    Time,
    Tsvector,
    UniqueConstraint,
    Uuid,
    mapped_column,
    text,
)
from ormkit.types import INT4RANGE, NUMRANGE, TSTZRANGE

Spec = dict[str, Any]

NUMBERS = ("integer", "bigint", "smallint")
# A type's name, and a default that it takes: plain texts are literals, those that begin with `=` SQL. Alembic's files write no
# default that has `%` or a colon behind a space.
DEFAULTS = {
    "integer": ["7", "=3 + 4", "0"],
    "bigint": ["10000000000", "=-1"],
    "smallint": ["1"],
    "string(10)": ["x", "it's", ""],
    "string(40)": ["a b", "a:b"],
    "text": ["", 'it\'s "so"', "=lower('ABC')"],
    "numeric(10,2)": ["=1.5", "=0"],
    "numeric(12,4)": ["=2.25"],
    "double": ["=1.5"],
    "boolean": ["=true", "=false"],
    "date": ["2020-02-02", "=CURRENT_DATE"],
    "datetime": ["=CURRENT_TIMESTAMP"],
    "datetimetz": ["=CURRENT_TIMESTAMP"],
    "time": ["10:00:00"],
    "enum": ["first", "it's:so"],
    "json": ["{}", '{"a": [1, "b"]}'],
    "uuid": ["=gen_random_uuid()"],
    "inet": ["10.0.0.1"],
    "array(integer)": ["{1,2}", "=ARRAY[1, 2]"],
    "array(string(10))": ["{}"],
    "numrange": ["[1,2)"],
}
BOTH = [
    "integer",
    "bigint",
    "smallint",
    "string(10)",
    "string(40)",
    "text",
    "numeric(10,2)",
    "numeric(12,4)",
    "double",
    "boolean",
    "date",
    "datetime",
    "time",
    "binary",
]
POSTGRES = [
    *BOTH,
    "datetimetz",
    "interval",
    "uuid",
    "json",
    "enum",
    "inet",
    "cidr",
    "macaddr",
    "bit(4)",
    "tsvector",
    "array(integer)",
    "array(string(10))",
    "array(enum)",
    "int4range",
    "numrange",
    "tstzrange",
]
# Types to which Alembic and PostgreSQL change a column without a word of how.
RETYPES = {
    "smallint": ["integer", "bigint"],
    "integer": ["bigint"],
    "string(10)": ["string(40)", "text"],
    "string(40)": ["text"],
    "numeric(10,2)": ["numeric(12,4)"],
    "date": ["datetime"],
}
LABELS = [["first", "it's:so"], ["first", "second", "it's:so", "last"]]
SCHEMAS = [None, None, "app", "Odd one"]


class Twins:
    """Makes schemas out of a seed."""

    def __init__(self, seed: int, postgres: bool, *, enums: bool = True) -> None:
        self.random, self.postgres, self.made = random.Random(seed), postgres, 0
        self.types = [name for name in (POSTGRES if postgres else BOTH) if enums or "enum" not in name]

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def pick(self, many: Any) -> Any:
        return self.random.choice(many)

    def name(self, what: str) -> str:
        self.made += 1
        return f"{what}{self.pick(['', '', '', '_Odd', '-x', ' y'])}{self.made}"

    def world(self) -> Spec:
        world: Spec = {"tables": []}
        for _ in range(self.random.randint(2, 4)):
            world["tables"].append(self.table(world))
        return world

    def table(self, world: Spec) -> Spec:
        table: Spec = {
            "name": self.name("table"),
            "schema": self.pick(SCHEMAS) if self.postgres else None,
            "comment": self.comment(),
            "columns": [],
            "uniques": [],
            "checks": [],
            "keys": [],
            "indexes": [],
            "excludes": [],
        }
        key = self.pick(["numbered", "numbered", "numbered", "plain", "two", "text", "identity"])
        if key == "identity" and not self.postgres:
            key = "numbered"
        first = self.column("integer" if key != "text" else "string(10)", "id", nullable=False)
        if key in ("numbered", "identity"):
            first["identity"] = {"always": False}
        if key == "identity":
            first["identity"] = {"always": self.maybe(0.5), "start": 100, "increment": 5}
        table["columns"] = [first]
        table["key"] = ["id"]
        if key == "two":
            table["columns"].append(self.column("smallint", "part", nullable=False))
            table["key"] = ["id", "part"]
        for _ in range(self.random.randint(1, 6)):
            table["columns"].append(self.column())
        for _ in range(self.random.randint(0, 5)):
            self.part(table)
        while world["tables"] and self.maybe(0.5):
            self.key(world, table)
        return table

    def comment(self) -> str | None:
        return self.pick([None, None, "it's 100% :so", "two\nlines"]) if self.postgres else None

    def column(self, type_: str | None = None, name: str | None = None, nullable: bool | None = None) -> Spec:
        type_ = type_ or self.pick(self.types)
        column: Spec = {
            "name": name or self.name("column"),
            "type": type_,
            "nullable": self.maybe(0.6) if nullable is None else nullable,
            "comment": self.comment(),
        }
        if "enum" in type_:
            column["enum"] = {
                "name": self.name("kind"),
                "labels": LABELS[0],
                "schema": self.pick(SCHEMAS),
            }
        if name is None and type_ in DEFAULTS and self.maybe(0.3):
            self.give_default(column)
        return column

    def give_default(self, column: Spec) -> None:
        default = self.pick(DEFAULTS[column["type"]])
        # SQLite has no such functions in a default, and times are of another form there in the two libraries.
        if self.postgres or not (default.startswith(("=lower", "=gen")) or column["type"] == "time"):
            column["default"] = default

    def plain(self, table: Spec, *types: str) -> list[str]:
        return [
            column["name"]
            for column in table["columns"]
            if column["name"] not in table["key"]
            and "computed" not in column
            and "identity" not in column
            and (not types or column["type"] in types)
            and not any(column["name"] in key["columns"] for key in table["keys"])
        ]

    def part(self, table: Spec) -> None:
        """A constraint, an index or a column that the database fills in."""
        names = self.plain(table, *DEFAULTS)
        names = [name for name in names if self.of(table, name)["type"] not in ("json", "inet", "numrange")]
        numbers = self.plain(table, *NUMBERS)
        texts = self.plain(table, "string(10)", "string(40)", "text")
        kinds = ["unique", "check", "index", "index", "expression", "computed"]
        match self.pick([*kinds, "method", "exclude", "identity"] if self.postgres else kinds):
            case "unique" if names:
                unique: Spec = {"name": self.name("uq"), "columns": [*self.random.sample(names, 1), "id"]}
                if self.postgres:
                    unique["timing"] = self.pick([None, None, None, "deferrable", "deferred"])
                    unique["nulls_not_distinct"] = self.maybe(0.2)
                # SQLAlchemy sees but one of two that are alike.
                if all(one["columns"] != unique["columns"] for one in table["uniques"]):
                    table["uniques"].append(unique)
            case "check" if numbers or texts:
                sql = (
                    f'"{self.pick(numbers)}" > {self.random.randint(-9, 0)}'
                    if numbers
                    else f"\"{self.pick(texts)}\" <> 'it''s'"
                )
                table["checks"].append({"name": self.name("ck"), "sql": sql})
            case "index" if names:
                parts = [{"column": name} for name in self.random.sample(names, min(2, len(names)))]
                if self.maybe(0.4):
                    parts[0]["order"] = self.pick(
                        ["desc", "desc nulls last", "asc nulls first"] if self.postgres else ["desc"]
                    )
                index: Spec = {"name": self.name("ix"), "parts": parts, "unique": self.maybe(0.2)}
                if self.maybe(0.3):
                    index["where"] = f'"{self.pick(names)}" IS NOT NULL'
                if self.postgres:
                    if self.maybe(0.2):
                        index["include"] = ["id"]
                    if self.maybe(0.2):
                        index["with"] = {"fillfactor": "70"}
                    if self.maybe(0.2):
                        index["nulls_not_distinct"] = index["unique"]
                    if texts and self.maybe(0.3):
                        index["parts"] = [{"column": texts[0]}]
                        kind = self.of(table, texts[0])["type"]
                        index["ops"] = {texts[0]: "text_pattern_ops" if kind == "text" else "varchar_pattern_ops"}
                table["indexes"].append(index)
            case "expression" if numbers or texts:
                term = f'("{numbers[0]}" + 1)' if numbers else f'lower("{texts[0]}")'
                on = (numbers or texts)[0]
                table["indexes"].append({"name": self.name("ix"), "parts": [{"sql": term, "on": on}], "unique": False})
            case "computed" if numbers:
                computed = self.column("bigint", self.name("computed"), nullable=True)
                sql = f'"{numbers[0]}" * {self.random.randint(2, 9)}'
                computed["computed"] = {"sql": sql, "persisted": self.postgres or self.maybe(0.5)}
                table["columns"].append(computed)
            case "method":
                fit = self.plain(table, "json", "array(integer)", "tsvector")
                if fit:
                    table["indexes"].append(
                        {"name": self.name("gin"), "parts": [{"column": fit[0]}], "unique": False, "using": "gin"}
                    )
            case "exclude":
                fit = self.plain(table, "int4range", "numrange", "tstzrange")
                # PostgreSQL makes one of two that are alike.
                if fit and all(one["column"] != fit[0] for one in table["excludes"]):
                    exclude: Spec = {"name": self.name("ex"), "column": fit[0], "operator": "&&"}
                    exclude["timing"] = self.pick([None, None, "deferrable", "deferred"])
                    exclude["where"] = self.pick([None, f'NOT isempty("{fit[0]}")'])
                    table["excludes"].append(exclude)
            case "identity":
                column = self.column(self.pick(NUMBERS), self.name("number"), nullable=False)
                column["identity"] = {"always": self.maybe(0.5)}
                table["columns"].append(column)
            case _:
                pass

    def key(self, world: Spec, table: Spec) -> None:
        """A foreign key, with its columns."""
        target = self.pick(world["tables"])
        columns = []
        for name in target["key"]:
            column = self.column(self.of(target, name)["type"], self.name("ref"))
            columns.append(column)
        table["columns"] += columns
        key: Spec = {
            "name": self.name("fk"),
            "columns": [column["name"] for column in columns],
            "table": target["name"],
            "schema": target["schema"],
            "refs": list(target["key"]),
            "ondelete": self.pick([None, None, "CASCADE", "SET NULL", "RESTRICT"]),
            "onupdate": self.pick([None, None, "CASCADE"]),
            "timing": self.pick([None, None, "deferrable", "deferred"]),
            "match": "FULL" if self.postgres and len(columns) > 1 and self.maybe(0.3) else None,
        }
        table["keys"].append(key)

    def of(self, table: Spec, name: str) -> Spec:
        return next(column for column in table["columns"] if column["name"] == name)

    def changed(self, world: Spec, gentle: bool = False) -> Spec:
        """The same after a few changes; gentle ones are those that Alembic's autogenerate finds and its files do."""
        world = copy.deepcopy(world)
        for _ in range(self.random.randint(1, 6)):
            self.change(world, gentle)
        return world

    def change(self, world: Spec, gentle: bool) -> None:
        table = self.pick(world["tables"])
        names = self.plain(table)
        gentler = [
            "table",
            "drop table",
            "column",
            "column",
            "drop",
            "nullable",
            "comment",
            "note",
            "part",
            "drop part",
        ]
        gentler += ["reference", "drop reference", "reference option"]
        match self.pick(
            gentler if gentle else [*gentler, "retype", "default", "key", "labels", "condition", "identity", "twice"]
        ):
            case "table":
                world["tables"].append(self.table(world))
            case "drop table" if len(world["tables"]) > 1:
                me = (table["schema"], table["name"])
                others = [one for one in world["tables"] if one is not table]
                if not any((key["schema"], key["table"]) == me for one in others for key in one["keys"]):
                    world["tables"].remove(table)
            case "column":
                table["columns"].append(self.column())
                if not self.postgres and str(table["columns"][-1].get("default", "")).startswith("="):
                    del table["columns"][-1]["default"]
            case "drop" if names:
                name = self.pick(names)
                self.forget(table, name)
                table["columns"].remove(self.of(table, name))
            case "nullable" if names:
                column = self.of(table, self.pick(names))
                column["nullable"] = not column["nullable"]
            case "comment":
                table["comment"] = self.comment()
            case "note" if names:
                self.of(table, self.pick(names))["comment"] = self.comment()
            case "part":
                before = copy.deepcopy(table)
                self.part(table)
                if gentle and any(table[what] != before[what] for what in ("checks", "excludes")):
                    table.update(before)
            case "drop part":
                for what in ("uniques", "indexes") if gentle else ("uniques", "checks", "indexes", "excludes"):
                    if table[what] and self.maybe(0.5):
                        table[what].remove(self.pick(table[what]))
            case "reference":
                self.key({"tables": [one for one in world["tables"] if one is not table] or [table]}, table)
            case "drop reference" if table["keys"]:
                table["keys"].remove(self.pick(table["keys"]))
            case "reference option" if table["keys"]:
                key = self.pick(table["keys"])
                key["ondelete"] = self.pick([None, "CASCADE", "SET NULL"])
            case "retype":
                fit = [one for one in names if self.of(table, one)["type"] in RETYPES]
                fit = [one for one in fit if not any(one in index.get("ops", {}) for index in table["indexes"])]
                if fit:
                    column = self.of(table, self.pick(fit))
                    column["type"] = self.pick(RETYPES[column["type"]])
            case "default" if fit := [one for one in names if self.of(table, one)["type"] in DEFAULTS]:
                column = self.of(table, self.pick(fit))
                if column.pop("default", None) is None:
                    self.give_default(column)
            case "key" if len(table["key"]) == 1 and table["columns"][0]["type"] == "integer":
                me = (table["schema"], table["name"])
                if not any((key["schema"], key["table"]) == me for one in world["tables"] for key in one["keys"]):
                    table["columns"].append(self.column("smallint", "part", nullable=False))
                    table["columns"][-1]["default"] = "1"
                    table["columns"][0].pop("identity", None)
                    table["key"] = ["id", "part"]
            case "labels":
                for column in table["columns"]:
                    if "enum" in column and self.maybe(0.7):
                        column["enum"]["labels"] = LABELS[1]
            case "condition" if table["checks"]:
                check = self.pick(table["checks"])
                check["sql"] = f"({check['sql']}) OR id IS NULL"
            case "identity" if table["columns"][0].get("identity") and self.postgres:
                table["columns"][0]["identity"] = self.pick(
                    [{"always": True}, {"always": False}, {"always": False, "start": 7}]
                )
            case "twice":
                for index in table["indexes"]:
                    if index["parts"][0].get("column") and not index.keys() & {"ops", "using"}:
                        index["parts"][0]["order"] = "desc"
            case _:
                pass

    def forget(self, table: Spec, name: str) -> None:
        """Takes away what says the name of a column."""
        table["uniques"] = [one for one in table["uniques"] if name not in one["columns"]]
        table["checks"] = [one for one in table["checks"] if f'"{name}"' not in one["sql"]]
        table["indexes"] = [
            one
            for one in table["indexes"]
            if all(name not in (part.get("column"), part.get("on")) for part in one["parts"])
            and f'"{name}"' not in one.get("where", "")
        ]
        table["excludes"] = [one for one in table["excludes"] if one["column"] != name]
        table["columns"] = [
            one for one in table["columns"] if f'"{name}"' not in one.get("computed", {}).get("sql", "")
        ]


def _type(column: Spec, kinds: dict[Any, Any]) -> Any:
    name = column["type"]
    if name.startswith("array("):
        return ARRAY(_type({**column, "type": name[6:-1]}, kinds))
    if name == "enum":
        kind = column["enum"]
        named = (kind["schema"], kind["name"])
        members = kinds.setdefault(named, enum.Enum("Kind", {f"L{at}": one for at, one in enumerate(kind["labels"])}))
        return Enum(members, name=kind["name"], schema=kind["schema"])
    plain: dict[str, Any] = {
        "integer": Integer,
        "bigint": BigInteger,
        "smallint": SmallInteger,
        "string(10)": lambda: String(10),
        "string(40)": lambda: String(40),
        "text": Text,
        "numeric(10,2)": lambda: Numeric(10, 2),
        "numeric(12,4)": lambda: Numeric(12, 4),
        "double": Double,
        "boolean": Boolean,
        "date": Date,
        "datetime": lambda: DateTime(timezone=False),
        "datetimetz": lambda: DateTime(timezone=True),
        "time": Time,
        "interval": Interval,
        "binary": LargeBinary,
        "uuid": Uuid,
        "json": JSON,
        "inet": Inet,
        "cidr": Cidr,
        "macaddr": MacAddr,
        "bit(4)": lambda: Bit(4),
        "tsvector": Tsvector,
        "int4range": INT4RANGE,
        "numrange": NUMRANGE,
        "tstzrange": TSTZRANGE,
    }
    return plain[name]()


def default(given: str | None, sql: Any) -> Any:
    """A default as the libraries take it."""
    return sql(given[1:]) if given and given.startswith("=") else given


def _ordered(term: Any, order: str | None) -> Any:
    from ormkit import asc, desc, nulls_first, nulls_last

    if order is None:
        return term
    ordered = desc(term) if order.startswith("desc") else asc(term)
    if order.endswith("last"):
        return nulls_last(ordered)
    return nulls_first(ordered) if order.endswith("first") else ordered


def models(world: Spec) -> list[Any]:
    """The tables as ormkit's: classes."""

    class Base(DeclarativeBase):
        pass

    kinds: dict[Any, Any] = {}
    made = []
    for number, table in enumerate(world["tables"]):
        body: dict[str, Any] = {"__tablename__": table["name"], "__annotations__": {}, "__module__": __name__}
        for place, column in enumerate(table["columns"]):
            extra: list[Any] = []
            if identity := column.get("identity"):
                extra.append(Identity(**identity))
            if computed := column.get("computed"):
                extra.append(Computed(computed["sql"], persisted=computed["persisted"]))
            is_key = column["name"] in table["key"]
            body[f"a{place}"] = mapped_column(
                column["name"],
                _type(column, kinds),
                *extra,
                primary_key=is_key,
                nullable=None if is_key else column["nullable"],
                autoincrement=None if identity else False if is_key else None,
                server_default=default(column.get("default"), text),
                comment=column["comment"],
            )
            body["__annotations__"][f"a{place}"] = Mapped[Any]
        args: list[Any] = [
            UniqueConstraint(
                *one["columns"],
                name=one["name"],
                postgresql_nulls_not_distinct=one.get("nulls_not_distinct", False),
                **timing(one.get("timing")),
            )
            for one in table["uniques"]
        ]
        args += [CheckConstraint(one["sql"], name=one["name"]) for one in table["checks"]]
        for one in table["keys"]:
            target = one["table"] if one["schema"] is None else f"{one['schema']}.{one['table']}"
            options = {name: one[name] for name in ("name", "ondelete", "onupdate", "match")}
            refs = [f"{target}.{ref}" for ref in one["refs"]]
            args.append(ForeignKeyConstraint(one["columns"], refs, **options, **timing(one["timing"])))
        for one in table["excludes"]:
            where = None if one["where"] is None else text(one["where"])
            element = (one["column"], one["operator"])
            args.append(ExcludeConstraint(element, name=one["name"], where=where, **timing(one["timing"])))
        for one in table["indexes"]:
            terms = [
                text(part["sql"]) if "sql" in part else _ordered(part["column"], part.get("order"))
                for part in one["parts"]
            ]
            args.append(
                Index(
                    one["name"],
                    *terms,
                    unique=one["unique"],
                    postgresql_where=text(one["where"]) if "where" in one else None,
                    postgresql_using=one.get("using"),
                    postgresql_include=one.get("include"),
                    postgresql_ops=one.get("ops"),
                    postgresql_with=one.get("with"),
                    postgresql_nulls_not_distinct=one.get("nulls_not_distinct", False),
                )
            )
        body["__table_args__"] = (*args, {"comment": table["comment"], "schema": table["schema"]})
        made.append(type(f"Twin{number}", (Base,), body))
    return made
