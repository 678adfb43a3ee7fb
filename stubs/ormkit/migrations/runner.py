"""Running revisions."""

from __future__ import annotations

import asyncio
import re
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ormkit._ormkit import MigrationRun, RevisionGraph, reset_statements, version_statements
from ormkit.exc import DatabaseError, MigrationError, OrmkitError
from ormkit.migrations import _bridge
from ormkit.migrations._drive import Offline, Online, in_thread
from ormkit.migrations._environment import check_version_table
from ormkit.migrations._problem import problem
from ormkit.migrations.config import AlembicConfig
from ormkit.migrations.script import MigrationScript, ScriptFolder, graph_of, several

__all__ = ["MigrationRunner"]


class MigrationRunner:
    """Runs revisions on a database."""

    def __init__(
        self,
        pool: Any,
        config: AlembicConfig | None = None,
        *,
        version_table: str | None = None,
        version_table_schema: str | None = None,
        lock_timeout: float | None = None,
        attempts: int = 5,
        wait: float | None = None,
        on_revision: Callable[[MigrationScript, bool, float], None] | None = None,
        x: Sequence[str] = (),
    ) -> None:
        self.pool, self.config = pool, config
        if config is not None and version_table is None and version_table_schema is None:
            check_version_table(config)
        table = version_table or (config.version_table if config else "alembic_version")
        schema = version_table_schema or (config.version_table_schema if config else None)
        self._table = (table, schema, config.version_table_pk if config else True)
        self._options = {"lock_timeout": lock_timeout, "attempts": attempts, "wait": wait}
        self._on_revision = on_revision
        self._x = tuple(x)
        # What became of the revision that was running when the run was cancelled.
        self._interrupted: str | None = None

    def _folder(self) -> ScriptFolder:
        if self.config is None:
            text = "no folder of revisions is known: MigrationRunner(pool, config) takes one, AlembicConfig.detect() finds it"
            raise MigrationError(text)
        return ScriptFolder(self.config)

    def _run(self, graph: RevisionGraph) -> MigrationRun:
        table, schema, key = self._table
        names = {"version_table": table, "version_table_schema": schema, "version_table_pk": key}
        return MigrationRun(self.pool, graph, **names, **self._options)

    async def get_current_heads(self) -> list[str]:
        heads: list[str] = await self._run(RevisionGraph([])).heads()
        return heads

    async def get_current_revision(self) -> str | None:
        heads = await self.get_current_heads()
        if len(heads) > 1:
            raise MigrationError(f"the database is at several revisions, {', '.join(heads)}: see get_current_heads()")
        return heads[0] if heads else None

    async def get_applied_revisions(self) -> list[str]:
        heads = await self.get_current_heads()
        return heads if self.config is None else self._folder().graph.applied(heads)

    async def get_pending_migrations(self) -> list[MigrationScript]:
        folder = self._folder()
        applied = set(folder.graph.applied(await self.get_current_heads()))
        return [folder.scripts[id] for id in folder.graph.walk() if id not in applied]

    async def create_migration(self, message: str, **options: Any) -> MigrationScript:
        return self._folder().create(message, **options)

    async def upgrade(self, target: str = "head") -> list[str]:
        folder = self._folder()
        return await self._go(folder.graph, folder.scripts, True, target, False)

    async def downgrade(self, target: str = "-1") -> list[str]:
        folder = self._folder()
        return await self._go(folder.graph, folder.scripts, False, target, False)

    async def run_upgrade(self, script: MigrationScript) -> None:
        graph, scripts = await self._around(script)
        await self._go(graph, scripts, True, script.revision, True)

    async def run_downgrade(self, script: MigrationScript) -> None:
        graph, scripts = await self._around(script)
        await self._go(graph, scripts, False, script.revision, True)

    async def stamp(self, revision: str | list[str], *, purge: bool = False) -> None:
        if self.config is None:
            ids = [one for one in several(revision) if one != "base"]
            moves: list[Any] = [(None, None), *((None, one) for one in ids)]
            run = self._run(RevisionGraph([]))
        else:
            graph = self._folder().graph
            run = self._run(graph)
            moves = graph.stamp(await run.heads(), several(revision), purge)
        if not moves:
            return
        try:
            await run.stamp(moves)
        except DatabaseError as error:
            said = ", ".join(several(revision))
            text = f"{said} could not be noted: {error}: nothing was changed, `ormkit migrate current` says where the database is"
            raise problem(text, revisions=tuple(several(revision))) from error

    async def _around(self, script: MigrationScript) -> tuple[RevisionGraph, dict[str, MigrationScript]]:
        """The script among those of the folder; without one, among the ids that it and the database name."""
        if self.config is not None:
            scripts = dict(self._folder().scripts)
        else:
            names = [*several(script.down_revision), *several(script.depends_on), *await self.get_current_heads()]
            scripts = {name: MigrationScript(name) for name in names}
        scripts[script.revision] = script
        return graph_of(list(scripts.values())), scripts

    async def _go(
        self, graph: RevisionGraph, scripts: dict[str, MigrationScript], up: bool, target: str, single: bool
    ) -> list[str]:
        run = self._run(graph)
        done: list[str] = []
        try:
            waiting = await run.start(up, target, single)
            theirs = for_alembic([scripts[id] for id in waiting], up, run.dialect)
            async with _bridge.turn(bool(theirs)):
                while (id := await run.next()) is not None:
                    began = time.perf_counter()
                    if await self._one(run, scripts[id], up, id in theirs):
                        done.append(id)
                        if self._on_revision is not None:
                            self._on_revision(scripts[id], up, time.perf_counter() - began)
        finally:
            await run.end()
        return done

    async def _one(self, run: MigrationRun, script: MigrationScript, up: bool, theirs: bool) -> bool:
        """Run a revision; False when it has to be begun once more."""
        op = Online(run, asyncio.get_running_loop())
        op._x = self._x

        def function() -> None:
            if theirs:
                self._surroundings(script).online(op, script._for_alembic(up))
            else:
                (script.upgrade if up else script.downgrade)(op)
            op.finish()

        try:
            await in_thread(function, op.stop)
        except asyncio.CancelledError:
            self._interrupted = _interrupted(script, up, op.parted)
            raise
        except Exception as raised:
            error = _bridge.original(raised)
            if await run.again(error):
                return False
            statement = getattr(error, "statement", None) or (
                op.statement if isinstance(error, DatabaseError) else None
            )
            raise (await run.failed(error, _line(raised, script), statement)) from raised
        await run.done()
        return True

    def _surroundings(self, script: MigrationScript) -> _bridge.Surroundings:
        folder = Path.cwd() if script.path is None else script.path.parent
        return _bridge.Surroundings(self.config, str(folder), self._table[:2], self._x)

    def sql(self, target: str = "head", *, start: str = "base", down: bool = False, dialect: str = "postgresql") -> str:
        folder = self._folder()
        heads = folder.graph.find(start)
        plan = folder.graph.downgrade(heads, target) if down else folder.graph.upgrade(heads, target)
        scripts = [folder.scripts[id] for id, _ in plan]
        theirs = for_alembic(scripts, not down, dialect)
        lines = ["BEGIN"]
        create = version_statements(dialect, *self._table, [])[0]
        if not heads and not down:
            lines += create
        for script, (id, moves) in zip(scripts, plan, strict=True):
            op = Offline(dialect)
            op._x = self._x
            self._write(op, script, not down, id in theirs)
            title = f"-- {'downgrade' if down else 'upgrade'} {id}: {script.message}"
            reset = reset_statements() if dialect == "postgresql" and any(map(_sets, op.script)) else []
            body = [*op.script, *reset, *version_statements(dialect, *self._table, moves)[1]]
            lines += [f"{title}\n{body[0]}", *body[1:]]
        return "".join(f"{line};\n\n" for line in [*lines, "COMMIT"])

    def _write(self, op: Offline, script: MigrationScript, up: bool, theirs: bool) -> None:
        """Write down what a revision would do."""
        try:
            if theirs:
                self._surroundings(script).offline(op, script._for_alembic(up))
            else:
                (script.upgrade if up else script.downgrade)(op)
        except OrmkitError:
            raise
        except Exception as raised:
            line = _line(raised, script)
            place = f"{script.path or script.revision}" + ("" if line is None else f", line {line}")
            text = f"{place}: {type(raised).__name__}: {raised}: a script has no database to ask"
            raise problem(text, file=script.path, revisions=(script.revision,)) from raised


