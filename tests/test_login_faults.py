"""A path that breaks while a connection is opened: told at once or in time, and nothing is left behind."""

from __future__ import annotations

import asyncio
import time

import pytest
from outcome import Witness
from proxy import LOSSES, Fault, Rule, Side, tagged
from stage import Stage, ask

import ormkit
from ormkit import ConnectionLost

LOGIN = {
    "accept": (Side.CLIENT, tagged(b"accept"), 1),
    "startup message": (Side.CLIENT, tagged(b""), 1),
    "SASL": (Side.SERVER, tagged(b"R"), 1),
    "SASLInitialResponse": (Side.CLIENT, tagged(b"p"), 1),
    "SASLContinue": (Side.SERVER, tagged(b"R"), 2),
    "SASLResponse": (Side.CLIENT, tagged(b"p"), 2),
    "SASLFinal": (Side.SERVER, tagged(b"R"), 3),
    "AuthenticationOk": (Side.SERVER, tagged(b"R"), 4),
    "ParameterStatus": (Side.SERVER, tagged(b"S"), 3),
    "BackendKeyData": (Side.SERVER, tagged(b"K"), 1),
    "ReadyForQuery": (Side.SERVER, tagged(b"Z"), 1),
}


@pytest.mark.parametrize("name", LOGIN)
def test_login_that_breaks_is_told_at_once(run, library_url: str, witness: Witness, name: str) -> None:
    side, matches, count = LOGIN[name]

    async def work() -> None:
        async with Stage(library_url, witness) as stage:
            for fault in LOSSES:
                stage.proxy.arm(Rule(side, fault, matches, count))
                began = time.monotonic()
                with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1"):
                    await ask(stage.db)
                assert time.monotonic() - began < 6, fault
                assert stage.proxy.hit.is_set(), fault
                assert stage.db.status().size == 0
                assert await ask(stage.db) == 7
                await stage.db.dispose()
            assert stage.db.status().counters.connect_failures == len(LOSSES)

    run(work())


@pytest.mark.parametrize("name", LOGIN)
def test_silent_login_ends_with_connect_timeout_or_the_callers_patience(
    run, library_url: str, witness: Witness, name: str
) -> None:
    side, matches, count = LOGIN[name]

    async def work() -> None:
        async with Stage(library_url, witness, connect_timeout=0.1) as stage:
            stage.proxy.arm(Rule(side, Fault.STALL, matches, count))
            began = time.monotonic()
            with pytest.raises(ConnectionLost, match=r"within 0\.1 s"):
                await ask(stage.db)
            assert 0.09 < time.monotonic() - began < 5
            await stage.proxy.sever()
            assert await ask(stage.db) == 7
        async with Stage(library_url, witness) as stage:
            stage.proxy.arm(Rule(side, Fault.STALL, matches, count))
            task = asyncio.ensure_future(ask(stage.db))
            await asyncio.wait_for(stage.proxy.hit.wait(), 20)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(task, 0.03)
            assert stage.db.status().in_use == 0
            assert await ask(stage.db) == 7
            await stage.proxy.sever()

    run(work())


def test_login_by_single_bytes_succeeds(run, library_url: str, witness: Witness) -> None:
    async def work() -> None:
        for name in ("startup message", "SASL"):
            side, matches, count = LOGIN[name]
            async with Stage(library_url, witness) as stage:
                stage.proxy.arm(Rule(side, Fault.TRICKLE, matches, count))
                assert await ask(stage.db) == 7
                assert stage.proxy.hit.is_set()
                assert stage.db.status().counters.connect_failures == 0

    run(work())


LOST_IN_LOGIN = {
    "SASLContinue": (tagged(b"R"), 2, ConnectionLost),
    "SASLFinal": (tagged(b"R"), 3, ormkit.OperationalError),
    "AuthenticationOk": (tagged(b"R"), 4, ormkit.OperationalError),
    "ReadyForQuery": (tagged(b"Z"), 1, ConnectionLost),
}


@pytest.mark.parametrize("name", LOST_IN_LOGIN)
def test_login_with_a_message_lost_is_refused(run, library_url: str, witness: Witness, name: str) -> None:
    matches, count, expected = LOST_IN_LOGIN[name]

    async def work() -> None:
        async with Stage(library_url, witness, connect_timeout=0.2) as stage:
            stage.proxy.arm(Rule(Side.SERVER, Fault.DROP, matches, count))
            with pytest.raises(ormkit.OperationalError) as raised:
                await ask(stage.db)
            assert raised.type is expected, raised.value
            assert stage.proxy.hit.is_set()
            assert await ask(stage.db) == 7

    run(work())
