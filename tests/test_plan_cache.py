"""A query that is run again with other values writes no SQL: every form of one, on both databases.

Numbers of LIMIT and OFFSET are no values: they are written, and belong to the form.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from library import Author, Base, Book, Shelf

import ormkit
from ormkit import (
    AsyncSession,
    Count,
    F,
    Prefetch,
    Q,
    Sum,
    aliased,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    joinedload,
    literal,
    or_,
    select,
    selectinload,
    text,
    tuple_,
    union_all,
    update,
    with_loader_criteria,
)


def authors(session: AsyncSession) -> Any:
    return session.query(Author)


def books(session: AsyncSession) -> Any:
    return session.query(Book)


Form = Callable[[AsyncSession, int], Awaitable[Any]]


def page(session: AsyncSession, n: int) -> Awaitable[Any]:
    return books(session).filter(pages__gt=n).order_by("title").page(2)


def joined(n: int) -> Any:
    writer = aliased(Author)
    return select(Book.title, writer.name).join(writer, Book.author_id == writer.id).where(writer.born > n)


def recursive(n: int) -> Any:
    numbers = select(literal(n).label("i")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.i + 1).where(numbers.c.i < n + 3))
    return select(numbers.c.i)


def window(n: int) -> Any:
    place = func.row_number().over(partition_by=Book.author_id, order_by=Book.pages).label("place")
    ranked = select(Book.id, place).where(Book.pages > n).subquery()
    return select(ranked.c.id).where(ranked.c.place <= n)


async def flushed(session: AsyncSession, n: int) -> None:
    author = Author(name=f"flushed {n}", books=[Book(title=f"t{i}") for i in range(n)])
    session.add(author)
    await session.flush()
    author.born = n
    await session.flush()
    await session.delete(author)
    await session.flush()


async def upserted(session: AsyncSession, n: int) -> None:
    await session.upsert(Author(name="a", born=n), ["name"])


FORMS: dict[str, Form] = {
    "get": lambda s, n: s.get(Author, n + 100),
    "get of a pair": lambda s, n: s.get(Shelf, (n, n + 1)),
    "filter": lambda s, n: authors(s).filter(born__gt=n, name__startswith=str(n)).all(),
    "filter across": lambda s, n: books(s).filter(author__born__lt=n).all(),
    "exclude across": lambda s, n: authors(s).exclude(books__pages__gt=n).all(),
    "Q": lambda s, n: authors(s).filter(Q(born=n) | ~Q(name=str(n))).all(),
    "F": lambda s, n: books(s).filter(pages__gt=F("id") + n).all(),
    "in": lambda s, n: authors(s).filter(id__in=list(range(n))).all(),
    "in of pairs": lambda s, n: s.scalars(
        select(Shelf).where(tuple_(Shelf.row, Shelf.place).in_([(i, n) for i in range(2)]))
    ),
    "between": lambda s, n: books(s).filter(pages__between=(n, n + 1)).all(),
    "slice": lambda s, n: authors(s).filter(id__gt=n).order_by("id")[1:5],
    "first": lambda s, n: authors(s).filter(born=n).order_by("-id").first(),
    "count": lambda s, n: authors(s).filter(born=n).count(),
    "exists": lambda s, n: authors(s).filter(born=n).exists(),
    "values": lambda s, n: books(s).filter(pages=n).values("title", "author__name"),
    "values_list": lambda s, n: books(s).filter(pages=n).values_list("title", flat=True),
    "annotate": lambda s, n: authors(s).annotate(n=Count("books", filter=Q(books__pages__gt=n))).filter(n__gte=n).all(),
    "aggregate": lambda s, n: books(s).filter(pages__lt=n).aggregate(total=Sum("pages")),
    "in_bulk": lambda s, n: authors(s).in_bulk(list(range(n))),
    "selectinload": lambda s, n: authors(s).filter(born=n).options(selectinload(Author.books)).all(),
    "selectinload with criteria": lambda s, n: (
        authors(s).options(selectinload(Author.books.and_(Book.pages > n))).all()
    ),
    "joinedload": lambda s, n: books(s).filter(pages=n).options(joinedload(Book.author)).all(),
    "Prefetch": lambda s, n: authors(s).prefetch_related(Prefetch("books", books(s).filter(pages=n).limit(2))).all(),
    "criteria": lambda s, n: authors(s).options(with_loader_criteria(Author, Author.born > n)).all(),
    "page": page,
    "select": lambda s, n: s.scalars(select(Author).where(Author.born == n, or_(Author.id > n, Author.name == "a"))),
    "select limit": lambda s, n: s.scalars(select(Author).where(Author.id > n).order_by(Author.id).limit(3).offset(1)),
    "join": lambda s, n: s.execute(joined(n)),
    "subquery": lambda s, n: s.scalars(
        select(Author).where(Author.id.in_(select(Book.author_id).where(Book.pages > n)))
    ),
    "correlated": lambda s, n: s.scalars(
        select(Author).where(exists().where(Book.author_id == Author.id, Book.pages > n))
    ),
    "scalar subquery": lambda s, n: s.execute(
        select(
            Author.id, select(func.max(Book.pages)).where(Book.author_id == Author.id, Book.id > n).scalar_subquery()
        )
    ),
    "recursive": lambda s, n: s.scalars(recursive(n)),
    "window": lambda s, n: s.scalars(window(n)),
    "union": lambda s, n: s.scalars(
        union_all(select(Author.id).where(Author.born == n), select(Book.id).where(Book.pages == n))
    ),
    "case": lambda s, n: s.execute(select(case((Book.pages > n, n), else_=n + 1))),
    "group": lambda s, n: s.execute(
        select(Book.author_id, func.count()).group_by(Book.author_id).having(func.count() > n)
    ),
    "group by a value": lambda s, n: s.execute(
        select(func.coalesce(Book.author_id, n), func.count()).group_by(func.coalesce(Book.author_id, n))
    ),
    "bindparam": lambda s, n: s.scalars(select(Author).where(Author.born == bindparam("n")), {"n": n}),
    "for update": lambda s, n: authors(s).filter(born=n).with_for_update().all(),
    "update": lambda s, n: authors(s).filter(born=n).update(born=n + 1),
    "update F": lambda s, n: books(s).filter(id=n).update(pages=F("pages") + n),
    "delete": lambda s, n: books(s).filter(pages=n + 1000).delete(),
    "update statement": lambda s, n: s.execute(update(Book).where(Book.id == n).values(pages=n)),
    "update from": lambda s, n: s.execute(
        update(Book).where(Book.author_id == Author.id, Author.born > n).values(pages=n).execution_options()
    ),
    "delete statement": lambda s, n: s.execute(delete(Book).where(Book.pages > n + 1000)),
    "insert statement": lambda s, n: s.execute(insert(Book).values(title=str(n), pages=n).returning(Book.id)),
    "insert rows": lambda s, n: s.execute(insert(Book), [{"title": str(i + n)} for i in range(2)]),
    "on conflict": lambda s, n: s.execute(
        insert(Author).values(name="a", born=n).on_conflict_do_update(index_elements=["name"], set_={"born": n})
    ),
    "upsert": upserted,
    "get_or_create": lambda s, n: s.get_or_create(Author, name=f"get or create {n}"),
    "insert from": lambda s, n: s.execute(
        insert(Book).from_select(["title"], select(Author.name).where(Author.born > n + 1000))
    ),
    "flush": flushed,
    "text": lambda s, n: s.execute(text("SELECT count(*) FROM books WHERE pages > :n"), {"n": n}),
}


@pytest_asyncio.fixture
async def session(engine: ormkit.ConnectionPool) -> Any:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert_all(
            [Author(name=name, born=n, books=[Book(title=name, pages=n)]) for n, name in enumerate("abc", 1)]
        )
        await session.insert(Shelf(row=1, place=1))
        session.expunge_all()
        yield session
        await session.rollback()


@pytest.mark.parametrize("form", FORMS)
async def test_form_is_written_once(session: AsyncSession, engine: ormkit.ConnectionPool, form: str) -> None:
    run = FORMS[form]
    await run(session, 2)
    session.expunge_all()
    first = engine.status().plans
    await run(session, 3)
    second = engine.status().plans
    assert second.misses == first.misses
    # What is a text already is no plan.
    assert second.hits > first.hits or form == "text"


async def test_counters_say_what_happened(engine: ormkit.ConnectionPool) -> None:
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        before = engine.status().plans
        for n in range(3):
            await session.query(Author).filter(born=n).all()
        after = engine.status().plans
        assert (after.misses - before.misses, after.hits - before.hits) == (1, 2)
        assert 0 < after.kept <= after.misses and after.most == 1000
        assert repr(after).startswith("<PlanCounters kept=")
