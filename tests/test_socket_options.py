"""What is set on a connection's socket, read back from the system."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ormkit import create_engine

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds the sockets of its process in /proc")


def options_by_name(port: int) -> dict[object, dict[str, int]]:
    """The options of this process's TCP sockets that are connected to a port, by their own address."""
    found = {}
    for entry in os.listdir("/proc/self/fd"):
        try:
            copy = socket.socket(fileno=os.dup(int(entry)))
        except OSError:
            continue  # no socket, or the one of this listing
        with copy:
            if copy.family != socket.AF_INET or not is_connected_to(copy, port):
                continue
            tcp = socket.IPPROTO_TCP
            found[copy.getsockname()] = {
                "keepalive": copy.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                "idle": copy.getsockopt(tcp, socket.TCP_KEEPIDLE),
                "interval": copy.getsockopt(tcp, socket.TCP_KEEPINTVL),
                "count": copy.getsockopt(tcp, socket.TCP_KEEPCNT),
                "user_timeout": copy.getsockopt(tcp, socket.TCP_USER_TIMEOUT),
                "nodelay": copy.getsockopt(tcp, socket.TCP_NODELAY),
            }
    return found


def is_connected_to(peer: socket.socket, port: int) -> bool:
    try:
        return bool(peer.getpeername()[1] == port)
    except OSError:
        return False


async def options_of(url: str) -> dict[str, int]:
    port = urlsplit(url).port
    assert port is not None
    before = options_by_name(port)
    async with create_engine(url, max_connections=1) as engine:
        await engine.execute("SELECT 1")
        (ours,) = [options for name, options in options_by_name(port).items() if name not in before]
    return ours


async def test_settings_of_the_url_reach_the_socket(postgres_url: str):
    given = "keepalives_idle=41&keepalives_interval=7&keepalives_count=3&tcp_user_timeout=12345"
    options = await options_of(f"{postgres_url}?{given}")
    wanted = {"keepalive": 1, "idle": 41, "interval": 7, "count": 3, "user_timeout": 12345, "nodelay": 1}
    assert {
        name: bool(value) if name in ("keepalive", "nodelay") else value for name, value in options.items()
    } == wanted


async def test_defaults_and_switching_off(postgres_url: str):
    options = await options_of(postgres_url)
    assert (bool(options["keepalive"]), options["idle"], options["interval"]) == (True, 60, 10)
    assert (options["user_timeout"], bool(options["nodelay"])) == (0, True)
    assert not (await options_of(f"{postgres_url}?keepalives=0"))["keepalive"]
