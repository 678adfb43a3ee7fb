"""JSON in conditions: paths, containment, keys, order, and what is missing, null or NULL: the same on both databases."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ormkit import JSON, AsyncSession, DeclarativeBase, Mapped, Q, create_engine, literal, mapped_column, select
from ormkit.exc import DataError, FieldError


class Base(DeclarativeBase):
    __abstract__ = True


class Doc(Base):
    __tablename__ = "json_docs"
    id: Mapped[int] = mapped_column(primary_key=True)
    meta: Mapped[Any] = mapped_column(JSON, nullable=True)


MISSING = object()
STEPS: list[str | int] = ["a", "b", "", "$.a", 'q"', "ä", "0", 0, 1, -1]


def some_json(chance: random.Random, depth: int = 3) -> Any:
    kind = chance.randrange(8 if depth else 6)
    if kind == 0:
        return None
    if kind == 1:
        return chance.random() < 0.5
    if kind == 2:
        return chance.choice(["", "a", "b", "A", "0", "null", "ä", 'q"\\', "1"])
    if kind == 3:
        return chance.choice([0, 1, -1, 1.0, 1.5, 10, 2**40, 12345678901234567890, 1e20, 0.1])
    if kind == 4:
        return {}
    if kind == 5:
        return []
    if kind == 6:
        return [some_json(chance, depth - 1) for _ in range(chance.randrange(1, 4))]
    keys = [step for step in STEPS if isinstance(step, str)]
    return {chance.choice(keys): some_json(chance, depth - 1) for _ in range(chance.randrange(1, 4))}


def kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def number(value: Any) -> Decimal:
    return Decimal(repr(value))


def equal(one: Any, other: Any) -> bool:
    if kind(one) != kind(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    return number(one) == number(other) if kind(one) == "number" else one == other


def holds(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(holds(item, wanted) for item in whole) for wanted in part)
    return equal(whole, part)


def contains(whole: Any, part: Any) -> bool:
    if isinstance(whole, list) and not isinstance(part, list | dict):
        return any(equal(item, part) for item in whole)
    return holds(whole, part)


def at(value: Any, path: list[str | int]) -> Any:
    for step in path:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return MISSING
            value = value[step]
        else:
            if not isinstance(value, list | dict):
                value = [value]
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return MISSING
            value = value[step]
    return value


def has(value: Any, key: str) -> bool:
    if isinstance(value, dict):
        return key in value
    if isinstance(value, list):
        return any(item == key and isinstance(item, str) for item in value)
    return isinstance(value, str) and value == key


@pytest.fixture
async def docs(engine: Any) -> Any:
    chance = random.Random(5)
    values = [some_json(chance) for _ in range(300)]
    # None as an attribute's value is SQL NULL
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Doc(id=index, meta=value) for index, value in enumerate(values)])
        yield session, values


async def found(session: AsyncSession, condition: Any) -> list[int]:
    return sorted((await session.scalars(select(Doc.id).where(condition))).all())


def expected(values: list[Any], test: Callable[[Any], bool]) -> list[int]:
    return [index for index, value in enumerate(values) if value is not None and test(value)]


async def test_containment_is_that_of_python(docs):
    session, values = docs
    for seed in range(150):
        chance = random.Random(seed)
        part = some_json(chance, 2) if seed % 3 else part_of(chance.choice(values), chance)
        where = f"seed {seed}: {part!r}"
        assert await found(session, Doc.meta.contains(part)) == expected(values, lambda v: contains(v, part)), where  # noqa: B023
        assert await found(session, Doc.meta.contained_by(part)) == expected(values, lambda v: contains(part, v)), where  # noqa: B023
        if part is not None:
            same = expected(values, lambda v: equal(v, part))  # noqa: B023
            assert await found(session, Doc.meta == part) == same, where


def part_of(value: Any, chance: random.Random) -> Any:
    """A part that the value itself holds."""
    if isinstance(value, dict):
        return {key: part_of(inner, chance) for key, inner in value.items() if chance.random() < 0.6}
    if isinstance(value, list):
        return [part_of(inner, chance) for inner in value if chance.random() < 0.6]
    return value


async def test_paths_lead_where_python_goes(docs):
    session, values = docs
    for seed in range(120):
        chance = random.Random(seed)
        path = [chance.choice(STEPS) for _ in range(chance.randrange(1, 4))]
        expression = Doc.meta
        for step in path:
            expression = expression[step]
        where = f"{path!r}"
        rows = (await session.execute(select(Doc.id, expression, expression.as_string()).order_by(Doc.id))).all()
        for index, value, text in rows:
            there = MISSING if values[index] is None else at(values[index], path)
            assert equal(value, None if there is MISSING else there), f"{where} of {values[index]!r}"
            if isinstance(there, str):
                assert text == there
            elif there is MISSING or there is None:
                assert text is None
            else:
                assert equal(json.loads(text), there)
        missing = [index for index, value in enumerate(values) if value is None or at(value, path) is MISSING]
        assert await found(session, expression.is_(None)) == missing, where
        null = expected(values, lambda v: at(v, path) is None)  # noqa: B023
        lookup = "__".join(["meta", *map(str, path)])
        if "" not in path and not any(isinstance(step, str) and step.isdigit() for step in path):
            query = session.query(Doc)
            assert [doc.id for doc in await query.filter(**{lookup: None}).order_by("id")] == null, where
            assert [doc.id for doc in await query.filter(**{f"{lookup}__isnull": True}).order_by("id")] == missing
            rest = [index for index in range(len(values)) if index not in null]
            assert [doc.id for doc in await query.exclude(**{lookup: None}).order_by("id")] == rest, where


@pytest.mark.parametrize("word", ["exact", "gt", "gte", "lt", "lte"])
async def test_values_are_compared_with_those_of_their_kind(docs, word):
    session, values = docs
    signs: dict[str, Callable[[Any, Any], bool]] = {
        "exact": lambda a, b: a == b,
        "gt": lambda a, b: a > b,
        "gte": lambda a, b: a >= b,
        "lt": lambda a, b: a < b,
        "lte": lambda a, b: a <= b,
    }
    for other in [0, 1, 1.5, "a", "", "ä", 12345678901234567890]:
        kept = []
        for index, value in enumerate(values):
            there = at(value, ["a"])
            if there is not MISSING and kind(there) == kind(other):
                one, two = (there, other) if isinstance(other, str) else (number(there), number(other))
                if signs[word](one, two):
                    kept.append(index)
        query = session.query(Doc).order_by("id")
        lookup = {f"meta__a__{word}": other}
        assert [doc.id for doc in await query.filter(**lookup)] == kept, lookup
        rest = [index for index in range(len(values)) if index not in kept]
        assert [doc.id for doc in await query.exclude(**lookup)] == rest, lookup
        assert [doc.id for doc in await query.filter(~Q(**lookup))] == rest, lookup
        if word != "exact":
            made = {"gt": Doc.meta["a"] > other, "gte": Doc.meta["a"] >= other}
            if word in made:
                assert await found(session, made[word]) == kept


async def test_keys_are_those_of_objects_lists_and_texts(docs):
    session, values = docs
    for keys in [["a"], ["a", "b"], ["0"], [""], ["ä", "null"], ['q"']]:
        assert await found(session, Doc.meta.has_key(keys[0])) == expected(values, lambda v: has(v, keys[0]))  # noqa: B023
        some = expected(values, lambda v: any(has(v, key) for key in keys))  # noqa: B023
        every = expected(values, lambda v: all(has(v, key) for key in keys))  # noqa: B023
        assert await found(session, Doc.meta.has_any(keys)) == some
        assert await found(session, Doc.meta.has_all(keys)) == every
        query = session.query(Doc).order_by("id")
        assert [doc.id for doc in await query.filter(meta__has_any_keys=keys)] == some
        assert [doc.id for doc in await query.filter(meta__has_keys=keys)] == every
    present = expected(values, lambda _: True)
    assert await found(session, Doc.meta.has_any([])) == []
    assert await found(session, Doc.meta.has_all([])) == present


async def test_values_read_as_a_type_are_null_where_they_are_of_another(docs):
    session, values = docs
    path = Doc.meta["a"]
    items = [path.as_numeric(), path.as_float(), path.as_boolean()]
    for index, exact, rough, truth in (await session.execute(select(Doc.id, *items))).all():
        there = at(values[index], ["a"])
        is_number = there is not MISSING and kind(there) == "number"
        assert exact == (number(there) if is_number else None)
        assert rough == (float(there) if is_number else None)
        assert truth is (there if isinstance(there, bool) else None)


async def test_integers_are_rounded_and_refused_where_they_do_not_fit(docs):
    session, _ = docs
    whole = literal({"a": [1.5, -2.5, "1", True, 1e30]}, JSON)["a"]
    row = (await session.execute(select(*[whole[at].as_integer() for at in range(4)]))).one()
    assert tuple(row) == (2, -3, None, None)
    with pytest.raises(DataError):
        await session.execute(select(whole[4].as_integer()))


async def test_both_databases_sort_json_alike(docs):
    session, values = docs
    present = Doc.meta.is_not(None)
    order = (await session.scalars(select(Doc.id).where(present).order_by(Doc.meta, Doc.id))).all()
    shown = [values[index] for index in order]
    ranks = [{"NoneType": 0, "str": 1, "number": 2, "bool": 3, "list": 4, "dict": 5}[kind(value)] for value in shown]
    # an empty list comes first at the top
    ranks = [-1 if value == [] and isinstance(value, list) else rank for value, rank in zip(shown, ranks, strict=True)]
    assert ranks == sorted(ranks)
    numbers = [number(value) for value in shown if kind(value) == "number"]
    assert numbers == sorted(numbers)
    texts = [value for value in shown if isinstance(value, str)]
    assert texts == sorted(texts)
    lists = [value for value in shown if isinstance(value, list)]
    assert [len(value) for value in lists] == sorted(len(value) for value in lists)


@pytest.mark.skipif("ORMKIT_TEST_POSTGRES_URL" not in os.environ, reason="needs both databases")
async def test_sqlite_answers_what_postgresql_answers(tmp_path):
    chance = random.Random(11)
    values = [value for value in (some_json(chance) for _ in range(400)) if value is not None]
    answers = []
    for url in (f"sqlite:///{tmp_path}/json.db", os.environ["ORMKIT_TEST_POSTGRES_URL"]):
        engine = create_engine(url)
        await Base.metadata.drop_all(engine)
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            await session.insert_all([Doc(id=index, meta=value) for index, value in enumerate(values)])
            found_rows: list[Any] = []
            meta = Doc.meta
            for part in values[:60]:
                found_rows.append(await found(session, meta.contains(part)))
                found_rows.append(await found(session, meta["a"].contained_by(part)))
            order = select(Doc.id, meta.as_string(), meta["a"].as_string()).order_by(meta, Doc.id)
            found_rows.append([tuple(row) for row in (await session.execute(order)).all()])
            groups = select(meta["a"].as_string()).where(meta["a"].is_not(None)).distinct()
            found_rows.append(sorted(str(text) for text in (await session.scalars(groups)).all()))
            answers.append(found_rows)
        await Base.metadata.drop_all(engine)
        await engine.close()
    assert answers[0] == answers[1]


async def test_mistakes_are_found_where_they_are_made(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        with pytest.raises(TypeError, match="number or a text"):
            Doc.meta["a"] > {}  # noqa: B015
        with pytest.raises(TypeError, match="key or a place"):
            Doc.meta[1.5]
        with pytest.raises(TypeError, match="JSON columns"):
            Doc.id["a"]
        with pytest.raises(TypeError, match="not one text"):
            Doc.meta.has_any("ab")
        with pytest.raises(FieldError):
            await session.query(Doc).filter(meta____a=1).all()


def test_text_of_paths_binds_every_step():
    sql, params = select(Doc.id).where(Doc.meta["a"][0].as_string() == "x").to_sql()
    assert sql == "SELECT id FROM json_docs WHERE meta -> $1 ->> $2 = $3"
    assert params == ["a", 0, "x"]
    sql, params = select(Doc.id).where(Doc.meta["a"][0].as_string() == "x").to_sql("sqlite")
    assert sql == "SELECT id FROM json_docs WHERE ormkit_json_text(meta, ?, ?) = ?"
    assert params == ["a", 0, "x"]
