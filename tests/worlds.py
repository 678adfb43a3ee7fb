"""Random models: one description, from which both ormkit and SQLAlchemy get their classes, and rows for them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import sqlalchemy
import sqlalchemy.dialects.postgresql
import sqlalchemy.orm

import ormkit

KINDS = ["int", "text", "bool", "num", "time", "json"]
TEXTS = ["", "a", "A", "ab", "aB%", "a_b", "b\\c", "é", "É", "ß", "zz", "a b", "10", "%", "x'y"]
NUMBERS = [Decimal(text) for text in ("0.00", "1.50", "-1.50", "2.00", "10.25", "9.75", "-0.01", "123456.78")]
START = datetime(2023, 12, 31, 22, 30, tzinfo=timezone.utc)
DOCUMENTS: list[Any] = [
    {},
    {"a": 1, "s": "x", "b": True},
    {"a": -3, "s": "é'\"", "b": False},
    {"a": 10, "in": {"a": 7, "l": [1, 2, "x"]}},
    {"s": "", "in": {"a": 2}},
    {"b": None, "l": [3, 4]},
    [1, 2, 3],
    "text",
    5,
]


@dataclass
class Column:
    name: str
    kind: str
    nullable: bool


@dataclass
class Relation:
    name: str
    target: int
    kind: str  # one, many, linked
    back: str
    key: str  # of a linked one the junction's, which leads to this side
    junction: int = 0
    far: str = ""  # the junction's key that leads to the other side


@dataclass
class Model:
    at: int
    name: str
    junction: bool = False  # its key are its two foreign keys
    columns: list[Column] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)  # the foreign keys and where they point
    relations: list[Relation] = field(default_factory=list)

    def of(self, kind: str) -> list[str]:
        """The names of the columns of a kind."""
        names = [column.name for column in self.columns if column.kind == kind]
        return [*self.key, *self.keys, *names] if kind == "int" else names

    @property
    def key(self) -> list[str]:
        """The names of the key's columns."""
        return list(self.keys) if self.junction else ["id"]


@dataclass
class World:
    """Random models and rows of a seed."""

    seed: int
    models: list[Model] = field(default_factory=list)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        for at in range(self.random.randint(2, 5)):
            model = Model(at, f"M{at}")
            kinds = [*self.random.sample(KINDS, self.random.randint(2, 6)), self.random.choice(KINDS)]
            for number, kind in enumerate(kinds):
                model.columns.append(Column(f"{kind}{number}", kind, self.random.random() < 0.6))
            self.models.append(model)
        for model in self.models:
            self.relate(model)
        for model in self.models:
            self.fill(model)

    def relate(self, model: Model) -> None:
        model.junction = model.at > 0 and self.random.random() < 0.25
        for number in range(2 if model.junction else self.random.randint(0 if model.at == 0 else 1, 2)):
            near = [other for other in self.models[: model.at + 1] if not other.junction]
            target = self.random.choice(near)
            key, there, back = f"key{number}_id", f"to{number}", f"{model.name.lower()}_to{number}"
            model.keys[key] = target.at
            model.relations.append(Relation(there, target.at, "one", back, key))
            target.relations.append(Relation(back, model.at, "many", there, key))
        if model.junction:
            self.link(model)

    def link(self, model: Model) -> None:
        """The two ends of a junction have each other."""
        (near, one), (far, other) = model.keys.items()
        names = f"{model.name.lower()}_near", f"{model.name.lower()}_far"
        ends = [(one, other, names, near, far), (other, one, names[::-1], far, near)]
        for at, target, (name, back), key, away in ends:
            self.models[at].relations.append(Relation(name, target, "linked", back, key, model.at, away))

    def fill(self, model: Model) -> None:
        rows: list[dict[str, Any]] = []
        for number in range(1, self.random.randint(0, 12) + 1):
            row: dict[str, Any] = {} if model.junction else {"id": number}
            for key, target in model.keys.items():
                there = rows if target == model.at else self.rows[f"m{target}"]
                row[key] = self.random.choice(there)["id"] if there and self.random.random() < 0.75 else None
            for column in model.columns:
                absent = column.nullable and self.random.random() < 0.3
                row[column.name] = None if absent else self.value(column.kind)
            key = [row[name] for name in model.key]
            if None not in key and key not in [[other[name] for name in model.key] for other in rows]:
                rows.append(row)
        self.rows[model.name.lower()] = rows

    def value(self, kind: str) -> Any:
        match kind:
            case "int":
                return self.random.randint(-5, 12)
            case "text":
                return self.random.choice(TEXTS)
            case "bool":
                return self.random.random() < 0.5
            case "num":
                return self.random.choice(NUMBERS)
            case "time":
                return START + timedelta(hours=self.random.choice([0, 1, 2, 24, 1000, 9000]), microseconds=5)
            case _:
                return self.random.choice(DOCUMENTS)

    def classes(self, module: Any, orm: Any, json: Any, base: Any) -> SimpleNamespace:
        """The mapped classes in the words of `module`."""
        types = {
            "int": module.Integer, "text": module.String, "bool": module.Boolean, "num": module.Numeric(12, 2),
            "time": module.DateTime(timezone=True), "json": json,
        }  # fmt: skip
        made = SimpleNamespace()
        for model in self.models:
            body: dict[str, Any] = {"__tablename__": model.name.lower(), "__module__": __name__}
            if not model.junction:
                body["id"] = orm.mapped_column(module.Integer, primary_key=True)
            how = {"primary_key": True} if model.junction else {"nullable": True}
            for key, target in model.keys.items():
                body[key] = orm.mapped_column(module.Integer, module.ForeignKey(f"m{target}.id"), **how)
            for column in model.columns:
                body[column.name] = orm.mapped_column(types[column.kind], nullable=column.nullable)
            for relation in model.relations:
                body[relation.name] = orm.relationship(f"M{relation.target}", **self.options(model, relation))
            setattr(made, model.name, type(base)(model.name, (base,), body))
        return made

    def options(self, model: Model, relation: Relation) -> dict[str, Any]:
        options: dict[str, Any] = {"back_populates": relation.back, "uselist": relation.kind != "one"}
        if relation.kind == "linked":
            table = f"m{relation.junction}"
            options["secondary"], options["viewonly"] = table, True  # the junction is written by itself
            options["primaryjoin"] = f"M{model.at}.id == {table}.c.{relation.key}"
            options["secondaryjoin"] = f"M{relation.target}.id == {table}.c.{relation.far}"
            return options
        holder = model.at if relation.kind == "one" else relation.target
        options["foreign_keys"] = f"M{holder}.{relation.key}"
        if relation.kind == "one" and relation.target == model.at:
            options["remote_side"] = f"M{model.at}.id"
        return options

    def of_ormkit(self) -> tuple[Any, SimpleNamespace]:
        class Base(ormkit.DeclarativeBase):
            __abstract__ = True
            metadata = ormkit.MetaData()

        return Base, self.classes(ormkit, ormkit, ormkit.JSON, Base)

    def of_sqlalchemy(self) -> tuple[Any, SimpleNamespace]:
        class Base(sqlalchemy.orm.DeclarativeBase):
            pass

        json = sqlalchemy.JSON(none_as_null=True).with_variant(
            sqlalchemy.dialects.postgresql.JSONB(none_as_null=True), "postgresql"
        )
        return Base, self.classes(sqlalchemy, sqlalchemy.orm, json, Base)
