"""Objects and rows that are read in pieces, on both databases."""

import asyncio
import gc

import pytest
from library import Author, Base, Book

from ormkit import (
    AsyncSession,
    InvalidRequestError,
    MultipleResultsFound,
    NoResultFound,
    NotSupportedError,
    PendingRollbackError,
    joinedload,
    select,
    selectinload,
    text,
)

COUNT = 50


@pytest.fixture
async def session(engine):
    await Base.metadata.create_all(engine)
    async with AsyncSession(engine) as filling:
        authors = [Author(name=f"{i:03}", born=i, books=[Book(title=f"of {i}")]) for i in range(COUNT)]
        await filling.insert_all(authors)
    del authors, filling
    async with AsyncSession(engine) as session:
        yield session
        await session.rollback()


async def settled(engine):
    """Waits until connections that were given up are back."""
    for _ in range(200):
        status = engine.status()
        if status.in_use == 0 and status.draining == 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(engine.status())


@pytest.mark.parametrize("size", [1, 7, 25, 50, 1000])
async def test_objects_come_once_and_in_order(session, engine, size):
    query = session.query(Author).order_by("id")
    names = [author.name async for author in query.stream(batch_size=size)]
    assert names == [f"{i:03}" for i in range(COUNT)]
    assert [author.born async for author in query.iterator(size)] == list(range(COUNT))
    await settled(engine)
    assert not session.in_transaction()


async def test_queries_rows_and_scalars_stream(session, engine):
    assert len([author async for author in session.query(Author)]) == COUNT
    statement = select(Author.id, Author.name).order_by(Author.id).limit(3)
    assert [(row.id, row.name) async for row in session.stream(statement)] == [(1, "000"), (2, "001"), (3, "002")]
    authors = [author async for author in session.stream_scalars(select(Author).order_by(Author.id).limit(3))]
    assert authors[0] is await session.get(Author, 1)
    values = session.query(Author).values_list("name", flat=True).order_by("-name")[:2]
    assert [name async for name in values.stream(1)] == ["049", "048"]
    parts = session.query(Author).order_by("id").stream(8).partitions(20)
    assert [len(part) async for part in parts] == [20, 20, 10]
    stream = await session.stream_scalars(select(Author.id).order_by(Author.id)).yield_per(5)
    assert [number async for number in stream] == list(range(1, COUNT + 1))
    with pytest.raises(InvalidRequestError, match="yield_per"):
        stream.yield_per(5)
    with pytest.raises(ValueError, match="batch_size"):
        session.query(Author).stream(0)
    assert [author async for author in session.query(Author).none().stream()] == []
    await settled(engine)


async def test_relations_are_loaded_for_each_piece_on_the_streams_connection(session, engine):
    events = []
    engine.add_tracer(events.append)
    query = session.query(Author).options(selectinload(Author.books)).order_by("id")
    titles = [author.books[0].title async for author in query.stream(batch_size=20)]
    engine.remove_tracer(events.append)
    assert titles == [f"of {i}" for i in range(COUNT)]
    loads = [event for event in events if event.event == "ended" and "FROM books" in (event.sql or "")]
    assert len(loads) == 3
    assert sum(event.event == "acquired" for event in events) == 1
    with pytest.raises(NotSupportedError, match="selectinload"):
        async for _ in session.query(Author).options(joinedload(Author.books)).stream():
            pass
    await settled(engine)


async def test_memory_is_that_of_one_piece(session):
    alive = 0
    async for author in session.query(Author).stream(batch_size=5):
        del author
        gc.collect()
        alive = max(alive, sum(isinstance(each, Author) for each in gc.get_objects()))
    assert alive <= 6


async def test_stream_is_over_on_break_on_leaving_and_when_nobody_holds_it(session, engine):
    async for _ in session.query(Author).stream(batch_size=2):
        break
    await settled(engine)
    async with session.query(Author).stream(batch_size=2) as stream:
        await stream.__anext__()
        assert engine.status().in_use == 1
    await settled(engine)
    assert [author async for author in stream] == []
    stream = session.query(Author).stream(batch_size=2)
    await stream.__anext__()
    await stream.close()
    assert engine.status().in_use == 0


async def test_session_works_between_pieces_and_objects_are_its_own(session, engine):
    first = await session.get(Author, 1)
    first.born = -1
    async for author in session.query(Author).order_by("id").stream(batch_size=10):
        if author.id == 1:
            assert author is first
            assert author.born == -1
        if author.id % 25 == 0:
            author.name += "!"
    await session.commit()
    assert [author.name async for author in session.query(Author).filter(name__endswith="!").order_by("id")] == [
        "024!",
        "049!",
    ]


