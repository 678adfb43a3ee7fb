"""Conditions mean on both databases what a plain evaluation in Python says, NULL by three-valued logic.

A failure names its seed; the SQL of the condition is in the message.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ormkit import AsyncSession, DeclarativeBase, Mapped, Q, and_, mapped_column, not_, or_, select

SEEDS = range(400)


class Base(DeclarativeBase):
    __abstract__ = True


class Thing(Base):
    __tablename__ = "expression_things"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int | None]
    other: Mapped[int | None]
    text: Mapped[str | None]
    flag: Mapped[bool | None]
    price: Mapped[Decimal | None]
    day: Mapped[date | None]


Row = dict[str, Any]
Truth = bool | None
Pair = tuple[Any, Callable[[Row], Any]]

TEXTS = ["", "a", "A", "ab", "aB", "a%b", "a_b", "a\\b", "%", "_", "\\", "ä", "Ä", "*?[a]", "b'c", " a"]
DAY = date(2024, 2, 28)


def make_rows(chance: random.Random) -> list[Row]:
    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.25 else value

    return [
        {
            "number": maybe(chance.randrange(-3, 4)),
            "other": maybe(chance.randrange(-3, 4)),
            "text": maybe(chance.choice(TEXTS)),
            "flag": maybe(chance.random() < 0.5),
            "price": maybe(Decimal(chance.randrange(-20, 20)) / 4),
            "day": maybe(DAY + timedelta(days=chance.randrange(4))),
        }
        for _ in range(60)
    ]


class Conditions:
    """Random conditions, each with its evaluation."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def condition(self, depth: int = 3) -> Pair:
        if depth == 0 or self.chance.random() < 0.3:
            return self.leaf()
        match self.chance.randrange(3):
            case 0:
                inner, truth = self.condition(depth - 1)
                return self.chance.choice([~inner, not_(inner)]), lambda row: opposite(truth(row))
            case 1:
                (left, one), (right, two) = self.condition(depth - 1), self.condition(depth - 1)
                return self.chance.choice([left & right, and_(left, right)]), lambda row: both(one(row), two(row))
            case _:
                (left, one), (right, two) = self.condition(depth - 1), self.condition(depth - 1)
                return self.chance.choice([left | right, or_(left, right)]), lambda row: either(one(row), two(row))

    def leaf(self) -> Pair:
        return self.chance.choice(
            [self.compared, self.compared, self.membership, self.range, self.null, self.like, self.boolean]
        )()

    def operand(self, name: str) -> Pair:
        column = getattr(Thing, name)
        if name == "number" and self.chance.random() < 0.3:
            add = self.chance.randrange(-2, 3)
            match self.chance.randrange(4):
                case 0:
                    return column + add, lambda row: None if row[name] is None else row[name] + add
                case 1:
                    return add - column, lambda row: None if row[name] is None else add - row[name]
                case 2:
                    return column * Thing.other, lambda row: times(row[name], row["other"])
                case 3:
                    return -column, lambda row: None if row[name] is None else -row[name]
        return column, lambda row: row[name]

    def value(self, name: str) -> Any:
        return {
            "number": lambda: self.chance.randrange(-3, 4),
            "other": lambda: self.chance.randrange(-3, 4),
            "text": lambda: self.chance.choice(TEXTS),
            "price": lambda: Decimal(self.chance.randrange(-20, 20)) / 4,
            "day": lambda: DAY + timedelta(days=self.chance.randrange(4)),
        }[name]()

    def compared(self) -> Pair:
        name = self.chance.choice(["number", "price", "day", "number"])
        left, get = self.operand(name)
        sign = self.chance.choice(["==", "!=", "<", "<=", ">", ">="])
        if name == "number" and self.chance.random() < 0.3:
            return apply(sign, left, Thing.other), lambda row: known(sign, get(row), row["other"])
        value = self.value(name)
        if self.chance.random() < 0.2 and sign in ("==", "!="):
            name, value = "text", self.value("text")
            left, get = self.operand(name)
        return apply(sign, left, value), lambda row: known(sign, get(row), value)

    def membership(self) -> Pair:
        name = self.chance.choice(["number", "text", "price", "day"])
        left, get = self.operand(name)
        values = [self.value(name) for _ in range(self.chance.randrange(4))]
        inside = lambda row: contained(get(row), values)  # noqa: E731
        if self.chance.random() < 0.5:
            return left.in_(values), inside
        return left.not_in(values), lambda row: opposite(inside(row))

    def range(self) -> Pair:
        name = self.chance.choice(["number", "price", "day"])
        left, get = self.operand(name)
        low, high = self.value(name), self.value(name)
        return left.between(low, high), lambda row: both(known(">=", get(row), low), known("<=", get(row), high))

    def null(self) -> Pair:
        name = self.chance.choice(["number", "text", "flag", "price", "day"])
        column = getattr(Thing, name)
        match self.chance.randrange(4):
            case 0:
                return column.is_(None), lambda row: row[name] is None
            case 1:
                return column == None, lambda row: row[name] is None  # noqa: E711
            case 2:
                return column.is_not(None), lambda row: row[name] is not None
            case _:
                name = "number"
                value = self.chance.choice([None, 0, 1])
                return Thing.number.is_distinct_from(value), lambda row: row[name] != value

    def like(self) -> Pair:
        part = self.chance.choice(TEXTS)
        get = lambda row: row["text"]  # noqa: E731
        match self.chance.randrange(4):
            case 0:
                return Thing.text.startswith(part), lambda row: None if get(row) is None else get(row).startswith(part)
            case 1:
                return Thing.text.endswith(part), lambda row: None if get(row) is None else get(row).endswith(part)
            case 2:
                return Thing.text.contains(part), lambda row: None if get(row) is None else part in get(row)
            case _:
                start = self.chance.choice(["a", "A", "b"])
                return Thing.text.like(
                    start + "%"
                ), lambda row: None if get(row) is None else get(row).startswith(start)

    def boolean(self) -> Pair:
        match self.chance.randrange(3):
            case 0:
                return Thing.flag == True, lambda row: row["flag"]  # noqa: E712
            case 1:
                return Thing.flag.is_(False), lambda row: row["flag"] is False
            case _:
                return ~(Thing.flag == False), lambda row: row["flag"]  # noqa: E712


