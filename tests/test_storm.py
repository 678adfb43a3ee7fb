"""Many tasks on a small pool, cancelled at random: nothing is half done, lost or left open afterwards."""

import asyncio
import random
import warnings

import pytest
from library import Author, Base, Book

import ormkit
from ormkit import AsyncSession, UncommittedWarning, create_engine, selectinload

CONNECTIONS = 4
TASKS = 120


@pytest.fixture
async def db(url):
    async with create_engine(url, max_connections=CONNECTIONS) as engine:
        await Base.metadata.create_all(engine)
        async with AsyncSession(engine) as session:
            await session.insert_all([Author(name=f"old-{n}", books=[Book(title="old", pages=0)]) for n in range(10)])
        yield engine


async def rows(db, sql):
    return (await db.execute(sql)).tuples()


async def write(db, name):
    """An author with two books, in one transaction."""
    async with AsyncSession(db) as session, session.begin():
        author = Author(name=name)
        session.add(author)
        await session.flush()
        author.books.append(Book(title="one"))
        await session.flush()
        author.books.append(Book(title="two"))


async def move(db, name):
    """A page goes from one book to another: their sum stays."""
    async with AsyncSession(db) as session, session.begin(isolation="serializable"):
        books = await session.query(Book).filter(title="old").order_by(Book.id).all()
        first, second = random.Random(name).sample(books, 2)
        first.pages -= 1
        await session.flush()
        second.pages += 1


async def read(db, name):
    async with AsyncSession(db) as session:
        authors = await session.query(Author).options(selectinload(Author.books)).all()
        for author in authors:
            assert len(author.books) in (1, 2)
        assert sum(book.pages for author in authors for book in author.books if book.title == "old") == 0


async def insert(db, name):
    async with AsyncSession(db) as session:
        await session.insert(Author(name=name, books=[Book(title="one"), Book(title="two")]))


async def fail(db, name):
    async with AsyncSession(db) as session, session.begin():
        session.add(Author(name=name))
        await session.flush()
        raise KeyError(name)


@pytest.mark.parametrize("seed", range(4))
async def test_storm_of_cancelled_tasks_leaves_everything_whole(db, seed):
    chance = random.Random(seed)
    conflicts = (ormkit.SerializationFailure, ormkit.DeadlockDetected, ormkit.LockNotAvailable)
    expected = (asyncio.CancelledError, asyncio.TimeoutError, KeyError, *conflicts)

    async def run(n):
        work = chance.choice([write, move, read, insert, fail])
        await asyncio.wait_for(work(db, f"{work.__name__}-{n}"), 20)
        return work.__name__

    async def shoot(task):
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(chance.choice([0, 0, 0, 0.001]))
        task.cancel()

    with warnings.catch_warnings():
        # A session that is cancelled may be dropped with work: that is what is tried.
        warnings.simplefilter("ignore", UncommittedWarning)
        tasks = [asyncio.create_task(run(n)) for n in range(TASKS)]
        shots = [asyncio.create_task(shoot(task)) for task in chance.sample(tasks, TASKS // 2)]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*shots)
    strange = [result for result in results if isinstance(result, BaseException) and not isinstance(result, expected)]
    assert strange == []
    assert sum(isinstance(result, asyncio.CancelledError) for result in results) > 10
    assert sum(isinstance(result, str) for result in results) > 10
    done = [f"{result}-{n}" for n, result in enumerate(results) if result in ("write", "insert")]

    # All connections are free and clean: as many transactions at once as there are connections.
    async def look():
        async with AsyncSession(db) as session, session.begin(read_only=True):
            count = await session.query(Author).count()
            await asyncio.sleep(0.01)
            return count

    counts = await asyncio.wait_for(asyncio.gather(*(look() for _ in range(CONNECTIONS * 3))), 20)
    assert len(set(counts)) == 1
    # Whoever was told that it is done has its rows, and nobody has a part of them.
    found = dict(
        await rows(db, "SELECT name, count(books.id) FROM authors JOIN books ON author_id = authors.id GROUP BY name")
    )
    assert set(done) <= set(found)
    assert {count for name, count in found.items() if not name.startswith("old")} <= {2}
    assert await rows(db, "SELECT name FROM authors WHERE name LIKE 'fail%'") == []
    assert await rows(db, "SELECT count(*) FROM books WHERE author_id IS NULL") == [(0,)]
    assert await rows(db, "SELECT sum(pages) FROM books WHERE title = 'old'") == [(0,)]
    if db.is_postgres():
        sql = (
            "SELECT state, count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY state"
        )
        states = {}
        for _ in range(100):  # a backend needs a moment to notice that its client is gone
            states = dict(await rows(db, sql))
            if set(states) <= {"idle"} and sum(states.values()) < CONNECTIONS:
                break
            await asyncio.sleep(0.05)
        assert set(states) <= {"idle"}
        assert sum(states.values()) < CONNECTIONS


async def test_server_that_drops_its_connections_is_reached_again(postgres_url, postgres_admin):
    async with create_engine(postgres_url, max_connections=CONNECTIONS) as db:
        await Base.metadata.create_all(db)
        stop = asyncio.Event()
        done, failed = [], []

        async def work(n):
            while not stop.is_set():
                name = f"{n}-{len(done)}-{len(failed)}"
                try:
                    await insert(db, name)
                    done.append(name)
                except ormkit.OperationalError as error:
                    failed.append(error)

        workers = [asyncio.create_task(work(n)) for n in range(8)]
        for _ in range(10):
            await asyncio.sleep(0.03)
            postgres_admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [postgres_url.rpartition("/")[2]],
            )
        await asyncio.sleep(0.05)
        stop.set()
        await asyncio.gather(*workers)
        assert done and failed
        found = dict(
            await rows(
                db, "SELECT name, count(books.id) FROM authors JOIN books ON author_id = authors.id GROUP BY name"
            )
        )
        assert set(done) <= set(found)
        assert set(found.values()) == {2}
