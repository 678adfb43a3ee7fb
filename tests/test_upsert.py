"""Verbs that find a row or make it, on both databases."""

import asyncio

import pytest
from library import Author, Base, Book

from ormkit import (
    AsyncSession,
    FieldError,
    InvalidRequestError,
    Mapped,
    MultipleResultsFound,
    NotNullViolation,
    NotSupportedError,
    UniqueViolation,
    func,
    mapped_column,
)


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


async def stored(engine):
    return (await engine.execute("SELECT name, born FROM authors ORDER BY id")).tuples()


async def test_upsert_inserts_and_then_writes_into_the_row(session, engine):
    ann = await session.upsert(Author(name="Ann", born=1900), "name")
    assert (ann.id, ann in session, session.in_transaction()) == (1, True, False)
    other = Author(name="Ann", born=1950)
    assert await session.upsert(other, Author.name) is ann
    assert (ann.born, other in session, other.id) == (1950, False, None)
    assert await stored(engine) == [("Ann", 1950)]


async def test_upsert_of_a_row_nobody_holds_makes_the_argument_its_object(session, engine):
    await session.execute_raw("INSERT INTO authors (name, born) VALUES ('Ann', 1)")
    ann = Author(name="Ann", born=2)
    assert await session.upsert(ann, ["name"]) is ann
    assert (ann.id, ann.born, await session.get(Author, 1)) == (1, 2, ann)
    ann.born = 3
    await session.commit()
    assert await stored(engine) == [("Ann", 3)]


async def test_upsert_writes_what_was_set_or_what_is_named(session, engine):
    await session.upsert(Author(name="Ann", born=1), "name")
    ann = await session.upsert(Author(name="Ann"), "name")
    assert ann.born == 1
    assert (await session.upsert(Author(name="Ann", born=2), "name", do_nothing=True)).born == 1
    assert (await session.upsert(Author(name="Ann", born=2), "name", update_fields=["born"])).born == 2
    assert (await session.upsert(Author(name="Ann"), "name", update_fields=["born"])).born is None
    book = await session.upsert(Book(id=1, title="Dune"), "id")
    await session.query(Book).update(pages=7)
    assert (await session.upsert(Book(id=1, title="Atom"), "id")) is book
    assert (book.title, book.pages, book.shelf) == ("Atom", 7, "A")
    with pytest.raises(FieldError):
        await session.upsert(Author(name="x"), "nmae")
    with pytest.raises(TypeError):
        await session.upsert(Author(name="x"), "name", ["born"], True)


async def test_upsert_all_keeps_the_order_and_meets_itself(session, engine):
    assert await session.upsert_all([], "name") == []
    given = [Author(name="B", born=1), Author(name="A", born=2), Author(name="B", born=3)]
    found = await session.upsert_all(given, "name")
    assert found == [given[0], given[1], given[0]]
    assert [author.born for author in found] == [3, 2, 3]
    assert await stored(engine) == [("B", 3), ("A", 2)]


async def test_rolled_back_upsert_is_undone_in_memory(session, engine):
    ann = await session.insert(Author(name="Ann", born=1))
    bea = Author(name="Bea")
    async with session.begin() as transaction:
        await session.upsert_all([Author(name="Ann", born=9), bea], "name")
        assert (ann.born, bea in session) == (9, True)
        await transaction.rollback()
    assert (ann.born, bea in session) == (1, False)
    assert await stored(engine) == [("Ann", 1)]


async def test_failed_upsert_leaves_everything_as_it_was(session, engine):
    await session.insert(Author(name="Ann"))
    clash = Author(id=1, name="New")
    with pytest.raises(UniqueViolation):
        await session.upsert(clash, "name")
    assert (clash in session, session.in_transaction()) == (False, False)
    with pytest.raises(NotNullViolation):
        await session.upsert(Author(born=1), "born")
    with pytest.raises(InvalidRequestError, match="stored already"):
        await session.upsert(await session.get(Author, 1), "name")
    with pytest.raises(NotSupportedError, match="new objects"):
        await session.upsert(Author(name="x", books=[Book(title="t")]), "name")
    assert await stored(engine) == [("Ann", None)]


