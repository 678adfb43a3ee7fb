"""One revision in the place of all up to one: made from the database that has run them.

It has the id of the last one that it replaces, so that a database that is there, or further, has nothing to run and nothing to
be stamped; one that is behind it goes up to it first.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import NamedTuple

from ormkit._ormkit import render_baseline
from ormkit.exc import MigrationError
from ormkit.migrations._problem import problem
from ormkit.migrations.runner import MigrationRunner
from ormkit.migrations.script import MigrationScript, ScriptFolder, several

__all__: list[str] = []

# What a revision file that is made from tables cannot say, as "kind" and "name". What belongs to an extension is not asked for.
_LEFT_OUT = {
    "sqlite": """
        SELECT type, name FROM sqlite_schema WHERE type IN ('view', 'trigger')
        UNION ALL SELECT 'virtual table', name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'
        ORDER BY 1, 2
    """,
    "postgresql": """
        WITH ours AS (
            SELECT oid FROM pg_namespace WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_t'
        ), here AS (
            SELECT c.* FROM pg_class c JOIN ours ON c.relnamespace = ours.oid
            WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        )
        SELECT kind, name FROM (
            SELECT CASE relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                                WHEN 'p' THEN 'partitioned table' WHEN 'c' THEN 'type' END AS kind, oid::regclass::text AS name
            FROM here WHERE relkind IN ('v', 'm', 'f', 'p', 'c')
            UNION ALL SELECT 'sequence', oid::regclass::text FROM here WHERE relkind = 'S'
                AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = here.oid AND d.deptype IN ('a', 'i'))
            UNION ALL SELECT 'trigger', tgname || ' of ' || here.oid::regclass FROM pg_trigger
                JOIN here ON tgrelid = here.oid WHERE NOT tgisinternal
            UNION ALL SELECT 'policy', polname || ' of ' || here.oid::regclass FROM pg_policy JOIN here ON polrelid = here.oid
            UNION ALL SELECT 'rule', rulename || ' of ' || here.oid::regclass FROM pg_rewrite
                JOIN here ON ev_class = here.oid WHERE rulename <> '_RETURN'
            UNION ALL SELECT 'inheritance', here.oid::regclass::text FROM pg_inherits
                JOIN here ON inhrelid = here.oid AND here.relkind = 'r' AND NOT here.relispartition
            UNION ALL SELECT 'function', p.oid::regprocedure::text FROM pg_proc p JOIN ours ON pronamespace = ours.oid
                WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
            UNION ALL SELECT CASE typtype WHEN 'd' THEN 'domain' WHEN 'e' THEN 'enum of no column' ELSE 'range type' END,
                t.oid::regtype::text FROM pg_type t JOIN ours ON typnamespace = ours.oid
                WHERE (typtype IN ('d', 'r') OR typtype = 'e' AND NOT EXISTS (
                        SELECT FROM pg_attribute JOIN here ON attrelid = here.oid AND here.relkind IN ('r', 'p')
                        WHERE atttypid IN (t.oid, t.typarray) AND NOT attisdropped))
                    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = t.oid AND d.deptype = 'e')
            UNION ALL SELECT 'extension', extname::text FROM pg_extension WHERE extname <> 'plpgsql'
        ) AS found ORDER BY 1, 2
    """,
}

# Functions of `op` whose statements may do more to a database than its tables tell.
_OWN_STATEMENTS = {"execute", "bulk_insert", "get_bind"}


class Squashed(NamedTuple):
    """What was done."""

    script: MigrationScript
    replaced: list[str]
    moved: Path
    notes: list[str]


async def squash(
    runner: MigrationRunner, folder: ScriptFolder, target: str, *, message: str | None, leave_out: bool
) -> Squashed:
    """Write the baseline, and move what it replaces to the folder `squashed` beside `versions`.

    Raises:
        MigrationError: The database is elsewhere; other revisions follow one that would be gone; the database has what no
            revision file can be made of, and `leave_out` is false. Nothing was moved.
    """
    last, replaced = await _range(runner, folder, target)
    scripts = [folder.scripts[id] for id in replaced]
    labels = [label for script in scripts for label in several(script.branch_labels)]
    left = await _left_out(runner, leave_out)
    notes = [f"left out: {one}" for one in left]
    if own := [script.revision for script in scripts if _has_own_statements(script)]:
        notes.append(
            f"{', '.join(own)} ran statements of their own: what they wrote beside tables is not in the baseline"
        )
    made = await render_baseline(
        runner.pool, message or f"all up to {last.revision}", last.revision, labels, _let_be(runner, folder)
    )
    path = last.path or folder.config.versions_dir / f"{last.revision}.py"
    return Squashed(*_move(scripts, path, _with_notes(made, notes), folder), notes)


async def _range(runner: MigrationRunner, folder: ScriptFolder, target: str) -> tuple[MigrationScript, list[str]]:
    graph = folder.graph
    found = graph.find(target)
    if len(found) != 1:
        raise MigrationError(
            f"there is nothing to squash: `{target}` is no revision; `ormkit migrate history` lists them"
        )
    last, heads = folder.scripts[found[0]], await runner.get_current_heads()
    if heads != found:
        at = ", ".join(heads) or "the base"
        text = (
            f"the baseline is made from the database, which is at {at}: `ormkit migrate up {found[0]}` takes it there"
        )
        raise problem(text, file=last.path, revisions=(last.revision,))
    replaced = graph.applied(found)
    if len(replaced) < 2:
        text = f"there is nothing to squash: `{last.revision}` follows no other revision"
        raise problem(text, file=last.path, revisions=(last.revision,))
    gone = set(replaced) - {last.revision}
    for script in folder.scripts.values():
        needs = [*several(script.down_revision), *several(script.depends_on)]
        if script.revision not in replaced and gone.intersection(needs):
            text = (
                f"`{script.revision}` ({script.path}) follows a revision that would be gone: "
                f"`ormkit migrate merge` joins branches, squash behind that"
            )
            raise problem(text, file=script.path, revisions=(script.revision,))
    return last, replaced


def _let_be(runner: MigrationRunner, folder: ScriptFolder) -> list[str]:
    table, schema, _ = runner._table
    return [*folder.config.exclude_tables, table if schema is None else f"{schema}.{table}"]


async def _left_out(runner: MigrationRunner, allowed: bool) -> list[str]:

    found = (await runner.pool.execute(_LEFT_OUT[runner.pool.dialect])).tuples()
    left = [f"{kind} {name}" for kind, name in found]
    if left and not allowed:
        raise MigrationError(
            f"the database has what is not made of tables: {'; '.join(left)}. Nothing was changed. "
            f"`ormkit migrate squash --leave-out` goes on without; write them into the file then, by op.execute()"
        )
    return left


def _has_own_statements(script: MigrationScript) -> bool:
    nodes = ast.walk(ast.parse(script.render()))
    return any(isinstance(node, ast.Attribute) and node.attr in _OWN_STATEMENTS for node in nodes)


def _with_notes(source: str, notes: list[str]) -> str:
    """The notes stand in the file, before its functions."""
    comments = "".join(f"# {note}\n" for note in notes)
    return source.replace("\n\ndef upgrade():", f"\n{comments}\n\ndef upgrade():", 1) if notes else source


def _move(
    scripts: list[MigrationScript], path: Path, source: str, folder: ScriptFolder
) -> tuple[MigrationScript, list[str], Path]:
    """The new file is whole before an old one is moved; a name that is taken stops before the first."""
    place = folder.config.script_location / "squashed"
    moves: list[tuple[Path, Path]] = [(script.path, place / script.path.name) for script in scripts if script.path]
    for _, to in moves:
        if to.exists():
            raise problem(f"{to} is there already: nothing was moved", file=to)
    place.mkdir(parents=True, exist_ok=True)
    waiting = path.with_suffix(".py.new")
    waiting.write_text(source, encoding="utf-8")
    for old, to in moves:
        os.replace(old, to)
    os.replace(waiting, path)
    return MigrationScript.load(path), [script.revision for script in scripts], place
