"""A proxy and an engine on it."""

from __future__ import annotations

from outcome import Witness, check_whole, settled
from proxy import Proxy

from ormkit import ConnectionPool, create_engine


async def ask(db: ConnectionPool) -> object:
    """7, by a statement that is prepared when it has run before."""
    return (await db.execute("SELECT $1::int + 1 AS n", [6])).scalar()


class Stage:
    """A proxy and an engine on it; in the end everything is as whole as before."""

    def __init__(self, url: str, witness: Witness, **options: object) -> None:
        self._options = {"max_connections": 1, "min_connections": 0, "acquire_timeout": 5} | options
        self.proxy = Proxy(url, sslmode="disable", application_name=witness.application)
        self._witness = witness

    async def __aenter__(self) -> Stage:
        await self.proxy.__aenter__()
        self.db = create_engine(self.proxy.url, **self._options)
        return self

    async def __aexit__(self, kind: type | None, *_exc: object) -> None:
        if kind is None:
            await check_whole(self.db)
            await self.calm()
        await self.db.close(timeout=0 if kind else 5)
        if kind is None:
            # Closed by the engine: the proxy is still there.
            await self._witness.until_idle(0)
        await self.proxy.__aexit__()

    async def calm(self) -> None:
        """Returns when the pool has everything back, and the server knows of no other connection."""
        await settled(self.db)
        await self._witness.until_idle(self.db.status().size)

    def empty(self) -> None:
        self._witness.ask("DELETE FROM books")
        self._witness.ask("DELETE FROM authors")

    def authors(self) -> int:
        return self._witness.ask("SELECT count(*) FROM authors")[0][0]
