"""What `ormkit migrate` does: each command is a function that prints and answers the exit code."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from ormkit._ormkit import CommandLine, ConnectionPool, create_engine, load_models, missing_database
from ormkit.exc import MigrationError
from ormkit.migrations import _bridge, _folder, _squash as _squashing
from ormkit.migrations._environment import not_heeded
from ormkit.migrations._problem import problem
from ormkit.migrations._recorded import recorded_schema
from ormkit.migrations.autogen import AutogenContext, RecordedSchema, SchemaStep
from ormkit.migrations.config import AlembicConfig, configured, named_file
from ormkit.migrations.runner import MigrationRunner
from ormkit.migrations.script import MigrationScript, ScriptFolder, several

__all__ = ["Usage", "run"]

DONE, FOUND = 0, 3


class Usage(Exception):
    """The command line makes no sense."""


class Command:
    """A command with its arguments, and what they lead to."""

    def __init__(self, given: dict[str, Any], url: str | None, json: bool) -> None:
        self.given, self.json, self._url = given, json, url

    def __getattr__(self, name: str) -> Any:
        return self.given[name]

    def configuration(self) -> AlembicConfig:
        found = configured(self.given["config"], self.given["name"])
        if found is None:
            text = "there is no alembic.ini here: `ormkit migrate init` makes one, -c names another"
            raise problem(text, file=Path.cwd() / "alembic.ini")
        return found

    def url(self, config: AlembicConfig) -> str:
        url = self._url or config.get_url()
        if url is None:
            raise Usage(f"there is no database: give --url, set DATABASE_URL, or say sqlalchemy.url in {config.path}")
        return url

    @asynccontextmanager
    async def runner(self, *, looks: bool = False) -> AsyncIterator[MigrationRunner]:
        """`looks`: the database is looked at only, so it must be there."""
        config = self.configuration()
        url = self.url(config)
        if looks:
            require_database(url)
        async with create_engine(url, min_connections=0) as engine:
            timeout = self.given.get("lock_timeout")
            limit = None if timeout is None else _seconds(timeout)
            runner = MigrationRunner(engine, config, lock_timeout=limit, on_revision=_progress, x=self.x)
            try:
                yield runner
            except asyncio.CancelledError:
                # Whoever has typed Ctrl-C is to know what was kept.
                if runner._interrupted is not None:
                    print(f"interrupted: {runner._interrupted}", file=sys.stderr)
                raise

    def folder(self) -> ScriptFolder:
        return ScriptFolder(self.configuration())

    def models(self, config: AlembicConfig) -> list[Any]:
        names = self.given["models"] or str(config.options.get("models") or "").split()
        if not names:
            raise Usage(f"which models? Give --models, or say `models = app.models` in {config.path}")
        return load_models(list(names))

    def dialect(self, config: AlembicConfig) -> str:
        if said := self.given["dialect"]:
            return str(said)
        url = self._url or config.get_url()
        if url is None:
            raise Usage(f"which SQL? Give --dialect or --url, or say sqlalchemy.url in {config.path}")
        return "sqlite" if url.startswith("sqlite") else "postgresql"

    def answer(self, value: Any, text: str) -> int:
        """Print the answer: for programs, or for readers."""
        print(json.dumps(value) if self.json else text, end="\n" if self.json else "")
        return DONE


def require_database(url: str) -> None:
    """Looking at a database makes none."""
    if (missing := missing_database(url)) is not None:
        text = f"there is no database {missing}: `ormkit migrate up` makes one, --url names another"
        raise problem(text, file=missing)


def _seconds(said: str) -> float:
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    # A day is longer than anybody waits, and the server takes no more than 24 of them.
    if not 0 < seconds <= 86_400:
        raise Usage(f"--lock-timeout {said}: a number of seconds is meant, more than 0 and no more than a day")
    return seconds


async def run(verb: str, given: dict[str, Any], url: str | None, json: bool) -> int:
    """Run a command by its name."""
    code: int = await globals()[f"_{verb}"](Command(given, url, json))
    return code


def _progress(script: MigrationScript, up: bool, seconds: float) -> None:
    word = "up" if up else "down"
    if CommandLine.has_colours():
        word = f"\033[32m{word}\033[0m"
    print(f"{word} {script.revision} {script.message} ({seconds:.2f} s)", file=sys.stderr)


def _about(script: MigrationScript) -> dict[str, Any]:
    return {
        "revision": script.revision,
        "down_revision": several(script.down_revision),
        "branch_labels": several(script.branch_labels),
        "depends_on": several(script.depends_on),
        "message": script.message,
        "file": None if script.path is None else str(script.path),
    }


def _line(script: MigrationScript, folder: ScriptFolder, verbose: bool, mark: str = "") -> str:
    graph = folder.graph
    down = ", ".join(several(script.down_revision)) or "<base>"
    marks = [f"({', '.join(labels)})"] if (labels := several(script.branch_labels)) else []
    marks += ["(head)"] if script.revision in graph.heads() else []
    marks += ["(branchpoint)"] if script.revision in graph.branch_points() else []
    marks += ["(mergepoint)"] if len(several(script.down_revision)) > 1 else []
    marks += [mark] if mark else []
    if not verbose:
        return f"{down} -> {' '.join([script.revision, *marks])}, {script.message}"
    lines = [f"Rev: {' '.join([script.revision, *marks])}", f"Parent: {down}", f"Path: {script.path}"]
    if depends := several(script.depends_on):
        lines.append(f"Depends on: {', '.join(depends)}")
    return "\n".join([*lines, f"\n    {script.message}\n"])


def _list(
    command: Command, folder: ScriptFolder, ids: list[str], verbose: bool, marked: frozenset[str] = frozenset()
) -> int:
    scripts = [folder.scripts[id] for id in ids]
    lines = [_line(one, folder, verbose, "(current)" if one.revision in marked else "") for one in scripts]
    facts = [_about(one) | ({"current": one.revision in marked} if marked else {}) for one in scripts]
    return command.answer(facts, "".join(f"{line}\n" for line in lines))


async def _init(command: Command) -> int:
    ini = Path(named_file(command.given["config"]) or "alembic.ini")
    if ini.suffix == ".toml":
        raise Usage(f"{ini}: init makes an ini file; -c names another one")
    made = _folder.init(ini, Path(command.given["folder"]), command._url, command.given["name"] or "alembic")
    return command.answer([str(path) for path in made], "".join(f"made {path}\n" for path in made))


def _message(command: Command) -> str:
    message = command.given.get("message") or command.said
    if not message:
        raise Usage("what does the revision do? Give a message")
    return str(message)


def _heads_for(command: Command) -> dict[str, Any]:
    version_path = command.version_path
    return {
        "head": command.head or "head",
        "revision": command.rev_id,
        "splice": command.splice,
        "branch_label": command.branch_label,
        "depends_on": command.depends_on or None,
        "version_path": version_path,
    }


async def _create(command: Command) -> int:
    if command.autogenerate:
        return await _auto(command)
    for name in ("models", "rename", "schemas", "allow_drop", "offline"):
        if command.given[name]:
            raise Usage(f"--{name.replace('_', '-')} is of `auto`: an empty revision compares nothing")
    script = command.folder().create(_message(command), **_heads_for(command))
    return command.answer(_about(script), f"{script.path}\n")


async def _auto(command: Command) -> int:
    message = _message(command)
    if command.offline:
        config = command.configuration()
        async with recorded_schema(config, command.dialect(config), x=command.x) as recorded:
            return await _write(command, message, recorded, "what the files build up")
    async with command.runner() as runner:
        folder = command.folder()
        current, heads = await runner.get_current_heads(), folder.graph.heads()
        if sorted(current) != sorted(heads):
            text = (
                f"the database is at {', '.join(current) or 'the base'}, the files at {', '.join(heads) or 'the base'}"
            )
            raise MigrationError(
                f"{text}: run `ormkit migrate up` first, so that what is compared is what the files make, or give --offline"
            )
        return await _write(command, message, runner.pool, "the database")


async def _write(command: Command, message: str, side: ConnectionPool | RecordedSchema, called: str) -> int:
    """Write the revision that leads from what there is to the models."""
    folder = command.folder()
    context, steps = await _compare(command, side, folder.config, command.models(folder.config))
    if not steps:
        return command.answer(None, f"nothing to do: {called} is as the models want it\n")
    _keep_rows(steps, command.allow_drop)
    options = _heads_for(command)
    options["revision"] = options["revision"] or uuid.uuid4().hex[-12:]
    down: list[str] = []
    for one in several(options["head"]):
        down += folder.graph.find(one) if folder.graph.heads() else []
    parent: Any = None if not down else down[0] if len(down) == 1 else tuple(down)
    source = context.render_migration(message, steps, parent, revision=options["revision"])
    if options["branch_label"] or options["depends_on"]:
        raise Usage("--branch-label and --depends-on are of `create`")
    script = folder.create(message, source=source, **options)
    lines = "".join(f"  {_shown(step)}\n" for step in steps)
    return command.answer(_about(script), f"{lines}{script.path}\n")


async def _compare(
    command: Command, side: ConnectionPool | RecordedSchema, config: AlembicConfig, models: list[Any]
) -> tuple[AutogenContext, list[SchemaStep]]:
    renames = list(command.rename)
    for note in not_heeded(config):
        print(f"note: {note}", file=sys.stderr)
    terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
    refused: set[str] = set()
    while True:
        tables, columns = _renames(renames)
        context = AutogenContext(
            side,
            models,
            exclude=config.exclude_tables,
            version_table=config.version_place,
            include_schemas=command.schemas or config.include_schemas,
            rename_tables=tables,
            rename_columns=columns,
        )
        steps = await context.diff()
        maybe = [rename for rename in _maybe_renamed(steps) if rename not in refused] if terminal else []
        while maybe and not _ask(maybe[0]):
            refused.add(maybe.pop(0))
        if not maybe:
            return context, steps
        renames.append(maybe[0])


def _renames(given: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Of tables, `users:people` or `shop.users:shop.people`, and of columns, `people.email:mail`."""
    tables: dict[str, str] = {}
    columns: dict[str, str] = {}
    for one in given:
        old, colon, new = one.partition(":")
        schema, _, name = new.rpartition(".")
        if not (colon and old and name) or (schema and schema != old.rpartition(".")[0]):
            raise Usage(f"--rename {one}: OLD:NEW is meant, users:people, shop.users:shop.people or people.email:mail")
        (columns if "." in old and not schema else tables)[old] = name
    # A column is named by its table as it will be called.
    called = {old: f"{old.rpartition('.')[0]}.{new}".lstrip(".") for old, new in tables.items()}
    named = {}
    for old, new in columns.items():
        table, _, column = old.rpartition(".")
        named[f"{called.get(table, table)}.{column}"] = new
    return tables, named