def apply(sign: str, left: Any, right: Any) -> Any:
    match sign:
        case "==":
            return left == right
        case "!=":
            return left != right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def known(sign: str, left: Any, right: Any) -> Truth:
    return None if left is None or right is None else apply(sign, left, right)


def times(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left * right


def opposite(truth: Truth) -> Truth:
    return None if truth is None else not truth


def both(one: Truth, two: Truth) -> Truth:
    if one is False or two is False:
        return False
    return None if one is None or two is None else True


def either(one: Truth, two: Truth) -> Truth:
    return opposite(both(opposite(one), opposite(two)))


def contained(value: Any, values: list[Any]) -> Truth:
    if not values:
        return False
    return None if value is None else value in values


async def stored(engine: Any, rows: list[Row]) -> AsyncSession:
    await Base.metadata.create_all(engine)
    session = AsyncSession(engine)
    await session.insert_all([Thing(id=at, **row) for at, row in enumerate(rows)])
    return session


async def test_conditions_mean_what_python_says(engine):
    rows = make_rows(random.Random(1))
    session = await stored(engine, rows)
    for seed in SEEDS:
        condition, truth = Conditions(random.Random(seed)).condition()
        statement = select(Thing.id).where(condition)
        found = sorted((await session.scalars(statement)).all())
        expected = [at for at, row in enumerate(rows) if truth(row) is True]
        assert found == expected, f"seed {seed}: {statement.to_sql(engine.dialect)}"
        assert await session.query(Thing).filter(condition).count() == len(expected), f"seed {seed}"
        assert await session.query(Thing).filter(condition).exists() == bool(expected), f"seed {seed}"
    await session.close()


LOOKUPS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "exact": ("number", lambda have, want: have == want),
    "gt": ("number", lambda have, want: have > want),
    "lte": ("day", lambda have, want: have <= want),
    "in": ("number", lambda have, want: have in want),
    "range": ("price", lambda have, want: want[0] <= have <= want[1]),
    "isnull": ("text", lambda have, want: (have is None) == want),
    "contains": ("text", lambda have, want: want in have),
    "startswith": ("text", lambda have, want: have.startswith(want)),
    "endswith": ("text", lambda have, want: have.endswith(want)),
}


def lookup(chance: random.Random) -> tuple[dict[str, Any], Callable[[Row], bool]]:
    kind = chance.choice(list(LOOKUPS))
    name, test = LOOKUPS[kind]
    make = Conditions(chance)
    want: Any
    match kind:
        case "in":
            want = [make.value(name) for _ in range(chance.randrange(4))]
        case "range":
            want = sorted([make.value(name), make.value(name)])
        case "isnull":
            want = chance.random() < 0.5
        case _:
            want = make.value(name)
    known_or_null = kind == "isnull"
    return {f"{name}__{kind}": want}, lambda row: (row[name] is not None or known_or_null) and test(row[name], want)


@pytest.mark.parametrize("negated", [False, True])
async def test_lookups_and_their_negation_divide_the_rows(engine, negated):
    """`exclude` answers the rows that `filter` does not, NULL or not: a condition and its `~Q` as well."""
    rows = make_rows(random.Random(2))
    session = await stored(engine, rows)
    for seed in SEEDS:
        chance = random.Random(seed)
        (first, one), (second, two) = lookup(chance), lookup(chance)
        way = chance.randrange(3)
        if way == 0:
            kept = lambda row: one(row)  # noqa: E731, B023
            query = Q(**first)
        elif way == 1:
            kept = lambda row: one(row) and two(row)  # noqa: E731, B023
            query = Q(**first) & Q(**second)
        else:
            kept = lambda row: one(row) or two(row)  # noqa: E731, B023
            query = Q(**first) | Q(**second)
        asked = session.query(Thing)
        if negated:
            asked = asked.exclude(query) if chance.random() < 0.5 else asked.filter(~query)
        else:
            asked = asked.filter(query)
        found = sorted(thing.id for thing in await asked.all())
        expected = [at for at, row in enumerate(rows) if kept(row) != negated]
        assert found == expected, f"seed {seed}: {first} {second} {way}: {asked.to_sql(engine.dialect)}"
    await session.close()


@pytest.mark.parametrize("desc", [False, True])
async def test_order_limit_and_offset_are_those_of_a_sorted_list(engine, desc):
    rows = make_rows(random.Random(3))
    session = await stored(engine, rows)
    for name in ("number", "price", "day"):
        known_rows = [at for at, row in enumerate(rows) if row[name] is not None]
        ordered = sorted(known_rows, key=lambda at: rows[at][name], reverse=desc)
        column = getattr(Thing, name)
        query = session.query(Thing).filter(column.is_not(None))
        for limit, offset in [(None, 0), (5, 0), (7, 3), (100, 50), (0, 0)]:
            asked = query.order_by(column.desc() if desc else column.asc(), Thing.id).offset(offset)
            if limit is not None:
                asked = asked.limit(limit)
            end = None if limit is None else offset + limit
            values = [getattr(thing, name) for thing in await asked.all()]
            assert values == [rows[at][name] for at in ordered][offset:end]
    await session.close()
