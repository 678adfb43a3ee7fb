"""What PostgreSQL says without being asked goes to the logger `ormkit.postgresql`."""

import asyncio
import logging

import pytest

from ormkit import create_engine

RAISE = """DO $$ BEGIN
    RAISE DEBUG 'a detail';
    RAISE NOTICE 'for % only', 'you' USING DETAIL = 'more of it', HINT = 'look there';
    RAISE WARNING 'take care' USING ERRCODE = '01S01';
END $$"""


@pytest.fixture
async def engine(postgres_url):
    async with create_engine(postgres_url) as engine:
        yield engine


async def test_notices_are_logged_by_level(engine, caplog):
    caplog.set_level(logging.DEBUG, "ormkit.postgresql")
    async with engine.begin() as connection:
        await connection.execute("SET LOCAL client_min_messages = debug1")
        await connection.execute(RAISE)
    logged = [(record.levelname, record.getMessage()) for record in caplog.records if record.levelno != logging.DEBUG]
    assert logged == [("INFO", "for you only (SQLSTATE 00000)"), ("WARNING", "take care (SQLSTATE 01S01)")]
    assert "a detail" in [record.getMessage().split(" (")[0] for record in caplog.records]
    notice = next(record for record in caplog.records if record.levelname == "INFO")
    assert (notice.severity, notice.sqlstate, notice.detail, notice.hint) == (
        "NOTICE",
        "00000",
        "more of it",
        "look there",
    )
    assert notice.name == "ormkit.postgresql"


async def test_level_of_the_logger_decides(engine, caplog):
    caplog.set_level(logging.WARNING, "ormkit.postgresql")
    await engine.execute(RAISE)
    assert [record.getMessage() for record in caplog.records] == ["take care (SQLSTATE 01S01)"]


async def test_handler_that_raises_harms_no_statement(engine, monkeypatch):
    class Broken(logging.Handler):
        def handle(self, record):
            raise KeyError(record)

    unraisable = []
    monkeypatch.setattr("sys.unraisablehook", lambda told: unraisable.append(told.exc_type))
    handler, logger = Broken(), logging.getLogger("ormkit.postgresql")
    logger.addHandler(handler)
    try:
        await engine.execute(RAISE)
    finally:
        logger.removeHandler(handler)
    assert unraisable == [KeyError]
    assert (await engine.execute("SELECT 1")).scalar() == 1


async def test_values_and_passwords_are_not_logged(engine, caplog):
    caplog.set_level(logging.DEBUG)
    await engine.execute("SELECT $1::text", ["hunter2"])
    await engine.execute("CREATE TABLE IF NOT EXISTS secrets (a int)")
    await engine.execute("CREATE TABLE IF NOT EXISTS secrets (a int)")
    texts = [record.getMessage() for record in caplog.records if record.name.startswith("ormkit")]
    assert texts == ['relation "secrets" already exists, skipping (SQLSTATE 42P07)']


def test_notices_come_on_the_thread_of_uvloop_too(postgres_url, caplog):
    uvloop = pytest.importorskip("uvloop")
    caplog.set_level(logging.INFO, "ormkit.postgresql")

    async def work():
        async with create_engine(postgres_url) as engine:
            await asyncio.gather(*(engine.execute(RAISE) for _ in range(5)))

    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(work())
    finally:
        loop.close()
    assert len(caplog.records) == 10
    assert len({record.thread for record in caplog.records}) == 1