def _maybe_renamed(steps: list[SchemaStep]) -> list[str]:
    """Renames that may be meant by what goes and what comes: tables that have half of the smaller one's columns in common, and
    columns of one type."""

    def of(kind: str) -> list[SchemaStep]:
        return [step for step in steps if step.operation_type == kind]

    tables = [
        f"{old.table_name}:{new.table_name}"
        for old in of("drop_table")
        for new in of("create_table")
        if 2 * len(old.columns.items() & new.columns.items()) >= min(len(old.columns), len(new.columns))
        and str(old.table_name).rpartition(".")[0] == str(new.table_name).rpartition(".")[0]
    ]
    columns = [
        f"{old.table_name}.{old.column_name}:{new.column_name}"
        for old in of("drop_column")
        for new in of("add_column")
        if (old.table_name, old.column_type) == (new.table_name, new.column_type)
    ]
    return tables + columns


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends what waits here; the loop's own handler would let it wait on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _ask(rename: str) -> bool:
    old, _, new = rename.partition(":")
    # Whoever reads the question can interrupt it: the handler is there first.
    with _interruptible():
        print(f"{old} goes and {new} comes. Is it renamed? [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
    return answer.strip().lower() in ("y", "yes")


def _shown(step: SchemaStep) -> str:
    place = ".".join(part for part in (step.table_name, step.column_name) if part)
    said = f"{step.operation_type} {place}".rstrip() + (f": {step.detail}" if step.detail else "")
    return said + (" (its values are lost)" if step.loses_data else "")


def _keep_rows(steps: list[SchemaStep], allowed: bool) -> None:
    lost = [_shown(step) for step in steps if step.loses_data]
    if lost and not allowed:
        renames = " or ".join(f"--rename {rename}" for rename in _maybe_renamed(steps)) or "--rename OLD:NEW"
        raise MigrationError(
            f"values would be lost: {'; '.join(lost)}. --allow-drop lets that happen, {renames} says what has another name"
        )


async def _merge(command: Command) -> int:
    folder = command.folder()
    heads = folder.graph.heads()
    wanted = command.revisions or heads
    ids: list[str] = []
    for one in wanted:
        ids += [id for id in folder.graph.find(one) if id not in ids]
    if len(ids) < 2:
        raise MigrationError(f"there is nothing to merge: {', '.join(ids) or 'no revision'} is the only one")
    message = command.said or f"merge {' and '.join(ids)}"
    script = folder.create(message, head=ids, revision=command.rev_id, branch_label=command.branch_label)
    return command.answer(_about(script), f"{script.path}\n")


async def _up(command: Command) -> int:
    return await _move(command, True)


async def _down(command: Command) -> int:
    return await _move(command, False)


async def _move(command: Command, up: bool) -> int:
    if command.sql:
        config = command.configuration()
        start, colon, target = command.target.partition(":")
        if not colon:
            start, target = "base", command.target
        if not up and not colon:
            raise Usage("down --sql needs from:to, because no database is asked where it stands")
        if command.json:
            raise Usage("--sql prints SQL: --json has no meaning beside it")
        runner = MigrationRunner(None, config, x=command.x)
        print(runner.sql(target, start=start or "base", down=not up, dialect=command.dialect(config)), end="")
        return DONE
    async with command.runner() as runner:
        done = await (runner.upgrade(command.target) if up else runner.downgrade(command.target))
        if up:
            scripts = command.folder().scripts if done else {}
            _say_what_goes_down_by_alembic([scripts[id] for id in done])
        return command.answer(done, "" if done else "nothing to do\n")


async def _squash(command: Command) -> int:
    async with command.runner() as runner:
        done = await _squashing.squash(
            runner, command.folder(), command.target, message=command.said, leave_out=command.leave_out
        )
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)
    lines = [f"{len(done.replaced)} revisions are in {done.moved}", str(done.script.path)]
    facts = _about(done.script) | {"replaced": done.replaced, "notes": done.notes}
    return command.answer(facts, "".join(f"{line}\n" for line in lines))


