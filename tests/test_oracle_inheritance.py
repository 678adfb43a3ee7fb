"""Random objects of a family, written by ormkit and read by SQLAlchemy, and the other way round: the same classes and values.
On both databases.

A failure names its seed; `ORMKIT_FUZZ_SEEDS=1000:9000` runs other programs than the usual ones.
"""

from __future__ import annotations

import os
import random
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy
import sqlalchemy.orm
from families import company

import ormkit
from ormkit import AsyncSession

KINDS = ["Employee", "Manager", "Engineer", "Lead", "Apprentice"]
OWN = {"Manager": ["bonus"], "Engineer": ["language"], "Lead": ["bonus", "team"], "Apprentice": ["language", "school"]}
ABOVE = {"Manager": "Employee", "Engineer": "Employee", "Lead": "Manager", "Apprentice": "Engineer"}
PROGRAMS = 8
STEPS = 40

Rows = dict[int, tuple[str, dict[str, Any]]]


def models(joined: bool) -> tuple[SimpleNamespace, SimpleNamespace]:
    class Base(ormkit.DeclarativeBase):
        pass

    class Reference(sqlalchemy.orm.DeclarativeBase):
        pass

    words = {**vars(sqlalchemy), **vars(sqlalchemy.orm), "ForeignKey": sqlalchemy.ForeignKey, "__name__": "sqlalchemy"}
    return company(ormkit, Base, joined), company(SimpleNamespace(**words), Reference, joined)


def values_of(chance: random.Random, kind: str) -> dict[str, Any]:
    texts = {name: chance.choice(["a", "b", None]) for name in OWN.get(kind, []) if name != "bonus"}
    numbers = {name: chance.choice([0, 1, 2, None]) for name in OWN.get(kind, []) if name == "bonus"}
    return {"name": chance.choice("xyz"), **texts, **numbers}


def shown(each: Any) -> tuple[Any, ...]:
    kind = type(each).__name__
    return (each.id, kind, each.type, each.name, each.company_id, *(getattr(each, name) for name in OWN.get(kind, [])))


def conditions(chance: random.Random, f: SimpleNamespace, kind: str) -> Any:
    """A condition on rows of a class; the same draws make the same one for either library."""
    own = {"Employee": "name", "Manager": "bonus", "Engineer": "language", "Lead": "team", "Apprentice": "school"}
    column = getattr(getattr(f, kind), chance.choice(["name", own[kind]]))
    wanted: Any = chance.choice([0, 1]) if column.key == "bonus" else chance.choice("abxyz")
    form = chance.randrange(4)
    if form == 0:
        return column == wanted
    if form == 1:
        return column.is_(None)
    if form == 2:
        return column != wanted
    return getattr(f, kind).company_id.in_([1, 2])


def seeds() -> range:
    first, last = os.environ.get("ORMKIT_FUZZ_SEEDS", f"0:{PROGRAMS}").split(":")
    return range(int(first), int(last))


def is_a(kind: str | None, of: str) -> bool:
    return kind == of or (kind is not None and is_a(ABOVE.get(kind), of))