async def test_stream_in_a_transaction_belongs_to_it(session, engine):
    async with session.begin():
        session.add(Author(name="new"))
        stream = session.query(Author).order_by("-id").stream(batch_size=2)
        assert (await stream.__anext__()).name == "new"
        assert engine.status().in_use == 1
        del stream
        assert await session.query(Author).count() == COUNT + 1
        late = session.query(Author).stream(batch_size=2)
        await late.__anext__()
        await late.__anext__()
    with pytest.raises(InvalidRequestError, match="ended with the transaction that it was begun in"):
        await late.__anext__()
    await settled(engine)


@pytest.mark.parametrize("end", ["last row", "break", "leave", "close", "forget"])
async def test_portal_of_a_stream_inside_of_a_transaction_is_closed_before_that_ends(session, engine, end):
    if not engine.is_postgres():
        pytest.skip("SQLite has no view of its open statements")
    async with session.begin():
        stream = session.query(Author).stream(batch_size=COUNT // 2 + 1 if end == "last row" else 2)
        await stream.__anext__()
        open_portals = text("SELECT count(*) FROM pg_cursors WHERE name <> ''")
        assert await session.scalar(open_portals) == 1
        match end:
            case "last row":
                assert len([author async for author in stream]) == COUNT - 1
            case "break":
                del stream
                async for _ in session.query(Author).stream(batch_size=2):
                    break
            case "leave":
                async with stream:
                    pass
            case "close":
                await stream.close()
            case "forget":
                del stream
                gc.collect()
        assert await session.scalar(open_portals) == 0


@pytest.mark.parametrize("inside", [False, True])
async def test_cancelled_read_gives_the_connection_back(session, engine, inside):
    if not engine.is_postgres():
        pytest.skip("SQLite answers at once")
    lock = AsyncSession(engine)
    await lock.query(Author).filter(id=3).with_for_update().all()
    assert lock.in_transaction()
    if inside:
        session.add(Author(name="new"))
        await session.flush()
    query = session.query(Author)
    stream = (query.filter(id=3).with_for_update() if inside else query).stream()
    read = asyncio.ensure_future(stream.__anext__())
    await asyncio.sleep(0.05 if inside else 0)
    read.cancel()
    with pytest.raises(asyncio.CancelledError):
        await read
    if inside:
        with pytest.raises(PendingRollbackError):
            await session.get(Author, 5)
        await session.rollback()
    assert (await session.get(Author, 5)).name == "004"
    await lock.rollback()
    await settled(engine)


@pytest.mark.parametrize("where", ["engine", "session", "transaction"])
async def test_an_exception_leaves_a_loop_over_a_stream_as_it_is(session, engine, where):
    class Stop(Exception):
        pass

    async def read(stream):
        async for _ in stream:
            await asyncio.sleep(0)
            raise Stop

    if where == "transaction":
        await session.begin()
    for _ in range(20):
        with pytest.raises(Stop):
            if where == "engine":
                await read(engine.stream("SELECT * FROM authors", batch_size=1))
            else:
                await read(session.query(Author).order_by("id").stream(batch_size=1))
    await session.rollback()
    await settled(engine)


@pytest.mark.parametrize("size", [3, 1000])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("end", ["rollback", "close", "expunge_all"])
async def test_stream_ends_with_what_it_reads_into(engine, session, end, inside, size):
    async with AsyncSession(engine) as other:
        if inside:
            await other.begin()
        stream = other.query(Author).order_by("id").stream(batch_size=size)
        parts = other.query(Author).order_by("id").stream(batch_size=size).partitions(2)
        assert (await anext(stream)).name == "000"
        assert len(await anext(parts)) == 2
        ended = getattr(other, end)()
        if end != "expunge_all":
            await ended
        for rows in (stream, parts, stream):
            with pytest.raises(InvalidRequestError, match="the stream has ended with"):
                await anext(rows)
        if engine.is_postgres() and end == "expunge_all" and inside:
            assert await other.scalar(text("SELECT count(*) FROM pg_cursors WHERE name <> ''")) == 0
        if end == "expunge_all":
            assert not other.identity_map
            assert other.in_transaction() == inside
        assert len(await other.query(Author)) == COUNT
        await other.rollback()
    await settled(engine)


@pytest.mark.parametrize("size", [3, 1000])
async def test_stream_of_its_own_goes_on_when_transactions_end(session, engine, size):
    seen = []
    async for author in session.query(Author).order_by("id").stream(batch_size=size):
        author.born += 1000
        await session.commit()
        try:
            async with session.begin():
                author.name = "lost"
                await session.flush()
                raise LookupError(author.id)
        except LookupError:
            seen.append(author)
    assert [author.name for author in seen] == [f"{i:03}" for i in range(COUNT)]
    assert await session.query(Author).min("born") == 1000
    assert seen[-1] is await session.get(Author, seen[-1].id) and seen[-1].born == 1000 + COUNT - 1
    await settled(engine)


@pytest.mark.parametrize("size", [3, 1000])
async def test_objects_of_a_stream_stay_loaded_after_commit_which_ends_it(session, engine, size):
    await session.begin()
    stream = session.query(Author).order_by("id").stream(batch_size=size)
    author = await anext(stream)
    author.born = 7
    await session.commit()
    assert (author.name, author.born) == ("000", 7)
    assert author is await session.get(Author, author.id)
    with pytest.raises(InvalidRequestError, match="ended with the transaction"):
        await anext(stream)
    assert len([author async for author in session.query(Author).stream()]) == COUNT


@pytest.mark.parametrize("size", [1, 1000])
async def test_stream_ends_with_the_savepoint_that_it_was_begun_in(session, engine, size):
    async with session.begin():
        outer = session.query(Author).order_by("id").stream(batch_size=size)
        assert (await anext(outer)).name == "000"
        kept = await session.begin_nested()
        released = session.query(Author).order_by("id").stream(batch_size=size)
        await anext(released)
        await kept.commit()
        nested = await session.begin_nested()
        inner = session.query(Author).order_by("id").stream(batch_size=size)
        author = await anext(inner)
        author.name = "changed"
        await session.flush()
        assert (await anext(outer)).name == "001"
        await nested.rollback()
        assert author.name == "000"
        with pytest.raises(InvalidRequestError, match="savepoint"):
            await anext(inner)
        for stream in (outer, released):
            assert [author.born async for author in stream][-1] == COUNT - 1


async def test_yield_per_is_said_of_the_statement(session):
    statement = select(Author).order_by(Author.id).execution_options(yield_per=20)
    sizes = [len(part) async for part in session.stream_scalars(statement).partitions()]
    assert sizes == [20, 20, 10]
    result = await session.stream(select(Author.name).order_by(Author.id), execution_options={"yield_per": 30})
    assert [len(part) async for part in result.partitions()] == [30, 20]
    query = session.query(Author).order_by("id").execution_options(yield_per=40)
    assert [len(part) async for part in query.stream().partitions()] == [40, 10]
    assert [len(part) async for part in query.stream(batch_size=25).partitions()] == [25, 25]
    assert [len(part) for part in (await session.scalars(statement)).partitions()] == [20, 20, 10]
    whole = await session.execute(statement)
    assert [len(part) for part in whole.partitions()] == [20, 20, 10] == [len(p) for p in whole.mappings().partitions()]
    assert [len(part) for part in whole.scalars().partitions(40)] == [40, 10]
    assert [len(part) for part in (await session.scalars(select(Author))).partitions()] == [COUNT]
    assert list((await session.scalars(select(Author).where(Author.id < 0))).partitions()) == []
    for wrong in (0, -1, "many"):
        with pytest.raises(ValueError, match="yield_per must be a number of rows"):
            select(Author).execution_options(yield_per=wrong)


async def test_rest_of_a_stream_is_read_at_once(session, engine):
    names = select(Author.name, Author.born).order_by(Author.id)
    async with session.stream(names, batch_size=3) as stream:
        assert await stream.fetchmany(2) == [("000", 0), ("001", 1)]
        assert await stream.fetchmany() == [("002", 2), ("003", 3), ("004", 4)]
        assert len(await stream.all()) == COUNT - 5
        assert await stream.fetchmany() == [] == await stream.all()
    assert await session.stream(names).first() == ("000", 0)
    assert await session.stream_scalars(names.where(Author.born < 0)).first() is None
    assert await session.stream(names.where(Author.born == 7)).one() == ("007", 7)
    assert await session.stream(names.where(Author.born < 0)).one_or_none() is None
    with pytest.raises(NoResultFound):
        await session.stream(names.where(Author.born < 0)).one()
    with pytest.raises(MultipleResultsFound):
        await session.stream(names, batch_size=1).one_or_none()
    result = await session.stream(names.limit(2))
    assert [row async for row in result.unique().tuples().mappings()] == [
        {"name": "000", "born": 0},
        {"name": "001", "born": 1},
    ]
    with pytest.raises(InvalidRequestError, match=r"mappings\(\) is of a stream of rows"):
        session.stream_scalars(names).mappings()
    with pytest.raises(TypeError, match=r"a stream is of a select\(\.\.\), not of .*connection\(\)\.stream"):
        session.stream(text("SELECT 1"))
    await settled(engine)
