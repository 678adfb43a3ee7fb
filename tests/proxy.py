"""A path to a server that can go bad."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes between clients and the server of a URL. Entered in the loop of the test."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._stalled: set[int] = set()
        self._ways: list[tuple[int, asyncio.Task[None]]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self.accepted = 0

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        credentials = self._parts.netloc.rpartition("@")[0]
        self.url = self._parts._replace(netloc=f"{credentials}@127.0.0.1:{port}").geturl()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for _, way in self._ways:
            way.cancel()
        await asyncio.gather(*(way for _, way in self._ways), return_exceptions=True)

    def stall(self) -> None:
        """From now on nothing passes on the connections that are open: they stay open, and nobody answers."""
        self._stalled.update(range(1, self.accepted + 1))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        number = self.accepted
        far_reader, far_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers += [writer, far_writer]
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._ways.append((number, asyncio.create_task(self._pass(number, source, target))))

    async def _pass(self, number: int, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if number not in self._stalled:
                    target.write(data)
                    await target.drain()
            if number not in self._stalled:
                target.close()
        except ConnectionError:
            target.transport.abort()