def _say_what_goes_down_by_alembic(scripts: list[MigrationScript]) -> None:
    """An upgrade does not stop for what only `downgrade()` needs; it is said where that is not there."""
    if not scripts or _bridge.installed():
        return
    for script in scripts:
        if names := script.foreign_names(up=False):
            said = f"downgrade() of {script.revision} needs `pip install ormkit[alembic]`: {', '.join(names)}"
            print(f"note: {said}", file=sys.stderr)


async def _stamp(command: Command) -> int:
    async with command.runner() as runner:
        await runner.stamp(command.revisions, purge=command.purge)
        heads = await runner.get_current_heads()
        return command.answer(heads, f"the database is at {', '.join(heads) or 'the base'}\n")


async def _status(command: Command) -> int:
    async with command.runner(looks=True) as runner:
        heads, pending = await runner.get_current_heads(), await runner.get_pending_migrations()
        lines = [f"the database is at {', '.join(heads) or 'the base'}"]
        lines.append(f"{len(pending)} revision(s) wait:" if pending else "nothing waits")
        lines += [f"  {script.revision} {script.message}" for script in pending]
        facts = {"current": heads, "pending": [script.revision for script in pending]}
        return command.answer(facts, "".join(f"{line}\n" for line in lines))


async def _current(command: Command) -> int:
    async with command.runner(looks=True) as runner:
        heads, folder = await runner.get_current_heads(), command.folder()
        _list(command, folder, folder.graph.find("current", heads) if heads else [], command.verbose)
        return FOUND if command.check_heads and sorted(heads) != sorted(folder.graph.heads()) else DONE


