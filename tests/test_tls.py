"""TLS on the loops that Python programs run: what is decrypted is never waited for, whatever the loop says of the socket."""

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ormkit import OperationalError, create_engine

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
from postgres_cluster import Cluster

LOOPS = ["asyncio", "uvloop"]


@pytest.fixture(scope="module")
def server():
    """A server with TLS, and the certificate that it signs itself."""
    # Under /tmp itself: the server's account must reach it.
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=db.example"],
            *["-addext", "subjectAltName=DNS:db.example", "-keyout", "server.key", "-out", "server.crt"],
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    files = {"ssl_cert_file": folder / "server.crt", "ssl_key_file": folder / "server.key"}
    cluster = Cluster({"ssl": "on"} | {name: str(file) for name, file in files.items()})
    if account := cluster._account:
        os.chown(folder / "server.key", account.pw_uid, account.pw_gid)
    try:
        with cluster:
            yield cluster, folder / "server.crt"
    finally:
        for file in files.values():
            file.unlink()
        folder.rmdir()


@pytest.fixture
def url(server):
    cluster, root = server
    place = cluster.url.replace("@127.0.0.1:", "@db.example:")
    return f"{place}?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={root}&channel_binding=require"


def run(loop, work):
    if loop == "uvloop":
        return pytest.importorskip("uvloop").run(work)
    return asyncio.run(work)


async def test_roots_of_the_system_are_trusted_where_asked_for(server, url, monkeypatch):
    _cluster, root = server
    url = url.replace(f"sslrootcert={root}", "sslrootcert=system")
    with pytest.raises(OperationalError, match="certificate"):
        await create_engine(url)
    # Where the system's certificates are, in the words of OpenSSL.
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    async with create_engine(url) as engine:
        assert (await engine.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar() is True


@pytest.mark.parametrize("loop", LOOPS)
def test_many_results_of_any_size_come_through(url, loop):
    async def work():
        async with create_engine(url, max_connections=4) as engine:
            encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert (await engine.execute(encrypted)).scalar() is True

            async def ask(size):
                sql = "SELECT count(x), sum(length(x)) FROM (SELECT repeat('x', $1::int) AS x FROM generate_series(1, 9)) AS t"
                assert (await engine.execute(sql, [size])).tuples() == [(9, 9 * size)]
                text = "x" * size
                assert (await engine.execute("SELECT $1::text", [text])).scalar() == text

            await asyncio.gather(*(ask(size) for size in [0, 1, 1000, 16_383, 16_384, 16_385, 100_000, 3_000_000] * 3))
            rows = (await engine.execute("SELECT n FROM generate_series(1, 100000) AS n")).tuples()
            assert rows == [(n,) for n in range(1, 100_001)]

    run(loop, work())


@pytest.mark.parametrize("loop", LOOPS)
def test_cancelled_statement_is_cancelled_on_the_server(url, loop):
    async def work():
        async with create_engine(url, max_connections=1) as engine:
            task = asyncio.ensure_future(engine.execute("SELECT pg_sleep(600)"))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sl' || 'eep%'"
            ends = asyncio.get_running_loop().time() + 8
            while (await engine.execute(running)).scalar():
                assert asyncio.get_running_loop().time() < ends
                await asyncio.sleep(0.02)

    run(loop, work())


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("steps", [1, 2, 3, 5, 8, 13, 21])
def test_connecting_cancelled_at_any_point_leaves_the_pool_whole(url, loop, steps):
    async def work():
        async with create_engine(url, min_connections=0, max_connections=1) as engine:
            task = asyncio.ensure_future(engine.execute("SELECT 1"))
            for _ in range(steps):
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert (await engine.execute("SELECT 2")).scalar() == 2

    run(loop, work())


def test_wrong_host_is_refused(url):
    async def work():
        async with create_engine(url.replace("db.example", "evil.example"), min_connections=0) as engine:
            with pytest.raises(OperationalError, match="certificate"):
                await engine.execute("SELECT 1")

    asyncio.run(work())
