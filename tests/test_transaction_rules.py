"""When a session opens transactions, what ends them, and what they undo, sentence by sentence, on both databases.

The numbered rules of verbs, queries and identity are in test_session_rules.py.
"""

from __future__ import annotations

import asyncio
import gc
import warnings

import pytest
from counting import sent
from library import Author, Base, Book

from ormkit import (
    AsyncSession,
    ConcurrentSessionUse,
    InvalidRequestError,
    NotLoadedError,
    PendingRollbackError,
    UncommittedWarning,
    UniqueViolation,
    async_sessionmaker,
    insert,
    select,
    selectinload,
    session_context,
    text,
    update,
)


@pytest.fixture
async def db(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as session:
        await session.insert(Author(name="Ann", born=1900, books=[Book(title="Atom"), Book(title="Dune")]))
    return engine


@pytest.fixture
async def session(db):
    async with AsyncSession(db) as session:
        yield session
        await session.rollback()


async def names(db):
    return (await db.execute("SELECT name FROM authors ORDER BY id")).column("name")


# 0. Verbs act, the unit of work waits.

VERBS = {
    "insert": lambda session, ann: session.insert(Author(name="Bea")),
    "update": lambda session, ann: session.update(ann, name="A"),
    "set verb": lambda session, ann: session.query(Author).update(name="A"),
    "list": lambda session, ann: ann.books.add(Book(title="New")),
    "raw": lambda session, ann: session.execute_raw("UPDATE authors SET name = 'A'"),
    "upsert": lambda session, ann: session.upsert(Author(name="Bea"), "name"),
    "get or create": lambda session, ann: session.get_or_create(Author, name="Bea"),
    "bulk": lambda session, ann: session.bulk_update(Author, {"name": "A"}),
}


async def rows(db):
    found = (await db.execute("SELECT name FROM authors ORDER BY id")).tuples()
    return found + (await db.execute("SELECT title FROM books ORDER BY title")).tuples()


@pytest.mark.parametrize("verb", list(VERBS))
async def test_verb_writes_at_once_and_is_committed_before_it_returns(session, db, verb):
    ann = await session.get(Author, 1, options=[selectinload(Author.books)])
    before = await rows(db)
    await VERBS[verb](session, ann)
    assert not session.in_transaction()
    assert db.status().in_use == 0
    after = await rows(db)
    assert after != before
    await session.rollback()
    assert await rows(db) == after


@pytest.mark.parametrize("verb", list(VERBS))
async def test_verb_joins_the_open_transaction(session, db, verb):
    ann = await session.get(Author, 1, options=[selectinload(Author.books)])
    before = await rows(db)
    await session.begin()
    await VERBS[verb](session, ann)
    assert session.in_transaction()
    assert await rows(db) == before
    await session.rollback()
    assert await rows(db) == before
    await session.begin()
    await VERBS[verb](session, await session.get(Author, 1, options=[selectinload(Author.books)]))
    await session.commit()
    assert await rows(db) != before


async def test_unit_of_work_is_written_by_flush_kept_by_commit_and_undone_by_rollback(session, db):
    ann, dune = await session.get(Author, 1), await session.get(Book, 2)

    def work():
        session.add(bea := Author(name="Bea"))
        session.delete(dune)
        ann.born = 1
        return bea

    for end in (session.rollback, session.commit):
        work()
        assert not session.in_transaction()
        with sent(db) as texts:
            await session.flush()
        assert (len(texts), session.in_transaction()) == (4, True)  # BEGIN and one of a kind
        assert await rows(db) == [("Ann",), ("Atom",), ("Dune",)]
        await end()
        assert not session.in_transaction()
    assert await rows(db) == [("Ann",), ("Bea",), ("Atom",)]
    assert ann.born == 1


OPENERS = {
    "begin": lambda session: session.begin(),
    "flush": lambda session: session.flush(),
    "autoflush": lambda session: session.query(Author).all(),
    "insert": lambda session: session.execute(insert(Author).values(name="Cid")),
    "update": lambda session: session.execute(update(Author).values(born=1)),
    "text": lambda session: session.execute(text("SELECT 1")),
    "lock": lambda session: session.get(Author, 1, with_for_update=True),
    "lock query": lambda session: session.execute(select(Author).with_for_update()),
}


@pytest.mark.parametrize("opener", list(OPENERS))
async def test_what_opens_a_transaction(db, opener):
    async with AsyncSession(db) as session:
        if opener in ("flush", "autoflush"):
            session.add(Author(name="Bea"))
        opened = await OPENERS[opener](session)
        del opened
        assert session.in_transaction()
        await session.query(Author).all()
        assert db.status().in_use == 1
        await session.rollback()
        assert (session.in_transaction(), db.status().in_use) == (False, 0)


async def test_other_reads_open_none(session, db):
    await session.get(Author, 1)
    await session.query(Author).count()
    await session.execute(select(Author))
    await session.refresh(await session.get(Author, 1))
    await session.flush()
    assert (session.in_transaction(), db.status().in_use) == (False, 0)
    async with session.stream_scalars(select(Author)) as stream:
        async for _ in stream:
            pass
    assert (session.in_transaction(), db.status().in_use) == (False, 0)


async def test_any_statement_of_a_session_with_a_level_opens_one(db):
    async with AsyncSession(db, isolation="serializable") as session:
        await session.get(Author, 1)
        assert session.in_transaction()
        await session.rollback()


# 5. A failed transaction.


@pytest.mark.parametrize("cause", ["flush", "verb", "text"])
async def test_failed_transaction_refuses_every_statement_until_its_rollback(session, db, cause):
    await session.begin()
    session.add(Author(name="Ann"))
    with pytest.raises(UniqueViolation) as first:
        match cause:
            case "flush":
                await session.flush()
            case "verb":
                with session.no_autoflush:
                    await session.insert(Author(name="Ann"))
            case _:
                with session.no_autoflush:
                    await session.execute(text("INSERT INTO authors (name) VALUES ('Ann')"))
    for statement in (
        lambda: session.query(Author).all(),
        lambda: session.insert(Author(name="x")),
        lambda: session.query(Author).update(born=1),
        lambda: session.execute(select(Author)),
        lambda: session.get(Author, 7),
        lambda: session.execute_raw("SELECT 1"),
        session.flush,
        session.commit,
    ):
        with pytest.raises(PendingRollbackError) as raised:
            await statement()
        assert "call rollback() first; the cause was" in str(raised.value)
        assert str(first.value).partition(" (SQLSTATE")[0] in str(raised.value)
    await session.rollback()
    assert await session.query(Author).count() == 1


async def test_failed_inner_block_is_over_with_its_end(session, db):
    async with session.begin():
        session.add(Author(name="Bea"))
        with pytest.raises(UniqueViolation):
            async with session.begin_nested():
                await session.insert(Author(name="Ann"))
        assert await session.query(Author).count() == 2
    assert await names(db) == ["Ann", "Bea"]


async def test_verb_that_failed_alone_needs_no_rollback(session, db):
    with pytest.raises(UniqueViolation):
        await session.insert(Author(name="Ann"))
    await session.insert(Author(name="Bea"))
    assert await names(db) == ["Ann", "Bea"]


# 6. Rollback undoes memory too.


async def test_rollback_undoes_memory_and_expires_nothing(session, db):
    ann = await session.get(Author, 1, options=[selectinload(Author.books)])
    atom, dune = ann.books
    bea = Author(name="Bea", books=[new := Book(title="New")])
    session.add(bea)
    ann.name = "Changed"
    ann.books.remove(dune)
    session.delete(atom)
    await session.flush()
    ann.born = 5
    await session.rollback()
    with sent(db) as texts:
        assert (ann.name, ann.born, ann.books, dune.author, atom.author) == ("Ann", 1900, [atom, dune], ann, ann)
        assert (bea in session, bea.id, bea.books, new.author) == (False, None, [new], bea)
        assert (session.new, session.dirty, session.deleted) == ([], [], [])
        assert await session.get(Book, atom.id) is atom
    assert len(texts) == 0
    session.add(bea)
    await session.commit()
    assert await rows(db) == [("Ann",), ("Bea",), ("Atom",), ("Dune",), ("New",)]


async def test_savepoint_goes_back_to_its_start(session, db):
    ann = await session.get(Author, 1)
    async with session.begin():
        ann.born = 1
        async with session.begin_nested() as inner:
            ann.born = 2
            session.add(Author(name="Bea"))
            await session.flush()
            await inner.rollback()
        assert (ann.born, session.new) == (1, [])
    assert ann.born == 1
    assert await rows(db) == [("Ann",), ("Atom",), ("Dune",)]


@pytest.mark.parametrize("way", ["set verb", "execute"])
async def test_rollback_expires_the_table_that_a_set_verb_wrote(session, way):
    ann, atom = await session.get(Author, 1), await session.get(Book, 1)
    await session.begin()
    if way == "set verb":
        await session.query(Author).update(born=1)
    else:
        await session.execute(update(Author).values(born=1))
    await session.rollback()
    with pytest.raises(NotLoadedError):
        _ = ann.born
    assert atom.title == "Atom"
    await session.refresh(ann)
    assert ann.born == 1900


# 7. begin().


async def test_block_yields_a_transaction_whose_methods_return_it(session, db):
    dune = await session.get(Book, 2)
    async with session.begin() as tx:
        assert tx.session is session
        assert tx.add(Author(name="Bea")) is tx
        assert tx.add_all([Author(name="Cid")]) is tx
        assert tx.delete(dune) is tx
    assert await rows(db) == [("Ann",), ("Bea",), ("Cid",), ("Atom",)]
    async with session.begin() as tx:
        tx.add(Author(name="Dan"))
        await tx.rollback()
    async with session.transaction() as inside:
        assert inside is session
    assert await names(db) == ["Ann", "Bea", "Cid"]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("open_before", [True, False])
async def test_outermost_block_adopts_what_is_open_or_pending(session, db, keep, open_before):
    session.add(Author(name="Before"))
    if open_before:
        await session.flush()
    try:
        async with session.begin():
            if not keep:
                raise KeyError
    except KeyError:
        pass
    assert (session.in_transaction(), session.new) == (False, [])
    assert await names(db) == (["Ann", "Before"] if keep else ["Ann"])


async def test_cancellation_rolls_the_block_back(session, db):
    inside = asyncio.Event()

    async def work():
        async with session.begin():
            await session.insert(Author(name="Bea"))
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.ensure_future(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not session.in_transaction()
    assert await names(db) == ["Ann"]


async def test_inner_blocks_are_savepoints_and_commit_inside_is_refused(session, db):
    async with session.begin():
        await session.insert(Author(name="Bea"))
        for block in (session.begin, session.begin_nested):
            with pytest.raises(KeyError):
                async with block():
                    await session.insert(Author(name="Cid"))
                    raise KeyError
        for end in (session.commit, session.rollback):
            with pytest.raises(InvalidRequestError):
                await end()
    assert await names(db) == ["Ann", "Bea"]


async def test_begin_travels_with_the_first_statement(session, db):
    events = []
    db.add_tracer(events.append)
    async with session.begin():
        assert events == []
        await session.query(Author).count()
    started = [event.sql for event in events if event.event == "started" and event.sql]
    assert started[0].startswith("BEGIN") and started[-1].startswith("COMMIT")


# 8. session_context and sessionmaker.begin().


@pytest.mark.parametrize("make", [session_context, lambda db: async_sessionmaker(db).begin()])
async def test_context_undoes_verbs_too(db, make):
    with pytest.raises(KeyError):
        async with make(db) as session:
            await session.insert(Author(name="Bea"))
            raise KeyError
    assert await names(db) == ["Ann"]
    async with make(db) as session:
        await session.insert(Author(name="Bea"))
        assert await names(db) == ["Ann"]
    assert await names(db) == ["Ann", "Bea"]


async def test_commit_in_session_context_begins_anew(db):
    with pytest.raises(KeyError):
        async with session_context(db) as session:
            await session.insert(Author(name="Bea"))
            await session.commit()
            await session.insert(Author(name="Cid"))
            raise KeyError
    assert await names(db) == ["Ann", "Bea"]


# 9. Leaving.


LOST = {
    "pending": r"1 unflushed object\(s\) were dropped \(new Author\)",
    "flushed": r"flushed changes were rolled back \(Author 2\)",
    "verb": r"flushed changes were rolled back \(Author 2\)",
    "set verb": r"writes of statements were rolled back \(authors\)",
    "text": r"writes of statements were rolled back \(SQL of the program\)",
}


@pytest.mark.parametrize("work", list(LOST))
@pytest.mark.parametrize("way", ["leave", "close", "drop", "exception"])
async def test_work_that_is_lost_is_warned_of(db, work, way):
    session = AsyncSession(db)

    async def do():
        if work == "verb":
            await session.begin()
            await session.insert(Author(name="Bea"))
        elif work == "set verb":
            await session.begin()
            await session.query(Author).update(name="Bea")
        elif work == "text":
            await session.execute(text("UPDATE authors SET name = 'Bea'"))
        else:
            session.add(Author(name="Bea"))
            if work == "flushed":
                await session.flush()

    if way == "exception":
        with warnings.catch_warnings(), pytest.raises(KeyError):
            warnings.simplefilter("error")
            async with session:
                await do()
                raise KeyError
    else:
        await do()
        with pytest.warns(UncommittedWarning, match=LOST[work]):
            if way == "leave":
                async with session:
                    pass
            elif way == "close":
                await session.close()
            else:
                del session, do
                gc.collect()
    assert await names(db) == ["Ann"]


async def test_call_that_is_not_awaited_did_nothing_and_warns(session, db):
    with pytest.warns(RuntimeWarning, match="never awaited"):
        session.insert(Author(name="Bea"))
        gc.collect()
    with pytest.warns(RuntimeWarning, match="opened no transaction"):
        session.begin()
        gc.collect()
    assert not session.in_transaction()
    ann = await session.get(Author, 1, options=[selectinload(Author.books)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ann.books.add(Book(title="New"))
        session.delete(ann.books[0])
        gc.collect()
    assert len(session.new) == 1 and len(session.deleted) == 1
    assert await names(db) == ["Ann"]


# 10. One session, one task at a time.


async def test_tasks_may_use_a_session_in_turn_and_not_at_once(session, db):
    for _ in range(3):
        await asyncio.create_task(session.insert(Author(name=f"{_}")))

    async def read():
        for _ in range(50):
            await session.query(Author).all()
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(read(), name=f"reader-{n}") for n in range(2)]
    seen = await asyncio.gather(*tasks, return_exceptions=True)
    if db.is_postgres():  # what SQLite answers at once does not overlap
        [error] = [error for error in seen if isinstance(error, ConcurrentSessionUse)]
        assert "reader-0" in str(error) and "reader-1" in str(error)
