"""`ormkit migrate` on a terminal: colours, questions, and Ctrl-C; a pseudo-terminal types and reads."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ormkit

pty = pytest.importorskip("pty")

MODELS = """\
from ormkit import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
"""

SLOW = """\
import time

from alembic import op

revision, down_revision = "c0ffee02", "c0ffee01"

def upgrade():
    op.execute("CREATE TABLE half (id INTEGER)")
    print("BUSY", flush=True)
    while True:
        op.get_bind().execute("SELECT 1")
        time.sleep(0.3)

def downgrade():
    pass
"""


def at_the_terminal() -> None:
    """Ctrl-C is for those whose terminal it is, and who do not ignore it, as what a shell starts in the background does."""
    os.setsid()
    os.close(os.open(os.ttyname(0), os.O_RDWR))
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Project:
    """A folder in which commands are typed at a terminal."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        ours = Path(ormkit.__file__).parent.parent
        self.environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "DATABASE_URL")}
        self.environment |= {"PYTHONPATH": f"{ours}:{folder}", "TERM": "xterm", "DATABASE_URL": url}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "ormkit", "migrate", *arguments]

    def piped(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60
        )

    def typed(self, *arguments: str, wait: str = "", answer: bytes = b"", **environment: str) -> tuple[int, str]:
        """Runs a command; when it has printed `wait`, `answer` is typed. The exit code, and what the terminal showed."""
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment | environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            preexec_fn=at_the_terminal,
        )
        os.close(theirs)
        shown, end = b"", time.monotonic() + 60
        try:
            while time.monotonic() < end:
                if select.select([ours], [], [], 0.1)[0]:
                    try:
                        part = os.read(ours, 4096)
                    except OSError:  # Nobody has it open any more.
                        break
                    if not part:
                        break
                    shown += part
                if answer and wait.encode() in shown:
                    os.write(ours, answer)
                    answer = b""
            return child.wait(timeout=max(end - time.monotonic(), 0.1)), shown.decode().replace("\r\n", "\n")
        finally:
            child.kill()
            child.wait()
            os.close(ours)

    def models(self, *columns: str) -> None:
        (self.folder / "shown.py").write_text(MODELS + "".join(f"    {column}\n" for column in columns))


@pytest.fixture
def project(tmp_path: Path, url: str) -> Project:
    project = Project(tmp_path, url)
    assert project.piped("init", "--url", url).returncode == 0
    project.models("name: Mapped[str]")
    made = project.piped("auto", "first", "--rev-id", "c0ffee01", "--models", "shown")
    assert made.returncode == 0, made.stderr
    return project


def test_colours_are_for_terminals_that_want_them(project):
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        for command, word in (("up", "up"), ("down", "down"), ("nonsense", "error:")):
            arguments = [command] if command != "nonsense" else ["up", "nonsense"]
            _, shown = project.typed(*arguments, **environment)
            assert word in shown and ("\033[" in shown) is coloured, (environment, shown)
            assert coloured or shown.count("\033") == 0
    piped = project.piped("up")
    assert "up c0ffee01 first (" in piped.stderr and "\033" not in piped.stdout + piped.stderr


@pytest.mark.parametrize("answer", ["y", "yes", "n", "", "what", None])
def test_only_yes_is_a_rename(project, answer):
    assert project.piped("up").returncode == 0
    project.models("title: Mapped[str]")
    typed = b"\x04" if answer is None else f"{answer}\n".encode()
    arguments = ("auto", "second", "--models", "shown")
    code, shown = project.typed(*arguments, wait="[y/N]", answer=typed, NO_COLOR="1")
    files = len(list((project.folder / "alembic" / "versions").glob("*.py")))
    if answer in ("y", "yes"):
        assert (code, files) == (0, 2) and "alter_column teams.name" in shown
    else:
        assert (code, files) == (1, 1) and "\nerror: values would be lost" in shown, shown


def test_ctrl_c_ends_a_question(project):
    assert project.piped("up").returncode == 0
    project.models("title: Mapped[str]")
    code, shown = project.typed("auto", "second", "--models", "shown", wait="[y/N]", answer=b"\x03")
    assert code == 130 and "Traceback" not in shown, shown
    assert len(list((project.folder / "alembic" / "versions").glob("*.py"))) == 1


def test_ctrl_c_undoes_the_revision_that_runs(project):
    slow = project.folder / "alembic" / "versions" / "c0ffee02.py"
    slow.write_text(SLOW)
    code, shown = project.typed("up", wait="BUSY", answer=b"\x03")
    assert code == 130 and "Traceback" not in shown, shown
    assert "the database is as it was before `c0ffee02`, `ormkit migrate up` goes on" in shown
    status = json.loads(project.piped("status", "--json").stdout)
    assert status == {"current": ["c0ffee01"], "pending": ["c0ffee02"]}
    slow.write_text(SLOW.replace("    while True:\n", "    for _ in range(1):\n"))
    # The table is not there, and nobody holds the lock.
    again = project.piped("up")
    assert again.returncode == 0, again.stderr


def test_ctrl_c_says_what_an_autocommit_block_has_kept(project):
    slow = project.folder / "alembic" / "versions" / "c0ffee02.py"
    begin = "    with op.get_context().autocommit_block():\n        op.execute('CREATE TABLE kept (id INTEGER)')\n"
    slow.write_text(SLOW.replace("    print(", f"{begin}    print("))
    code, shown = project.typed("up", wait="BUSY", answer=b"\x03")
    assert code == 130 and "Traceback" not in shown, shown
    assert "was interrupted: what it did before its autocommit_block(), and in it, was kept" in " ".join(shown.split())
    status = json.loads(project.piped("status", "--json").stdout)
    assert status == {"current": ["c0ffee01"], "pending": ["c0ffee02"]}
