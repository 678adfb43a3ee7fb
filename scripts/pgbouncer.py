"""A throwaway PgBouncer in front of a server, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from postgres_cluster import PostgresError, become, free_port, install, unprivileged_account

PREFIX = "ormkit-pgb-"


class PgBouncer:
    """A pooler before the server of `url`, with the same user, password and database. Use as a context manager."""

    def __init__(self, url: str, **settings: str | int) -> None:
        """`settings` override PgBouncer's: `pool_mode="transaction"`, `default_pool_size=2`."""
        self._server = urlsplit(url)
        self._settings = settings
        self._account = unprivileged_account()
        self._program = _require()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        server = self._server
        return f"postgresql://{server.username}:{server.password}@127.0.0.1:{self.port}{server.path}"

    def __enter__(self) -> PgBouncer:
        self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": self._folder / "users",
            "pool_mode": "transaction",
            "default_pool_size": 2,
        } | self._settings
        lines = ["[databases]", f"* = host=127.0.0.1 port={self._server.port}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in settings.items()]
        (self._folder / "pgbouncer.ini").write_text("\n".join(lines))
        (self._folder / "users").write_text(f'"{self._server.username}" "{self._server.password}"\n')
        for path in (self._folder, *self._folder.iterdir()):
            if self._account:
                os.chown(path, self._account.pw_uid, self._account.pw_gid)
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [self._program, str(self._folder / "pgbouncer.ini")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=become(self._account),
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        text = (self._folder / "log").read_text(errors="replace")
        self.stop()
        raise PostgresError(f"PgBouncer did not start:\n{text}")

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops it by its process id and removes its folder."""
        if self._process and self._process.poll() is None:
            # SIGINT waits for clients, SIGTERM does not.
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(10)
        shutil.rmtree(self._folder, ignore_errors=True)


def _require() -> str:
    """Where PgBouncer is, installed where that is possible."""
    places = os.environ.get("PATH", "") + ":/usr/sbin"
    if found := shutil.which("pgbouncer", path=places):
        return found
    if install("pgbouncer") and (found := shutil.which("pgbouncer", path=places)):
        return found
    raise PostgresError("No PgBouncer found (looked for pgbouncer on PATH and in /usr/sbin): install the package.")