class Verbs:
    """Statements on classes whose rows are predicted: what the class's tables cannot take is refused and changes nothing."""

    def __init__(
        self, chance: random.Random, session: AsyncSession, reference: sqlalchemy.Engine, joined: bool
    ) -> None:
        self.chance, self.session, self.reference, self.joined = chance, session, reference, joined

    def rows(self, theirs: SimpleNamespace) -> Rows:
        with sqlalchemy.orm.Session(self.reference) as other:
            found = other.scalars(sqlalchemy.select(theirs.Employee)).all()
            return {
                one.id: (
                    type(one).__name__,
                    {name: getattr(one, name) for name in ["name", *OWN.get(type(one).__name__, [])]},
                )
                for one in found
            }

    async def run(self, ours: SimpleNamespace, theirs: SimpleNamespace) -> None:
        await self.session.commit()
        rows = self.rows(theirs)
        verb = self.chance.choice([self.update, self.delete, self.upsert, self.merge, self.insert])
        kind = self.chance.choice(KINDS)
        wrong = await verb(ours, kind, rows)
        error: Exception | None = None
        try:
            await self.session.commit()
        except ormkit.OrmkitError as raised:
            error = raised
            await self.session.rollback()
        told = f"{verb.__name__} of {kind}"
        assert (type(error) if error else None) is wrong, f"{told}: {error!r}"
        assert self.rows(theirs) == rows, told

    async def refused(self, what: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            await what
        await self.session.rollback()

    def is_split(self, kind: str) -> bool:
        return self.joined and kind != "Employee"

    async def update(self, ours: SimpleNamespace, kind: str, rows: Rows) -> type[Exception] | None:
        model, values = getattr(ours, kind), values_of(self.chance, kind)
        if self.chance.random() < 0.5:
            what = self.session.execute(ormkit.update(model).where(model.name == "x").values(**values))
        else:
            what = self.session.query(model).filter(name="x").update(**values)
        if self.is_split(kind):
            await self.refused(what, ormkit.NotSupportedError)
            return None
        await what
        for of, held in rows.values():
            if is_a(of, kind) and held["name"] == "x":
                held.update(values)
        return None

    async def delete(self, ours: SimpleNamespace, kind: str, rows: Rows) -> type[Exception] | None:
        what = self.session.query(getattr(ours, kind)).filter(name="z").delete()
        if self.joined:
            await self.refused(what, ormkit.NotSupportedError)
            return None
        await what
        for number in [number for number, (of, held) in rows.items() if is_a(of, kind) and held["name"] == "z"]:
            del rows[number]
        return None

    def free(self, rows: Rows) -> int:
        return max(rows, default=0) + 100_000

    def number(self, rows: Rows) -> int:
        return self.chance.choice([*rows, self.free(rows)])

    async def upsert(self, ours: SimpleNamespace, kind: str, rows: Rows) -> type[Exception] | None:
        number, values = self.number(rows), values_of(self.chance, kind)
        nothing = self.chance.random() < 0.3
        what = self.session.upsert(getattr(ours, kind)(id=number, **values), "id", do_nothing=nothing)
        if self.is_split(kind):
            await self.refused(what, ormkit.NotSupportedError)
        elif number in rows and rows[number][0] != kind:
            await self.refused(what, ormkit.InvalidRequestError)
        else:
            found = await what
            assert type(found).__name__ == kind
            if number not in rows or not nothing:
                rows[number] = (kind, values)
        return None

    async def merge(self, ours: SimpleNamespace, kind: str, rows: Rows) -> type[Exception] | None:
        number, values = self.number(rows), values_of(self.chance, kind)
        await self.session.merge(getattr(ours, kind)(id=number, **values))
        if number not in rows:
            rows[number] = (kind, values)
        elif is_a(rows[number][0], kind):
            rows[number][1].update(values)
        else:
            return ormkit.UniqueViolation
        return None

    async def insert(self, ours: SimpleNamespace, kind: str, rows: Rows) -> type[Exception] | None:
        number, values = self.free(rows), values_of(self.chance, kind)
        what = self.session.execute(ormkit.insert(getattr(ours, kind)).values(id=number, **values))
        if self.is_split(kind):
            await self.refused(what, ormkit.NotSupportedError)
            return None
        await what
        rows[number] = (kind, values)
        return None


@pytest.mark.parametrize("joined", [False, True], ids=["single", "joined"])
@pytest.mark.parametrize("seed", seeds())
async def test_both_read_and_write_the_same(seed: int, joined: bool, url: str, engine: ormkit.ConnectionPool) -> None:
    chance = random.Random(seed)
    ours, theirs = models(joined)
    await ours.base.metadata.create_all(engine)
    reference = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    session = AsyncSession(engine)
    session.add_all([ours.Company(name="one"), ours.Company(name="two")])
    await session.commit()
    verbs = Verbs(random.Random(seed), session, reference, joined)
    try:
        for _ in range(STEPS):
            act = chance.randrange(8)
            if act < 2:
                kind = chance.choice(KINDS)
                session.add(getattr(ours, kind)(company_id=chance.choice([1, 2, None]), **values_of(chance, kind)))
            elif act == 2:
                with sqlalchemy.orm.Session(reference) as other:
                    kind = chance.choice(KINDS)
                    other.add(getattr(theirs, kind)(company_id=1, **values_of(chance, kind)))
                    await session.commit()
                    other.commit()
            elif act == 3:
                for each in (await session.query(ours.Employee).order_by("id").all())[: chance.randrange(4)]:
                    for name, value in values_of(chance, type(each).__name__).items():
                        setattr(each, name, value)
            elif act == 4:
                found = await session.query(ours.Employee).order_by("id").all()
                if found:
                    session.delete(chance.choice(found))
            elif act in (5, 6):
                await verbs.run(ours, theirs)
            else:
                await compare(chance, session, engine, reference, ours, theirs)
        await compare(chance, session, engine, reference, ours, theirs)
    finally:
        await session.close()
        reference.dispose()


async def compare(
    chance: random.Random,
    session: AsyncSession,
    engine: ormkit.ConnectionPool,
    reference: sqlalchemy.Engine,
    ours: SimpleNamespace,
    theirs: SimpleNamespace,
) -> None:
    await session.commit()
    kind = chance.choice(KINDS)
    draw = chance.getrandbits(32)
    mine = conditions(random.Random(draw), ours, kind)
    found = await session.scalars(ormkit.select(getattr(ours, kind)).where(mine).order_by(getattr(ours, kind).id))
    counted = await session.query(getattr(ours, kind)).filter(mine).count()
    async with AsyncSession(engine) as fresh:
        anew = [shown(each) for each in await fresh.query(getattr(ours, kind)).filter(mine).order_by("id").all()]
        staff = [
            [shown(each) for each in one.staff]
            for one in await fresh.query(ours.Company)
            .options(ormkit.selectinload(ours.Company.staff))
            .order_by("id")
            .all()
        ]
    with sqlalchemy.orm.Session(reference) as other:
        yours = conditions(random.Random(draw), theirs, kind)
        rows = other.scalars(sqlalchemy.select(getattr(theirs, kind)).where(yours).order_by(theirs.Employee.id)).all()
        expected = [shown(each) for each in rows]
        their_staff = [
            [shown(each) for each in one.staff]
            for one in other.scalars(sqlalchemy.select(theirs.Company).order_by(theirs.Company.id)).all()
        ]
    assert [shown(each) for each in found.all()] == anew == expected
    assert counted == len(expected)
    assert staff == their_staff
