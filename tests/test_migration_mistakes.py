"""What may be wrong with a project, as typed: the file, the revisions and what to type next, never a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from test_migrations import TABLE, Project

from ormkit import MigrationError, create_engine
from ormkit.cli import main
from ormkit.migrations import MigrationRunner


@dataclass
class Mistake:
    """How a project comes to it, what is typed then, and what is said."""

    make: Callable[[Project, str], str | None]
    command: list[str] = field(default_factory=lambda: ["up"])
    file: str | None = None
    revisions: tuple[str, ...] = ()
    next: str = ""
    kept: list[str] = field(default_factory=list)
    only: str = ""


def chain(project: Project, *parents: tuple[str, object]) -> None:
    for id, before in parents:
        project.table(id, before)


def asked(url: str, *statements: str) -> None:
    async def ask() -> None:
        async with create_engine(url) as engine:
            for sql in statements:
                await engine.execute(sql)

    asyncio.run(ask())


def no_configuration(project: Project, url: str) -> None:
    (project.folder / "alembic.ini").unlink()


def no_folder(project: Project, url: str) -> None:
    project.versions.rmdir()


def two_heads(project: Project, url: str) -> None:
    chain(project, ("one1", None), ("two2", "one1"), ("three3", "one1"))


def ambiguous(project: Project, url: str) -> None:
    chain(project, ("abcd1", None), ("abcd2", "abcd1"))


def cycle(project: Project, url: str) -> None:
    chain(project, ("one1", "two2"), ("two2", "one1"))


def missing_parent(project: Project, url: str) -> None:
    chain(project, ("two2", "gone"))


def duplicate(project: Project, url: str) -> None:
    project.table("one1", None).rename(project.versions / "first.py")
    project.table("one1", None)


def syntax(project: Project, url: str) -> None:
    chain(project, ("one1", None))
    path = project.table("two2", "one1")
    path.write_text(path.read_text() + "\ndef broken(:\n")


def nothing_but_a_mistake(project: Project, url: str) -> None:
    (project.versions / "bad.py").write_text("import sqlalchemy as sa\n\ndef upgrade(:\n")


def no_id(project: Project, url: str) -> None:
    (project.versions / "notes.py").write_text("x = 1\n")


def no_function(project: Project, url: str) -> None:
    (project.versions / "one1.py").write_text("revision = 'one1'\ndown_revision = None\n")


def unloadable(project: Project, url: str) -> None:
    project.write("one1", None, "pass", above="1 / 0")


def unknown_stamp(project: Project, url: str) -> None:
    chain(project, ("one1", None))

    async def stamp() -> None:
        async with create_engine(url) as engine:
            await MigrationRunner(engine).stamp("gone")

    asyncio.run(stamp())


def read_only(project: Project, url: str) -> str:
    chain(project, ("one1", None))
    if url.startswith("sqlite"):
        asked(url, "CREATE TABLE t (id INTEGER)", "DROP TABLE t")
        return url + "?mode=ro"
    return url + ("&" if "?" in url else "?") + "options=-c%20default_transaction_read_only%3Don"


def lost(project: Project, url: str) -> None:
    chain(project, ("one1", None))
    project.write(
        "two2", "one1", f"{TABLE.format('two2')}\nop.execute('SELECT pg_terminate_backend(pg_backend_pid())')"
    )


def failing(project: Project, url: str) -> None:
    chain(project, ("one1", None))
    project.write("two2", "one1", f"{TABLE.format('two2')}\nop.execute('INSERT INTO nowhere VALUES (1)')")


def python_error(project: Project, url: str) -> None:
    project.write("one1", None, f"{TABLE.format('one1')}\nraise ValueError('no such luck')")


def nothing(project: Project, url: str) -> None:
    chain(project, ("one1", None))


MISTAKES = {
    "no configuration": Mistake(no_configuration, file="alembic.ini", next="`ormkit migrate init`"),
    "no folder": Mistake(no_folder, file="versions", next="`mkdir -p "),
    "two heads": Mistake(
        two_heads, file="two2.py|three3.py", revisions=("three3", "two2"), next="`ormkit migrate merge heads"
    ),
    "unknown": Mistake(nothing, ["up", "nowhere"], revisions=("nowhere",), next="`ormkit migrate history`"),
    "unknown branch": Mistake(nothing, ["up", "side@head"], revisions=("side",), next="`ormkit migrate history`"),
    "too far": Mistake(nothing, ["up", "+5"], next="`ormkit migrate history`"),
    "ambiguous": Mistake(
        ambiguous, ["up", "abcd"], file="abcd", revisions=("abcd1", "abcd2"), next="type more of the id"
    ),
    "cycle": Mistake(cycle, file=".py", revisions=("one1", "two2"), next="`down_revision`|down_revision"),
    "missing parent": Mistake(missing_parent, file="two2.py", revisions=("two2", "gone"), next="down_revision|file"),
    "duplicate": Mistake(duplicate, file="first.py|one1.py", revisions=("one1", "one1"), next="an id of its own"),
    "syntax": Mistake(syntax, file="two2.py", revisions=("two2",), next="`ormkit migrate status`"),
    "nothing but a mistake": Mistake(
        nothing_but_a_mistake, file="bad.py", next="bad.py, line 3: invalid syntax: `def upgrade(:`"
    ),
    "no id": Mistake(no_id, file="notes.py", next="`ormkit migrate history`"),
    "no function": Mistake(no_function, file="one1.py", revisions=("one1",), next="write one"),
    "unloadable": Mistake(unloadable, file="one1.py", revisions=("one1",), next="`ormkit migrate status`"),
    "unknown stamp": Mistake(unknown_stamp, revisions=("gone",), next="`ormkit migrate stamp --purge <revision>`"),
    "read-only": Mistake(read_only, file="one1.py", revisions=("one1",), next="`ormkit migrate up`"),
    "read-only stamp": Mistake(read_only, ["stamp", "one1"], revisions=("one1",), next="`ormkit migrate current`"),
    "lost": Mistake(
        lost, file="two2.py", revisions=("two2",), next="`ormkit migrate up`", kept=["one1"], only="postgresql"
    ),
    "failing": Mistake(failing, file="two2.py", revisions=("two2",), next="`ormkit migrate up`", kept=["one1"]),
    "Python error": Mistake(python_error, file="one1.py", revisions=("one1",), next="`ormkit migrate up`"),
    "below": Mistake(nothing, ["down", "one1"], file="one1.py", revisions=("one1",), next="`ormkit migrate current`"),
    "down from nothing": Mistake(nothing, ["down"], next="`ormkit migrate"),
    "stamp": Mistake(nothing, ["stamp", "nowhere"], revisions=("nowhere",), next="`ormkit migrate history`"),
    "show": Mistake(nothing, ["show", "nowhere"], revisions=("nowhere",), next="`ormkit migrate history`"),
    "create behind": Mistake(
        nothing, ["create", "x", "--head", "nowhere"], revisions=("nowhere",), next="`ormkit migrate history`"
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_a_sentence_with_what_to_type_next(name, url, tmp_path, monkeypatch, capsys):
    mistake = MISTAKES[name]
    if mistake.only and not url.startswith(mistake.only):
        pytest.skip(f"{name} is of {mistake.only}")
    project = Project(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    given = mistake.make(project, url) or url
    arguments = ["migrate", *mistake.command, "--url", given]
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err and printed.out == ""
    assert any(word in printed.err for word in mistake.next.split("|")), printed.err
    with pytest.raises(MigrationError) as raised:
        main([*arguments, "--debug"])
    error = raised.value
    assert tuple(sorted(error.revisions)) == tuple(sorted(mistake.revisions)), error
    if mistake.file is not None:
        assert error.file is not None and any(word in error.file for word in mistake.file.split("|")), error
        assert Path(error.file).name in printed.err
    assert all(id in printed.err for id in mistake.revisions)

    async def tables() -> list[str]:
        async with create_engine(url) as engine:
            return [table for table in await engine.get_tables() if table != "alembic_version"]

    assert asyncio.run(tables()) == mistake.kept
