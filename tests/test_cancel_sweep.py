"""A task cancelled at every await of what it does: the pool stays whole, nothing is half written, and the same works again."""

from __future__ import annotations

import asyncio
import types
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from library import Author, Book
from outcome import Witness, check_whole, settled
from proxy import Proxy

import ormkit
from ormkit import AsyncSession, ConnectionPool, UncommittedWarning, create_engine, selectinload

FIRST = ("Ann", "Bea")
"""The authors that are there before, with a book each."""


async def get(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session:
        author = await session.get(Author, 1)
        return author and author.name


async def query_relations(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session:
        found = await session.query(Author).options(selectinload(Author.books)).order_by(Author.id).all()
        return [(author.name, len(author.books)) for author in found][:2]


async def flush_tables(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session:
        session.add_all([Author(name=name, books=[Book(title="one"), Book(title="two")]) for name in "xyz"])
        await session.flush()
        await session.commit()
        return await session.query(Book).filter(title="two").count()


async def insert_many(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session:
        return len(await session.insert_all([Author(name=f"many {number}") for number in range(500)]))


async def block(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session, session.begin():
        await session.insert(Author(name="x"))
        author = await session.get(Author, 1)
        author.born = 1900
        await session.insert(Author(name="y"))
    return author.born


async def savepoints(db: ConnectionPool) -> object:
    async with db.begin() as connection:
        await connection.execute("INSERT INTO authors (name) VALUES ('x')")
        with pytest.raises(ormkit.UniqueViolation):
            async with connection.begin_nested():
                await connection.execute("INSERT INTO authors (name) VALUES ('Ann')")
        async with connection.begin_nested():
            await connection.execute("INSERT INTO authors (name) VALUES ('y')")
        return (await connection.execute("SELECT count(*) FROM authors WHERE name IN ('x', 'y')")).scalar()


async def stream(db: ConnectionPool) -> object:
    total = 0
    async for row in db.stream("SELECT i FROM generate_series(1, 400) AS i", batch_size=100):
        total += row["i"]
    return total


async def stream_and_write(db: ConnectionPool) -> object:
    async with db.begin() as connection:
        rows = connection.stream("SELECT i::text AS i FROM generate_series(1, 4) AS i", batch_size=2)
        async for row in rows:
            await connection.execute("INSERT INTO authors (name) VALUES ($1)", [row["i"]])
    return "written"


async def run_script(db: ConnectionPool) -> object:
    return await db.execute_script(";".join(f"INSERT INTO authors (name) VALUES ('{name}')" for name in "xyz"))


async def run_many(db: ConnectionPool) -> object:
    return await db.execute_many("INSERT INTO authors (name) VALUES ($1)", [[name] for name in "vwxyz"])


async def copy_in(db: ConnectionPool) -> object:
    return await db.copy_from("authors", [(f"{number:0>400}",) for number in range(300)], columns=["name"])


async def copy_out(db: ConnectionPool) -> object:
    rows = db.copy_to(ormkit.text("SELECT i FROM generate_series(1, 50) AS i"))
    return sum([i async for (i,) in rows])


async def listen(db: ConnectionPool) -> object:
    async with db.listen("jobs") as listener:
        await db.execute("NOTIFY jobs, 'one'")
        return (await anext(listener)).payload


async def read_large(db: ConnectionPool) -> object:
    rows = (await db.execute("SELECT i, repeat('x', 1000) AS x FROM generate_series(1, 100) AS i")).tuples()
    return len(rows), sum(row[0] for row in rows)


async def commit_as_you_go(db: ConnectionPool) -> object:
    async with db.connect() as connection:
        await connection.execute("INSERT INTO authors (name) VALUES ('x')")
        await connection.rollback()
        await connection.execute("SET LOCAL statement_timeout = '9s'")
        await connection.execute("INSERT INTO authors (name) VALUES ('y')")
        await connection.commit()
        return (await connection.execute("SELECT current_setting('statement_timeout')")).scalar()


async def change_session(db: ConnectionPool) -> object:
    async with db.connect() as connection:
        await connection.execute("SET search_path = nowhere")
    return (await db.execute("SHOW search_path")).scalar()


async def two_tasks(db: ConnectionPool) -> object:
    async def write(name: str) -> str:
        async with db.begin() as connection:
            await connection.execute("INSERT INTO authors (name) VALUES ($1)", [name])
        return name

    return await asyncio.gather(write("x"), write("y"))


@dataclass
class Scenario:
    """Something to be cancelled."""

    work: Callable[[ConnectionPool], Coroutine[Any, Any, object]]
    answer: object
    written: int = 0
    """How many authors it adds: all of them or none."""
    parts: bool = False
    """It is several transactions: some of them may be kept."""
    dispose: bool = False
    """Each run connects anew."""


SCENARIOS = {
    "get": Scenario(get, "Ann"),
    "query with relations": Scenario(query_relations, [("Ann", 1), ("Bea", 1)]),
    "flush of several tables": Scenario(flush_tables, 3, written=3),
    "bulk insert": Scenario(insert_many, 500, written=500),
    "begin and commit": Scenario(block, 1900, written=2),
    "savepoints": Scenario(savepoints, 2, written=2),
    "stream": Scenario(stream, 80_200),
    "stream beside writes": Scenario(stream_and_write, "written", written=4),
    "script": Scenario(run_script, None, written=3),
    "execute_many": Scenario(run_many, 5, written=5),
    "COPY in": Scenario(copy_in, 300, written=300),
    "COPY out": Scenario(copy_out, 1275),
    "LISTEN": Scenario(listen, "one"),
    "large result": Scenario(read_large, (100, 5050)),
    "commit as you go": Scenario(commit_as_you_go, "0", written=1),
    "changed session": Scenario(change_session, '"$user", public'),
    "connect": Scenario(get, "Ann", dispose=True),
    "two tasks": Scenario(two_tasks, ["x", "y"], written=2, parts=True),
}


@pytest.fixture(autouse=True)
def _first(witness: Witness) -> None:
    for name in FIRST:
        witness.ask(
            "WITH author AS (INSERT INTO authors (name) VALUES (%s) RETURNING id) "
            "INSERT INTO books (title, pages, author_id) SELECT 'first', 1, id FROM author",
            name,
        )


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A session that is cancelled may be dropped with work: that is what is tried."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UncommittedWarning)
        yield


def empty(witness: Witness) -> None:
    """Takes away what scenarios have written."""
    witness.ask("DELETE FROM books WHERE title <> 'first'")
    witness.ask("DELETE FROM authors WHERE name <> ALL (%s)", list(FIRST))
    witness.ask("UPDATE authors SET born = NULL WHERE born IS NOT NULL")


class Sweep:
    """One engine on which a scenario is cancelled again and again."""

    def __init__(self, scenario: Scenario, db: ConnectionPool, witness: Witness) -> None:
        self.scenario = scenario
        self.db = db
        self.witness = witness

    async def check(self, step: int, *, done: bool) -> None:
        """After a run: all or nothing, and the same again."""
        what = f"step {step}"
        await settled(self.db)
        await self.witness.until_idle(self.db.status().size)
        written = self._written()
        allowed = {self.scenario.written} if done else {0, self.scenario.written}
        assert written in allowed or (self.scenario.parts and written < self.scenario.written), what
        [(books,)] = self.witness.ask("SELECT count(*) FROM books WHERE title <> 'first'")
        [(changed,)] = self.witness.ask("SELECT count(*) FROM authors WHERE born = 1900")
        if self.scenario.work is flush_tables:
            assert books == written * 2, what
        if self.scenario.work is block:
            assert changed == (written > 0), what
        empty(self.witness)
        assert await asyncio.wait_for(self.scenario.work(self.db), 20) == self.scenario.answer, what
        assert self._written() == self.scenario.written, what
        empty(self.witness)
        if self.scenario.dispose:
            await self.db.dispose()

    def _written(self) -> int:
        return self.witness.ask("SELECT count(*) FROM authors WHERE name <> ALL (%s)", list(FIRST))[0][0]


@types.coroutine
def cancelled_at(work: Awaitable[object], step: int) -> Generator[Any, Any, bool]:
    """Runs `work` in the current task, which is cancelled at the await number `step` that suspends it.

    True when it came so far.
    """
    task = asyncio.current_task()
    inner = work.__await__()
    suspended = 0
    go_on, given = inner.send, None
    try:
        while True:
            waits_for = go_on(given)
            suspended += 1
            if suspended == step:
                task.cancel()  # reaches it as soon as it waits
            try:
                go_on, given = inner.send, (yield waits_for)
            except BaseException as error:
                go_on, given = inner.throw, error
    except asyncio.CancelledError:
        assert suspended >= step
    except StopIteration:
        pass
    if suspended >= step and hasattr(task, "uncancel"):
        task.uncancel()
    return suspended >= step


@pytest.mark.parametrize("connections", [1, 3])
@pytest.mark.parametrize("name", SCENARIOS)
def test_cancelled_at_each_await(run, library_url: str, witness: Witness, name: str, connections: int) -> None:
    scenario = SCENARIOS[name]

    async def work() -> None:
        url = f"{library_url}?sslmode=disable&application_name={witness.application}"
        async with create_engine(url, max_connections=connections, min_connections=0) as db:
            sweep = Sweep(scenario, db, witness)
            step = 1
            while await cancelled_at(scenario.work(db), step):
                await sweep.check(step, done=False)
                step += 1
            await sweep.check(step, done=True)
            assert step > 1
            await check_whole(db)
        await witness.until_idle(0)

    run(work())


@pytest.mark.parametrize("name", SCENARIOS)
def test_cancelled_at_each_message_of_the_server(run, library_url: str, witness: Witness, name: str) -> None:
    """The await in which the answer number n is missing: n messages arrive, the task is cancelled, the rest arrives."""
    scenario = SCENARIOS[name]

    async def work() -> None:
        parameters = {"sslmode": "disable", "application_name": witness.application}
        async with Proxy(library_url, **parameters) as proxy:
            async with create_engine(proxy.url, max_connections=1, min_connections=0) as db:
                sweep = Sweep(scenario, db, witness)
                cancelled = 0
                for step in messages():
                    proxy.hold(step)
                    task = asyncio.ensure_future(scenario.work(db))
                    held = asyncio.ensure_future(proxy.held.wait())
                    await asyncio.wait([task, held], return_when=asyncio.FIRST_COMPLETED)
                    for _ in range(5):
                        await asyncio.sleep(0)  # what has arrived is read
                    done = task.done()
                    task.cancel()
                    held.cancel()
                    proxy.release()
                    [result] = await asyncio.gather(task, return_exceptions=True)
                    assert result == scenario.answer if done else isinstance(result, asyncio.CancelledError), result
                    cancelled += not done
                    await sweep.check(step, done=done)
                    if done:
                        break
                assert cancelled > 1
                await check_whole(db)
            await witness.until_idle(0)

    run(work())


@pytest.mark.parametrize("name", ["query with relations", "flush of several tables", "stream", "script", "connect"])
def test_who_waits_is_served_when_another_is_cancelled(run, library_url: str, witness: Witness, name: str) -> None:
    scenario = SCENARIOS[name]

    async def work() -> None:
        parameters = {"sslmode": "disable", "application_name": witness.application}
        async with Proxy(library_url, **parameters) as proxy:
            async with create_engine(proxy.url, max_connections=1, min_connections=0) as db:
                for step in range(1, 40, 3):
                    empty(witness)
                    proxy.hold(step)
                    victim = asyncio.ensure_future(scenario.work(db))
                    await asyncio.sleep(0)
                    waiting = [asyncio.ensure_future(db.execute("SELECT $1::int", [number])) for number in range(5)]
                    held = asyncio.ensure_future(proxy.held.wait())
                    await asyncio.wait([victim, held], return_when=asyncio.FIRST_COMPLETED)
                    held.cancel()
                    victim.cancel()
                    given_up = waiting[2].cancel()
                    proxy.release()
                    answers = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 20)
                    assert isinstance(answers.pop(2), asyncio.CancelledError) == given_up, step
                    assert [answer.scalar() for answer in answers] == [0, 1, 3, 4], step
                    await asyncio.gather(victim, return_exceptions=True)
                    assert (await settled(db)).size == 1, step
                    if scenario.dispose:
                        await db.dispose()
            await witness.until_idle(0)

    run(work())


def messages() -> Iterator[int]:
    """Each of the first 30, then ever fewer of the rows."""
    step = 0
    while True:
        yield step
        step += 1 if step < 30 else step // 2
