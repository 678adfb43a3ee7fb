"""Models of many columns, and many models."""

from __future__ import annotations

import random
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from ormkit import AsyncSession, Base, ForeignKey, Mapped, MetaData, mapped_column, relationship, select, selectinload

WIDE = 200
MANY = 300
KINDS: list[tuple[Any, Any]] = [
    (int, lambda n: n),
    (str, lambda n: f"text {n}"),
    (float, lambda n: n / 8),
    (bool, lambda n: n % 3 == 0),
    (Decimal, lambda n: Decimal(n) / 8),
    (date, lambda n: date.fromordinal(730_000 + n)),
    (datetime, lambda n: datetime.fromtimestamp(n * 86_400, timezone.utc)),
    (bytes, lambda n: n.to_bytes(2, "big")),
]


async def test_a_model_of_two_hundred_columns(engine):
    names = [f"c{at}" for at in range(WIDE)]
    kinds = {name: KINDS[at % len(KINDS)] for at, name in enumerate(names)}
    body: dict[str, Any] = {
        "__module__": __name__,
        "__tablename__": "wide_rows",
        "metadata": MetaData(),
        "__annotations__": {"id": Mapped[int]} | {name: Mapped[kind | None] for name, (kind, _) in kinds.items()},
        "id": mapped_column(primary_key=True),
    }
    wide: Any = type(Base)("WideRow", (Base,), body)
    await wide.metadata.create_all(engine)
    given = [{name: make(row * WIDE + at) for at, (name, (_, make)) in enumerate(kinds.items())} for row in range(20)]

    async with AsyncSession(engine) as session:
        await session.insert_all([wide(**values) for values in given])
    async with AsyncSession(engine) as session:
        rows = (await session.scalars(select(wide).order_by(wide.id))).all()
        assert [{name: getattr(row, name) for name in names} for row in rows] == given
        assert all(type(getattr(rows[1], name)) is kind for name, (kind, _) in kinds.items())

        # Any of them can be the one that changed, the last word of the bit set included.
        for row in rows:
            name = random.Random(row.id).choice(names)
            setattr(row, name, None)
            given[row.id - 1][name] = None
        for name in (names[0], names[63], names[64], names[127], names[128], names[-1]):
            setattr(rows[0], name, None)
            given[0][name] = None
        await session.commit()
    async with AsyncSession(engine) as session:
        rows = (await session.scalars(select(wide).order_by(wide.id))).all()
        assert [{name: getattr(row, name) for name in names} for row in rows] == given
        assert await session.query(wide).filter(**{names[-1]: given[5][names[-1]]}).count() == 1


async def test_three_hundred_classes_that_refer_to_each_other(engine):
    class Root(Base):
        __abstract__ = True
        metadata = MetaData()

    classes: list[Any] = []
    for at in range(MANY):
        # A tree in which each class refers to one that may be declared later.
        up = at + 1 if at % 2 == 0 and at + 1 < MANY else max(at - 2, 0)
        body: dict[str, Any] = {
            "__module__": __name__,
            "__tablename__": f"leaf_{at}",
            "__annotations__": {
                "id": Mapped[int],
                "label": Mapped[str],
                "up_id": Mapped[int | None],
                "up": Mapped[f"Leaf{up} | None"],
            },
            "id": mapped_column(primary_key=True),
            "up_id": mapped_column(ForeignKey(f"leaf_{up}.id")),
            "up": relationship(foreign_keys=f"Leaf{at}.up_id"),
        }
        classes.append(type(Base)(f"Leaf{at}", (Root,), body))
    assert len(Root.metadata.tables) == MANY
    await Root.metadata.create_all(engine)

    async with AsyncSession(engine) as session:
        made = [kind(label=kind.__name__) for kind in classes]
        for at, leaf in enumerate(made):
            if at % 2 == 0 and at + 1 < MANY:
                leaf.up = made[at + 1]
        session.add_all(made)
        await session.commit()
    async with AsyncSession(engine) as session:
        for at, kind in enumerate(classes):
            leaf = (await session.scalars(select(kind).options(selectinload(kind.up)))).one()
            assert leaf.label == f"Leaf{at}"
            assert (leaf.up and leaf.up.label) == (f"Leaf{at + 1}" if at % 2 == 0 and at + 1 < MANY else None)
    await Root.metadata.drop_all(engine)
    assert not [name for name in await engine.get_tables() if name.startswith("leaf_")]
