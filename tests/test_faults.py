"""A path to the server that breaks at a message: the error has its class and comes in time, and the pool stays whole."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
import uvloop
from library import Author, Book
from outcome import Witness, settled
from proxy import LOSSES, Fault, Match, Rule, Side, says, tagged
from stage import Stage, ask

import ormkit
from ormkit import AsyncSession, ConnectionLost, ConnectionPool, OutcomeUnknown, create_engine

PATIENCE = 0.03
"""What a caller waits for an answer that does not come, in seconds."""

NUMBERS = itertools.count()


async def nothing(_db: ConnectionPool) -> None:
    pass


@dataclass
class Phase:
    """Something to be interrupted."""

    work: Callable[[ConnectionPool], Awaitable[object]]
    side: Side
    matches: Match
    """The message at which the fault comes."""
    count: int = 1
    before: Callable[[ConnectionPool], Awaitable[object]] = nothing
    answer: object = None
    """What the work comes to when nothing is lost."""
    kept: tuple[int, ...] = (0,)
    """How many of its authors there may be after a loss."""
    written: int = 0
    """How many there are without one."""
    unknown: bool = False
    """A loss leaves it open whether they are."""


async def ask_anew(db: ConnectionPool) -> object:
    """By a statement that no connection has prepared."""
    return (await db.execute(f"SELECT $1::int + 1 AS n{next(NUMBERS)}", [6])).scalar()


async def ask_often(db: ConnectionPool) -> object:
    return {await ask(db) for _ in range(3)}.pop()


async def read_many(db: ConnectionPool) -> object:
    rows = (await db.execute("SELECT i, repeat('x', 40) AS x FROM generate_series(1, 3000) AS i")).tuples()
    return len(rows), rows[-1]


def authors(count: int, length: int = 3) -> list[Author]:
    return [Author(name=f"{number}".zfill(length)) for number in range(count)]


async def insert_many(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session:
        return len(await session.insert_all(authors(300, 1000)))


async def transact(db: ConnectionPool) -> object:
    async with db.begin() as connection:
        await connection.execute("INSERT INTO authors (name) VALUES ('Ann')")
        return (await connection.execute("INSERT INTO authors (name) VALUES ('Bea')")).rowcount


async def roll_back(db: ConnectionPool) -> object:
    async with db.connect() as connection:
        await connection.execute("INSERT INTO authors (name) VALUES ('Ann')")
        await connection.rollback()


async def stream(db: ConnectionPool) -> object:
    sql = "SELECT i FROM generate_series(1, 3000) AS i"
    return sum([row["i"] async for row in db.stream(sql, batch_size=500)])


async def run_script(db: ConnectionPool) -> object:
    one = "INSERT INTO authors (name) VALUES ('{}')"
    return await db.execute_script(";".join(one.format(name) for name in ("Ann", "Bea", "Cid")))


async def flush(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session, session.begin():
        session.add_all([Author(name=name, books=[Book(title="one"), Book(title="two")]) for name in "abc"])
        await session.flush()
        return await session.query(Book).count()


async def commit_session(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session:
        session.add_all([Author(name=name, books=[Book(title="one")]) for name in "ab"])
        await session.commit()


async def run_many(db: ConnectionPool) -> object:
    return await db.execute_many("INSERT INTO authors (name) VALUES ($1)", [[name] for name in "abcdef"])


NAMES = [f"{number:0>400}" for number in range(400)]


async def copy_in(db: ConnectionPool) -> object:
    return await db.copy_from("authors", [(name,) for name in NAMES], columns=["name"])


async def copy_out(db: ConnectionPool) -> object:
    rows = db.copy_to(ormkit.text("SELECT i, repeat('x', 40) AS x FROM generate_series(1, 3000) AS i"))
    return [i async for i, _ in rows][-1]


async def read_related(db: ConnectionPool) -> object:
    async with AsyncSession(db) as session:
        return await session.query(Author).options(ormkit.selectinload(Author.books)).all()


PHASES = {
    "first statement": Phase(ask_anew, Side.SERVER, tagged(b"T"), answer=7),
    "prepared statement": Phase(ask, Side.SERVER, tagged(b"2"), before=ask, answer=7),
    "request of a prepared statement": Phase(ask, Side.CLIENT, tagged(b"B"), before=ask, answer=7),
    "end of a statement": Phase(ask, Side.SERVER, tagged(b"Z"), before=ask, answer=7),
    "among many rows": Phase(read_many, Side.SERVER, tagged(b"D"), count=2000, answer=(3000, (3000, "x" * 40))),
    "large bulk insert": Phase(insert_many, Side.CLIENT, tagged(b"+"), count=3, answer=300, written=300, unknown=True),
    "rows of a bulk insert": Phase(
        insert_many,
        Side.SERVER,
        tagged(b"D"),
        count=200,
        answer=300,
        kept=(0, 300),
        written=300,
        unknown=True,
    ),
    "in a transaction": Phase(transact, Side.SERVER, says(b"C", b"INSERT"), count=2, answer=1, written=2),
    "request of COMMIT": Phase(transact, Side.CLIENT, says(b"Q", b"COMMIT"), answer=1, written=2, unknown=True),
    "answer to COMMIT": Phase(
        transact, Side.SERVER, says(b"C", b"COMMIT"), answer=1, kept=(2,), written=2, unknown=True
    ),
    "COMMIT of a session": Phase(
        commit_session, Side.SERVER, says(b"C", b"COMMIT"), kept=(2,), written=2, unknown=True
    ),
    "ROLLBACK": Phase(roll_back, Side.SERVER, says(b"C", b"ROLLBACK")),
    "stream": Phase(stream, Side.SERVER, tagged(b"s"), count=3, answer=4_501_500),
    "script": Phase(run_script, Side.SERVER, says(b"C", b"INSERT"), count=2, kept=(0, 3), written=3),
    "flush": Phase(flush, Side.SERVER, says(b"C", b"INSERT"), count=2, answer=6, written=3),
    "rows of a flush": Phase(flush, Side.SERVER, tagged(b"D"), count=4, answer=6, written=3),
    "execute_many": Phase(run_many, Side.SERVER, says(b"C", b"INSERT"), count=4, answer=6, written=6),
    "COPY in": Phase(copy_in, Side.CLIENT, tagged(b"d"), answer=400, written=400),
    "answer to COPY in": Phase(copy_in, Side.SERVER, says(b"C", b"COPY"), answer=400, kept=(0, 400), written=400),
    "COPY out": Phase(copy_out, Side.SERVER, tagged(b"d"), count=1500, answer=3000),
    "query with relations": Phase(read_related, Side.SERVER, says(b"C", b"SELECT"), answer=[]),
}


def arm(stage: Stage, phase: Phase, fault: Fault) -> None:
    stage.proxy.arm(Rule(phase.side, fault, phase.matches, phase.count))


def remains(phase: Phase, fault: Fault) -> set[int]:
    """How many authors there may be after a fault."""
    whole = phase.side is Side.CLIENT and fault in (Fault.HALF_CLOSE, Fault.MUTE)
    return {*phase.kept, phase.written} if whole else {*phase.kept}


@pytest.mark.parametrize("name", PHASES)
def test_broken_connection_is_told_at_once(run, library_url: str, witness: Witness, name: str) -> None:
    phase = PHASES[name]

    async def work() -> None:
        async with Stage(library_url, witness) as stage:
            for fault in LOSSES:
                await phase.before(stage.db)
                arm(stage, phase, fault)
                began = time.monotonic()
                if name == "ROLLBACK":
                    assert await phase.work(stage.db) is None  # a lost connection is rolled back
                else:
                    with pytest.raises(ConnectionLost) as raised:
                        await phase.work(stage.db)
                    expected = OutcomeUnknown if phase.unknown else ConnectionLost
                    assert raised.type is expected, (fault, raised.value)
                assert time.monotonic() - began < 6, fault
                assert stage.proxy.hit.is_set(), fault
                await stage.calm()
                assert stage.authors() in remains(phase, fault), fault
                stage.empty()
                assert await phase.work(stage.db) == phase.answer, fault
                assert stage.authors() == phase.written, fault
                stage.empty()

    run(work())


@pytest.mark.parametrize("name", PHASES)
def test_slow_path_changes_nothing(run, library_url: str, witness: Witness, name: str) -> None:
    phase = PHASES[name]

    async def work() -> None:
        async with Stage(library_url, witness) as stage:
            for fault in (Fault.LATE, Fault.TRICKLE):
                await phase.before(stage.db)
                arm(stage, phase, fault)
                assert await phase.work(stage.db) == phase.answer, fault
                assert stage.proxy.hit.is_set(), fault
                assert stage.authors() == phase.written, fault
                stage.empty()
            assert stage.proxy.accepted == 1

    run(work())


@pytest.mark.parametrize("name", PHASES)
def test_silence_ends_with_the_callers_patience(run, library_url: str, witness: Witness, name: str) -> None:
    phase = PHASES[name]

    async def work() -> None:
        async with Stage(library_url, witness) as stage:
            for fault in (Fault.STALL, Fault.MUTE):
                await phase.before(stage.db)
                arm(stage, phase, fault)
                task = asyncio.ensure_future(phase.work(stage.db))
                await asyncio.wait_for(stage.proxy.hit.wait(), 20)
                began = time.monotonic()
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(task, PATIENCE)
                assert time.monotonic() - began < PATIENCE + 5, fault
                # Nobody waits behind the silence.
                assert await asyncio.wait_for(ask_often(stage.db), 10) == 7
                assert stage.db.status().in_use == 0, fault
                await stage.proxy.sever()
                await stage.calm()
                assert stage.authors() in remains(phase, fault), fault
                stage.empty()

    run(work())


LOST_MESSAGES = {
    # What follows makes no sense without it.
    "ParseComplete": (ask_anew, tagged(b"1"), ormkit.OperationalError),
    "ParameterDescription": (ask_anew, tagged(b"t"), ormkit.OperationalError),
    "BindComplete": (ask, tagged(b"2"), ormkit.OperationalError),
    "CommandComplete": (ask, tagged(b"C"), ormkit.OperationalError),
    "PortalSuspended": (stream, tagged(b"s"), ormkit.OperationalError),
    "CommandComplete of COMMIT": (transact, says(b"C", b"COMMIT"), OutcomeUnknown),
    # Nothing follows.
    "RowDescription": (ask_anew, tagged(b"T"), asyncio.TimeoutError),
    "ReadyForQuery": (ask, tagged(b"Z"), asyncio.TimeoutError),
    "ReadyForQuery of COMMIT": (transact, says(b"Z", b"I"), asyncio.TimeoutError),
}


async def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", LOST_MESSAGES)
def test_lost_message_is_never_taken_for_an_answer(run, library_url: str, witness: Witness, name: str) -> None:
    phase, matches, expected = LOST_MESSAGES[name]

    async def work() -> None:
        async with Stage(library_url, witness) as stage:
            for _ in range(2):  # the second time, it is asked whether there is a pooler
                await ask_anew(stage.db)
            stage.proxy.arm(Rule(Side.SERVER, Fault.DROP, matches))
            with pytest.raises((ormkit.OperationalError, asyncio.TimeoutError)) as raised:
                await asyncio.wait_for(phase(stage.db), 0.3 if expected is asyncio.TimeoutError else 10)
            assert raised.type is expected, raised.value
            assert stage.proxy.hit.is_set()
            assert await asyncio.wait_for(ask_often(stage.db), 10) == 7
            # The connection that lost it is not lent again. One that asks to cancel is known as such by its first message.
            await until(lambda: stage.proxy.accepted - stage.proxy.cancels == 2)
            await stage.proxy.sever()

    run(work())


def test_connections_are_ended_with_a_goodbye(run, library_url: str, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(library_url, witness) as stage:
            for leave in (stage.db.dispose, stage.db.close):
                await ask(stage.db)
                stage.proxy.arm(Rule(Side.CLIENT, Fault.LATE, tagged(b"X")))
                await leave()
                await asyncio.wait_for(stage.proxy.hit.wait(), 10)
            stage.db = ormkit.create_engine(stage.proxy.url, max_connections=1)

    run(work())


# Idle, waiting, giving up.


@pytest.mark.parametrize("fault", LOSSES, ids=lambda fault: fault.name.lower())
def test_idle_connections_that_break_are_replaced_unseen(run, library_url: str, witness: Witness, fault: Fault) -> None:
    async def work() -> None:
        async with Stage(library_url, witness, max_connections=2) as stage:
            await asyncio.gather(ask(stage.db), ask(stage.db))
            assert stage.db.status().size == 2
            stage.proxy.strike(fault)
            await witness.until_idle(0 if fault is not Fault.HALF_CLOSE else 2)
            assert await asyncio.gather(ask(stage.db), ask(stage.db)) == [7, 7]
            assert stage.db.status().counters.closed["lost"] == 2
            assert stage.proxy.accepted == 4

    run(work())


def test_who_waits_for_a_silent_connection_is_told_in_time(run, library_url: str, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(library_url, witness, acquire_timeout=0.1) as stage:
            await ask(stage.db)
            stage.proxy.stall()
            holder = asyncio.create_task(ask(stage.db))
            await asyncio.sleep(0)
            began = time.monotonic()
            with pytest.raises(ormkit.PoolTimeout, match="SELECT"):
                await ask(stage.db)
            assert 0.09 < time.monotonic() - began < 5
            assert (stage.db.status().in_use, stage.db.status().waiting) == (1, 0)
            holder.cancel()
            with pytest.raises(asyncio.CancelledError):
                await holder
            assert await ask(stage.db) == 7
            await stage.proxy.sever()

    run(work())


def test_cancelled_statement_is_stopped_over_another_connection(run, library_url: str, witness: Witness) -> None:
    async def work() -> None:
        async with Stage(library_url, witness) as stage:
            await ask(stage.db)
            task = asyncio.create_task(stage.db.execute("SELECT count(*) FROM pg_sleep(60)"))
            await witness.until_sleeping()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # The next one needs no second connection once the first is free.
            await stage.calm()
            assert stage.proxy.cancels == 1
            assert await ask(stage.db) == 7
            assert stage.db.status().counters.opened == 1

    run(work())


def test_cancel_request_that_is_swallowed_holds_up_nobody(library_url: str) -> None:
    async def work() -> None:
        witness = Witness(library_url)
        with contextlib.closing(witness):
            await swallow(witness)

    async def swallow(witness: Witness) -> None:
        async with Stage(library_url, witness) as stage:
            await ask(stage.db)
            stage.proxy.swallows_cancels = True
            task = asyncio.create_task(stage.db.execute("SELECT count(*) FROM pg_sleep(60)"))
            await witness.until_sleeping()
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await ask(stage.db) == 7
            assert time.monotonic() - began < 5
            assert stage.db.status().draining == 1
            # The drainer gives up by itself.
            await settled(stage.db, within=8)
            assert stage.db.status().counters.closed["unclean"] == 1
            assert stage.proxy.cancels == 1
            witness.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND state = 'active'",
                witness.application,
            )

    # Side by side, because the drainer's patience is long.
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda run: run(work()), (asyncio.run, uvloop.run)))


@pytest.mark.parametrize("fault", LOSSES, ids=lambda fault: fault.name.lower())
def test_listener_whose_connection_breaks_says_so_and_goes_on(
    run, library_url: str, witness: Witness, fault: Fault
) -> None:
    async def work() -> None:
        async with Stage(library_url, witness) as stage, stage.db.listen("jobs") as listener:
            witness.ask("NOTIFY jobs, 'one'")
            assert (await asyncio.wait_for(anext(listener), 20)).payload == "one"
            waiting = asyncio.ensure_future(anext(listener))
            await asyncio.sleep(0)
            stage.proxy.strike(fault)
            assert (await asyncio.wait_for(waiting, 20)).missed
            witness.ask("NOTIFY jobs, 'two'")
            assert (await asyncio.wait_for(anext(listener), 20)).payload == "two"
            await listener.close()

    run(work())


def test_close_ends_in_time_whatever_is_silent(run, library_url: str, witness: Witness) -> None:
    async def work() -> None:
        stage = Stage(library_url, witness)
        async with stage.proxy:
            db = create_engine(stage.proxy.url, max_connections=2)
            await asyncio.gather(ask(db), ask(db))
            stage.proxy.stall()
            task = asyncio.create_task(ask(db))
            await asyncio.sleep(0)
            began = time.monotonic()
            await db.close(timeout=0.1)
            assert time.monotonic() - began < 5
            with pytest.raises(ormkit.InterfaceError, match="closed"):
                await ask(db)
            with pytest.raises(ConnectionLost):
                await asyncio.wait_for(task, 10)
        await witness.until_idle(0)

    run(work())
