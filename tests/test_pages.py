"""Pages by bookmarks, on both databases: the rows that OFFSET would give, while nothing changes, and no gap when something does."""

from __future__ import annotations

import base64
import json
import random
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from ormkit import (
    JSON,
    AsyncSession,
    BookmarkError,
    Count,
    DateTime,
    DeclarativeBase,
    F,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    NotSupportedError,
    Numeric,
    Sum,
    func,
    mapped_column,
    relationship,
    select,
)
from ormkit.testing import assert_queries


class Base(DeclarativeBase):
    __abstract__ = True


class Owner(Base):
    __tablename__ = "owners"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    things: Mapped[list[Thing]] = relationship(back_populates="owner")


class Thing(Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    rank: Mapped[int | None]
    label: Mapped[str]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    weight: Mapped[float]
    made: Mapped[date | None]
    seen: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    token: Mapped[UUID | None]
    good: Mapped[bool | None]
    facts: Mapped[dict] = mapped_column(JSON, default=dict)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("owners.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="things")


class Cell(Base):
    __tablename__ = "cells"
    row: Mapped[int] = mapped_column(primary_key=True)
    column: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]


NOW = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def things(chance: random.Random, count: int) -> list[Thing]:
    def some(values):
        return chance.choice([None, *values])

    return [
        Thing(
            rank=some([1, 2, 3]),
            label=chance.choice(["a", "B", "é", "a b", ""]),
            price=some([Decimal("1.10"), Decimal("1.1"), Decimal("-3.00")]),
            weight=chance.choice([0.1, 0.2, 1e300, -0.0, 0.30000000000000004]),
            made=some([date(2020, 1, 1), date(1999, 12, 31)]),
            seen=NOW + timedelta(microseconds=chance.randrange(3)),
            token=some([UUID(int=7), UUID(int=1 << 90)]),
            good=some([True, False]),
            owner_id=some([1, 2]),
        )
        for _ in range(count)
    ]


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all([Owner(name="Ann"), Owner(name="Bea")])
        await session.insert_all(things(random.Random(1), 40))
        await session.insert_all([Cell(row=r, column=c, text=None if c else "x") for r in range(3) for c in range(3)])
    async with AsyncSession(engine) as session:
        yield session


async def walk(page_of, size, limit=100):
    """All pages forwards, then all of them backwards from the last one."""
    pages = [await page_of(size, None)]
    assert not pages[0].has_previous
    while pages[-1].has_next and len(pages) < limit:
        pages.append(await page_of(size, pages[-1].next))
        assert pages[-1].has_previous
    back, at = [], pages[-1]
    while at.has_previous:
        at = await page_of(size, at.previous)
        assert at.has_next
        back.append(at.items)
    assert back == [page.items for page in pages[-2::-1]]
    return [page.items for page in pages]


def joined(pages):
    return [row for page in pages for row in page]


COLUMNS = ["rank", "label", "price", "weight", "made", "seen", "token", "good", "owner_id", "owner__name"]


def random_order(chance: random.Random):
    """Terms of ORDER BY: names or columns, up and down, NULLs where they are said to be."""
    terms = []
    for name in chance.sample(COLUMNS, chance.randrange(4)):
        if "__" in name or chance.random() < 0.4:
            terms.append(chance.choice(["", "-"]) + name)
            continue
        term = getattr(Thing, name)
        term = term.desc() if chance.random() < 0.5 else term.asc()
        terms.append(chance.choice([term, term.nulls_first(), term.nulls_last()]))
    if chance.random() < 0.3:
        terms.append(chance.choice([Thing.id.desc(), "-id", func.length(Thing.label), Thing.rank + 1]))
    return terms


@pytest.mark.parametrize("seed", range(12))
async def test_pages_are_those_of_offset(session, seed):
    chance = random.Random(seed)
    for _ in range(4):
        query = session.query(Thing)
        if chance.random() < 0.5:
            query = query.exclude(label="B")
        ordered = query.order_by(*random_order(chance))
        size = chance.choice([1, 3, 7, 13, 50])
        everything = await ordered.order_by("id").all()
        pages = await walk(ordered.page, size, limit=200)
        assert pages == [everything[at : at + size] for at in range(0, len(everything), size)]
        assert await ordered.order_by("id")[size : 2 * size] == (pages[1] if len(pages) > 1 else [])


async def test_rows_that_come_and_go_move_nothing(session):
    query = session.query(Cell).order_by("-text", "row")
    first = await query.page(4)
    places = [(cell.row, cell.column) for cell in first]
    await session.query(Cell).filter(row=places[0][0], column=places[0][1]).delete()
    await session.query(Cell).filter(row=places[3][0], column=places[3][1]).delete()
    await session.insert(Cell(row=-1, column=9, text=first.items[0].text))
    rest = [(cell.row, cell.column) for cell in (await query.page(9, first.next))]
    left = {(cell.row, cell.column) for cell in await session.query(Cell)}
    assert set(rest) <= left and not set(rest) & set(places)
    assert len(rest) == 5


async def test_page_of_rows_that_are_gone_leads_back(session):
    query = session.query(Cell)
    first = await query.page(6)
    await session.query(Cell).filter(row=2).delete()
    empty = await query.page(6, first.next)
    assert (empty.items, empty.has_next, empty.has_previous, len(empty)) == ([], False, True, 0)
    assert [(c.row, c.column) for c in await query.page(6, empty.previous)] == [
        (r, c) for r in (0, 1) for c in range(3)
    ]
    none = await query.none().page(3)
    assert (none.items, none.has_next, none.has_previous) == ([], False, False)


async def test_pages_of_rows_groups_and_computed_values(session):
    values = session.query(Thing).values("label", "rank").order_by("label")
    everything = await values.order_by("id").all()
    assert joined(await walk(values.page, 7)) == everything
    assert await walk(session.query(Cell).order_by("-row").values_list("row", "text").page, 4) == [
        [(2, "x"), (2, None), (2, None), (1, "x")],
        [(1, None), (1, None), (0, "x"), (0, None)],
        [(0, None)],
    ]
    flat = session.query(Owner).order_by("-name").values_list("name", flat=True)
    assert await walk(flat.page, 1) == [["Bea"], ["Ann"]]
    groups = session.query(Thing).values("rank").annotate(n=Count("id"), t=Sum("price")).order_by("-n")
    everything = await groups.order_by("rank").all()
    assert await walk(groups.page, 3) == [everything[:3], everything[3:]]
    once = session.query(Thing).values("label").distinct()
    assert joined(await walk(once.page, 2)) == await once.order_by("label")
    owners = session.query(Owner).annotate(n=Count("things"), twice=F("id") * 2).order_by("-n")
    pages = await walk(owners.page, 1)
    assert [owner.n for [owner] in pages] == sorted((owner.n for [owner] in pages), reverse=True)
    assert all(owner.twice == owner.id * 2 for [owner] in pages)
    assert not hasattr(pages[0][0], "id_1")


async def test_pages_of_statements(session):
    statement = select(Thing).where(Thing.rank == 1).order_by(Thing.price.desc())
    everything = (await session.scalars(statement.order_by(Thing.id))).all()
    assert joined(await walk(lambda size, at: session.page(statement, size, at), 3)) == everything
    rows = select(Owner.name, Thing.label).join(Owner.things).order_by(Owner.name, Thing.label)
    everything = (await session.execute(rows.order_by(Owner.id, Thing.id))).all()
    pages = await walk(lambda size, at: session.page(rows, size, at), 5)
    assert [tuple(row) for row in joined(pages)] == [tuple(row) for row in everything]
    assert pages[0][0].name == "Ann"
    counted = select(Thing.label, func.count(Thing.id).label("n")).group_by(Thing.label).order_by(func.count(Thing.id))
    pages = await walk(lambda size, at: session.page(counted, size, at), 2)
    assert [row.n for row in joined(pages)] == sorted(row.n for row in joined(pages))


async def test_page_is_one_statement(session):
    query = session.query(Thing).order_by("label")
    with assert_queries(1):
        page = await query.page(5)
    with assert_queries(1):
        await query.page(5, page.next)
    assert repr(page) == "<Page of 5: none before, more behind>"


async def test_other_texts_are_no_bookmarks(session):
    query = session.query(Thing).order_by("label", "-price")
    page = await query.page(5)
    text = page.next
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    def forged(change):
        other = list(parts)
        change(other)
        return base64.urlsafe_b64encode(json.dumps(other).encode()).decode().rstrip("=")

    wrong = [
        "",
        "x",
        "é",
        text[:-1],
        text[:-4] + "AAAA",
        text.lower(),
        forged(lambda p: p.__setitem__(2, "t' OR 1=1 --")),
        forged(lambda p: p.__setitem__(0, "<")),
        forged(lambda p: p.pop()),
        forged(list.clear),
    ]
    with assert_queries(0):
        for other in wrong:
            with pytest.raises(BookmarkError, match="no bookmark of this query"):
                await query.page(5, other)
        for foreign in (
            session.query(Thing).order_by("label"),
            session.query(Thing).order_by("label", "price"),
            session.query(Thing).order_by("label", Thing.price.desc().nulls_last(), "rank"),
            session.query(Cell).order_by("text"),
        ):
            with pytest.raises(BookmarkError):
                await foreign.page(5, text)
    assert len((await query.filter(rank=1).page(5, text)).items) <= 5
    assert issubclass(BookmarkError, ValueError)


async def test_pages_that_cannot_be_are_refused(session):
    query = session.query(Thing)
    with assert_queries(0):
        with pytest.raises(InvalidRequestError, match="leave limit"):
            await query[:10].page(5)
        for size in (0, -1):
            with pytest.raises(ValueError, match="page"):
                query.page(size)
        for size in (None, 2.5, "3", True):
            with pytest.raises(TypeError, match="page"):
                query.page(size)
        with pytest.raises(NotSupportedError, match="window"):
            await query.order_by(func.row_number().over(order_by=Thing.label)).page(5)
        with pytest.raises(NotSupportedError, match="set operation"):
            await session.page(select(Thing.id).union(select(Owner.id)), 5)
        with pytest.raises(NotSupportedError, match="no number, text"):
            await query.order_by("facts__a").page(5)