_SETS = re.compile(
    r"(?:^|;|\b(?:BEGIN|THEN|ELSE|LOOP)\b)\s*SET\s+(?!CONSTRAINTS\b|(?:LOCAL\s+)?TRANSACTION\b)|\bset_config\s*\(",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def _sets(sql: str) -> bool:
    """True for a statement that changes settings or the role, which hold for what comes behind it, too."""
    return _SETS.search(_COMMENT.sub(" ", sql)) is not None


def _interrupted(script: MigrationScript, up: bool, parted: bool) -> str:
    """What is to be known of a revision that was interrupted."""
    function, place = "upgrade" if up else "downgrade", script.path or script.revision
    begin = f"{function} of `{script.revision}` ({place}) was interrupted"
    if parted:
        return (
            f"{begin}: what it did before its autocommit_block(), and in it, was kept: look at what is there before you run it"
            " again"
        )
    word, command = ("before", "up") if up else ("after", "down")
    return f"{begin}: the database is as it was {word} `{script.revision}`, `ormkit migrate {command}` goes on"


def _line(error: BaseException, script: MigrationScript) -> int | None:
    """The line of the script that raised."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if script.path is not None and frame.filename == str(script.path)]
    return lines[-1] if lines else None


def for_alembic(scripts: list[MigrationScript], up: bool, dialect: str) -> set[str]:
    """The revisions that Alembic is to run. Stops before anything is done where it is needed and not there."""
    _check_keywords(scripts, up, dialect)
    needs = [(script, names) for script in scripts if (names := script._needs_alembic(up, dialect))]
    if not needs or _bridge.installed():
        return {script.revision for script, _ in needs}
    listed = "; ".join(f"{script.path} ({', '.join(names)})" for script, names in needs)
    first = needs[0][0].revision
    text = (
        f"{len(needs)} revision(s) use names that are run by Alembic and SQLAlchemy only: {listed}. Nothing was changed. "
        f"Three ways on: `pip install ormkit[alembic]`, and they are run by Alembic in the same transaction; do by hand what"
        f" they do and mark them as run (`ormkit migrate stamp {first}`); or put one revision in the place of all that are"
        f" behind you (`ormkit migrate squash`, on a database that has run them)"
    )
    raise problem(text, file=needs[0][0].path, revisions=tuple(script.revision for script, _ in needs))


def _check_keywords(scripts: list[MigrationScript], up: bool, dialect: str) -> None:
    """Stops before anything is done where a function of `op` is given what it does not take."""
    found = [(script, line, call) for script in scripts for line, call in script._mistyped(up, dialect)]
    if not found:
        return
    listed = "; ".join(f"{script.path or script.revision}:{line}: {call}" for script, line, call in found)
    text = f"{len(found)} keyword(s) that no function takes: {listed}. Nothing was changed: mend them, then `ormkit migrate up`"
    revisions = tuple(dict.fromkeys(script.revision for script, _, _ in found))
    raise problem(text, file=found[0][0].path, revisions=revisions)