async def test_get_or_create(session, engine):
    ann, created = await session.get_or_create(Author, {"born": lambda: 7}, name="Ann")
    assert (ann.id, ann.born, created) == (1, 7, True)
    assert await session.get_or_create(Author, {"born": 8}, name__exact="Ann") == (ann, False)
    assert ann.born == 7
    await session.insert(Author(name="Bea", born=7))
    with pytest.raises(MultipleResultsFound):
        await session.get_or_create(Author, born=7)
    with pytest.raises(FieldError):
        await session.get_or_create(Author, {"brn": 1}, name="x")
    assert await session.get_or_create(Book, {"title": "x"}, author=ann) == (await session.query(Book).one(), True)
    await session.commit()
    with pytest.raises(UniqueViolation):
        await session.get_or_create(Author, {"name": "Ann"}, born=9)
    assert not session.in_transaction()


async def test_update_or_create(session, engine):
    ann, created = await session.update_or_create(Author, {"born": 1}, name="Ann")
    assert created
    assert await session.update_or_create(Author, {"born": 2}, name="Ann") == (ann, False)
    assert await stored(engine) == [("Ann", 2)]


@pytest.mark.parametrize("inside", [False, True])
async def test_racing_tasks_get_one_row(engine, inside):
    await Base.metadata.create_all(engine)
    ready = asyncio.Barrier(2) if hasattr(asyncio, "Barrier") else None

    async def one(number):
        async with AsyncSession(engine) as session:
            if inside and engine.is_postgres():
                await session.insert(Author(name=f"before {number}"))
                async with session.begin():
                    session.add(Author(name=f"inside {number}"))
                    await session.flush()
                    if ready:
                        await ready.wait()
                    return (await session.get_or_create(Author, {"born": number}, name="Ann"))[1]
            if ready:
                await ready.wait()
            return (await session.get_or_create(Author, {"born": number}, name="Ann"))[1]

    for _ in range(10):
        made = await asyncio.gather(one(1), one(2))
        assert sorted(made) == [False, True]
        assert (await engine.execute("SELECT count(*) FROM authors WHERE name = 'Ann'")).scalar() == 1
        await engine.execute("DELETE FROM authors")


async def test_taken_row_leaves_the_open_transaction_usable(session, engine):
    async with AsyncSession(engine) as other:
        async with session.begin():
            session.add(Author(name="Mine"))
            await session.flush()
            if engine.is_postgres():
                await other.insert(Author(name="Ann"))
                assert not (await session.get_or_create(Author, name="Ann"))[1]
            with pytest.raises(UniqueViolation):
                await session.get_or_create(Author, {"name": "Mine"}, born=3)
            assert await session.query(Author).filter(name="Mine").exists()
    assert ("Mine", None) in await stored(engine)


class Kept(Base):
    """A row that knows when and by what it was changed."""

    __tablename__ = "kept_rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(default=0)
    by_program: Mapped[str | None] = mapped_column(onupdate=lambda: "renewed")
    by_database: Mapped[str | None] = mapped_column(onupdate=func.upper("renewed"))
    version: Mapped[int]
    __mapper_args__ = {"version_id_col": "version"}


async def test_upsert_renews_the_row_that_exists_as_an_update_does(session):
    kept = await session.upsert(Kept(name="a", size=1), "name")
    assert (kept.by_program, kept.by_database, kept.version) == (None, None, 1)
    again, fresh = await session.upsert_all([Kept(name="a", size=2), Kept(name="b", size=3)], "name")
    assert again is kept
    assert (kept.size, kept.by_program, kept.by_database, kept.version) == (2, "renewed", "RENEWED", 2)
    assert (fresh.by_program, fresh.by_database, fresh.version) == (None, None, 1)
    await session.upsert(Kept(name="b", size=4, by_program="own", by_database="own"), "name")
    assert (fresh.by_program, fresh.by_database, fresh.version) == ("own", "own", 2)
    await session.upsert(Kept(name="b", size=5), "name", do_nothing=True)
    assert (fresh.size, fresh.version) == (4, 2)


class Tokened(Base):
    __tablename__ = "tokened_rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    size: Mapped[int] = mapped_column(default=0)
    version: Mapped[int]
    __mapper_args__ = {"version_id_col": "version", "version_id_generator": lambda before: (before or 0) + 10}


async def test_upsert_refuses_a_version_that_the_program_makes_of_the_one_before(session):
    with pytest.raises(NotSupportedError, match=r"Tokened.*set Tokened\.version as well"):
        await session.upsert(Tokened(name="a", size=1), "name")
    assert (await session.upsert(Tokened(name="a", size=1, version=3), "name")).version == 3
