"""The settings that the server reports, and those that a connection cannot do without."""

from __future__ import annotations

import pytest

import ormkit
from ormkit import create_engine


async def test_reported_settings_are_read(postgres_url):
    async with create_engine(postgres_url, settings={"TimeZone": "Europe/Vienna"}) as engine:
        assert (await engine.server_setting("server_version")).startswith("1")
        assert await engine.server_setting("TimeZone") == "Europe/Vienna"
        assert await engine.server_setting("work_mem") is None
        async with engine.begin() as connection:
            await connection.execute("SET LOCAL TimeZone = 'UTC'")
            assert connection.server_setting("TimeZone") == "UTC"
        with pytest.raises(ormkit.InterfaceError):
            connection.server_setting("TimeZone")


async def test_sqlite_reports_none(sqlite_url):
    async with create_engine(sqlite_url) as engine, engine.connect() as connection:
        assert connection.server_setting("server_version") is None
        assert await engine.server_setting("server_version") is None


@pytest.mark.parametrize("change", ["SET client_encoding = 'LATIN1'", "SET standard_conforming_strings = off"])
async def test_session_that_would_be_misread_is_ended(postgres_url, change):
    async with create_engine(postgres_url) as engine:
        with pytest.raises(ormkit.NotSupportedError, match=r"this connection needs \w+ = '(UTF8|on)'"):
            await engine.execute(change)
        assert engine.status().size == 0
        assert (await engine.execute("SELECT 'é'")).scalar() == "é"


async def test_server_that_reads_literals_otherwise_is_refused(postgres_url):
    async with create_engine(postgres_url) as engine:
        name = (await engine.execute("SELECT current_database()")).scalar()
        await engine.execute(f"ALTER DATABASE {name} SET standard_conforming_strings = off")
        try:
            async with create_engine(postgres_url, min_connections=0) as other:
                with pytest.raises(ormkit.NotSupportedError, match="standard_conforming_strings = 'on'"):
                    await other.execute("SELECT 1")
            async with create_engine(postgres_url, settings={"standard_conforming_strings": "on"}) as other:
                assert (await other.execute("SELECT '\\'")).scalar() == "\\"
        finally:
            await engine.execute(f"ALTER DATABASE {name} RESET standard_conforming_strings")
