"""Lookups across relations in both directions, negated and nested, against a plain evaluation in Python."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from ormkit import JSON, AsyncSession, DeclarativeBase, ForeignKey, Mapped, Q, mapped_column, relationship
from ormkit.exc import FieldError, NotSupportedError


class Base(DeclarativeBase):
    __abstract__ = True


class Team(Base):
    __tablename__ = "lookup_teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    size: Mapped[int | None]
    members: Mapped[list[Member]] = relationship(back_populates="team")


class Member(Base):
    __tablename__ = "lookup_members"
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("lookup_teams.id"))
    name: Mapped[str | None]
    born: Mapped[date | None]
    meta: Mapped[Any] = mapped_column(JSON, nullable=True)
    team: Mapped[Team | None] = relationship(back_populates="members")
    notes: Mapped[list[Note]] = relationship(back_populates="author")


class Note(Base):
    __tablename__ = "lookup_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("lookup_members.id"))
    text: Mapped[str | None]
    tags: Mapped[list[str] | None]
    author: Mapped[Member | None] = relationship(back_populates="notes")


Row = dict[str, Any]
Test = Callable[[Any], bool]
# the relations on the way, what is read from the row at its end, whether it denies, what is asked of it
# The relations, what is read at their end, whether it denies, the test, and whether that is true of nothing.
Asked = tuple[list[str], Callable[[Row], Any], bool, Test, bool]

NAMES = ["ann", "Bob", "ä", "", "b%"]


def world(chance: random.Random) -> dict[str, list[Row]]:
    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.3 else value

    teams = [{"id": at, "name": maybe(chance.choice(NAMES)), "size": maybe(chance.randrange(3))} for at in range(8)]
    members = [
        {
            "id": at,
            "team": maybe(chance.choice(teams[:6])),
            "name": maybe(chance.choice(NAMES)),
            "born": maybe(date(chance.randrange(1990, 1993), chance.randrange(1, 13), 1)),
            "meta": maybe(chance.choice([{}, {"k": None}, {"k": 1}, {"k": "1"}, {"k": [1, 2]}, {"k": {"z": 1}}])),
        }
        for at in range(30)
    ]
    notes = [
        {
            "id": at,
            "author": maybe(chance.choice(members[:22])),
            "text": maybe(chance.choice(NAMES)),
            "tags": maybe(chance.sample(["x", "y", "z"], chance.randrange(3))),
        }
        for at in range(60)
    ]
    for team in teams:
        team["members"] = [member for member in members if member["team"] is team]
    for member in members:
        member["notes"] = [note for note in notes if note["author"] is member]
    return {"Team": teams, "Member": members, "Note": notes}


RELATIONS = {
    "Team": {"members": "Member"},
    "Member": {"team": "Team", "notes": "Note"},
    "Note": {"author": "Member"},
}


def related(row: Row, relation: str) -> list[Row]:
    there = row[relation]
    return there if isinstance(there, list) else [] if there is None else [there]


def leaves(tree: Any) -> Iterator[Asked]:
    kind, parts = tree
    if kind == "lookup":
        yield parts
    elif kind != "not":
        for part in parts:
            yield from leaves(part)


def meets(row: Row, tree: Any) -> bool:
    """All that one call says is said of the same related rows, as a LEFT JOIN finds them; what is denied is apart."""
    ways = {tuple(path[:end]) for path, _, denies, *_ in leaves(tree) if not denies for end in range(1, len(path) + 1)}
    order = sorted(ways, key=len)

    def joined(index: int, rows: dict[Any, Row | None]) -> bool:
        if index == len(order):
            return holds(tree, row, rows)
        way = order[index]
        before = rows[way[:-1]]
        found: list[Any] = [] if before is None else related(before, way[-1])
        return any(joined(index + 1, {**rows, way: one}) for one in found or [None])

    return joined(0, {(): row})


def holds(tree: Any, row: Row, rows: dict[Any, Row | None]) -> bool:
    kind, parts = tree
    if kind == "not":
        return not meets(row, parts)
    if kind == "all":
        return all(holds(part, row, rows) for part in parts)
    if kind == "any":
        return any(holds(part, row, rows) for part in parts)
    path, read, denies, test, of_nothing = parts
    if denies:
        return not meets(row, ("lookup", (path, read, False, test, False)))
    there = rows[tuple(path)]
    return of_nothing if there is None else test(read(there))


def missing(meta: Any) -> bool:
    return not isinstance(meta, dict) or "k" not in meta


def lookup(chance: random.Random, model: str) -> tuple[str, Any, Asked]:
    path: list[str] = []
    while chance.random() < 0.5 and len(path) < 3:
        relation = chance.choice(list(RELATIONS[model]))
        path.append(relation)
        model = RELATIONS[model][relation]
    name, value, read, denies, test = chance.choice(ENDS[model])(chance)
    return "__".join([*path, name]), value, (path, read, denies, test, name.endswith("__isnull"))


def texts(field: str) -> Callable[[random.Random], Any]:
    def make(chance: random.Random) -> Any:
        value = chance.choice(NAMES)
        word, denies, test = chance.choice(
            [
                ("exact", False, lambda have: have == value),
                ("ne", True, lambda have: have == value),
                ("icontains", False, lambda have: have is not None and value.lower() in have.lower()),
                ("in", False, lambda have: have in ([value] if have is not None else [])),
                ("notin", True, lambda have: have is not None and have == value),
                ("isnull", False, lambda have: have is None),
                ("iregex", False, lambda have: have is not None and "a" in have.lower()),
                ("len__gt", False, lambda have: have is not None and len(have) > 1),
            ]
        )
        given: Any = {"in": [value], "notin": [value, None], "isnull": True, "iregex": "A", "len__gt": 1}.get(
            word, value
        )
        return f"{field}__{word}", given, lambda row: row[field], denies, test

    return make


def years(chance: random.Random) -> Any:
    year = chance.randrange(1989, 1994)
    word, denies, test = chance.choice(
        [
            ("year", False, lambda have: have is not None and have.year == year),
            ("year__lt", False, lambda have: have is not None and have.year < year),
            ("year__ne", True, lambda have: have is not None and have.year == year),
            ("month__in", False, lambda have: have is not None and have.month in (1, 2, 3)),
        ]
    )
    return f"born__{word}", [1, 2, 3] if word == "month__in" else year, lambda row: row["born"], denies, test


def metas(chance: random.Random) -> Any:
    word, given, denies, test = chance.choice(
        [
            ("k", 1, False, lambda meta: not missing(meta) and meta["k"] == 1),
            ("k", None, False, lambda meta: not missing(meta) and meta["k"] is None),
            ("k__isnull", True, False, missing),
            ("k__ne", "1", True, lambda meta: not missing(meta) and meta["k"] == "1"),
            ("k__gte", 1, False, lambda meta: not missing(meta) and type(meta["k"]) is int and meta["k"] >= 1),
            ("k__1", 2, False, lambda meta: not missing(meta) and meta["k"] == [1, 2]),
            ("k__z", 1, False, lambda meta: not missing(meta) and meta["k"] == {"z": 1}),
            ("has_key", "k", False, lambda meta: not missing(meta)),
            ("contains", {"k": [2]}, False, lambda meta: not missing(meta) and meta["k"] == [1, 2]),
            ("isnull", True, False, lambda meta: meta is None),
        ]
    )
    return f"meta__{word}", given, lambda row: row["meta"], denies, test


def tags(chance: random.Random) -> Any:
    word, given, test = chance.choice(
        [
            ("contains", ["x"], lambda have: have is not None and "x" in have),
            ("overlap", ["x", "z"], lambda have: have is not None and bool({"x", "z"} & set(have))),
            ("contained_by", ["x", "y"], lambda have: have is not None and set(have) <= {"x", "y"}),
            ("len", 0, lambda have: have == []),
        ]
    )
    return f"tags__{word}", given, lambda row: row["tags"], False, test


ENDS: dict[str, list[Callable[[random.Random], Any]]] = {
    "Team": [texts("name")],
    "Member": [texts("name"), years, metas],
    "Note": [texts("text"), tags],
}


def question(chance: random.Random, model: str, depth: int = 2) -> tuple[Q, Any]:
    kind = chance.randrange(5) if depth else 0
    if kind in (0, 1):
        lookups: dict[str, Any] = {}
        asked: dict[str, Asked] = {}
        for _ in range(chance.randrange(1, 4)):
            name, value, test = lookup(chance, model)
            lookups[name], asked[name] = value, test
        return Q(**lookups), ("all", [("lookup", one) for one in asked.values()])
    one, first = question(chance, model, depth - 1)
    if kind == 2:
        return ~one, ("not", first)
    other, second = question(chance, model, depth - 1)
    if kind == 3:
        return one & other, ("all", [first, second])
    return one | other, ("any", [first, second])


@pytest.fixture
async def session(engine: Any) -> Any:
    rows = world(random.Random(8))
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Team(id=team["id"], name=team["name"], size=team["size"]) for team in rows["Team"]])
        for member in rows["Member"]:
            team = member["team"]
            plain = {name: member[name] for name in ("id", "name", "born", "meta")}
            await session.insert(Member(team_id=team and team["id"], **plain))
        for note in rows["Note"]:
            author = note["author"]
            plain = {name: note[name] for name in ("id", "text", "tags")}
            await session.insert(Note(author_id=author and author["id"], **plain))
        yield session, rows


@pytest.mark.parametrize("model", [Team, Member, Note])
async def test_rows_are_those_that_python_keeps(session, model):
    session, world_rows = session
    rows = world_rows[model.__name__]
    for seed in range(150):
        query, tree = question(random.Random(seed), model.__name__)
        kept = [row["id"] for row in rows if meets(row, tree)]
        asked = session.query(model).order_by("id")
        assert [found.id for found in await asked.filter(query)] == kept, f"seed {seed}: {asked.filter(query).to_sql()}"
        rest = [row["id"] for row in rows if row["id"] not in kept]
        assert [found.id for found in await asked.exclude(query)] == rest, f"seed {seed}"
        assert await asked.filter(query).count() == len(kept)


async def test_json_paths_and_parts_of_dates_are_sorted_by(session):
    session, rows = session
    born = sorted((row for row in rows["Member"] if row["born"]), key=lambda row: (-row["born"].year, row["id"]))
    found = await session.query(Member).filter(born__isnull=False).order_by("-born__year", "id").all()
    assert [member.id for member in found] == [row["id"] for row in born]
    kinds = {"NoneType": 0, "str": 1, "int": 2, "list": 3, "dict": 4}
    known = [row for row in rows["Member"] if not missing(row["meta"])]
    ordered = sorted(known, key=lambda row: (kinds[type(row["meta"]["k"]).__name__], row["id"]))
    found = await session.query(Member).filter(meta__has_key="k").order_by("meta__k", "id").all()
    assert [member.id for member in found] == [row["id"] for row in ordered]


async def test_names_are_checked_before_any_sql(session):
    session, _ = session
    for name, value, message in [
        ("members__nmae", 1, "did you mean `name`"),
        ("members__born__yeer", 1, "did you mean `year`"),
        ("members__notes__txt", 1, "did you mean `text`"),
        ("name__regx", "a", "did you mean `regex`"),
    ]:
        with pytest.raises(FieldError, match=message):
            await session.query(Team).filter(**{name: value}).all()
    for name in ("members__name__has_key", "members__notes__tags__iregex", "members__born__hour", "members__len"):
        with pytest.raises((NotSupportedError, FieldError)):
            await session.query(Team).filter(**{name: "a"}).all()
    with pytest.raises(NotSupportedError, match="as a value of Member"):
        session.query(Member).order_by("team__name__contains")