async def _history(command: Command) -> int:
    folder = command.folder()
    marked: list[str] = []
    if command.indicate_current or "current" in (command.range or ""):
        async with command.runner(looks=True) as runner:
            marked = await runner.get_current_heads()
    ids = folder.graph.range(command.range or ":", marked)
    shown = frozenset(marked) if command.indicate_current else frozenset()
    return _list(command, folder, ids, command.verbose, shown)


async def _heads(command: Command) -> int:
    folder = command.folder()
    return _list(command, folder, folder.graph.heads(), command.verbose)


async def _branches(command: Command) -> int:
    folder = command.folder()
    return _list(command, folder, folder.graph.branch_points(), command.verbose)


async def _show(command: Command) -> int:
    folder = command.folder()
    return _list(command, folder, folder.graph.find(command.revision), True)


async def _check(command: Command) -> int:
    config = command.configuration()
    if command.offline:
        async with recorded_schema(config, command.dialect(config), x=command.x) as recorded:
            return await _differences(command, recorded, config, "what the files build up")
    async with command.runner(looks=True) as runner:
        return await _differences(command, runner.pool, config, "the database")


async def _differences(
    command: Command, side: ConnectionPool | RecordedSchema, config: AlembicConfig, called: str
) -> int:
    _, steps = await _compare(command, side, config, command.models(config))
    facts = [
        {
            "operation": step.operation_type,
            "table": step.table_name,
            "column": step.column_name,
            "detail": step.detail,
            "loses_data": step.loses_data,
        }
        for step in steps
    ]
    lines = "".join(f"{_shown(step)}\n" for step in steps)
    command.answer(facts, lines or f"{called} is as the models want it\n")
    return FOUND if steps else DONE
