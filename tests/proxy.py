"""A path to a server that can go bad, at a message of one's choice."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlencode, urlsplit

Match = Callable[[bytes, bytes], bool]
"""Says whether it means a message, by its tag and the whole of it."""

CANCEL_REQUEST = (80_877_102).to_bytes(4, "big")
SSL_REQUEST = (80_877_103).to_bytes(4, "big")


class Side(Enum):
    """Who has sent a message."""

    CLIENT = "client"
    SERVER = "server"


class Fault(Enum):
    """What happens at a message."""

    STALL = "nothing passes any more, and both connections stay open"
    MUTE = "nothing passes to the client any more; what it sends still reaches the server"
    CLOSE = "both connections are closed in order"
    HALF_CLOSE = "the client is told that nothing more comes; what it sends still reaches the server"
    RESET = "both connections are reset"
    CUT = "half of the message passes, then both connections are closed"
    DROP = "the message is lost, all others pass"
    TRICKLE = "from here on bytes pass one at a time, 500 of them"
    LATE = "the message passes a little later"


@dataclass
class Rule:
    """A fault at the message number `count` of those that match, from a side."""

    side: Side
    fault: Fault
    matches: Match
    count: int = 1


def tagged(tag: bytes) -> Match:
    """A kind of message."""
    return lambda seen, _message: seen == tag


def says(tag: bytes, text: bytes) -> Match:
    """A kind of message with a text in it."""
    return lambda seen, message: seen == tag and text in message


LOSSES = [Fault.CLOSE, Fault.HALF_CLOSE, Fault.RESET, Fault.CUT]
"""Those that the client sees at once."""


def passes_on(fault: Fault, side: Side) -> bool:
    """True when messages of a side still pass behind the fault."""
    return fault in (Fault.LATE, Fault.TRICKLE) or (fault in (Fault.MUTE, Fault.HALF_CLOSE) and side is Side.CLIENT)


class Messages:
    """The messages in one direction. Of a large one its parts: the first under its tag, the others under `+`."""

    LARGE = 65_536

    def __init__(self, *, startup: bool) -> None:
        """`startup`: the first message has no tag."""
        self._buffer = bytearray()
        self._startup = startup
        self._rest = 0
        self.bare = 0
        """Bytes that come before the next message and belong to none."""

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        self._buffer += data
        while self._buffer:
            if self.bare:
                self.bare -= 1
                yield b"?", self._take(1)
                continue
            if self._rest:
                part = self._take(self._rest)
                self._rest -= len(part)
                yield b"+", part
                continue
            head = 4 if self._startup else 5
            if len(self._buffer) < head:
                return
            length = head - 4 + int.from_bytes(self._buffer[head - 4 : head], "big")
            if len(self._buffer) < min(length, self.LARGE):
                return
            part = self._take(length)
            self._rest = length - len(part)
            tag = b"" if self._startup else part[:1]
            # After a question for TLS comes another first message.
            self._startup = self._startup and part[4:8] == SSL_REQUEST
            yield tag, part

    def _take(self, length: int) -> bytes:
        part = bytes(self._buffer[:length])
        del self._buffer[:length]
        return part


class Proxy:
    """Passes messages between clients and the server of a URL. Entered in the loop of the test."""

    def __init__(self, url: str, **parameters: str) -> None:
        """`parameters` become the query of the URL that clients connect to."""
        self._parts = urlsplit(url)
        self._parameters = parameters
        self._links: list[Link] = []
        self._endings: list[asyncio.Task[None]] = []
        self._rule: Rule | None = None
        self._budget: int | None = None
        self._opened = asyncio.Event()
        self.server = (self._parts.hostname or "", self._parts.port or 5432)
        self.hit = asyncio.Event()
        """Set when the rule has come true."""
        self.held = asyncio.Event()
        """Set when a message waits behind `hold`."""
        self.accepted = 0
        self.cancels = 0
        """CancelRequests that came."""
        self.swallows_cancels = False

    async def __aenter__(self) -> Proxy:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        port = self._listener.getsockname()[1]
        credentials = self._parts.netloc.rpartition("@")[0]
        netloc = f"{credentials}@127.0.0.1:{port}"
        self.url = self._parts._replace(netloc=netloc, query=urlencode(self._parameters)).geturl()
        self._accepting = asyncio.create_task(self._accept())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._accepting.cancel()
        await asyncio.gather(self._accepting, return_exceptions=True)
        self._listener.close()
        await asyncio.gather(*(link.end() for link in self._links))
        await asyncio.gather(*self._endings)

    def arm(self, rule: Rule) -> None:
        """Replaces the rule."""
        self._rule = rule
        self.hit.clear()

    def hold(self, after: int) -> None:
        """From now on so many messages of the server pass, of all connections together; the rest waits."""
        self._budget = after
        self._opened.clear()
        self.held.clear()

    def release(self) -> None:
        """Lets pass what `hold` has kept back."""
        self._budget = None
        self._opened.set()

    def stall(self) -> None:
        """From now on nothing passes on the connections that are open: they stay open, and nobody answers."""
        self.strike(Fault.STALL)

    def strike(self, fault: Fault) -> None:
        """Brings a fault to the connections that are open."""
        for link in self._links:
            link.suffer(fault)

    async def sever(self) -> None:
        """Resets the connections that are silent."""
        await asyncio.gather(*(link.end() for link in self._links if link.is_silent))

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self._listener)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            self._links.append(Link(self, client))

    # What its links ask.

    def comes_true(self, side: Side, tag: bytes, message: bytes) -> Fault | None:
        """The fault that is due at this message."""
        rule = self._rule
        if rule is None or rule.side is not side or not rule.matches(tag, message):
            return None
        rule.count -= 1
        if rule.count:
            return None
        self._rule = None
        self.hit.set()
        return rule.fault

    @property
    def is_gated(self) -> bool:
        return self._budget is not None

    async def pass_gate(self) -> None:
        """Returns when one more message of a server may pass."""
        if self._budget == 0:
            self.held.set()
            await self._opened.wait()
        elif self._budget:
            self._budget -= 1

    def later(self, ending: Coroutine[None, None, None]) -> None:
        self._endings.append(asyncio.create_task(ending))


class Link:
    """One client, and its connection to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        client.setblocking(False)
        self._proxy = proxy
        self._client = client
        self._server = socket.socket()
        self._server.setblocking(False)
        self._to_server = Messages(startup=True)
        self._to_client = Messages(startup=False)
        self._slow_bytes = 0
        self.is_silent = False
        """Something does not pass, and an end does not know."""
        self._ended = False
        self._ways: dict[Side, asyncio.Task[None]] = {}
        self._start = asyncio.create_task(self._open())

    async def _open(self) -> None:
        """Connects to the server, where the rule says nothing else of a new client."""
        if fault := self._proxy.comes_true(Side.CLIENT, b"accept", b""):
            self.suffer(fault)
            return
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_connect(self._server, self._proxy.server)
            self._ways[Side.CLIENT] = asyncio.create_task(self._pass(Side.CLIENT, self._client, self._server))
            self._ways[Side.SERVER] = asyncio.create_task(self._pass(Side.SERVER, self._server, self._client))

    async def end(self, *, reset: bool = True) -> None:
        """Ends both connections. A descriptor is closed when no way waits for it: the loop still knows its number."""
        if self._ended:
            return
        self._ended = True
        if not reset:
            for end in (self._client, self._server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_WR)
        tasks = [self._start, *self._ways.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        for end in (self._client, self._server):
            if reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()

    def suffer(self, fault: Fault) -> None:
        """Does what is done to a connection as a whole."""
        if fault is Fault.TRICKLE:
            self._slow_bytes = 500
        elif fault is Fault.STALL:
            self._stop(*Side)
        elif fault is Fault.MUTE:
            self._stop(Side.SERVER)
        elif fault is Fault.HALF_CLOSE:
            self._client.shutdown(socket.SHUT_WR)
            self._stop(Side.SERVER)
        else:
            self._proxy.later(self.end(reset=fault is Fault.RESET))

    def _stop(self, *sides: Side) -> None:
        self.is_silent = True
        for side in sides:
            if side in self._ways:
                self._ways[side].cancel()

    async def _pass(self, side: Side, source: socket.socket, target: socket.socket) -> None:
        """Passes what comes from a side until it ends, and its end."""
        with contextlib.suppress(OSError):
            if not await self._pass_messages(side, source, target):
                return
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    async def _pass_messages(self, side: Side, source: socket.socket, target: socket.socket) -> bool:
        """True when the side has ended; False when a fault has ended this way."""
        loop = asyncio.get_running_loop()
        messages = self._to_server if side is Side.CLIENT else self._to_client
        while data := await loop.sock_recv(source, 65_536):
            passing = bytearray()
            for tag, message in messages.feed(data):
                if tag == b"" and self._is_swallowed(message):
                    return False
                if side is Side.SERVER and self._proxy.is_gated:
                    await self._send(target, passing)
                    await self._proxy.pass_gate()
                fault = self._proxy.comes_true(side, tag, message)
                if fault is Fault.DROP:
                    self.is_silent = True
                    continue
                if fault is not None:
                    if fault is Fault.CUT:
                        passing += message[: len(message) // 2]
                    await self._send(target, passing)
                    if fault is Fault.LATE:
                        await asyncio.sleep(0.01)
                    else:
                        self.suffer(fault)
                    if not passes_on(fault, side):
                        return False
                passing += message
            await self._send(target, passing)
        return True

    async def _send(self, target: socket.socket, passing: bytearray) -> None:
        loop = asyncio.get_running_loop()
        data = bytes(passing)
        passing.clear()
        slow = min(self._slow_bytes, len(data))
        self._slow_bytes -= slow
        for byte in data[:slow]:
            await loop.sock_sendall(target, bytes([byte]))
            await asyncio.sleep(0)
        if len(data) > slow:
            await loop.sock_sendall(target, data[slow:])

    def _is_swallowed(self, message: bytes) -> bool:
        """Looks at the first message of a client."""
        if message[4:8] == SSL_REQUEST:
            self._to_client.bare = 1
        if message[4:8] != CANCEL_REQUEST:
            return False
        self._proxy.cancels += 1
        return self._proxy.swallows_cancels
