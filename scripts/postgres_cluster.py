"""A throwaway PostgreSQL server for tests, the demo and the benchmarks.

Standard library only, because it runs before anything is installed. The server listens on a free loopback port and on a
Unix socket inside its own folder, runs as an unprivileged user, and lives no longer than the process that started it.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SUPERUSER = "ormkit"
DATABASE = "ormkit"
PREFIX = "ormkit-pg-"

# Roles for the ways to log in; everybody who is not named here uses SCRAM. TLS is for tests to switch on.
HBA = """\
hostssl all  tlser   127.0.0.1/32  scram-sha-256
host    all  tlser   127.0.0.1/32  reject
hostssl all  certy   127.0.0.1/32  cert
host    all  plainer 127.0.0.1/32  password
local  all  trusty                trust
host   all  trusty  127.0.0.1/32  trust
local  all  md5er                 md5
host   all  md5er   127.0.0.1/32  md5
local  all  all                   scram-sha-256
host   all  all     127.0.0.1/32  scram-sha-256
"""

# Run by `postgres --single`, one statement a line, before the server listens anywhere.
BOOTSTRAP = """\
CREATE ROLE trusty LOGIN CREATEDB
CREATE ROLE tlser LOGIN PASSWORD 'tlser'
CREATE ROLE plainer LOGIN PASSWORD 'plainer'
CREATE ROLE certy LOGIN
SET password_encryption = 'md5'; CREATE ROLE md5er LOGIN PASSWORD 'md5er'
"""

# Nothing here has to survive a power cut.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "timezone": "UTC",
}


class PostgresError(Exception):
    """PostgreSQL could not be found, installed or started; the text is one sentence for the user."""


def find_binaries() -> Path | None:
    """The newest folder that holds both `initdb` and `postgres`, or None."""
    return next((folder for folder in _candidates() if _is_complete(folder)), None)


def _candidates() -> Iterator[Path]:
    for program in ("postgres", "initdb"):
        if found := shutil.which(program):
            yield Path(found).resolve().parent
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        yield Path(answer.stdout.strip())
    for pattern in ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql*/bin"):
        yield from sorted(Path("/").glob(pattern), key=_version, reverse=True)


def _version(folder: Path) -> int:
    return int("".join(c for c in folder.parent.name if c.isdigit()) or 0)


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres"))


def require_binaries() -> Path:
    """Like `find_binaries`, but installs them by apt where that is possible."""
    if folder := find_binaries():
        return folder
    if install("postgresql"):
        if folder := find_binaries():
            return folder
        raise PostgresError("apt-get could not install PostgreSQL: see its messages above.")
    raise PostgresError(
        "No PostgreSQL server found (looked for initdb and postgres on PATH, in pg_config --bindir and in "
        "/usr/lib/postgresql): install the package `postgresql`."
    )


def install(package: str) -> bool:
    """Installs a package by apt-get; False where that cannot be tried."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    print(f"{package} is not installed: installing it by apt-get …", file=sys.stderr, flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-q"], ["install", "-qy", "--no-install-recommends", package]):
        subprocess.run(
            ["apt-get", *arguments], env=environment, stdout=sys.stderr, stdin=subprocess.DEVNULL, check=False
        )
    return True


