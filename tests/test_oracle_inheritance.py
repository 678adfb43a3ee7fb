"""Random objects of a family, written by ormkit and read by SQLAlchemy, and the other way round: the same classes and values.
On both databases.

A failure names its seed.
"""

from __future__ import annotations

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
PROGRAMS = 8
STEPS = 40


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


@pytest.mark.parametrize("joined", [False, True], ids=["single", "joined"])
@pytest.mark.parametrize("seed", range(PROGRAMS))
async def test_both_read_and_write_the_same(seed: int, joined: bool, url: str, engine: ormkit.ConnectionPool) -> None:
    chance = random.Random(seed)
    ours, theirs = models(joined)
    await ours.base.metadata.create_all(engine)
    reference = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    session = AsyncSession(engine)
    session.add_all([ours.Company(name="one"), ours.Company(name="two")])
    await session.commit()
    try:
        for _ in range(STEPS):
            act = chance.randrange(6)
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
