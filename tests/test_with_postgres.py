"""The throwaway PostgreSQL: it is there for its command, and gone however that ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

ROOT = Path(__file__).parent.parent
SHOW = "import os, sys; print(os.environ['ORMKIT_TEST_POSTGRES_URL'], os.environ['ORMKIT_TEST_POSTGRES_SOCKET'], flush=True)"


def with_postgres(python: str) -> subprocess.Popen[str]:
    """Runs Python code beside a server of its own, not beside that of this test run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ORMKIT_TEST_POSTGRES")}
    command = [sys.executable, ROOT / "scripts" / "with-postgres", sys.executable, "-c", python]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def is_listening(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port)) == 0


def wait_until_gone(url: str) -> bool:
    deadline = time.monotonic() + 15
    while is_listening(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_listening(url)


def test_command_has_a_server_and_its_exit_code_is_passed_on():
    with with_postgres(f"{SHOW}; sys.exit(7)") as run:
        url, folder = run.stdout.read().split()
        assert run.wait() == 7
    assert not is_listening(url)
    assert not Path(folder).exists()


def test_roles_log_in_by_scram_md5_and_trust():
    with with_postgres(f"{SHOW}; sys.stdin.read()") as run:
        url, folder = run.stdout.readline().split()
        port = urlsplit(url).port
        for conninfo in (url, f"postgresql://trusty@127.0.0.1:{port}/postgres"):
            psycopg.connect(conninfo).close()
        psycopg.connect(f"host={folder} port={port} user=md5er password=md5er dbname=postgres").close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"host={folder} port={port} user=md5er password=wrong dbname=postgres")
        run.terminate()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_server_is_gone_after_a_signal(sign):
    with with_postgres(f"{SHOW}; sys.stdin.read()") as run:
        url, _folder = run.stdout.readline().split()
        assert is_listening(url)
        if sign == signal.SIGINT:
            os.killpg(run.pid, sign)  # Ctrl-C in a terminal reaches the command, too
        else:
            run.send_signal(sign)
        assert wait_until_gone(url)