class Cluster:
    """One running server. Use as a context manager, or call `start` and `stop`."""

    def __init__(
        self, settings: dict[str, str] | None = None, cpu: int | None = None, databases: Sequence[str] = ()
    ) -> None:
        """`settings` override the server's; `cpu` pins it and all its children to one CPU (Linux); `databases` are made
        beside the usual one."""
        self._databases = [DATABASE, *databases]
        self._settings = SETTINGS | (settings or {})
        self._cpu = cpu
        self._process: subprocess.Popen[bytes] | None = None
        self._bin = require_binaries()
        self._password = secrets.token_urlsafe(12)
        self._account = unprivileged_account()
        self.port = 0
        self.folder = Path()

    def __enter__(self) -> Cluster:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Over TCP, logging in by SCRAM."""
        return f"postgresql://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def environment(self) -> dict[str, str]:
        """What tests read: the URL and the folder of the Unix socket."""
        return {"ORMKIT_TEST_POSTGRES_URL": self.url, "ORMKIT_TEST_POSTGRES_SOCKET": str(self.folder)}

    def url_of(self, database: str) -> str:
        return f"{self.url.removesuffix(DATABASE)}{database}"

    def start(self) -> Cluster:
        _remove_orphans()
        # Short, because the path of a Unix socket has room for 107 bytes only.
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
        (self.folder / "owner").write_text(str(os.getpid()))
        if self._account:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        try:
            self._create()
            self._launch()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stops the server and removes its folder; harmless when nothing runs."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def resume(self) -> None:
        """Starts the server that was halted, where it was."""
        self._launch(self.port)

    def halt(self) -> None:
        """Stops the server by its process id; its data stay."""
        if self._process and self._process.poll() is None:
            # SIGINT disconnects clients and shuts down; SIGQUIT does not wait for anything.
            for ask, patience in ((signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
                self._process.send_signal(ask)
                try:
                    self._process.wait(patience)
                    break
                except subprocess.TimeoutExpired:
                    continue
        self._process = None

    def _create(self) -> None:
        password = self.folder / "password"
        password.write_text(self._password)
        if self._account:
            os.chown(password, self._account.pw_uid, self._account.pw_gid)
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        self._run(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            SUPERUSER,
            "-E",
            "UTF8",
            "--locale",
            locale,
            "--no-sync",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
        )
        password.unlink()
        (self._data / "pg_hba.conf").write_text(HBA)
        self._run(
            "postgres",
            "--single",
            "-D",
            str(self._data),
            "postgres",
            stdin=BOOTSTRAP + "".join(f"CREATE DATABASE {name}\n" for name in self._databases),
        )

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            input=stdin,
            text=True,
            cwd=self.folder,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=self._become_account(),
        )
        # `postgres --single` goes on after a failed statement and ends with 0.
        if done.returncode != 0 or "ERROR:" in done.stdout:
            raise PostgresError(f"{program} failed:\n{done.stdout}")

    def _launch(self, port: int | None = None) -> None:
        for _attempt in range(5):  # the free port may be taken by somebody else before the server binds it
            self.port = port or free_port()
            settings = self._settings | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
            flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            with self._log.open("wb") as log:
                # A session of its own: Ctrl-C in the terminal reaches the tests, which then still have their server.
                self._process = subprocess.Popen(
                    [str(self._bin / "postgres"), "-D", str(self._data), *flags],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=self._become_account(),
                )
            if self._is_ready(within=60):
                return
        raise PostgresError(f"PostgreSQL did not start:\n{self._log.read_text(errors='replace')}")

    def _is_ready(self, within: float) -> bool:
        """The last line of postmaster.pid says `ready` once connections are accepted: what pg_ctl looks at, too."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            try:
                lines = (self._data / "postmaster.pid").read_text().splitlines()
            except FileNotFoundError:
                lines = []
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return True
            time.sleep(0.02)
        return False

    def _become_account(self) -> Callable[[], None]:
        return become(self._account, self._cpu)


def become(account: pwd.struct_passwd | None, cpu: int | None = None) -> Callable[[], None]:
    """What a child process does before its program: it takes the account, and ends when its parent does."""

    def in_child() -> None:
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        if account:
            os.setgid(account.pw_gid)
            os.setgroups([account.pw_gid])
            os.setuid(account.pw_uid)
        if sys.platform == "linux":
            # Even when its parent is killed outright the server goes away. After setuid, which forgets the request.
            ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG

    return in_child


def unprivileged_account() -> pwd.struct_passwd | None:
    """Whom to become when run as root, because PostgreSQL refuses root; None otherwise."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("PostgreSQL refuses to run as root and there is neither a user `postgres` nor `nobody`.")


def _remove_orphans() -> None:
    """Removes the folders of runs that were killed outright; their servers ended with them."""
    for owner in Path("/tmp").glob(f"{PREFIX}*/owner"):
        try:
            os.kill(int(owner.read_text()), 0)
        except ProcessLookupError:
            shutil.rmtree(owner.parent, ignore_errors=True)
        except (OSError, ValueError):
            continue  # somebody else's, or being made or removed right now


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
